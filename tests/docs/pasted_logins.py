"""Log-ins and keys for SSH as people paste them."""

from sync.core.reasons import Reason
from tests.docs.pasted import Pasted, b64, table

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n"
_AZURE = "00000000-0000-0000-0000-000000000000:"


def _config(registry: str, entry: str) -> str:
    return f'{{"auths":{{"{registry}":{{{entry}}}}}}}'


def _login(registry: str) -> str:
    auth = b64("pull:s3cret")
    entry = f'"auth":"{auth}","password":"s3cret","username":"pull"'
    return _config(registry, entry)


BASIC = {"k8s-type": "basic-auth"}
DOCKER = {"k8s-type": "dockerconfigjson"}
SSH = {"k8s-type": "ssh-auth"}
TYPE = Reason.VALUE_NOT_OF_TYPE
HUB = "https://index.docker.io/v1/"

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
        told="add the tag k8s-encoding base64",
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
        told="add the tag k8s-encoding base64",
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


def pairs() -> str:
    """Return the table of users and passwords."""
    return table(PAIRS)


def registries() -> str:
    """Return the table of log-ins to registries."""
    return table(REGISTRIES)


def ssh_keys() -> str:
    """Return the table of keys for SSH."""
    return table(SSH_KEYS)
