"""Why a certificate's secret is refused: each fault's reason and its sentence."""

from collections.abc import Mapping
from typing import NamedTuple

from sync.core.errors import Permanent
from sync.core.reasons import Reason
from sync.projection.ber import BITS, INTEGER, OCTETS, OID, SEQUENCE, element
from sync.projection.held_certificates import Held
from sync.projection.key_algorithms import RSA, RSA_PSS, PublicKey
from sync.projection.pem import BEGIN

PKCS12, PEM = "application/x-pkcs12", "application/x-pem-file"
MOST_CERTIFICATES = 32
_MAKE_ANEW = "export it anew with the usual number of them: openssl pkcs12 -export -iter 2048"
_KEY_STORES = (bytes.fromhex("feedfeed"), bytes.fromhex("cececece"))
_SIGNED = "1.2.840.113549.1.7.2"
_PKCS7 = "is PKCS#7, which holds no private key: export it as PKCS#12 with its key."
_SHAPES: Mapping[tuple[int, ...], str] = {
    (SEQUENCE, SEQUENCE, BITS): (
        "is one certificate without its private key: export both as PKCS#12."
    ),
    (INTEGER, SEQUENCE, OCTETS): (
        "is a private key without its certificate: export both as PKCS#12."
    ),
}
"""What a value is by the tags of its parts."""


class Fault(NamedTuple):
    """Why a bundle is refused; `text` continues a sentence that begins with its name."""

    reason: Reason
    text: str

    def of(self, name: str) -> Permanent:
        """Return the error for the secret of that name."""
        return Permanent(self.reason, f"Certificate {name!r} {self.text}")


ENCRYPTED = Fault(
    Reason.CERTIFICATE_ENCRYPTED,
    "is locked by a password, or damaged: import it as a certificate, which takes the password "
    "off, or set it without one.",
)
POSTPONED = Fault(
    Reason.CERTIFICATE_POSTPONED,
    "was not opened: the certificates of its vault ask for more rounds of key derivation than one "
    f"pass does. It is tried again within the hour. To have it at once, {_MAKE_ANEW}.",
)
CROWDED = Fault(
    Reason.CERTIFICATE_UNREADABLE,
    f"comes with more than {MOST_CERTIFICATES} certificates, or with too many that have the same "
    "name: import it with its own chain alone.",
)
KEYLESS = Fault(
    Reason.CERTIFICATE_KEY_MISSING,
    "comes without its private key: make a new version under a policy whose key is exportable.",
)
TRUST_STORE = Fault(
    Reason.CERTIFICATE_KEY_MISSING,
    "is a trust store: it has certificates of authorities only, and no private key. Remove its "
    "tags k8s-type and k8s-expand to sync it as it is. If one of them is to be served, make a new "
    "version under a policy whose key is exportable.",
)
AMBIGUOUS = Fault(
    Reason.CERTIFICATE_KEY_AMBIGUOUS,
    "holds several private keys: import it with its own alone.",
)
UNREADABLE = Fault(
    Reason.CERTIFICATE_UNREADABLE,
    "is neither a PEM bundle nor the base64 of a PKCS#12 one, or not what its content type "
    f"({PEM} or {PKCS12}) says: set it anew.",
)
_UTF_16 = Fault(
    Reason.CERTIFICATE_UNREADABLE,
    "is text in UTF-16, as PowerShell writes files: save it as UTF-8 and set it anew.",
)
KEY_DAMAGED = Fault(
    Reason.CERTIFICATE_UNREADABLE,
    "has a private key that is damaged, or in a format other than PKCS#8, PKCS#1 and SEC 1: write "
    "it anew with openssl pkey.",
)
_OPENSSH = Fault(
    Reason.CERTIFICATE_UNREADABLE,
    "has a private key in the format of OpenSSH, which TLS does not know: convert a copy with "
    "ssh-keygen -p -m PKCS8.",
)


def too_many_rounds(at_once: int, in_all: int) -> Fault:
    """Return the fault of a bundle that asks for more than these numbers of rounds."""
    return Fault(
        Reason.CERTIFICATE_UNREADABLE,
        f"asks for more than {at_once:,} rounds of key derivation at once, or {in_all:,} in all: "
        f"{_MAKE_ANEW}.",
    )


def key_odd(fault: str) -> Fault:
    """Return the fault of a private key that is not read."""
    return Fault(
        Reason.CERTIFICATE_UNREADABLE,
        f"has a private key that {fault}: have a certificate issued for an RSA key, or for one on "
        "the curve P-256, P-384 or P-521.",
    )


def key_block_damaged(label: str) -> Fault:
    """Return the fault of a block of PEM with a private key that is cut short or no base64."""
    return _OPENSSH if label.startswith("OPENSSH") else KEY_DAMAGED


def unknown_algorithm(use: str, oid: str, title: str) -> Fault:
    """Return the fault of a PKCS#12 bundle that is sealed by an algorithm that is not read."""
    known = f" ({title})" if title else ""
    return Fault(
        Reason.CERTIFICATE_UNREADABLE,
        f"is a PKCS#12 bundle {use} by the algorithm {oid}{known}, which is not "
        "read, perhaps with a password: export it anew without one, by openssl pkcs12 -export.",
    )


def needs_odd(odd: Held) -> Fault:
    """Return the fault of a chain with a certificate that is not read."""
    wrong = odd.fault or f"is signed by the algorithm {odd.signed_with}, which is not read"
    return Fault(
        Reason.CERTIFICATE_UNREADABLE,
        f"needs the certificate {odd.subject.shown}, which {wrong}: have that one issued anew, or "
        "leave it out if clients have it.",
    )


def damaged(place: int, held: Held | None) -> Fault:
    """Return the fault of a bundle that misses a certificate and has one that is damaged."""
    missing = (
        "the private key's own certificate"
        if held is None
        else f"the issuer of {held.subject.shown}"
    )
    return Fault(
        Reason.CERTIFICATE_UNREADABLE,
        f"has no certificate that can be read as {missing}, and its certificate no. {place} is "
        "damaged: set it anew, whole.",
    )


def mismatched(key: PublicKey, twins: list[Held]) -> Fault:
    """Return the fault of a key without certificate; `twins` have its numbers."""
    text = "holds no certificate that belongs to its private key: import the two that belong "
    if not twins or twins[0].key is None:
        return Fault(Reason.CERTIFICATE_MISMATCH, text + "together.")
    other = twins[0].key.algorithm
    kinds = {RSA: "rsaEncryption", RSA_PSS: "RSASSA-PSS"}
    ours, theirs = (kinds.get(each, each) for each in (key.algorithm.oid, other.oid))
    differ = f"{ours} and {theirs}" if ours != theirs else f"{ours} with other parameters"
    return Fault(
        Reason.CERTIFICATE_MISMATCH,
        f"{text}together. The key and the certificate {twins[0].subject.shown} have the same "
        f"numbers and different algorithms ({differ}), which no TLS library takes for a pair.",
    )


def unreadable(text: str, der: bytes | None) -> Fault:
    """Return the fault of a value that is no bundle; `der` is what its base64 encodes."""
    what = "" if der is None else _kind_of(der)
    if "\0" in text or text[:2] in {"\u00ff\u00fe", "\u00fe\u00ff"}:
        return _UTF_16
    return Fault(UNREADABLE.reason, what) if what else UNREADABLE


def _kind_of(der: bytes) -> str:
    """Say what a value is that was expected to be PKCS#12; empty if that is not known."""
    if BEGIN.encode() in der:
        return "is a PEM bundle in base64: tag it k8s-type tls and k8s-encoding base64."
    if der[:4] in _KEY_STORES:
        return (
            "is a Java key store, which is no PKCS#12: convert it by keytool -importkeystore "
            "-deststoretype PKCS12."
        )
    try:
        first, *rest = element(der).parts()
        kind = first.oid() if first.tag == OID else ""
    except ValueError:
        return ""
    shape = (first.tag, *(each.tag for each in rest[:2]))
    return _PKCS7 if kind == _SIGNED else _SHAPES.get(shape, "")
