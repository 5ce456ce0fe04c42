"""The JSON that only the command line prints: checks and adoptions."""

from collections.abc import Iterable, Sequence

from sync.app.takeover import Adoption
from sync.doctor.checks import Check
from sync.http_api.convert import target_of


def checks_json(checks: Iterable[Check]) -> Sequence[object]:
    """Return the results of an examination."""
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
    """Return the Secret's former owner and what happens to each key."""
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
