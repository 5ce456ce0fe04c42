"""From a value to what a Secret of one of Kubernetes' types holds."""

import base64
import json
import traceback
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.secret_types import BLANK, Built, build
from sync.projection.tags import SecretType

MARKER = "Planted7Marker"
DOCKER: Built = SecretType.DOCKERCONFIGJSON
BASIC: Built = SecretType.BASIC_AUTH
SSH: Built = SecretType.SSH_AUTH

AUTH = base64.b64encode(b"shop:pw").decode()
BODY = "bm90IGEga2V5\n"


def pem(label: str = "OPENSSH PRIVATE KEY", body: str = BODY, end: str = "") -> str:
    """Make a block of PEM."""
    return f"-----BEGIN {label}-----\n{body}-----END {end or label}-----\n"


def refusal(kind: Built, value: str | bytes) -> str:
    """Refuse a value without a word of it."""
    with pytest.raises(Permanent) as refused:
        build("pull", kind, value.encode() if isinstance(value, str) else value)
    fault = refused.value
    assert fault.reason == "ValueNotOfType"
    assert fault.message.startswith("Secret 'pull'")
    assert "It must be" in fault.message
    assert MARKER not in "".join(traceback.format_exception(fault, limit=0))
    return fault.message


@pytest.mark.parametrize(
    "entry",
    [
        {"auth": AUTH},
        {"auth": base64.b64encode(b"a:bc").decode().rstrip("=")},
        {"auth": base64.b64encode(b"a:\xff").decode(), "email": "a@b"},
        {"username": "shop", "password": "pw"},
        {"username": "shop", "password": "pw", "auth": "", "more": 1},
        {"auth": AUTH, "identitytoken": "t"},
        {"identitytoken": "t"},
    ],
)
def test_a_docker_config_is_kept_as_given(entry: Mapping[str, object]) -> None:
    """A config that the kubelet can log in with is kept byte by byte, whatever else is in it."""
    text = json.dumps({"auths": {"a.azurecr.io": entry}, "credsStore": "x"}, indent=3).encode()
    assert build("pull", DOCKER, b"\n" + text) == {".dockerconfigjson": b"\n" + text}


@pytest.mark.parametrize("field", ["registry", "server"])
@pytest.mark.parametrize("more", [{}, {"email": "a@b"}], ids=["plain", "address"])
def test_a_docker_config_is_built(field: str, more: Mapping[str, str]) -> None:
    """Registry, user, password and address become one compact config, however they are written."""
    given = {"password": "p:\u00e4", field: "a.azurecr.io", "username": "shop", **more}
    auth = base64.b64encode("shop:p:\u00e4".encode()).decode()
    built = build("pull", DOCKER, json.dumps(given, indent=2).encode())[".dockerconfigjson"]
    entry = {"auth": auth, **more, "password": "p:\u00e4", "username": "shop"}
    expected = json.dumps({"auths": {"a.azurecr.io": entry}}, separators=(",", ":"))
    assert built == expected.encode()
    assert build("pull", DOCKER, json.dumps(dict(reversed(given.items()))).encode()) == {
        ".dockerconfigjson": built
    }
    assert build("again", DOCKER, built) == {".dockerconfigjson": built}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (MARKER, "no JSON from line 1, column 1 on"),
        (f'["{MARKER}"]', "no JSON object"),
        ("", "no JSON"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (MARKER.encode() + b"\xff", "no UTF-8 text"),
        (f'{{"a": "{MARKER}", "a": 1}}', "the member 'a' twice"),
        ("[" * 10_000, "deeper than 32"),
        (f'{{"auths": "{MARKER}"}}', "no registry in auths"),
        ('{"auths": {}}', "no registry in auths"),
        (f'{{"auths": {{"r.io": "{MARKER}"}}}}', "no log-in for registry 'r.io'"),
        ('{"auths": {"r.io": {}}, "credsStore": "desktop"}', "no log-in for registry 'r.io'"),
        (f'{{"auths": {{"r.io": {{"auth": "{MARKER}"}}}}}}', "no log-in"),
        (f'{{"auths": {{"r.io": {{"auth": "{MARKER}!"}}}}}}', "no log-in"),
        (f'{{"auths": {{"r.io": {{"auth": "{AUTH[:4]} {AUTH[4:]}"}}}}}}', "no log-in"),
        ('{"auths": {"r.io": {"auth": "\u00e4"}}}', "no log-in"),
        ('{"auths": {"r.io": {"auth": 1, "identitytoken": "x"}}}', "no log-in"),
        (f'{{"auths": {{"r.io": {{"username": "{MARKER}"}}}}}}', "no log-in"),
        ('{"auths": {"r.io": {"username": "u", "password": 1}}}', "no log-in"),
        (f'{{"auths": {{"a": {{"auth": "{AUTH}"}}, "b": {{}}}}}}', "no log-in for registry 'b'"),
        ("{}", "one each of registry, username and password"),
        (f'{{"registry": "r", "username": "{MARKER}"}}', "one each of"),
        ('{"registry": "r", "username": "u", "password": ""}', "one each of"),
        ('{"registry": "", "username": "u", "password": "p"}', "one each of"),
        ('{"registry":"r","server":"r","username":"u","password":"p"}', "one each of"),
        ('{"registry":"r","username":"u:v","password":"p"}', "colon in username"),
        (f'{{"registry":"r","user":"{MARKER}"}}', "'user', which is none of registry, server"),
        ('{"registry":"r","username":"u","password":1}', "password, which is no string"),
    ],
)
def test_what_is_no_docker_config_is_refused(value: str | bytes, told: str) -> None:
    """A config that logs in to no registry is refused, and what it lacks is told."""
    assert told in refusal(DOCKER, value)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("shop:pw", {"username": "shop", "password": "pw"}),
        ("shop:a:b \n", {"username": "shop", "password": "a:b "}),
        ("shop:pw\r\n", {"username": "shop", "password": "pw"}),
        (":token", {"username": "", "password": "token"}),
        ("shop:", {"username": "shop", "password": ""}),
        ('{"username": "shop", "password": "p\\nw"}', {"username": "shop", "password": "p\nw"}),
        (' {"password": "pw"}', {"password": "pw"}),
        ('{"username": "shop"}', {"username": "shop"}),
    ],
)
def test_basic_auth_is_two_texts(value: str, data: Mapping[str, str]) -> None:
    """The first colon divides, a final line break is none of it, and JSON may give either alone."""
    assert build("git", BASIC, value.encode()) == {key: text.encode() for key, text in data.items()}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (MARKER, "not user:password in one line"),
        (f"a:{MARKER}\nb:{MARKER}", "not user:password in one line"),
        (f"{MARKER}\n:x", "not user:password in one line"),
        ("a:b\n\n", "not user:password in one line"),
        ("", "not user:password in one line"),
        (":", "neither a username nor a password"),
        ("{}", "neither a username nor a password"),
        ('{"username": ""}', "neither a username nor a password"),
        (f"{{a:{MARKER}", "no JSON"),
        ('{"password": 1}', "password, which is no string"),
        ('{"username": null, "password": "x"}', "username, which is no string"),
        (f'{{"user": "{MARKER}"}}', "'user', which is none of username, password"),
        (f'{{"password": "{MARKER}\\ud800"}}', "UTF-8 cannot encode"),
        (MARKER.encode() + b":\xff", "no UTF-8 text"),
    ],
)
def test_what_is_no_basic_auth_is_refused(value: str | bytes, told: str) -> None:
    """Neither a password alone nor anything beside user and password passes."""
    assert told in refusal(BASIC, value)


@pytest.mark.parametrize(
    "key",
    [
        pem(),
        pem("PRIVATE KEY"),
        pem("RSA PRIVATE KEY", f"{BODY}{BODY}AA==\n"),
        pem("DSA PRIVATE KEY"),
        pem("ENCRYPTED PRIVATE KEY"),
        pem("EC PRIVATE KEY", f"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{BODY}"),
    ],
)
def test_a_private_key_is_kept(key: str) -> None:
    """A key in PEM keeps its text, with line feeds only and one at its end."""
    for value in (key, key.rstrip(), f"\n {key}\n\n", key.replace("\n", "\r\n")):
        assert build("deploy", SSH, value.encode()) == {"ssh-privatekey": key.encode()}


@pytest.mark.parametrize(
    ("form", "password"),
    [
        (serialization.PrivateFormat.OpenSSH, None),
        (serialization.PrivateFormat.TraditionalOpenSSL, None),
        (serialization.PrivateFormat.TraditionalOpenSSL, b"pw"),
        (serialization.PrivateFormat.PKCS8, None),
        (serialization.PrivateFormat.PKCS8, b"pw"),
    ],
)
def test_real_keys_are_private_keys(
    form: serialization.PrivateFormat, password: bytes | None
) -> None:
    """Keys as OpenSSH and OpenSSL write them pass, encrypted ones too."""
    protection: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, form, protection
    )
    assert build("deploy", SSH, key) == {"ssh-privatekey": key}


def test_a_private_key_may_have_companions() -> None:
    """JSON gives the public key and the known hosts beside the private key."""
    given = {
        "ssh-privatekey": pem().rstrip(),
        "ssh-publickey": "ssh-rsa AA",
        "known_hosts": "h k\n",
    }
    assert build("deploy", SSH, json.dumps(given).encode()) == {
        "ssh-privatekey": pem().encode(),
        "ssh-publickey": b"ssh-rsa AA",
        "known_hosts": b"h k\n",
    }


@pytest.mark.parametrize(
    "value",
    [
        "",
        MARKER,
        "\n",
        pem("PUBLIC KEY", f"{MARKER}\n"),
        pem("CERTIFICATE", f"{MARKER}\n"),
        pem(end="RSA PRIVATE KEY", body=f"{MARKER}\n"),
        pem(body=""),
        pem(body="\n"),
        pem(body=f"{MARKER}!\n"),
        pem(body=f"{MARKER}\n") + pem(body=f"{MARKER}\n"),
        pem(body=f"{MARKER}\n").replace("\n", " "),
        pem(body=f"{MARKER}\n").replace("\n", "\\n"),
        pem(body=f"{MARKER}\n").removesuffix("-\n"),
        "ssh-rsa " + MARKER,
        "{}",
        '{"known_hosts": "x"}',
        f'{{"ssh-privatekey": "{MARKER}"}}',
        '{"ssh-privatekey": ""}',
        '{"ssh-privatekey": 1}',
        f'{{"key": "{MARKER}"}}',
        f"{{{MARKER}",
        pem(body=MARKER).encode() + b"\xff",
    ],
)
def test_what_is_no_private_key_is_refused(value: str | bytes) -> None:
    """Anything but one whole private key is refused, and how to keep its line breaks is told."""
    assert "k8s-encoding base64" in refusal(SSH, value)


def test_a_blank_has_the_keys_its_type_needs() -> None:
    """What is left of a Secret whose vault secret is gone is empty, as far as its type allows."""
    assert {kind: dict(BLANK[kind]) for kind in SecretType} == {
        SecretType.TLS: {"tls.crt": b"", "tls.key": b""},
        SecretType.DOCKERCONFIGJSON: {".dockerconfigjson": b'{"auths":{}}'},
        SecretType.BASIC_AUTH: {"username": b"", "password": b""},
        SecretType.SSH_AUTH: {"ssh-privatekey": b"\n"},
    }


FIELD = st.sampled_from(
    ["auths", "r", "auth", "username", "password", "registry", "identitytoken", "ssh-privatekey"]
)
JSON = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from([AUTH, pem()]),
    lambda inside: st.lists(inside) | st.dictionaries(FIELD | st.text(), inside),
)
WILD = st.one_of(
    st.binary(),
    st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text("-BEGIND PRVATKY\n:=/+a").map(str.encode),
    st.dictionaries(FIELD, JSON).map(lambda tree: json.dumps(tree).encode()),
)


@given(st.sampled_from([DOCKER, BASIC, SSH]), WILD)
def test_any_value_is_built_or_refused(kind: Built, value: bytes) -> None:
    """Whatever the value, its Secret has the keys that Kubernetes demands, or it is refused."""
    try:
        data = build("x", kind, value)
    except Permanent as refused:
        data = {refused.reason: refused.message.encode()}
    assert data.keys() & {"ValueNotOfType", *BLANK[kind]}
    assert data.get("ssh-privatekey") != b""
    assert isinstance(json.loads(data.get(".dockerconfigjson", b"{}")), dict)
