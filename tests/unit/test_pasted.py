"""What docs/secrets.md says of values as people have them comes true."""

import pytest

from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.placement import Placement, Rendered
from sync.settings.environment import read
from tests.docs.pasted import Pasted
from tests.docs.pasted_logins import PAIRS, REGISTRIES, SSH_KEYS
from tests.docs.pasted_texts import OBJECTS, TEXTS
from tests.kit.fakes import target_of, vault_name

PASTED = (*TEXTS, *OBJECTS, *PAIRS, *REGISTRIES, *SSH_KEYS)


def outcome(row: Pasted) -> Rendered:
    """Place and render the value of a row."""
    rules = read(row.settings).rules
    place = rules.place(target_of(vault_name()), "x", row.tags, "")
    assert isinstance(place, Placement)
    secret = VaultSecret(SecretName("x"), "v1", row.value, 0, 0, 0.0, row.tags)
    return rules.render(place, secret, ParseBudget())


@pytest.mark.parametrize("row", [row for row in PASTED if row.data], ids=str)
def test_what_is_pasted_arrives(row: Pasted) -> None:
    """The keys and their bytes are those of the table, with its warning and no other."""
    rendered = outcome(row)
    assert rendered.values == {key: text.encode() for key, text in row.data.items()}
    assert [each.reason for each in rendered.warnings] == ([row.reason] if row.reason else [])
    assert all(row.told in each.message for each in rendered.warnings)


@pytest.mark.parametrize("row", [row for row in PASTED if not row.data], ids=str)
def test_what_is_pasted_is_refused(row: Pasted) -> None:
    """The reason is that of the table, and the message says what to do."""
    with pytest.raises(Permanent) as refusal:
        outcome(row)
    assert refusal.value.reason == row.reason
    assert row.told
    assert row.told in refusal.value.message
