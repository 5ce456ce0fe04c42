"""Texts and objects as people paste them."""

from sync.core.reasons import Reason
from tests.docs.pasted import Pasted, b64, table

_JSON = '{"user": "shop"}'
JSON = {"k8s-expand": "json"}
YAML = {"k8s-expand": "yaml"}
DOTENV = {"k8s-expand": "dotenv"}
BASIC = {"k8s-type": "basic-auth"}
BASE64 = {"k8s-encoding": "base64"}
FORMAT, UNICODE = Reason.VALUE_NOT_OF_FORMAT, Reason.VALUE_NOT_UNICODE

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
        told="add the tag k8s-encoding base64",
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


def texts() -> str:
    """Return the table of texts in general."""
    return table(TEXTS)


def objects() -> str:
    """Return the table of objects."""
    return table(OBJECTS)
