"""How reasons are grouped: by who can act, and by what the app depends on."""

from enum import StrEnum


class Group(StrEnum):
    """What is wrong, and who can act on it: the headings of `docs/outcomes.md`."""

    TARGET = "Permanent: a vault or its Secret"
    VAULT_SECRET = "Permanent: one vault secret"  # noqa: S105 - a heading
    WARNING = "Warning"
    WORKLOAD = "Restarts: a workload"
    TRANSIENT = "Transient"
    ADOPTION = "Adoption"
    MALFORMED = "Malformed"
    IGNORED = "Ignored"
    BUG = "A bug"


class Remote(StrEnum):
    """What the app depends on and cannot use; `doctor` has a check of its own for each."""

    VAULT = "vault"
    CLUSTER = "cluster"
    IDENTITY = "identity"
