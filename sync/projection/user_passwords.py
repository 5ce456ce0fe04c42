"""Reads a user and a password, as `user:password` or as JSON, and refuses what only looks so."""

import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress

from sync.projection.typed_values import Data, is_object, object_in, strings_in, unfit

_PAIR = re.compile(r"([^:\r\n]*+):([^\r\n]*+)(?:\r?\n)?")
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u201e": "\u201c", "\xab": "\xbb"}
"""Opening quotation marks, each with the one that closes."""
_LIST = re.compile(r"\[\s*+[\"'{\[]|\[.*\]\Z", re.DOTALL)
_YAML = re.compile(r"(?:-|---|\?)\s|[^:\r\n]*+:(?:[^\S\r\n]|[\r\n]+\s*+\S)")
_UNQUOTED = re.compile(r"(?:username|user|login):[^,]*+,\s*+(?:password|pass|pwd):", re.IGNORECASE)
_JDBC = re.compile(r"jdbc:[a-z0-9]++:")
_CONNECTION = re.compile(r"[A-Za-z][A-Za-z ]*+=[^;\n]*+;[A-Za-z ]++=")
_SCHEMES = re.compile(
    r"https?|wss?|s?ftp|ftps|ssh|git(?:\+[a-z]+)?|svn|smb|nfs|file|ldaps?|smtps?|imaps?|tcp|udp|tls"
    r"|unix|oci|docker|s3|gs|abfss?|wasbs?|postgres(?:ql)?|mysql2?|mariadb|sqlserver|mssql|oracle"
    r"|db2|mongodb(?:\+srv)?|rediss?|amqps?|mqtts?|nats|kafka|cassandra|clickhouse|couchbase|neo4j"
    r"|bolt|sqlite|snowflake|vault",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"[A-Za-z0-9+.-]++\Z")
_PLACE = re.compile(
    r"//(?:[^/?#\s@]*+@|(?:localhost|[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++|\[[0-9A-Fa-f:]++\])"
    r"(?::[0-9]++)?(?:[/?#]|\Z))"
)


def basic_auth(subject: str, text: str) -> Data:
    """Return the two texts; raises Permanent."""
    if is_object(text):
        fields: Mapping[str, str] = strings_in(
            subject, object_in(subject, text), "username", "password"
        )
    else:
        fields = _pair(subject, text)
    if not any(fields.values()):
        raise unfit(subject, "has neither a username nor a password")
    for field, given in fields.items():
        if any(unicodedata.category(character) == "Cc" for character in given):
            raise unfit(
                subject, f"has a control character in its {field}, such as a tab or a line break"
            )
    return {field: given.encode() for field, given in fields.items()}


def _pair(subject: str, text: str) -> Mapping[str, str]:
    """Split at the first colon, unless the text looks like something else."""
    likeness = next(_likenesses(text.lstrip().rstrip("\r\n")), None)
    if likeness:
        raise unfit(
            subject,
            f"looks like {likeness}, not like user:password; what is meant as it stands can be "
            "written in JSON",
        )
    pair = _PAIR.fullmatch(text)
    if pair is None:
        raise unfit(subject, "is not user:password in one line")
    return {"username": pair[1], "password": pair[2]}


def _likenesses(text: str) -> Iterator[str]:
    """Yield what a text looks like that is no pair, although there may be a colon in it.

    A password may be anything, so this goes by the beginning of the text.
    """
    user, colon, rest = text.partition(":")
    if not colon and _is_base64_of_pair(text):
        yield "base64 of one (add the tag k8s-encoding base64)"
    if _LIST.match(text):
        yield "a list"
    closing = _QUOTES.get(text[:1])
    if closing and any(part[1:].rstrip().endswith(closing) for part in (text, user)):
        yield "a text in quotation marks"
    if _YAML.match(text):
        yield "YAML"
    if _UNQUOTED.match(text):
        yield "JSON that has lost its quotation marks"
    if _CONNECTION.match(text):
        yield "a connection string"
    if text.startswith("//") or _JDBC.match(text):
        yield "a URL"
    if rest.startswith("//") and _is_url(user, rest):
        yield "a URL"


def _is_url(user: str, rest: str) -> bool:
    """Return whether what stands around the first colon is a scheme and a place."""
    scheme = _SCHEME.search(user[-32:])
    if scheme is None:
        return False
    return bool(_SCHEMES.fullmatch(scheme[0]) or _PLACE.match(rest))


def _is_base64_of_pair(text: str) -> bool:
    with suppress(ValueError):
        return b":" in b64decode(text, validate=True) and b64decode(text).decode().isprintable()
    return False
