"""The reasons say which remote system cannot be used, if that is what they say."""

from sync.core.groups import Remote
from sync.core.reasons import Reason

WORDS = {"Vault": Remote.VAULT, "Cluster": Remote.CLUSTER, "Credential": Remote.IDENTITY}
OF_A_NAME = {"VaultListedOffPattern", "VaultNameOffPattern", "VaultNotGone"}
"""Reasons about a vault's name: no vault was read."""


def test_a_reason_of_a_remote_system_says_so() -> None:
    """A new reason of a vault, a cluster or the identity is not forgotten, and no other is one."""
    found = {reason: reason.remote for reason in Reason if reason.remote is not None}
    begun = {
        reason: remote
        for reason in Reason
        for word, remote in WORDS.items()
        if reason.startswith(word) and reason not in OF_A_NAME
    }
    assert found == begun
    assert set(found.values()) == set(Remote)
