"""What requests and answers look like, for the description and the documents."""

from collections.abc import Mapping

from sync.report import Json

_VAULT = "weu-ds-akv-shop-dev-1"
_VERSION = "9c2f1c6b0f5b4d3c8f0e7a6d5c4b3a29"
_TARGET: Json = {"cluster": "default", "namespace": "shop-dev", "secret": "keyvault-project"}

REQUESTS: Mapping[str, Mapping[str, Json]] = {
    "vault": {"summary": "one vault", "value": {"vault": _VAULT}},
    "secret": {
        "summary": "one secret of it",
        "value": {"vault": _VAULT, "secret": "db-password"},
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
            "vault": _VAULT,
            "outcome": "converged",
            "target": _TARGET,
            "changes": [{"key": "db-password", "action": "update", "version": _VERSION}],
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
                "vault": _VAULT,
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
    "NamespaceMissing",
    "Namespace 'shop-dev' does not exist in cluster default: create it.",
    transient=False,
)
PASSING = _failed(
    "VaultUnavailable",
    f"https://{_VAULT}.vault.azure.net answered with HTTP status 503. This may pass.",
    transient=True,
)
MALFORMED: Json = {
    "reason": "RequestMalformed",
    "message": "dry_run must be true or false.",
    "transient": False,
}
NOT_OURS: Json = {
    "reason": "VaultNameOffPattern",
    "message": "Vault name 'shop' is not of the form that SYNC_VAULT_PATTERN asks for.",
    "transient": False,
}
STATUS: Json = {
    "vaults": [
        {
            "vault": _VAULT,
            "target": _TARGET,
            "written": "2026-01-31T12:00:01+00:00",
            "secrets": [
                {
                    "name": "db-password",
                    "version": _VERSION,
                    "updated": "2026-01-31T12:00:00+00:00",
                    "keys": ["db-password"],
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
                        "name": "db-password",
                        "state": "in step",
                        "secret": "keyvault-project",
                        "keys": ["db-password"],
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
