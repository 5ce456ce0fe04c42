"""From a value to what a Secret of one of Kubernetes' types holds."""

import base64
import json
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.secret_types import BLANK, Built, build
from sync.projection.tags import SecretType

MARKER = "Planted7Marker"
DOCKER: Built = SecretType.DOCKERCONFIGJSON
BASIC: Built = SecretType.BASIC_AUTH
SSH: Built = SecretType.SSH_AUTH

NOBODY = "00000000-0000-0000-0000-000000000000"
AUTH = base64.b64encode(b"shop:pw").decode()
EMPTY_AUTH = base64.b64encode(f"{NOBODY}:".encode()).decode()
HUB = "https://index.docker.io/v1/"
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
        {"auth": f"{AUTH[:4]}\n{AUTH[4:]}\r\n"},
        {"username": NOBODY, "password": "t"},
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
        (b"\xef\xbb\xbf{}", "one each of"),
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
        ('{"registry": "", "username": "u", "password": "p"}', "an empty registry"),
        ('{"registry": " https:// ", "username": "u", "password": "p"}', "an empty registry"),
        ('{"username": "u", "password": "p"}', "it lacks registry"),
        ('{"registry": "r", "username": " ", "password": "p"}', "it lacks username"),
        (f'{{"registry": "r", "username": "{NOBODY}", "password": ""}}', "az acr login"),
        ('{"registry":"r","server":"r","username":"u","password":"p"}', "of which one is enough"),
        (f'{{"auths": {{"": {{"auth": "{AUTH}"}}}}}}', "whose name is empty"),
        (f'{{"auths": {{" ": {{"auth": "{AUTH}"}}}}}}', "whose name is empty"),
        (f'{{"auths": {{"https://": {{"auth": "{AUTH}"}}}}}}', "whose name is empty"),
        ('{"auths": {"r.io": {"identitytoken": "x"}}}', "az acr login"),
        (f'{{"auths": {{"r.io": {{"auth": "{EMPTY_AUTH}"}}}}}}', "az acr login"),
        (f'{{"auths": {{"r.io": {{"username": "{NOBODY}"}}}}}}', "az acr login"),
        (
            f'{{"auths": {{"r.io": {{"auth": "{EMPTY_AUTH}", "identitytoken": "{MARKER}"}}}}}}',
            "SYNC_REGISTRY_IDENTITY_TOKENS=true",
        ),
        ('{"auths": {"r.io": {"auth": "dTo="}}}', "it lacks the password"),
        ('{"auths": {"r.io": {"auth": "OnB3"}}}', "it lacks the user"),
        ('{"auths": {"r.io": {"username": "u", "password": ""}}}', "it lacks the password"),
        ('{"auths": {"r.io": {"auth": "dTo=", "username": "u", "password": "p"}}}', "it lacks"),
        ('{"auths": {"r.io": {"auth": "dXB3"}}}', "not base64 of user:password"),
        (f"{{registry:r.io,username:u,password:{MARKER}}}", "set --file`"),
        (base64.b64encode(b'{"auths": {}}').decode(), "k8s-encoding"),
        (base64.encodebytes(b' {"auths": {}}' * 9).decode(), "k8s-encoding"),
        (f'{{"auths": {{"r.io": {{"auth": "{AUTH}"}}}}}}'.encode("utf-16"), "UTF-16"),
        ('{"registry":"r","username":"u:v","password":"p"}', "colon in username"),
        (f'{{"registry":"r","user":"{MARKER}"}}', "'user', which is none of registry, server"),
        ('{"registry":"r","username":"u","password":1}', "password, which is no string"),
    ],
)
def test_what_is_no_docker_config_is_refused(value: str | bytes, told: str) -> None:
    """A config that logs in to no registry is refused, and what it lacks is told."""
    assert told in refusal(DOCKER, value)


@pytest.mark.parametrize(
    "entry",
    [
        {"identitytoken": "t"},
        {"auth": EMPTY_AUTH, "identitytoken": "t"},
        {"username": NOBODY, "identitytoken": "t"},
    ],
)
def test_builders_may_have_an_identity_token(entry: Mapping[str, str]) -> None:
    """With the platform's leave a token is a log-in, and nothing else is one that was none."""
    text = json.dumps({"auths": {"a.azurecr.io": entry}})
    built = build("pull", DOCKER, text.encode(), identity_tokens=True)
    assert built == {".dockerconfigjson": text.encode()}
    for bad in ({"auth": "dTo="}, {"auth": "!", "identitytoken": "t"}, {"identitytoken": ""}, {}):
        with pytest.raises(Permanent, match="no log-in"):
            build(
                "pull",
                DOCKER,
                json.dumps({"auths": {"a": bad}}).encode(),
                identity_tokens=True,
            )


@pytest.mark.parametrize(
    "name",
    [
        *("docker.io", "index.docker.io", "Docker.IO", "docker.io/", "index.docker.io/v1"),
        *("docker.io/v1/", "https://docker.io", "http://index.docker.io/v1", HUB, f" {HUB}\n"),
    ],
)
def test_docker_hub_has_one_name(name: str) -> None:
    """However it is written, and in both forms, Docker Hub is found under its name."""
    entry = {"username": "u", "password": "p"}
    one = build("pull", DOCKER, json.dumps({"registry": name, **entry}).encode())
    config = json.dumps({"n": 1.50, "auths": {"r.io": entry, name: entry}})
    whole = build("pull", DOCKER, config.encode())[".dockerconfigjson"]
    assert list(json.loads(one[".dockerconfigjson"])["auths"]) == [HUB]
    assert json.loads(whole) == {"n": 1.5, "auths": {"r.io": entry, HUB: entry}}


@pytest.mark.parametrize(
    "name", ["docker.io.example", "shop.docker.io", "docker.io/shop", "https://r.io/v1/", "quay.io"]
)
def test_another_registry_keeps_its_name(name: str) -> None:
    """Only blanks around it go."""
    entry = {"username": "u", "password": "p"}
    config = json.dumps({"auths": {name: entry}}, indent=2).encode()
    assert build("pull", DOCKER, config) == {".dockerconfigjson": config}
    one = build("pull", DOCKER, json.dumps({"registry": f" {name}\r\n", **entry}).encode())
    assert list(json.loads(one[".dockerconfigjson"])["auths"]) == [name]


def test_no_registry_gives_way_to_its_other_name() -> None:
    """A config that has both names stays as it is given."""
    entry = {"username": "u", "password": "p"}
    config = json.dumps({"auths": {HUB: entry, "docker.io": {**entry, "email": "x"}}}).encode()
    assert build("pull", DOCKER, config) == {".dockerconfigjson": config}


def test_blanks_around_a_log_in_go() -> None:
    """A user name and a password are what stands between the blanks, and what is inside stays."""
    given = {"registry": "\tr.io ", "username": " u\n", "password": " p w\r\n", "email": " a@b "}
    built = json.loads(build("pull", DOCKER, json.dumps(given).encode())[".dockerconfigjson"])
    auth = base64.b64encode(b"u:p w").decode()
    entry = {"auth": auth, "email": "a@b", "username": "u", "password": "p w"}
    assert built == {"auths": {"r.io": entry}}


@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_part_of_a_value(mark: str) -> None:
    """Each type is read behind it."""
    config = f'{{"auths": {{"r.io": {{"auth": "{AUTH}"}}}}}}'
    assert build("x", DOCKER, f"{mark}{config}".encode()) == {".dockerconfigjson": config.encode()}
    for pair in ("shop:pw", '{"username": "shop", "password": "pw"}'):
        built = build("x", BASIC, f"{mark}{pair}".encode())
        assert built == {"username": b"shop", "password": b"pw"}
    for key in (pem(), json.dumps({"ssh-privatekey": pem()})):
        assert build("x", SSH, f"{mark}{key}".encode()) == {"ssh-privatekey": pem().encode()}


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("shop:pw", {"username": "shop", "password": "pw"}),
        ("shop:a:b \n", {"username": "shop", "password": "a:b "}),
        ("shop:pw\r\n", {"username": "shop", "password": "pw"}),
        (":token", {"username": "", "password": "token"}),
        ("shop:", {"username": "shop", "password": ""}),
        ('{"username": "shop", "password": " p\\"w"}', {"username": "shop", "password": ' p"w'}),
        (' {"password": "pw"}', {"password": "pw"}),
        ('{"username": "shop"}', {"username": "shop"}),
    ],
)
def test_basic_auth_is_two_texts(value: str, data: Mapping[str, str]) -> None:
    """The first colon divides, a final line break is none of it, and JSON may give either alone."""
    assert build("git", BASIC, value.encode()) == {key: text.encode() for key, text in data.items()}


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("user", "pa:ss"),
        ("user", "{x}"),
        ("user", '{"a": "b"}'),
        ("user", '"x"'),
        ("user", "'x'"),
        ("user", "`x`"),
        ("user", "[x]"),
        ("user", "x: y"),
        ("user", "- x"),
        ("user", "x # y"),
        ("user", "a=b;c=d"),
        ("user", "https://host/hook"),
        ("user", "//abc/d+e=="),
        ("user", "://"),
        ("user", "pass"),
        ("user", "p\u00e4ss w\u00f6rd \u4e2d"),
        ("username", "x"),
        ("password", "x"),
        ("me@shop.example", "x@y"),
        ("SHOP\\me", "C:\\x"),
        ("$shop", "$apr1$a/b"),
        ("<me>", "x"),
        ("[me]", "x"),
        ("'me", "x"),
        ('"me', "x"),
        ("-me", "x"),
        ("a b", "x y"),
        ("12", "30"),
        ("", "//token"),
        ("", '"'),
        ("cn=me,dc=shop", "x;y"),
        ("https", "x"),
        ("jdbc", "x"),
    ],
)
def test_a_password_may_be_anything_printable(user: str, password: str) -> None:
    """What a pair begins with decides, and neither a colon nor a quotation mark in it does."""
    data = {"username": user.encode(), "password": password.encode()}
    for end in ("", "\n", "\r\n"):
        assert build("git", BASIC, f"{user}:{password}{end}".encode()) == data
    whole = json.dumps({"username": user, "password": password})
    assert build("git", BASIC, whole.encode()) == data


@given(
    st.text("abcXYZ012.-_@\\$ ", min_size=1, max_size=12),
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1),
)
@settings(max_examples=300)
def test_pairs_are_pairs(user: str, password: str) -> None:
    """A password is refused only where the pair looks like a URL."""
    if password.startswith("//"):
        return
    user = f"u{user}".rstrip()
    data = {"username": user.encode(), "password": password.encode()}
    assert build("git", BASIC, f"{user}:{password}".encode()) == data


@pytest.mark.parametrize(
    ("value", "likeness"),
    [
        (f'["shop:{MARKER}"]', "a list"),
        (f"['shop:{MARKER}']", "a list"),
        (f' [ "shop", "x:{MARKER}"', "a list"),
        (f'[{{"username": "shop", "password": "{MARKER}"}}]', "a list"),
        (f"[shop:{MARKER}]", "a list"),
        (f'"shop:{MARKER}"', "a text in quotation marks"),
        (f"'shop:{MARKER}'\n", "a text in quotation marks"),
        (f"`shop:{MARKER}`", "a text in quotation marks"),
        (f"\u201cshop:{MARKER}\u201d", "a text in quotation marks"),
        (f'"shop":"{MARKER}"', "a text in quotation marks"),
        (f'"username": "shop", "password": "{MARKER}"', "a text in quotation marks"),
        (f'"shop": {MARKER}', "a text in quotation marks"),
        (f"username: {MARKER}", "YAML"),
        (f"shop: {MARKER}", "YAML"),
        (f"shop : {MARKER}", "YAML"),
        (f"shop:\t{MARKER}", "YAML"),
        (f"username: shop\npassword: {MARKER}\n", "YAML"),
        (f"login:\n  password: {MARKER}\n", "YAML"),
        (f"- shop:{MARKER}", "YAML"),
        (f"---\nshop: {MARKER}", "YAML"),
        (f"Authorization: Basic {MARKER}", "YAML"),
        (f"https://shop:{MARKER}@shop.example", "a URL"),
        (f"https://shop.example/{MARKER}", "a URL"),
        (f"HTTP://shop.example?x={MARKER}", "a URL"),
        (f"postgres://shop:{MARKER}@db/shop", "a URL"),
        (f"mongodb+srv://shop:{MARKER}@db", "a URL"),
        (f"jdbc:postgresql://db/shop?password={MARKER}", "a URL"),
        (f"jdbc:oracle:thin:shop/{MARKER}@db", "a URL"),
        (f"DATABASE_URL=mysql://shop:{MARKER}@db", "a URL"),
        (f"shopdb://me:{MARKER}@db", "a URL"),
        (f"shopdb://db.shop.example/{MARKER}", "a URL"),
        (f"shopdb://localhost:5432/{MARKER}", "a URL"),
        (f"//shop:{MARKER}@db", "a URL"),
        (f"username:shop,password:{MARKER}", "JSON that has lost its quotation marks"),
        (f"Endpoint=sb://shop.servicebus.windows.net/;Key={MARKER}", "a connection string"),
        (f"Server=tcp:db,1433;User ID=shop;Password={MARKER}", "a connection string"),
        (base64.b64encode(f"shop:{MARKER}".encode()).decode(), "base64 of one"),
    ],
)
def test_what_only_looks_like_a_pair_is_told(value: str, likeness: str) -> None:
    """Another format has a colon as well; JSON is the way to write such a pair nevertheless."""
    message = refusal(BASIC, value)
    assert f"looks like {likeness}" in message
    assert "can be written in JSON" in message


@pytest.mark.parametrize("control", [*map(chr, (1, 7, 8, 9, 11, 27, 31, 127, 133, 159))])
def test_control_characters_are_in_no_log_in(control: str) -> None:
    """RFC 7617 allows none, in either part and in either form."""
    for user, password in ((f"u{control}x", MARKER), ("ux", f"{MARKER}{control}{MARKER}")):
        part = "username" if control in user else "password"
        whole = json.dumps({"username": user, "password": password})
        for value in (f"{user}:{password}", whole):
            assert f"a control character in its {part}" in refusal(BASIC, value)
    for inside in ("\n", "\r", "\0"):
        whole = json.dumps({"username": "u", "password": f"{MARKER}{inside}"})
        assert "a control character in its password" in refusal(BASIC, whole)


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
    for value in (
        key,
        key.rstrip(),
        f"\n {key}\n\n",
        key.replace("\n", "\r\n"),
        key.replace("\n", "\r"),
        key.replace("\n", " \t\n  "),
        key.replace("\n", "\\n"),
        key.replace("\n", "\\r\\n"),
        key.replace("\n", "\\\\n"),
        key.replace("\n", "\\n\n"),
        key.replace("KEY-----\n", "KEY-----\n\n", 1),
        key.replace("\n-----END", "\n\n-----END"),
    ):
        assert build("deploy", SSH, value.encode()) == {"ssh-privatekey": key.encode()}
        whole = json.dumps({"ssh-privatekey": value})
        assert build("deploy", SSH, whole.encode()) == {"ssh-privatekey": key.encode()}


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


KEY = pem(body=f"{MARKER}Aa\n")
CERTIFICATE = pem("CERTIFICATE", f"{MARKER}Aa\n")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        (MARKER, "no line -----BEGIN"),
        (pem("PUBLIC KEY", f"{MARKER}\n"), "is a public key"),
        (pem("RSA PUBLIC KEY", f"{MARKER}\n"), "is a public key"),
        (f"---- BEGIN SSH2 PUBLIC KEY ----\n{MARKER}\n---- END SSH2 PUBLIC KEY ----", "public key"),
        (f"ssh-rsa {MARKER}", "is a public key"),
        (f"ssh-ed25519 {MARKER} me@shop", "is a public key"),
        (f"ecdsa-sha2-nistp256 {MARKER}", "is a public key"),
        (f"sk-ssh-ed25519@openssh.com {MARKER}", "is a public key"),
        (f"ssh-ed25519-cert-v01@openssh.com {MARKER}", "is a certificate"),
        (CERTIFICATE, "is a certificate without a private key"),
        (f"PuTTY-User-Key-File-2: ssh-rsa\n{MARKER}", "puttygen"),
        (f"PuTTY-User-Key-File-3: ssh-rsa\r\n{MARKER}", "puttygen"),
        (f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{MARKER}", "ssh-keygen -i"),
        (pem("PGP PRIVATE KEY", f"{MARKER}Aa\n"), "of a kind that SSH does not read"),
        (pem(end="RSA PRIVATE KEY", body=f"{MARKER}\n"), "without its END line"),
        (KEY.removesuffix("-\n"), "without its END line"),
        (KEY[:60], "without its END line"),
        (KEY.removeprefix("-----BEGIN OPENSSH PRIVATE KEY-----\n"), "lost its BEGIN line"),
        ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", "lost its BEGIN line"),
        (pem(body=""), "nothing between"),
        (pem(body="\n"), "nothing between"),
        (pem(body=f"{MARKER}!\n"), "not base64"),
        (pem(body=f"{MARKER}A\n"), "not base64"),
        (pem(body=f"AA==\n{MARKER}Aa\n"), "not base64"),
        (KEY + KEY, "holds 2 private keys"),
        (KEY + pem("RSA PRIVATE KEY"), "holds 2 private keys"),
        (KEY + CERTIFICATE, "something else beside its private key"),
        (f"Bag Attributes\n{KEY}", "text in front of its private key"),
        (f"{KEY}{MARKER}\n", "text in front of its private key or behind it"),
        (KEY.replace("\n", " "), "has lost its line breaks"),
        (KEY.replace("\n", ""), "has lost its line breaks"),
        (base64.b64encode(KEY.encode()).decode(), "add the tag k8s-encoding base64"),
        ("{}", "has no ssh-privatekey"),
        ('{"known_hosts": "x"}', "has no ssh-privatekey"),
        (f'{{"ssh-privatekey": "{MARKER}"}}', "no line -----BEGIN"),
        ('{"ssh-privatekey": ""}', "is empty"),
        ('{"ssh-privatekey": 1}', "ssh-privatekey, which is no string"),
        (f'{{"key": "{MARKER}"}}', "'key', which is none of"),
        (f"{{{MARKER}", "no JSON"),
        (KEY.encode() + b"\xff", "no UTF-8 text"),
        (KEY.encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_private_key_is_refused(value: str | bytes, told: str) -> None:
    """Anything but one whole private key is refused, each for its own cause."""
    message = refusal(SSH, value)
    assert told in message
    assert "k8s-encoding base64" in message


@pytest.mark.parametrize("kind", [DOCKER, BASIC, SSH])
@pytest.mark.parametrize(
    "text",
    [
        *("[", "{a:", "'", '"', " ", "\n", "\r", "\\", "\\r", "\\n", ":", "//", "a.", "a-", "a=;"),
        *("ssh-", "jdbc:a", "A: b\n", "-----BEGIN A", "---- BEGIN A ", "-----END A-----\n"),
        *("-----BEGIN PRIVATE KEY-----\n", "AAAA\n", "A"),
    ],
)
def test_no_value_takes_long(kind: Built, text: str) -> None:
    """Time grows with the length and no faster, whatever stands there again and again."""
    value = text * (400_000 // len(text))
    begin, end = pem(body="").splitlines()
    started = time.process_time()
    for whole in (value, f"u:{value}", f"u://{value}", f"{begin}\n{value}{end}"):
        with suppress(Permanent):
            build("x", kind, whole.encode())
    assert time.process_time() - started < 5


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
