"""The target that takes `k8s-keys` together with the value that keys are made of."""

import json

from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.key_items import LONGEST
from sync.projection.made_values import MOST_BYTES
from sync.projection.placement import Placement
from sync.projection.rules import Rules
from tests.fuzz.target import Target, fields_of, written
from tests.kit.fakes import target_of, vault_name
from tests.leaks.dye import PLANTED

NAME = "db-url"
_VALUE = json.dumps({"user": "app", "password": PLANTED, "db": {"host": "h", "ports": [1, None]}})
_URL = "postgres://{user:url}:{password:url}@{db.host}/x"


def _made(given: bytes) -> object:
    """Make keys of a value: those that are listed and no others, within the bounds."""
    fields, value = fields_of(given)
    place = Rules().place(target_of(vault_name()), NAME, fields, "")
    if not isinstance(place, Placement) or not place.options.keys:
        return None
    served = VaultSecret(SecretName(NAME), "v1", value, 1, 2, 3.0, fields)
    found = Rules().render(place, served, ParseBudget()).values
    assert list(found) == [item.key for item in place.options.keys]
    assert sum(map(len, found.values())) <= MOST_BYTES
    return tuple(found)


def _seed(value: str, *items: str, **tags: str) -> bytes:
    names = ("k8s-keys", *(f"k8s-keys-{number}" for number in range(2, len(items) + 1)))
    others = {f"k8s-{tag}": text for tag, text in tags.items()}
    return written(value, **dict(zip(names, items, strict=True)), **others)


TARGETS = (
    Target(
        "made-values",
        _made,
        (
            _seed(_VALUE, "U=user, P=password,", f"URL={_URL}, H:json=db.host", expand="json"),
            _seed(_VALUE, "P={password}{password:pg}{password:ado}{password:json}", expand="yaml"),
            _seed(f"A={PLANTED}", "A=A, B={{{A:base64}}},,x", expand="dotenv", trim="true"),
            _seed(PLANTED, "A=Bearer {value}, B:base64={value}"),
            _seed(f"{PLANTED}\n", "A=Bearer {value}"),
            _seed(_VALUE, "A=user.x", expand="json"),
            _seed(_VALUE, "A={db.ports.1}", expand="json"),
            _seed(_VALUE, "A=db", expand="json"),
            _seed(json.dumps({"a": f"{PLANTED}\0"}), "A={a:pg}", expand="json"),
            _seed(json.dumps({"a": PLANTED * 999}), f"A={'{a}' * 2_000}", expand="json"),
            _seed(PLANTED, f"A={PLANTED}", "B=b", "C={"),
            _seed(PLANTED, f"{PLANTED}={PLANTED}{{a:{PLANTED}}}", f"\u201c{PLANTED}\u201d"),
            _seed(PLANTED, "," * LONGEST),
            _seed(PLANTED, f"A={'{' * (LONGEST - 2)}"),
        ),
        refusals=(Permanent,),
        quotes=True,
    ),
)
