"""What the Azure CLI's tag `file-encoding` says of a value: it may be the base64 of a file."""

from collections.abc import Iterator, Mapping

from sync.core.errors import Permanent
from sync.core.outcomes import Notice
from sync.core.reasons import Reason
from sync.projection.placement import Placement
from sync.projection.tags import Encoding, Format, SecretType

TAG = "file-encoding"
"""`az keyvault secret set --file --encoding base64` sets it, and leaves the decoding to readers.

https://learn.microsoft.com/cli/azure/keyvault/secret#az-keyvault-secret-set
"""
_BINARY = {each.value: each for each in (Encoding.BASE64, Encoding.HEX)}
_OF_A_FORMAT = frozenset(
    {
        Reason.VALUE_NOT_OF_FORMAT,
        Reason.VALUE_NOT_OF_TYPE,
        Reason.VALUE_NOT_UNICODE,
        Reason.CERTIFICATE_UNREADABLE,
    }
)


def is_tag(tag: str) -> bool:
    """Return whether a tag is this one."""
    return tag.strip().lower() == TAG


def undone(placement: Placement, tags: Mapping[str, str]) -> Encoding | None:
    """Return the encoding that `file-encoding` names and no tag of ours undoes."""
    if placement.options.encoding is not None:
        return None
    words = (text.strip().lower() for tag, text in tags.items() if is_tag(tag))
    return next((_BINARY[word] for word in words if word in _BINARY), None)


def warnings(name: str, placement: Placement, encoding: Encoding) -> Iterator[Notice]:
    """Yield a warning for a value that is written as it is.

    Certificates are read in base64 without being asked, as Key Vault stores them.
    """
    if placement.type is SecretType.TLS or placement.options.expand is Format.CERTIFICATE:
        return
    yield Notice(
        Reason.FILE_ENCODING_IGNORED,
        f"Secret {name!r} has the tag {TAG} {encoding}, which says that az stored a file in "
        f"{encoding}, and no tag k8s-encoding: its value is written in {encoding}. To have the "
        f"file itself, add k8s-encoding {encoding}; if {encoding} is meant, remove {TAG}.",
        name,
    )


def mentioned(fault: Permanent, placement: Placement, encoding: Encoding) -> Permanent:
    """Return a refusal that mentions the tag, if the encoding may be why there is one."""
    if fault.reason not in _OF_A_FORMAT:
        return fault
    if placement.options.expand is Format.CERTIFICATE:
        remedy = "set PEM without --encoding, and PKCS#12 with --encoding base64"
    else:
        remedy = f"to have that undone, add the tag k8s-encoding {encoding}"
    return Permanent(
        fault.reason,
        f"{fault.message} Its tag {TAG} says that az stored the file in {encoding}: {remedy}.",
    )
