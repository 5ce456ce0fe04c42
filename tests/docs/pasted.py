"""The tables of docs/secrets.md: what people paste, what arrives, and what is refused and why."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.core.reasons import Reason

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
_AZURE = "00000000-0000-0000-0000-000000000000:"
_JSON = '{"user": "shop"}'


def b64(text: str | bytes) -> str:
    """Encode a text."""
    return b64encode(text if isinstance(text, bytes) else text.encode()).decode()


@dataclass(frozen=True, slots=True)
class Pasted:
    """A value as people have it, and what becomes of it.

    `what` describes it in Markdown. If it is refused or written with a warning, `reason` is why,
    and `told` a part of the message. `data` is what arrives, by key.
    """

    what: str
    value: str
    tags: Mapping[str, str]
    data: Mapping[str, str] = field(default_factory=dict)
    reason: Reason | None = None
    told: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    """What the page says instead of the data."""

    def __str__(self) -> str:
        return self.what


def _config(registry: str, entry: str) -> str:
    return f'{{"auths":{{"{registry}":{{{entry}}}}}}}'


def _login(registry: str) -> str:
    auth = b64("pull:s3cret")
    entry = f'"auth":"{auth}","password":"s3cret","username":"pull"'
    return _config(registry, entry)


JSON = {"k8s-expand": "json"}
YAML = {"k8s-expand": "yaml"}
DOTENV = {"k8s-expand": "dotenv"}
BASIC = {"k8s-type": "basic-auth"}
DOCKER = {"k8s-type": "dockerconfigjson"}
SSH = {"k8s-type": "ssh-auth"}
BASE64 = {"k8s-encoding": "base64"}
FORMAT, TYPE = Reason.VALUE_NOT_OF_FORMAT, Reason.VALUE_NOT_OF_TYPE
UNICODE = Reason.VALUE_NOT_UNICODE
HUB = "https://index.docker.io/v1/"

TEXTS = (
    Pasted(
        "`⏎` at the end, as `az … --file` keeps it",
        "s3cret\n",
        {},
        {"x": "s3cret\n"},
        shown="`x` = `s3cret⏎`",
    ),
    Pasted("the same", "s3cret\n", {"k8s-trim": "true"}, {"x": "s3cret"}),
    Pasted(
        "blanks and `⏎` at the end",
        "s3cret \r\n\r\n",
        {"k8s-trim": "true"},
        {"x": "s3cret "},
        shown="`x` = `s3cret` and the blank",
    ),
    Pasted(
        "a byte order mark before the text",
        "\ufeffs3cret",
        {},
        {"x": "\ufeffs3cret"},
        shown="`x`, with the mark",
    ),
    Pasted("a byte order mark before JSON", f"\ufeff{_JSON}", JSON, {"user": "shop"}),
    Pasted(
        "`ï»¿` before JSON, which `az … --file` makes of the mark",
        f"\xef\xbb\xbf{_JSON}",
        JSON,
        {"user": "shop"},
    ),
    Pasted("a byte order mark before dotenv", "\ufeffuser=shop", DOTENV, {"user": "shop"}),
    Pasted(
        "a byte order mark before a pair",
        "\ufeffshop:s3cret",
        BASIC,
        {"username": "shop", "password": "s3cret"},
    ),
    Pasted("a byte order mark before base64", f"\ufeff{b64('s3cret')}", BASE64, {"x": "s3cret"}),
    Pasted(
        "a byte order mark inside of base64",
        b64(f"\ufeff{_JSON}"),
        {**BASE64, **JSON},
        {"user": "shop"},
    ),
    Pasted(
        "text in UTF-16",
        "\xff\xfe" + "\0".join(_JSON) + "\0",
        JSON,
        reason=UNICODE,
        told="save it as UTF-8",
    ),
    Pasted(
        "text in UTF-16 inside of base64",
        b64(_JSON.encode("utf-16")),
        {**BASE64, **JSON},
        reason=UNICODE,
        told="save it as UTF-8",
    ),
    Pasted(
        "text in Windows-1252 inside of base64",
        b64('{"a": "\xfc"}'.encode("cp1252")),
        {**BASE64, **JSON},
        reason=UNICODE,
        told="text in another code page",
    ),
    Pasted(
        "base64 of a file, set with `az … --encoding base64`",
        b64("s3cret"),
        {"file-encoding": "base64"},
        {"x": b64("s3cret")},
        reason=Reason.FILE_ENCODING_IGNORED,
        told="add k8s-encoding base64",
    ),
    Pasted(
        "the same",
        b64("s3cret"),
        {"file-encoding": "base64", **BASE64},
        {"x": "s3cret"},
    ),
    Pasted(
        "JSON, set with `az … --encoding hex`",
        _JSON.encode().hex(),
        {"file-encoding": "hex", **JSON},
        reason=FORMAT,
        told="add the tag k8s-encoding hex",
    ),
)
OBJECTS = (
    Pasted(
        "`{USER:shop,PASSWORD:s3cret}`",
        "{USER:shop,PASSWORD:s3cret}",
        JSON,
        reason=FORMAT,
        told="use `az keyvault secret set --file`",
    ),
    Pasted(
        "`{USER:shop,PASSWORD:s3cret}`",
        "{USER:shop,PASSWORD:s3cret}",
        YAML,
        reason=FORMAT,
        told="use `az keyvault secret set --file`",
    ),
    Pasted(
        "`{db:{user:shop}}`",
        "{db:{user:shop}}",
        YAML,
        reason=FORMAT,
        told="use `az keyvault secret set --file`",
    ),
    Pasted("`{USER: shop}`", "{USER: shop}", YAML, {"USER": "shop"}),
    Pasted(
        '`{\\"USER\\":\\"shop\\"}`',
        '{\\"USER\\":\\"shop\\"}',
        JSON,
        reason=FORMAT,
        told="use `az keyvault secret set --file`",
    ),
    Pasted(
        "base64 of JSON",
        b64(_JSON),
        JSON,
        reason=FORMAT,
        told="name that by the tag k8s-encoding",
    ),
    Pasted(
        '`{"my key": 1}`',
        '{"my key": 1}',
        JSON,
        reason=Reason.KEY_INVALID,
        told="rename the member, or take that member alone by the tag k8s-path",
    ),
    Pasted(
        "the same",
        '{"my key": 1}',
        {**JSON, "k8s-path": "my key", "k8s-key": "KEY"},
        {"KEY": "1"},
    ),
    Pasted(
        '`{"..a": 1}`',
        '{"..a": 1}',
        JSON,
        reason=Reason.KEY_INVALID,
        told="put a prefix in front of the names by the tag k8s-key",
    ),
    Pasted("the same", '{"..a": 1}', {**JSON, "k8s-key": "P"}, {"P_..a": "1"}),
    Pasted(
        "`A=abc#c⏎B=abc #c`",
        "A=abc#c\nB=abc #c",
        DOTENV,
        {"A": "abc#c", "B": "abc"},
    ),
    Pasted(
        '`P="pa\\bss"`',
        'P="pa\\bss"',
        DOTENV,
        reason=FORMAT,
        told="use single quotes",
    ),
    Pasted("`P='pa\\bss'`", "P='pa\\bss'", DOTENV, {"P": "pa\\bss"}),
)
PAIRS = (
    Pasted("`shop:pa:ss`", "shop:pa:ss", BASIC, {"username": "shop", "password": "pa:ss"}),
    Pasted("`shop:{x}`", "shop:{x}", BASIC, {"username": "shop", "password": "{x}"}),
    Pasted('`shop:"x"`', 'shop:"x"', BASIC, {"username": "shop", "password": '"x"'}),
    Pasted('`"shop:s3cret"`', '"shop:s3cret"', BASIC, reason=TYPE, told="in quotation marks"),
    Pasted('`["shop:s3cret"]`', '["shop:s3cret"]', BASIC, reason=TYPE, told="looks like a list"),
    Pasted("`username: shop`", "username: shop", BASIC, reason=TYPE, told="looks like YAML"),
    Pasted(
        "`https://shop:s3cret@shop.example`",
        "https://shop:s3cret@shop.example",
        BASIC,
        reason=TYPE,
        told="looks like a URL",
    ),
    Pasted(
        "a tab or a line break in it",
        "shop:s3\tcret",
        BASIC,
        reason=TYPE,
        told="a control character in its password",
    ),
    Pasted(
        "base64 of a pair",
        b64("shop:s3cret"),
        BASIC,
        reason=TYPE,
        told="set its tag k8s-encoding to base64",
    ),
)
REGISTRIES = (
    Pasted(
        '`{"registry": "docker.io", …}`',
        '{"registry": "docker.io", "username": "pull", "password": "s3cret"}',
        DOCKER,
        {".dockerconfigjson": _login(HUB)},
        shown=f"the registry as `{HUB}`",
    ),
    Pasted(
        "blanks and `⏎` in that form",
        '{"registry": " shop.azurecr.io", "username": "pull ", "password": "s3cret\\n"}',
        DOCKER,
        {".dockerconfigjson": _login("shop.azurecr.io")},
        shown="without them",
    ),
    Pasted(
        '`{"auths": {"docker.io": …}}`',
        _login("docker.io"),
        DOCKER,
        {".dockerconfigjson": _login(HUB)},
        shown=f"the registry as `{HUB}`",
    ),
    Pasted(
        '`{"auths": {"": …}}`',
        _login(""),
        DOCKER,
        reason=TYPE,
        told="a registry in auths whose name is empty",
    ),
    Pasted(
        "what `az acr login` writes",
        _config("shop.azurecr.io", f'"auth":"{b64(_AZURE)}","identitytoken":"t"'),
        DOCKER,
        reason=TYPE,
        told="that the kubelet cannot use",
    ),
    Pasted(
        "the same",
        _config("shop.azurecr.io", f'"auth":"{b64(_AZURE)}","identitytoken":"t"'),
        DOCKER,
        {
            ".dockerconfigjson": _config(
                "shop.azurecr.io", f'"auth":"{b64(_AZURE)}","identitytoken":"t"'
            )
        },
        settings={"SYNC_REGISTRY_IDENTITY_TOKENS": "true"},
        shown="as it is",
    ),
    Pasted(
        "an `auth` without a password",
        _config("shop.azurecr.io", f'"auth":"{b64("pull:")}"'),
        DOCKER,
        reason=TYPE,
        told="it lacks the password",
    ),
    Pasted(
        "the config in base64",
        b64(_login("shop.azurecr.io")),
        DOCKER,
        reason=TYPE,
        told="name that by the tag k8s-encoding",
    ),
)
_WHOLE = {"ssh-privatekey": KEY}
SSH_KEYS = (
    Pasted(
        "a key with `\\n` for its line breaks",
        KEY.replace("\n", "\\n"),
        SSH,
        _WHOLE,
        shown="with line breaks",
    ),
    Pasted(
        "a key with the line breaks of Windows, blanks around its lines, or no `⏎` at its end",
        KEY.rstrip().replace("\n", " \r\n "),
        SSH,
        _WHOLE,
        shown="with line feeds, one at its end",
    ),
    Pasted(
        "a key whose line breaks became blanks",
        KEY.replace("\n", " "),
        SSH,
        reason=TYPE,
        told="has lost its line breaks",
    ),
    Pasted(
        "a public key",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 shop",
        SSH,
        reason=TYPE,
        told="is a public key",
    ),
    Pasted(
        "a certificate",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        SSH,
        reason=TYPE,
        told="is a certificate without a private key",
    ),
    Pasted(
        "a key of PuTTY",
        "PuTTY-User-Key-File-3: ssh-ed25519\n",
        SSH,
        reason=TYPE,
        told="puttygen KEY.ppk -O private-openssh",
    ),
    Pasted("two keys", KEY + KEY, SSH, reason=TYPE, told="holds 2 private keys"),
    Pasted("half a key", KEY[:50], SSH, reason=TYPE, told="without its END line"),
    Pasted("the key in base64", b64(KEY), SSH, reason=TYPE, told="add the tag k8s-encoding base64"),
)
PASTED = (*TEXTS, *OBJECTS, *PAIRS, *REGISTRIES, *SSH_KEYS)


def texts() -> str:
    """Return the table of texts in general."""
    return _table(TEXTS)


def objects() -> str:
    """Return the table of objects."""
    return _table(OBJECTS)


def pairs() -> str:
    """Return the table of users and passwords."""
    return _table(PAIRS)


def registries() -> str:
    """Return the table of log-ins to registries."""
    return _table(REGISTRIES)


def ssh_keys() -> str:
    """Return the table of keys for SSH."""
    return _table(SSH_KEYS)


def _table(rows: Sequence[Pasted]) -> str:
    lines = "".join(f"| {each.what} | {_asked(each)} | {_fate(each)} |\n" for each in rows)
    return f"| you paste | tags and settings | what arrives |\n|---|---|---|\n{lines}"


def _asked(row: Pasted) -> str:
    tags = [f"`{tag}: {word}`" for tag, word in row.tags.items()]
    return ", ".join([*tags, *(f"`{name}={word}`" for name, word in row.settings.items())])


def _fate(row: Pasted) -> str:
    why = f"[{row.reason}](outcomes.md#{row.reason.lower()}): {row.told}" if row.reason else ""
    if not row.data:
        return f"*refused*, {why}"
    keys = ", ".join(f"`{key}` = `{value}`" for key, value in row.data.items())
    return (row.shown or keys) + (f"; *warning*, {why}" if why else "")
