"""What docs/outcomes.md says of each reason."""

from textwrap import fill

from sync.core.groups import Group
from sync.core.reasons import Reason
from sync.doctor.checks import CHECKS, Severity

INTRODUCTIONS = {
    Group.TARGET: (
        "The vault, its Secret or a search for vaults is not in step until somebody acts. The "
        "timer tries again."
    ),
    Group.VAULT_SECRET: (
        "One vault secret is not written; the vault's others are, and a key that is in the Secret "
        "keeps its last good value. The team that owns the secret corrects its tags or its value: "
        "[docs/secrets.md](secrets.md)."
    ),
    Group.WARNING: (
        "A vault secret is written all the same, and something about it should be known. "
        "Outcomes, `status` and `explain` tell it."
    ),
    Group.WORKLOAD: (
        "With `SYNC_RESTART` a workload that reads a changed key is restarted: "
        "[docs/restarts.md](restarts.md). The Secret is in step all the same; exit codes and HTTP "
        "status say nothing of restarts."
    ),
    Group.TRANSIENT: "The next event or the timer tries again, and may succeed.",
    Group.ADOPTION: "`keyvault-sync adopt` did nothing.",
    Group.MALFORMED: "An event, a request or a setting cannot be read.",
    Group.IGNORED: "What was asked is not the app's business, and nothing else is wrong.",
    Group.BUG: "The other vaults go on.",
}


_CHECKS = (
    "`keyvault-sync doctor` and `GET /api/doctor` give each check an id. What an error means for "
    "the sync, and what to do, is under the error's reason above."
)
_SEVERITY = {
    Severity.ERROR: "Without this the sync does not work",
    Severity.WARNING: "Without this the sync works, but not as it should",
}


def reasons() -> str:
    """Return a heading for each group and each of its reasons, with what it means."""
    return "\n".join(
        part
        for group in Group
        for part in (
            f"## {group.value}\n",
            paragraph(INTRODUCTIONS[group]),
            *(
                f"### {reason.value}\n\n{paragraph(reason.meaning)}"
                for reason in Reason
                if reason.group is group
            ),
        )
    )


def checks() -> str:
    """Return a heading for each check of the doctor, with what it means that it holds."""
    parts = ["## Checks of the doctor\n", paragraph(_CHECKS)]
    parts += [
        f"### {name}\n\n{paragraph(f'{_SEVERITY[severity]}: {meaning}')}"
        for name, (severity, meaning) in CHECKS.items()
    ]
    return "\n".join(parts)


def paragraph(text: str) -> str:
    """Wrap prose as the documents do."""
    return fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n"
