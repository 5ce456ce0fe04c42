"""What should be known of a certificate that is written all the same."""

from collections.abc import Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import MD5, SHA1

from sync.core.outcomes import Notice
from sync.core.reasons import Reason
from sync.projection.chains import Chain
from sync.projection.held_certificates import Held
from sync.projection.key_algorithms import EC, ED448, ML_DSA, RSA_PSS, Algorithm

_NAMED = 5  # how many certificates a warning names
_LEAST_BITS, _LEAST_CURVE_BITS = 2048, 224
_OLD_HASHES = (MD5, SHA1)
_OF_GO = frozenset({"secp224r1", "secp256r1", "secp384r1", "secp521r1"})
_OF_JAVA = frozenset({"secp256r1", "secp384r1", "secp521r1"})
_CONTROLLERS = (
    "Ingress controllers and gateways that do not read it serve a certificate of their own instead"
)


def warnings_of(
    name: str,
    chain: Chain,
    served: Sequence[Held],
    authority: Held | None,
    damaged: Sequence[int],
) -> Iterator[Notice]:
    """Yield the warnings about a chain that is served with an authority or without.

    `damaged` are the numbers of what claims to be a certificate and is none.
    """
    for reason, text in (
        *_rarely_read(served),
        *_names(chain),
        *_incomplete(chain),
        *_left_out(chain, damaged),
        *_intermediate(chain, authority),
    ):
        yield Notice(reason, f"Certificate {name!r} {text}", name)


type _Warnings = Iterator[tuple[Reason, str]]
"""Each continues a sentence that begins with the certificate's name in the vault."""


def _rarely_read(served: Sequence[Held]) -> _Warnings:
    leaf = served[0]
    if leaf.key is not None:
        kind, readers = _unread(leaf.key.algorithm)
        if readers:
            text = (
                f"has a key that {readers} cannot read: {kind}. {_CONTROLLERS}: have it issued for "
                "an RSA key, or for one on P-256, P-384 or P-521."
            )
            yield Reason.CERTIFICATE_RARELY_READ, text
    weak = [each.subject.shown for each in served if _is_weak(each)]
    if weak:
        text = (
            f"has {_listed(weak)} in its chain, with an RSA key under {_LEAST_BITS:,} bits, a "
            f"curve under {_LEAST_CURVE_BITS} or a signature over SHA-1 or MD5, which OpenSSL "
            "refuses at security level 2, the default of most distributions: have it issued anew."
        )
        yield Reason.CERTIFICATE_RARELY_READ, text


def _unread(algorithm: Algorithm) -> tuple[str, str]:
    """Return a kind of key, and who cannot read it; empty if everybody can."""
    if algorithm.oid == RSA_PSS:
        return "RSASSA-PSS", "Go"
    if algorithm.oid == ED448:
        return "Ed448", "Go"
    if algorithm.oid in ML_DSA:
        return "ML-DSA", "OpenSSL before 3.5 and Go"
    if algorithm.oid != EC:
        return "", ""
    curve = algorithm.curve.name
    if algorithm.explicit:
        return f"the curve {curve} with explicit parameters", "Java and Go"
    who = [who for who, known in (("Go", _OF_GO), ("Java from 16 on", _OF_JAVA))
           if curve not in known]  # fmt: skip
    shown = "P-256K (secp256k1)" if curve == "secp256k1" else curve
    return f"the curve {shown}", " and ".join(who)


def _is_weak(held: Held) -> bool:
    key = held.key
    short = False
    if key is not None and isinstance(key.numbers, RSAPublicKey):
        short = key.numbers.key_size < _LEAST_BITS
    elif key is not None and key.algorithm.oid == EC:
        short = key.algorithm.curve.key_size < _LEAST_CURVE_BITS
    return short or (isinstance(held.digest, _OLD_HASHES) and not held.is_self_issued)


def _names(chain: Chain) -> _Warnings:
    differing = [
        f"{held.subject.shown} names {held.issuer.shown} as its issuer, whose own name is "
        f"{issuer.subject.shown}"
        for held, issuer in chain.differing
    ]
    if differing:
        text = (
            f"has names in its chain that are equal only in another spelling or type of string: "
            f"{_listed(differing)}. Programs in Go do not build such a chain: have the issuing "
            "authority write its own name as it is."
        )
        yield Reason.CHAIN_NAMES_DIFFER, text


def _incomplete(chain: Chain) -> _Warnings:
    roots = [each for each in chain.left_out if each.is_self_issued]
    if not chain.is_rooted and (len(chain.links) == 1 or roots):
        beside = ", though it has a root" if roots else ""
        text = (
            f"has no issuer of {chain.top.subject.shown}, which {chain.top.issuer.shown} "
            f"signed{beside}: clients that do not have that issuer refuse the chain. Add it."
        )
        yield Reason.CHAIN_INCOMPLETE, text


def _left_out(chain: Chain, damaged: Sequence[int]) -> _Warnings:
    others = [
        each.subject.shown + (f", which {each.fault}" if each.fault else "")
        for each in chain.left_out
    ]
    others += [f"no. {number}, which is damaged" for number in damaged]
    if others:
        text = (
            f"comes with certificates that are not in the chain of its key, and are left out: "
            f"{_listed(others)}. If one was meant, its key or its issuers are missing."
        )
        yield Reason.CERTIFICATE_LEFT_OUT, text


def _intermediate(chain: Chain, authority: Held | None) -> _Warnings:
    if authority is not None and not chain.is_rooted:
        text = (
            f"has no root, so its ca.crt is the intermediate {authority.subject.shown}: OpenSSL "
            "trusts it only as a partial chain. Add the root, or have the platform leave ca.crt "
            "out by SYNC_CHAIN_CA=root-only."
        )
        yield Reason.AUTHORITY_IS_INTERMEDIATE, text


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return "; ".join(texts[:_NAMED]) + (f"; and {more} more" if more > 0 else "")
