"""How Go spells values and errors: the API server's messages quote both."""

import json
import re

from local.kubernetes.documents import Json

VERSION_AND_KIND = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
    'Kind string "json:\\"kind,omitempty\\"" }'
)
_EXPECTED = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
}
_BYTES_SHOWN = 30
_ALPHABET = re.compile(rb"[A-Za-z0-9+/]")


def plain(value: Json) -> str:
    """Return the value as `%v` spells it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case dict():
            return "map[" + " ".join(f"{key}:{plain(value[key])}" for key in sorted(value)) + "]"
        case list():
            return "[" + " ".join(plain(item) for item in value) + "]"
        case _:
            return str(value)


def syntax(value: Json) -> str:
    """Return the value as `%#v` spells it."""
    match value:
        case None:
            return "interface {}(nil)"
        case dict():
            listed = ", ".join(f"{quoted(key)}:{syntax(value[key])}" for key in sorted(value))
            return f"map[string]interface {{}}{{{listed}}}"
        case list():
            return "[]interface {}{" + ", ".join(syntax(item) for item in value) + "}"
        case str():
            return quoted(value)
        case _:
            return plain(value)


def quoted(value: str) -> str:
    """Return the text as `%q` spells it, for all but rare characters."""
    return json.dumps(value, ensure_ascii=False)


def json_type(value: Json) -> str:
    """Return what encoding/json calls the value."""
    match value:
        case dict():
            return "object"
        case list():
            return "array"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case None:
            return "null"


def type_name(value: Json) -> str:
    """Return the value's type once it is decoded into an interface."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "slice"
        case _:
            return "map"


def json_error(body: bytes, error: ValueError) -> str:
    """Return what encoding/json says where Python's parser gave that error."""
    text = body.decode(errors="replace")
    if not isinstance(error, json.JSONDecodeError) or error.pos >= len(text.rstrip()):
        return "unexpected end of JSON input"
    if error.msg.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    character = text[error.pos]
    shown = "'\\''" if character == "'" else f"'{quoted(character)[1:-1]}'"
    where = _EXPECTED.get(error.msg)
    if where is None:
        inside = text[: error.pos].rstrip()
        where = "after array element" if _in_list(inside) else "after object key:value pair"
    return f"invalid character {shown} {where}"


def _in_list(text: str) -> bool:
    plain_text = re.sub(r'"(\\.|[^"\\])*"', "", text)
    while (smaller := re.sub(r"\{[^{}\[\]]*\}|\[[^{}\[\]]*\]", "", plain_text)) != plain_text:
        plain_text = smaller
    return plain_text.rfind("[") > plain_text.rfind("{")


def summary(body: bytes) -> str:
    """Return the start of a body as the server quotes it."""
    if not body:
        return "<empty>"
    more = " ..." if len(body) > _BYTES_SHOWN else ""
    start = body[:_BYTES_SHOWN]
    return (start.decode(errors="replace") if start[:1] == b"{" else start.hex()) + more


def base64_fault(value: str) -> int | None:
    """Return where encoding/base64 gives up, in bytes of the text; None where it does not."""
    source = value.encode()
    position = quantum = 0
    while position < len(source):
        byte = source[position : position + 1]
        position += 1
        if byte in {b"\r", b"\n"}:
            continue
        if _ALPHABET.fullmatch(byte):
            quantum = (quantum + 1) % 4
            continue
        if byte != b"=" or quantum < 2:  # noqa: PLR2004 - a quantum has two characters at least
            return position - 1
        return _padding_fault(source, position, quantum)
    return len(source) - quantum if quantum else None


def _padding_fault(source: bytes, position: int, quantum: int) -> int | None:
    rest = position
    while source[rest : rest + 1] in {b"\r", b"\n"}:
        rest += 1
    if quantum == 2:  # noqa: PLR2004 - two characters want two signs of padding
        if rest == len(source):
            return len(source)
        if source[rest : rest + 1] != b"=":
            return rest
        rest += 1
        while source[rest : rest + 1] in {b"\r", b"\n"}:
            rest += 1
    return rest if rest < len(source) else None
