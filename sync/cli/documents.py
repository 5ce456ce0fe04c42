"""What only the command line prints as JSON: checks and adoptions."""

from collections.abc import Iterable, Sequence

from sync.app.takeover import Adoption
from sync.doctor.checks import Check
from sync.http_api.convert import target_of


def checks_json(checks: Iterable[Check]) -> Sequence[object]:
    """Return what an examination found."""
    return [
        {
            "about": check.about,
            "check": check.name,
            "result": check.verdict.value,
            "sentence": check.sentence,
            "remedy": check.remedy or None,
        }
        for check in checks
    ]


def adoption_json(adoption: Adoption) -> object:
    """Return whose the Secret was and what becomes of its keys."""
    former = adoption.former
    return {
        "vault": adoption.target.vault.text,
        "target": target_of(adoption.target),
        "former": {"holder": former.holder, "sign": former.sign} if former else None,
        "keys": [
            {"key": key, "fate": fate.value, "version": adoption.versions.get(key)}
            for key, fate in adoption.fates.items()
        ],
    }
