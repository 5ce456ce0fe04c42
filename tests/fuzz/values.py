"""Targets that take what teams store: values, tags and certificates."""

import json
import re
from base64 import b64encode

from local.kubernetes.validation import label_fault
from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.certificates import read_bundle
from sync.projection.formats import ObjectFormat, decoded, members
from sync.projection.keys import KeyStyle
from sync.projection.placement import Placement
from sync.projection.rules import Pattern, Rules, StagePrefixes
from sync.projection.secret_types import Built, build
from sync.projection.tags import KNOWN, Encoding, Format, SecretType, read_tags
from tests.fuzz.target import Target, fields_of, text_of, written
from tests.kit.bundles import (
    HOSTILE,
    KEY,
    LEAF,
    bag,
    bundle,
    certificate,
    encrypted,
    new_mac,
    number,
    plain,
    shrouded,
)
from tests.kit.chains import (
    PEM,
    PKCS12,
    bare_pfx,
    chain_of,
    key_pem,
    oid,
    pem,
    pem_block,
    pfx,
    sequence,
    tlv,
)
from tests.kit.fakes import target_of, vault_name
from tests.leaks.dye import PLANTED

NAME = "db-url"
RULES = (
    Rules(),
    Rules(style=KeyStyle.ENV, stages=StagePrefixes.STRIP, names=("web*",), keep_root=True),
    Rules(include=(Pattern("db*"), Pattern("*", "team")), exclude=(Pattern("*-old"),)),
)
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
ALLOWED = {"team": "team", "argo": "argocd.argoproj.io/secret-type"}
"""The labels that tags may set."""


def _tags(given: bytes) -> object:
    fields, _ = fields_of(given)
    options = read_tags(NAME, fields, ALLOWED)
    for name, value in options.labels:
        assert name in ALLOWED.values()
        assert label_fault(value) == ""
    return options


def _encoded(encoding: Encoding) -> Target:
    def run(given: bytes) -> None:
        decoded(NAME, text_of(given), encoding)

    planted = (PLANTED.encode(), f"{PLANTED}!".encode())
    return Target(encoding.value, run, (b"aGVsbG8=", b"68656c6c6f", *planted))


def _members(form: ObjectFormat, *seeds: str) -> Target:
    def run(given: bytes) -> None:
        fields, body = fields_of(given)
        for place, leaf in members(NAME, body, form, fields.get("path")).items():
            assert all(isinstance(part, str) for part in place)
            leaf.encode()

    plain = [written(seed) for seed in seeds]
    with_path = [written(seed, path="db.user") for seed in seeds]
    return Target(form.value, run, (*plain, *with_path), quotes=True)


def _typed(kind: Built, *seeds: str) -> Target:
    def run(given: bytes) -> None:
        for key, value in build(NAME, kind, given).items():
            assert _KEY.fullmatch(key)
            assert isinstance(value, bytes)

    return Target(kind.word, run, tuple(seed.encode() for seed in seeds), quotes=True)


def _bundle(given: bytes) -> None:
    fields, body = fields_of(given)
    read_bundle(NAME, body, fields.get("type", ""), ParseBudget(), keep_root="keep" in fields)


def _pkcs12(given: bytes) -> None:
    read_bundle(NAME, b64encode(given).decode(), PKCS12, ParseBudget(), keep_root=True)


def _projected(given: bytes) -> object:
    """MemberPath a secret and render it: the keys are such as Kubernetes takes."""
    fields, value = fields_of(given)
    name, content_type = fields.pop("name", NAME), fields.pop("type", "")
    if PLANTED in name:
        return None  # a name is told, and no vault has one with more than letters and dashes
    rules = RULES[len(fields.pop("rules", "")) % len(RULES)]
    own = target_of(vault_name())
    placement = rules.place(own, name, fields, content_type)
    if not isinstance(placement, Placement):
        return placement
    for secret in placement.secrets:
        assert secret == own.secret or secret.startswith(("web", own.secret + "-"))
    served = VaultSecret(SecretName(name), "v1", value, 1, 2, 3.0, fields, content_type)
    rendered = rules.render(placement, served, ParseBudget())
    keys = rendered.values
    for key in keys:
        if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
            raise AssertionError("a key that Kubernetes refuses")
    if placement.key is not None:
        assert keys.keys() == {placement.key}
    return *placement.secrets, *keys, *(each.message for each in rendered.warnings)


_OBJECT = json.dumps({"db": {"user": "app", "password": PLANTED, "ports": [1, 2.50, None]}})
_TWICE = f'{{"a": "{PLANTED}", "a": "{PLANTED}"}}'
_CHAIN = chain_of("P-256", 3)
_PEM_BUNDLE = key_pem(_CHAIN.key) + pem(*_CHAIN.certificates)
_PRIME = 2**9_689 - 1  # Mersenne's, to be proved for a minute by whoever wants to know
_GROUP = sequence(
    number(0),
    sequence(oid("2a864886f70d010301"), sequence(number(_PRIME), number(3))),
    tlv(0x04, number(5)),
)
_PRIMES = sequence(*map(number, (0, _PRIME**2, 3, 5, _PRIME, _PRIME, 7, 7, 7)))
_NO_KEY = bag(1, sequence(tlv(0x04, PLANTED.encode())))
_PFX = pfx(_CHAIN.key, _CHAIN.certificates)

TARGETS = (
    Target(
        "tags",
        _tags,
        (
            b"k8s-key=DB_URL\nteam=shop",
            b"k8s-expand=json\nk8s-path=db\nk8s-key=DB",
            b"K8S-TYPE=tls\n k8s-secret =web\nk8s-sync=false",
            b"k8s-label-team=shop\nK8S-LABEL-ARGO=repository\nk8s-label-=a",
            b"k8s-encoding=hex\nk8s-exapnd=yaml\nk8s-Key=a\nk8s-kEy=b",
            "\n".join(["team=shop", *(f"{tag}={PLANTED}!" for tag in KNOWN)]).encode(),
            f"team={PLANTED}\nk8s-path={PLANTED}\nk8s-exapnd={PLANTED}\nK8s-Path=db".encode(),
        ),
        quotes=True,
    ),
    *map(_encoded, Encoding),
    _members(
        Format.JSON,
        _OBJECT,
        '{"a\\ud800": NaN, "a": 1e400}',
        "[[[[[[",
        "\ufeff{}",
        _TWICE,
        json.dumps({"db": PLANTED}),
        json.dumps([PLANTED]),
        json.dumps({"db": {"user": PLANTED + "\ud800"}}),
        f'{{"db": "{PLANTED}", "a": {"[" * 40}{"]" * 40}}}',
        f'{{"db": "{PLANTED}", "a": NaN}}',
        f'{{"db": "{PLANTED}',
    ),
    _members(
        Format.YAML,
        f"db:\n  user: app\n  password: {PLANTED}\n  ports: [1, ~, 'x']\n",
        "a: &a [x]\nb: *a\n",
        "? [a]\n: !!python/object:os.system x\n--- b\n...\n",
        "a: |\n  b\n  c\nd: >-\n  e\n",
        f"a: {PLANTED}\na: {PLANTED}\n",
        f"db: {PLANTED}\n",
        f"- {PLANTED}\n",
        f"? [a]\n: {PLANTED}\n",
        f"db: {'[' * 40}{PLANTED}{']' * 40}\n",
        f"db: &a {PLANTED}\n",
        f"db: !a {PLANTED}\n",
        f"db: {PLANTED}\n--- {PLANTED}\n",
        f"db: [{PLANTED}\n",
        f"db: {PLANTED}\1\n",
    ),
    _members(
        Format.DOTENV,
        f"export USER=app\nPASSWORD='{PLANTED}'  # a note\nURL=\"a\\nb\"\n",
        "A\nB=\n=C\nA=${B:-c}\n",
        f"A={PLANTED}\nA={PLANTED}\n",
        f"A={PLANTED}\nB\n",
        f"A='{PLANTED}\n",
        f"A={PLANTED}{' ' * 256}\n",
    ),
    _typed(
        SecretType.DOCKERCONFIGJSON,
        json.dumps({"auths": {"r.example": {"username": "u", "password": PLANTED}}}),
        json.dumps({"auths": {"r.example": {"auth": "dTpw"}}}),
        json.dumps({"registry": "r.example", "username": "u", "password": PLANTED}),
        json.dumps({"registry": "r.example", "username": f"u:{PLANTED}", "password": PLANTED}),
        json.dumps({"auths": {"r.example": {"password": PLANTED}}}),
        json.dumps({"auths": PLANTED}),
        json.dumps([PLANTED]),
        json.dumps({"registry": "r.example", "password": PLANTED}),
        json.dumps({"registry": "r.example", "passwort": PLANTED}),
        json.dumps({"registry": "r.example", "password": [PLANTED]}),
        _TWICE,
    ),
    _typed(
        SecretType.BASIC_AUTH,
        f"user:{PLANTED}\n",
        json.dumps({"password": PLANTED}),
        json.dumps({"password": [PLANTED]}),
        json.dumps({"passwort": PLANTED}),
        _TWICE,
        PLANTED,
    ),
    _typed(
        SecretType.SSH_AUTH,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        json.dumps({"ssh-privatekey": PLANTED, "known_hosts": "h"}),
        json.dumps({"ssh-privatekey": [PLANTED]}),
        json.dumps({"key": PLANTED}),
        f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n",
        _TWICE,
    ),
    Target(
        "certificate",
        _bundle,
        (
            written(_PEM_BUNDLE, type=PEM),
            written(_PEM_BUNDLE.replace("\n", "\\n"), keep=""),
            written(b64encode(_PFX).decode(), type=PKCS12),
            written(f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n"),
            written(pem_block("PRIVATE KEY", _GROUP) + pem(*_CHAIN.certificates)),
            written(pem_block("RSA PRIVATE KEY", _PRIMES) + pem(*_CHAIN.certificates)),
        ),
    ),
    Target(
        "pkcs12",
        _pkcs12,
        (
            _PFX,
            bare_pfx([_CHAIN.key], _CHAIN.certificates),
            bundle(encrypted([certificate(LEAF)], 9), plain(shrouded(9)), mac=new_mac(9)),
            bundle(encrypted([shrouded(9), certificate(LEAF)], 9)),
            bundle(encrypted([_NO_KEY, certificate(LEAF)], 9)),
            bundle(plain(_NO_KEY, bag(1, KEY))),
            *(make() for make in HOSTILE.values()),
        ),
    ),
    Target(
        "projection",
        _projected,
        (
            written(PLANTED, name="db-url"),
            written(_OBJECT, name="dev-db", type="application/json", **{"k8s-expand": "json"}),
            written(f"u:{PLANTED}", rules="x", **{"k8s-type": "basic-auth", "k8s-secret": "web"}),
            written(_PEM_BUNDLE, type=PEM, **{"k8s-expand": "certificate", "k8s-key": "c"}),
            written("aGVsbG8", rules="xx", team="shop", **{"k8s-encoding": "base64"}),
            written(PLANTED, **dict.fromkeys(KNOWN, f"{PLANTED}!")),
            written(f"{PLANTED}!", **{"k8s-encoding": "base64"}),
            *(
                written(text, **{"k8s-expand": "json"})
                for text in (
                    _TWICE,
                    json.dumps({"a b": PLANTED}),
                    json.dumps({"a": {"b": PLANTED}, "a_b": PLANTED}),
                    json.dumps({"a": PLANTED, "b": {}})[:-1],
                )
            ),
        ),
        refusals=(Permanent,),
        quotes=True,
    ),
)
