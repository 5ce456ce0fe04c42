"""The target that proposes tags for manifests of External Secrets Operator."""

import json

from sync.cli.external_secrets.manifests import Unreadable, read
from sync.cli.external_secrets.proposals import propose
from sync.projection.rules import Rules
from tests.fuzz.target import Target, text_of
from tests.kit.fakes import target_of, vault_name
from tests.leaks.dye import PLANTED

_RULES = Rules(names=("*",))
_TARGET = target_of(vault_name())


def _proposed(given: bytes) -> object:
    """Propose tags that the app's own rules read, and say how many."""
    found = propose(read(text_of(given)), _RULES, _TARGET)
    for each in found.proposed:
        place = _RULES.place(_TARGET, each.secret, each.tags, "")
        assert getattr(place, "secrets", None) == each.secrets
    return len(found.proposed), len(found.unfit), len(found.elsewhere)


def _seed(template: str, **spec: object) -> bytes:
    entries = [
        {"secretKey": "a", "remoteRef": {"key": "db", "property": "x.y"}},
        {"secretKey": "b", "remoteRef": {"key": "secret/smtp", "decodingStrategy": "Base64"}},
    ]
    target = {"name": "orders", "template": {"data": {"KEY": template}}}
    manifest = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "orders"},
        "spec": {"target": target, "data": entries, **spec},
    }
    return json.dumps(manifest).encode()


TARGETS = (
    Target(
        "manifests",
        _proposed,
        (
            _seed(f"{PLANTED}{{{{ .a }}}},{{}}"),
            _seed("{{- .a -}} x {{/* y */}}{{ index . `a` }}"),
            _seed(f'{{{{ .a | replace "{PLANTED}" "" }}}}'),
            _seed("{{ if .a }}{{ .b }}{{ end }}"),
            _seed("", dataFrom=[{"extract": {"key": "flat", "property": "a.b"}}]),
            _seed("{{ .c }}", dataFrom=[{"find": {"name": {"regexp": ".*"}}}]),
            b"kind: List\nitems:\n- kind: ExternalSecret\n  spec: {data: [{secretKey: a}]}\n",
            b"a: &a [1]\nb: [*a, *a]\n---\n---\n",
            b"[" * 200,
            b"{{" * 200,
        ),
        refusals=(Unreadable,),
    ),
)
