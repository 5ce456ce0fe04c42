"""The pages that have made parts, and how such a part is put into its page."""

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs import api, cli, dotenv_readers, outcomes, pasted_logins, pasted_texts, settings

ROOT = Path(__file__).parents[2]

PAGES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "README.md": {"settings": settings.table},
    "docs/outcomes.md": {"reasons": outcomes.reasons, "checks": outcomes.checks},
    "docs/api.md": {"routes": api.routes, "fields": api.fields},
    "docs/cli.md": {"reasons": cli.reasons, "commands": cli.commands},
    "docs/secrets.md": {
        "texts": pasted_texts.texts,
        "objects": pasted_texts.objects,
        "readers": dotenv_readers.table,
        "pairs": pasted_logins.pairs,
        "registries": pasted_logins.registries,
        "ssh keys": pasted_logins.ssh_keys,
    },
}
"""The made parts of each page, by the names that its comments give them."""


def rewritten(page: str) -> str:
    """Return a page with its made parts made anew."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, make in PAGES[page].items():
        begin, end = f"<!-- {name}: written by make docs -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"{page} has no part {name}.")
        text = f"{before}{begin}\n{make()}\n{end}{after}"
    return text
