"""Reads a private key for SSH, mends what copying did to its lines, and says what else is wrong."""

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress

from sync.projection.mistakes import is_base64_of_text
from sync.projection.typed_values import Data, is_object, object_in, strings_in, unfit

PRIVATE_KEY = "ssh-privatekey"

_LINE_BREAK = re.compile(r"\r\n?|(?<!\\)\\++(?:r\\++n|[rn])")
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----")
_END = re.compile(r"-----END ([A-Z0-9 ]+)-----")
_KINDS = frozenset(
    f"{kind}PRIVATE KEY" for kind in ("", "OPENSSH ", "RSA ", "DSA ", "EC ", "ENCRYPTED ")
)
_HEADER = ": "
_HEADERS = re.compile(r"(?:[A-Za-z-]++: [ -~]++\n)++\n")
_BODY = re.compile(r"(?:[A-Za-z0-9+/]++={0,2}\n)++")
_PUBLIC = re.compile(r"(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ ")
_PUBLIC_PEM = re.compile(r"---- ?-?BEGIN (?:[A-Z0-9]+ )*PUBLIC KEY")
_BARE = "b3BlbnNzaC1rZXktdjEA"
"""The start of base64 of a key that OpenSSH wrote, which has lost the lines around it."""


def ssh_auth(subject: str, text: str) -> Data:
    """Return the key and what may come with it; raises Permanent."""
    fields = {PRIVATE_KEY: text}
    if is_object(text):
        known = (PRIVATE_KEY, "ssh-publickey", "known_hosts")
        fields = strings_in(subject, object_in(subject, text), *known)
        if PRIVATE_KEY not in fields:
            raise unfit(subject, f"has no {PRIVATE_KEY}")
    key = _mended(fields[PRIVATE_KEY])
    if fault := next(_faults(key), None):
        raise unfit(subject, fault)
    fields[PRIVATE_KEY] = key
    return {field: given.encode() for field, given in fields.items()}


def _mended(text: str) -> str:
    """Return a key with line feeds alone, no blanks around its lines, and one feed at its end.

    There is one empty line, behind the headers of an encrypted key.
    """
    lines = [line.strip() for line in _LINE_BREAK.sub("\n", text).split("\n")]
    kept: list[str] = []
    for line in filter(None, lines):
        if kept and _HEADER in kept[-1] and _HEADER not in line:
            kept.append("")
        kept.append(line)
    return "\n".join(kept) + "\n"


def _faults(key: str) -> Iterator[str]:
    """Yield why a text is not one whole private key."""
    begins, ends = _BEGIN.findall(key), _END.findall(key)
    kinds = [kind for kind in begins if kind.endswith("PRIVATE KEY")]
    if not kinds:
        yield from _likenesses(key, begins, ends)
    elif len(kinds) > 1:
        yield f"holds {len(kinds)} private keys, and needs one"
    elif kinds[0] not in _KINDS:
        yield "holds a private key of a kind that SSH does not read: write it anew as OpenSSH's"
    elif kinds[0] not in ends:
        yield "holds a private key without its END line: it is cut off"
    elif len(begins) > 1:
        yield "holds something else beside its private key, and needs the key alone"
    else:
        yield from _faults_of(key, kinds[0])


def _faults_of(key: str, kind: str) -> Iterator[str]:
    """Yield why a block of that kind is no key."""
    begin, end = f"-----BEGIN {kind}-----", f"-----END {kind}-----"
    before, _, rest = key.partition(begin)
    body, _, after = rest.partition(end)
    if before or after != "\n":
        yield "has text in front of its private key or behind it, and needs the key alone"
    if not body.startswith("\n") or not body.endswith("\n"):
        yield (
            "holds a private key that has lost its line breaks, which the portal turns into "
            "blanks: set it with `az keyvault secret set --file`, or in base64 with its tag "
            "k8s-encoding"
        )
    headers = _HEADERS.match(body, 1)
    inside = body[headers.end() if headers else 1 :]
    if not inside:
        yield "holds a private key with nothing between its BEGIN and its END line"
    if not _BODY.fullmatch(inside) or not _is_base64(inside):
        yield "holds a private key whose lines are not base64: it is damaged, or a part is missing"


def _likenesses(key: str, begins: list[str], ends: list[str]) -> Iterator[str]:
    """Yield what a text is instead of a private key."""
    if not key.strip():
        yield "is empty, and has to be a private key"
    if key.startswith("PuTTY-User-Key-File-"):
        yield (
            "is a key of PuTTY (.ppk), which SSH does not read: convert it by "
            "`puttygen KEY.ppk -O private-openssh -o KEY`"
        )
    if key.startswith("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY"):
        yield "is a key of ssh.com, which SSH does not read: convert it by `ssh-keygen -i -f KEY`"
    if _PUBLIC.match(key) or _PUBLIC_PEM.search(key):
        what = "certificate" if "-cert-v01@openssh.com " in key[:64] else "public key"
        yield f"is a {what}, and has to be a private key"
    if any(kind.endswith("CERTIFICATE") for kind in begins):
        yield "is a certificate without a private key, and has to be a private key"
    if any(kind.endswith("PRIVATE KEY") for kind in ends) or key.startswith(_BARE):
        yield "is a private key that has lost its BEGIN line"
    if is_base64_of_text(key):
        yield "looks like base64 of a private key: add the tag k8s-encoding base64"
    yield "is not one whole private key in PEM: it has no line -----BEGIN … PRIVATE KEY-----"


def _is_base64(lines: str) -> bool:
    with suppress(ValueError):
        b64decode(lines.replace("\n", ""), validate=True)
        return True
    return False
