"""Recognizes common mistakes in a value, so that its refusal can say how to mend it."""

import re
from base64 import b64decode
from contextlib import suppress

_QUOTES_LOST = (
    "it looks like JSON whose quotation marks a shell has taken off or changed, as PowerShell does "
    "with those of --value (use `az keyvault secret set --file`)"
)
_ENCODED = (
    "it looks like base64 of a text (add the tag k8s-encoding base64, or encode it only once)"
)
_JSON_WORDS = "true|false|null"
_BARE = rf"(?:\\+[\"']|(?!(?:{_JSON_WORDS})\b)[A-Za-z_$])"
_LOST_QUOTES = re.compile(
    rf"\s*+(?:'\s*+[{{\[]|\"?+\s*+(?:\[\s*+)*+(?:\{{\s*+|(?<=\[)\s*+){_BARE})"
)
_HEAD = 64
_WRITTEN = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:\{|\[|-----BEGIN |openssh-key-v1\x00|ssh-)")


def explained(fault: str, text: str) -> str:
    """Add to a fault of JSON or YAML what the text looks like, if that is known."""
    if _has_lost_quotes(text):
        return f"{fault}; {_QUOTES_LOST}"
    return f"{fault}; {_ENCODED}" if is_base64_of_text(text) else fault


def _has_lost_quotes(text: str) -> bool:
    """Return whether what is not read begins as JSON does that a shell has had in its hands."""
    return bool(_LOST_QUOTES.match(text))


def is_base64_of_text(text: str) -> bool:
    """Return whether a text is base64 of JSON, PEM or a public key for SSH, as far as its start."""
    head = "".join(text[: 2 * _HEAD].split())[:_HEAD]
    with suppress(ValueError):
        return bool(_WRITTEN.match(b64decode(head[: len(head) // 4 * 4], validate=True)))
    return False
