"""Targets that take what teams store: values, tags and certificates."""

import json
import re
from base64 import b64encode

from cryptography.hazmat.primitives.serialization import Encoding as Encodings
from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

from local.kubernetes.validation import label_fault
from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.ber import element
from sync.projection.budget import ParseBudget
from sync.projection.certificates import as_text_of_pkcs12, read_bundle
from sync.projection.distinguished_names import read_name
from sync.projection.formats import ObjectFormat, as_text, decoded, members
from sync.projection.held_certificates import ODD
from sync.projection.keys import KeyStyle
from sync.projection.placement import Placement
from sync.projection.private_keys import read_private_key
from sync.projection.rules import Pattern, Rules
from sync.projection.secret_types import Built, build
from sync.projection.stages import StagePrefixes
from sync.projection.tags import KNOWN, Encoding, Format, SecretType, read_tags
from sync.projection.text_marks import without_mark
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
    key_of,
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
    Rules(
        style=KeyStyle.ENV,
        stages=StagePrefixes.STRIP,
        aliases=(("db", "dev"),),
        names=("web*",),
        keep_root=True,
        identity_tokens=True,
    ),
    Rules(include=(Pattern("db*"), Pattern("*", "team")), exclude=(Pattern("*-old"),)),
)
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_WHOLE = (".dockerconfigjson", "ssh-privatekey")
"""Keys of typed Secrets that hold a value as a whole."""
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


def _text(given: bytes) -> None:
    """Read bytes as text, and text in UTF-16 as nothing."""
    text = as_text(NAME, given)
    if "\0" in text or given.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise AssertionError("UTF-16 that passes for UTF-8")
    if len(text) - len(without_mark(text)) not in {0, 1, 3}:
        raise AssertionError("more than a mark is gone")


def _typed(kind: Built, *seeds: str) -> Target:
    def run(given: bytes) -> None:
        """Build a Secret; what was built is built again as it is."""
        for identity_tokens in (True, False):
            made = build(NAME, kind, given, identity_tokens=identity_tokens)
            for key, value in made.items():
                assert _KEY.fullmatch(key)
                assert isinstance(value, bytes)
            whole = next((made[key] for key in _WHOLE if key in made), None)
            if (
                whole is not None
                and whole not in build(NAME, kind, whole, identity_tokens=identity_tokens).values()
            ):
                raise AssertionError("another value the second time")

    return Target(kind.word, run, tuple(seed.encode() for seed in seeds), quotes=True)


def _bundle(given: bytes) -> object:
    fields, body = fields_of(given)
    kind, keep, only = fields.get("type", ""), "keep" in fields, "only" in fields
    bundle = read_bundle(NAME, body, kind, ParseBudget(), keep_root=keep, root_only=only)
    return [each.message for each in bundle.warnings]


def _pkcs12(given: bytes) -> object:
    text = as_text_of_pkcs12(given) or b64encode(given).decode()
    return read_bundle(NAME, text, PKCS12, ParseBudget(), keep_root=True).warnings


def _private_key(given: bytes) -> object:
    """Read a key and once more what is written of it, which is the same."""
    try:
        key = read_private_key(given)
        assert read_private_key(key.der) == key
    except ODD:
        return None
    return key


def _name(given: bytes) -> object:
    try:
        name = read_name(element(given))
    except ValueError:
        return None
    assert name.shown.isprintable()
    return name.shown


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
_PKCS8, _OLD = (
    _CHAIN.key.private_bytes(Encodings.DER, form, NoEncryption())
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
)
_EDWARDS = key_of("Ed25519").private_bytes(Encodings.DER, PrivateFormat.PKCS8, NoEncryption())
_RSA = key_of("RSA-1024")
_DERS = [each.public_bytes(Encodings.DER) for each in _CHAIN.certificates]
_ECDSA = sequence(oid("2a8648ce3d040302"))
_NULL = pem_block(
    "CERTIFICATE", _DERS[1].replace(_ECDSA, sequence(oid("2a8648ce3d040302"), b"\5\0"))
)


def _named(text: str, tag: int) -> bytes:
    return sequence(tlv(0x31, sequence(oid("550403"), tlv(tag, text.encode()))))


TARGETS = (
    Target(
        "tags",
        _tags,
        (
            b"k8s-key=DB_URL\nteam=shop",
            b"k8s-expand=json\nk8s-path=db\nk8s-key=DB",
            b"k8s-expand=json\nk8s-keys=A=a,,b, B:url={{{c\\:d:pg}}},\nk8s-keys-2=C=x.y",
            b"K8S-TYPE=tls\n k8s-secret =web\nk8s-sync=false",
            b"k8s-restart=False\nk8s-label-team=shop\nK8S-LABEL-ARGO=repository\nk8s-label-=a",
            b"k8s-encoding=hex\nk8s-exapnd=yaml\nk8s-Key=a\nk8s-kEy=b",
            "\n".join(["team=shop", *(f"{tag}={PLANTED}!" for tag in KNOWN)]).encode(),
            f"team={PLANTED}\nk8s-path={PLANTED}\nk8s-exapnd={PLANTED}\nK8s-Path=db".encode(),
        ),
        quotes=True,
    ),
    *map(_encoded, Encoding),
    Target(
        "text",
        _text,
        (
            f"\ufeff{PLANTED}".encode(),
            f"\xef\xbb\xbf{PLANTED}".encode(),
            PLANTED.encode("utf-16"),
            PLANTED.encode("utf-16-be"),
            f"{PLANTED}\0".encode(),
            f"{PLANTED}\xe4".encode("latin-1"),
            b"\x30\x82" + PLANTED.encode() + b"\xff",
        ),
    ),
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
        f"{{db:{PLANTED}}}",
        b64encode(f'{{"db": "{PLANTED}"}}'.encode()).decode(),
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
        f"{{db:{PLANTED},USER:{PLANTED}}}",
        f"{{db={PLANTED}}}",
        f"{{db:{{user:{PLANTED}}}}}",
    ),
    _members(
        Format.DOTENV,
        f"export USER=app\nPASSWORD='{PLANTED}'  # a note\nURL=\"a\\nb\"\n",
        "A\nB=\n=C\nA=${B:-c}\n",
        f"A={PLANTED}\nA={PLANTED}\n",
        f"A={PLANTED}\nB\n",
        f"A='{PLANTED}\n",
        f"A={PLANTED}{' ' * 256}\n",
        f'A=`{PLANTED}\r\n` # x\nB="\\$\\""\n',
        f'A="{PLANTED}\\b"\n',
        f"A='{PLANTED}\\'\n",
        f"A='{PLANTED}' {PLANTED}\n",
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
        json.dumps({"registry": " docker.io", "username": "u\n", "password": f"{PLANTED} "}),
        json.dumps({"auths": {"index.docker.io/v1": {"username": "u", "password": PLANTED}}}),
        json.dumps({"auths": {"": {"username": "u", "password": PLANTED}}}),
        json.dumps({"auths": {"r.example": {"identitytoken": PLANTED}}}),
        json.dumps({"auths": {"r.example": {"auth": "dTo=", "identitytoken": PLANTED}}}),
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
        f'"user:{PLANTED}"',
        f"username: {PLANTED}",
        f"https://user:{PLANTED}@r.example",
        f"Server=tcp:db;Password={PLANTED};",
        f"user:{PLANTED}\t",
        b64encode(f"user:{PLANTED}".encode()).decode(),
    ),
    _typed(
        SecretType.SSH_AUTH,
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        json.dumps({"ssh-privatekey": PLANTED, "known_hosts": "h"}),
        json.dumps({"ssh-privatekey": [PLANTED]}),
        json.dumps({"key": PLANTED}),
        f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n",
        _TWICE,
        "-----BEGIN EC PRIVATE KEY-----\\nA: B\\r\\n\nAAAA \r\n-----END EC PRIVATE KEY-----",
        f"ssh-rsa {PLANTED}",
        f"PuTTY-User-Key-File-3: {PLANTED}",
        f"-----BEGIN PRIVATE KEY-----\n{PLANTED}!\n-----END PRIVATE KEY-----\n",
        f"{PLANTED}\n-----END PRIVATE KEY-----\n",
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
            written("\ufeff" + _PEM_BUNDLE.replace("\n", "\\r\\n"), only=""),
            written(pem_block("EC PRIVATE KEY", _OLD) + _NULL + pem(*_CHAIN.certificates)),
            written(key_pem(_CHAIN.key) + f"-----BEGIN CERTIFICATE-----\n{PLANTED}\n" + _NULL),
            written(_PEM_BUNDLE + f"-----BEGIN CERTIFICATE-----\n{PLANTED}\n"),
        ),
    ),
    Target(
        "private-key",
        _private_key,
        (
            _PKCS8,
            _OLD,
            _EDWARDS,
            sequence(b"\2\1\1", _EDWARDS[5:], tlv(0x81, b"\0" * 33)),
            _RSA.private_bytes(Encodings.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
            _GROUP,
            _PRIMES,
            sequence(number(0), sequence(oid("2b6570")), tlv(0x04, PLANTED.encode())),
        ),
    ),
    Target(
        "distinguished-name",
        _name,
        (
            *(_named(f"Shop {tag}", tag) for tag in (0x0C, 0x13, 0x14, 0x16, 0x1C, 0x1E)),
            _named("o\u0308\u0323" * 500, 0x0C),
            sequence(tlv(0x31, sequence(oid("2a03"), tlv(4, b"x")))),
            sequence(tlv(0x31, tlv(0x0C, PLANTED.encode()))),
        ),
        quotes=True,
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
            written(PLANTED, **{"file-encoding": "base64", "k8s-trim": "true"}),
            written(PLANTED, **{"file-encoding": "hex", "k8s-expand": "dotenv"}),
            written(f"{PLANTED}\n", **{"file-encoding": PLANTED, "k8s-trim": "true"}),
            written(f"A={PLANTED}\n", **{"k8s-expand": "dotenv", "k8s-trim": "true"}),
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
