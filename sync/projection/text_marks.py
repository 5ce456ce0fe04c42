"""Takes off what Windows leaves in a text, and tells what is UTF-16."""

_MARKS = ("\ufeff", "\u00ef\u00bb\u00bf")
"""A byte order mark, and its bytes in UTF-8 as Windows-1252 reads them."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
MEND_UTF16 = (
    "has NUL characters, as UTF-16 text has, or the byte order mark of UTF-16: save it as UTF-8 "
    "and set a new version of it with `az keyvault secret set --file`"
)
"""Continues a sentence that begins with the secret's name."""


def without_mark(text: str) -> str:
    """Return a text without the byte order mark at its start, if there is one."""
    for mark in _MARKS:
        if text.startswith(mark):
            return text[len(mark) :]
    return text


def is_utf16(value: bytes) -> bool:
    """Return whether bytes that should be UTF-8 text are UTF-16 text instead.

    Text without a NUL is not, unless it begins with a mark of UTF-16; binary data with a few NULs
    is not either.
    """
    if value.startswith(_UTF16):
        return True
    nuls = value.count(0)
    if not nuls:
        return False
    return _is_utf8(value) or nuls >= len(value) // 4


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
