"""What requests and answers look like, for the description and the documents."""

from collections.abc import Mapping

from sync.app.serialize import Json
from sync.core.reasons import Reason

VAULT = "weu-ds-akv-shop-dev-1"
SECRET = "db-password"  # noqa: S105 - a name
_VERSION = "9c2f1c6b0f5b4d3c8f0e7a6d5c4b3a29"
_TARGET: Json = {
    "cluster": "default",
    "namespace": "shop-dev",
    "secret": "keyvault-project",
}

REQUESTS: Mapping[str, Mapping[str, Json]] = {
    "vault": {"summary": "one vault", "value": {"vault": VAULT}},
    "secret": {
        "summary": "one secret of it",
        "value": {"vault": VAULT, "secret": SECRET},
    },
    "stage": {
        "summary": "the vaults of a project's stage",
        "value": {"project": "shop", "stage": "dev"},
    },
    "plan": {"summary": "what would be written", "value": {"all": True, "dry_run": True}},
}

CONVERGED: Json = {
    "outcomes": [
        {
            "vault": VAULT,
            "outcome": "converged",
            "target": _TARGET,
            "changes": [{"key": SECRET, "action": "update", "version": _VERSION}],
            "keys": 3,
            "expired": [],
            "warnings": [],
        }
    ]
}


def _failed(reason: str, message: str, *, transient: bool) -> Json:
    return {
        "outcomes": [
            {
                "vault": VAULT,
                "outcome": "failed",
                "reason": reason,
                "message": message,
                "transient": transient,
                "target": _TARGET,
                "changes": [],
            }
        ]
    }


FAILED = _failed(
    Reason.NAMESPACE_MISSING,
    "Namespace shop-dev does not exist in cluster default. "
    "Create it: kubectl create namespace shop-dev",
    transient=False,
)
PASSING = _failed(
    Reason.VAULT_UNAVAILABLE,
    f"https://{VAULT}.vault.azure.net answered with HTTP status 503. This may pass.",
    transient=True,
)
MALFORMED: Json = {
    "reason": Reason.REQUEST_MALFORMED,
    "message": "dry_run must be true or false. Send JSON with one of "
    '{"vault": NAME}, {"project": P, "stage": S} or {"all": true}, and optionally '
    '"secret": NAME, "dry_run": true, "removals": true, "takeover": true, "refetch": true; with '
    '"vault" also "takeover_from": NAME.',
    "transient": False,
}
NOT_OURS: Json = {
    "reason": Reason.VAULT_NAME_OFF_PATTERN,
    "message": "The vault name 'shop' is not of the form that SYNC_VAULT_PATTERN asks for (by "
    "default REGION-DS-AKV-PROJECT-STAGE-NUMBER, number 1 to 99, 24 characters at most).",
    "transient": False,
}
STATUS: Json = {
    "vaults": [
        {
            "vault": VAULT,
            "target": _TARGET,
            "written": "2026-01-31T12:00:01+00:00",
            "secrets": [
                {
                    "name": SECRET,
                    "version": _VERSION,
                    "updated": "2026-01-31T12:00:00+00:00",
                    "keys": [SECRET],
                    "in_step": True,
                    "confirmed": True,
                }
            ],
            "out_of_step": [],
            "foreign_keys": [],
            "state": "converged",
            "others": [],
            "explanation": {
                "secrets": [
                    {
                        "name": SECRET,
                        "state": "in step",
                        "secret": "keyvault-project",
                        "keys": [SECRET],
                        "type": None,
                        "version": _VERSION,
                        "reason": None,
                        "message": None,
                    },
                    {
                        "name": "old-token",
                        "state": "out",
                        "secret": None,
                        "keys": [],
                        "type": None,
                        "version": None,
                        "reason": "it is disabled",
                        "message": None,
                    },
                ]
            },
        }
    ]
}
