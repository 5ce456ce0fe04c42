"""README's table of settings."""

from sync.settings.table import SETTINGS


def table() -> str:
    """Return a row for each setting, in the order of the code."""
    rows = (f"| `{each.name}` | {each.meaning} | {each.default} |\n" for each in SETTINGS)
    return "| name | meaning | default |\n|---|---|---|\n" + "".join(rows)
