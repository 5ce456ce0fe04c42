"""Certificates' backing secrets, read."""

import shutil
import subprocess
import traceback
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise, permutations, product
from math import gcd
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.budget import CHEAP_ROUNDS, ParseBudget
from sync.projection.certificates import Bundle, read_bundle
from tests.kit.chains import (
    PEM,
    PKCS12,
    Chain,
    Key,
    bare_pfx,
    certify,
    chain_of,
    key_of,
    key_pem,
    oid,
    pem,
    pem_block,
    pfx,
    sequence,
    signed_with_sha1,
    text_of,
    tlv,
    with_mac_password,
)

KINDS = ("RSA-2048", "P-256")
QUICK_KINDS = ("RSA-1024", "P-256")
"""They are made anew for each run: 0.1 s and more for 2,048 bits."""
LENGTHS = (1, 2, 3, 4, 5)
ENOUGH = timedelta(seconds=2)
EC_KEY = bytes.fromhex("2a8648ce3d0201")
"""The object identifier of an elliptic curve's key."""

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="compares with the openssl command"
)
warned_of_odd_input = pytest.mark.filterwarnings("ignore::UserWarning")


def read(text: str, content_type: str = "", *, keep_root: bool = True) -> Bundle:
    """Read it under some name."""
    return read_bundle("shop-tls", text, content_type, ParseBudget(), keep_root=keep_root)


def outcome(text: str, content_type: str = "") -> Bundle | Permanent:
    """Read it; a refusal names the certificate and drags no other error along."""
    try:
        return read(text, content_type)
    except Permanent as refused:
        error = refused
    assert "'shop-tls'" in error.message
    assert error.__context__ is None
    assert error.__cause__ is None
    return error


def reason_of(error: Permanent, text: str) -> str:
    """Return the refusal's reason; nothing that is said of it is of the text."""
    said = error.reason + "".join(traceback.format_exception(error))
    lines = text.replace("\\n", "\n").split()
    pieces = (line[at : at + 16] for line in lines for at in range(0, len(line) - 15, 8))
    assert not any(piece in said for piece in pieces)
    return error.reason


def refusal(text: str, content_type: str = "") -> str:
    """Return the reason for which it is refused."""
    error = outcome(text, content_type)
    assert isinstance(error, Permanent)
    return reason_of(error, text)


def pem_bundle(key: Key, certificates: Sequence[x509.Certificate], at: int = 0) -> str:
    """Write a PEM bundle with its key at that place."""
    return pem(*certificates[:at]) + key_pem(key) + pem(*certificates[at:])


def served(bundle: Bundle) -> list[x509.Certificate]:
    """Return the certificates that a bundle serves."""
    return x509.load_pem_x509_certificates(bundle.certificate)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", QUICK_KINDS)
def test_a_pem_bundle_is_read_alike_in_every_order(kind: str, length: int) -> None:
    """Leaf first, each signed by the next, wherever the bundle has them and its key."""
    chain = chain_of(kind, length)
    for number, order in enumerate(permutations(chain.certificates)):
        bundle = read(pem_bundle(chain.key, order, number % (length + 1)), PEM)
        assert replace(bundle, warnings=()) == Bundle(
            certificate=pem(*chain.certificates).encode(),
            key=key_pem(chain.key).encode(),
            authority=pem(chain.certificates[-1]).encode(),
        )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_both_formats_hold_the_same(kind: str, length: int) -> None:
    """PKCS#12 gives what PEM gives, with and without ids and a MAC, in whatever order."""
    chain = chain_of(kind, length)
    leaf, *rest = chain.certificates
    expected = read(pem_bundle(chain.key, chain.certificates), PEM)
    for order in (rest, rest[::-1], rest[1:] + rest[:1]):
        assert read(text_of(pfx(chain.key, [leaf, *order])), PKCS12) == expected
        assert read(text_of(bare_pfx([chain.key], [*order, leaf])), PKCS12) == expected


@pytest.mark.parametrize("length", LENGTHS)
def test_the_root_is_kept_or_dropped(length: int) -> None:
    """Without the root the chain ends below it, and it is the authority all the same."""
    chain = chain_of("P-256", length)
    text = pem_bundle(chain.key, chain.certificates[::-1])
    kept, dropped = read(text, keep_root=True), read(text, keep_root=False)
    assert served(kept) == [*chain.certificates]
    assert served(dropped) == [*chain.certificates[: max(1, length - 1)]]
    assert kept.authority == dropped.authority == pem(chain.certificates[-1]).encode()


@pytest.mark.parametrize("keep_root", [True, False])
def test_a_bundle_without_root_ends_at_its_topmost_issuer(*, keep_root: bool) -> None:
    """The topmost issuer is served and is the authority; a leaf alone has none."""
    chain = chain_of("P-256", 4)
    leaf, first, second, _ = chain.certificates
    bundle = read(pem_bundle(chain.key, (second, leaf, first)), keep_root=keep_root)
    assert served(bundle) == [leaf, first, second]
    assert bundle.authority == pem(second).encode()
    alone = read(pem_bundle(chain.key, [leaf]), keep_root=keep_root)
    assert served(alone) == [leaf]
    assert alone.authority is None


@pytest.mark.parametrize(
    "kind", ["RSA-2048", "RSA-3072", "P-256", "P-384", "P-521", "P-256K", "Ed25519"]
)
def test_every_type_of_key_is_read(kind: str) -> None:
    """The key comes out as PKCS#8, whichever form and format it came in."""
    chain = chain_of(kind, 2)
    forms = [PrivateFormat.PKCS8]
    forms += [] if kind == "Ed25519" else [PrivateFormat.TraditionalOpenSSL]
    bundles = [key_pem(chain.key, form) + pem(*chain.certificates) for form in forms]
    for text in (*bundles, text_of(bare_pfx([chain.key], chain.certificates))):
        bundle = read(text)
        assert bundle.key == key_pem(chain.key).encode()
        assert served(bundle) == [*chain.certificates]


def test_the_content_may_tell_its_format() -> None:
    """Where the content type is missing or another, the content is looked at."""
    chain = chain_of("P-256", 2)
    bundle = read(pem_bundle(chain.key, chain.certificates))
    for content_type in ("", "text/plain"):
        assert read(pem_bundle(chain.key, chain.certificates), content_type) == bundle
        assert read(text_of(pfx(chain.key, chain.certificates)), content_type) == bundle


def test_pem_survives_what_is_done_to_its_lines() -> None:
    """CRLF, literal backslash-n, lines joined by blanks, indents and remarks do no harm."""
    chain = chain_of("P-256", 3)
    text = pem_bundle(chain.key, chain.certificates[::-1], at=1)
    expected = read(text)
    assert [
        read(odd, PEM) == expected
        for odd in (
            text.replace("\n", "\r\n"),
            text.replace("\n", "\\n"),
            text.replace("\n", " "),
            text.replace("\n", "\n  "),
            text.replace("CERTIFICATE", "X509 CERTIFICATE"),
            f"\ufeff Bag Attributes\n localKeyID: 01\n{text} \n\n subject=CN = Zoë\n",
            "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + text,
        )
    ] == [True] * 7


def test_base64_may_be_folded() -> None:
    """Line breaks and blanks in the base64 of a PKCS#12 bundle do no harm."""
    chain = chain_of("P-256", 2)
    text = text_of(pfx(chain.key, chain.certificates))
    folded = " \r\n".join(text[at : at + 64] for at in range(0, len(text), 64)) + "\n"
    assert read(folded, PKCS12) == read(text, PKCS12)


@pytest.mark.parametrize("password", [b"", b"\0\0"], ids=["no password", "empty password"])
def test_no_password_and_the_empty_one_open(password: bytes) -> None:
    """PKCS#12 tells a missing password from an empty one; both read."""
    chain = chain_of("P-256", 2)
    sealed = with_mac_password(pfx(chain.key, chain.certificates), password)
    assert served(read(text_of(sealed), PKCS12)) == [*chain.certificates]


@warned_of_odd_input
def test_ber_is_read() -> None:
    """A PKCS#12 bundle of indefinite length, as some Java libraries write it, reads."""
    chain = chain_of("P-256", 3)
    bundle = pfx(chain.key, chain.certificates)
    assert bundle[:2] == b"\x30\x82"
    ber = b"\x30\x80" + bundle[4:] + b"\0\0"
    assert served(read(text_of(ber), PKCS12)) == [*chain.certificates]


def test_an_expired_certificate_is_served() -> None:
    """Whether a certificate is still good is not for the sync to say."""
    key, above = key_of("P-256"), key_of("P-256", 1)
    root = certify("root", above, "root", above, since=2000, until=2002)
    leaf = certify("leaf", key, "root", above, since=2000, until=2001)
    assert served(read(pem_bundle(key, [root, leaf]))) == [leaf, root]


def test_strangers_and_doubles_are_dropped() -> None:
    """Only the leaf's chain is served, each certificate once, and an issuer's name is no proof."""
    chain = chain_of("P-256", 3)
    stranger = key_of("P-256", 7)
    impostor = certify("link 1", stranger, "link 1", stranger)
    strangers = [impostor, *chain_of("RSA-2048", 2).certificates]
    doubled = pem_bundle(chain.key, [*strangers, *chain.certificates, *chain.certificates[::-1]])
    der = chain.certificates[1].public_bytes(Encoding.DER)
    unheard_of = pem_block("CERTIFICATE", der.replace(EC_KEY, EC_KEY[:-1] + b"\x7f"))
    assert served(read(unheard_of + doubled)) == [*chain.certificates]


def test_the_leaf_that_was_issued_last_is_served() -> None:
    """Of certificates for one key the longest valid is the leaf, but a self-signed only alone."""
    key, above = key_of("P-256"), key_of("P-256", 1)
    issued = [certify("leaf", key, "ca", above, until=year) for year in range(2080, 2090)]
    draft = certify("leaf", key, "leaf", key, until=2095)
    for order in ([*issued, draft], [draft, *issued[::-1]]):
        assert served(read(pem_bundle(key, order))) == issued[-1:]


@pytest.mark.parametrize("until", [2050, 2070])
def test_a_cross_signed_issuer_leads_to_a_root(until: int) -> None:
    """Of two certificates of one issuer, that which leads to a root; if both, the longer valid."""
    key, middle, new, old = (key_of("P-256", number) for number in range(4))
    leaf = certify("leaf", key, "middle", middle)
    by_new = certify("middle", middle, "new", new, until=2060)
    by_old = certify("middle", middle, "old", old, until=until)
    new_root, old_root = certify("new", new, "new", new), certify("old", old, "old", old)
    longer, its_root = (by_old, old_root) if until > 2060 else (by_new, new_root)
    for issuers, expected in (
        ([by_new, by_old, new_root], [by_new, new_root]),
        ([by_new, by_old, old_root], [by_old, old_root]),
        ([by_new, by_old], [longer]),
        ([by_new, by_old, new_root, old_root], [longer, its_root]),
    ):
        for order in permutations([leaf, *issuers]):
            assert served(read(pem_bundle(key, order))) == [leaf, *expected]


@pytest.mark.parametrize("until", [2050, 2070])
def test_a_cross_signed_root_ends_the_chain_or_leads_on(until: int) -> None:
    """A root is the end, and the longer valid of it and its cross-signed twin is taken."""
    key, new, old = (key_of("P-256", number) for number in range(3))
    leaf = certify("leaf", key, "new", new)
    new_root, old_root = (
        certify("new", new, "new", new, until=2060),
        certify("old", old, "old", old),
    )
    crossed = certify("new", new, "old", old, until=until)
    for issuers, expected in (
        ([crossed, new_root], [new_root]),
        ([crossed, old_root], [crossed, old_root]),
        ([crossed, new_root, old_root], [crossed, old_root] if until > 2060 else [new_root]),
    ):
        for order in permutations([leaf, *issuers]):
            assert served(read(pem_bundle(key, order))) == [leaf, *expected]


def test_a_root_signed_with_sha1_is_a_root() -> None:
    """Old roots and their issue are told by their signatures like any other."""
    chain = chain_of("RSA-2048", 3)
    leaf, middle, root = chain.certificates
    above, other = key_of("RSA-2048", 2), key_of("RSA-2048", 3)
    old_middle, old_root = signed_with_sha1(middle, above), signed_with_sha1(root, above)
    strangers = [
        signed_with_sha1(certify(name, key, name, key, until=2200), key)
        for name, key in (("link 2", other), ("another", above))
    ]
    bundle = read(pem_bundle(chain.key, [*strangers, old_root, old_middle, leaf]), keep_root=False)
    assert served(bundle) == [leaf, old_middle]
    assert bundle.authority == pem(old_root).encode()


def test_issuers_that_sign_each_other_are_no_loop() -> None:
    """Each certificate is in the chain once, and a root beside the loop is found."""
    key, one, two, top = (key_of("P-256", number) for number in range(4))
    leaf = certify("leaf", key, "one", one)
    loop = [certify("one", one, "two", two), certify("two", two, "one", one)]
    assert served(read(pem_bundle(key, [*loop, leaf]))) == [leaf, *loop]
    way_out = certify("two", two, "top", top, until=2030)
    root = certify("top", top, "top", top)
    for order in permutations([leaf, *loop, way_out, root]):
        assert served(read(pem_bundle(key, order))) == [leaf, loop[0], way_out, root]


def test_issuers_that_fit_alike_are_chosen_alike() -> None:
    """Two issuers that differ in nothing but their serial are told apart the same way each time."""
    key, above = key_of("P-256"), key_of("P-256", 1)
    leaf = certify("leaf", key, "root", above)
    twins = [certify("root", above, "root", above) for _ in range(8)]
    chosen = max(twins, key=lambda twin: twin.fingerprint(SHA256()))
    for order in ([leaf, *twins], [*twins[::-1], leaf]):
        assert served(read(pem_bundle(key, order))) == [leaf, chosen]


def test_a_bundle_that_is_locked_is_refused() -> None:
    """A password that nobody gave us is named as the fault, in both formats and both PEM forms."""
    chain = chain_of("P-256", 2)
    leaf, root = chain.certificates
    lock = BestAvailableEncryption(b"a password")
    locked = serialize_key_and_certificates(None, chain.key, leaf, [root], lock)
    assert refusal(text_of(locked), PKCS12) == "CertificateEncrypted"
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        key = chain.key.private_bytes(Encoding.PEM, form, lock).decode()
        assert refusal(key + pem(leaf), PEM) == "CertificateEncrypted"


def test_a_bundle_without_key_is_refused() -> None:
    """A certificate whose policy forbids the export of its key comes without it."""
    chain = chain_of("P-256", 2)
    assert refusal(pem(*chain.certificates), PEM) == "CertificateKeyMissing"
    assert refusal(text_of(pfx(None, chain.certificates)), PKCS12) == "CertificateKeyMissing"


def test_a_key_without_its_certificate_is_refused() -> None:
    """A certificate is served only beside its own key."""
    key, chain = key_of("P-256", 9), chain_of("P-256", 2)
    for certificates in ((), chain.certificates, chain_of("RSA-2048", 1).certificates):
        assert refusal(pem_bundle(key, certificates), PEM) == "CertificateMismatch"
        assert refusal(text_of(bare_pfx([key], certificates))) == "CertificateMismatch"


def test_several_keys_are_refused() -> None:
    """Which of two keys was meant is not guessed; the same key twice is one."""
    chain, other = chain_of("P-256", 2), key_of("P-256", 9)
    bundle = pem_bundle(chain.key, chain.certificates)
    assert refusal(bundle + key_pem(other), PEM) == "CertificateKeyAmbiguous"
    for keys in permutations([chain.key, other]):
        bare = text_of(bare_pfx(keys, chain.certificates))
        assert refusal(bare, PKCS12) == "CertificateKeyAmbiguous"
    assert read(bundle + key_pem(chain.key)) == read(bundle)


def test_what_cannot_be_read_is_refused() -> None:
    """Text that is no bundle, is cut short or is not of its content type is refused by name."""
    chain = chain_of("P-256", 2)
    bundle = pem_bundle(chain.key, chain.certificates)
    packed = text_of(pfx(chain.key, chain.certificates))
    for text, content_type in (
        ("", ""),
        ("", PEM),
        ("", PKCS12),
        ("hunter2-hunter2-hunter2", ""),
        ("\ud800", ""),
        ("Zoë", PKCS12),
        (bundle[:-40], PEM),
        (bundle.replace("MI", "\ud800", 1), PEM),
        (bundle.replace("MI", "IM"), PEM),
        (packed[:-40], PKCS12),
        (packed[1:], PKCS12),
        (bundle, PKCS12),
        (packed, PEM),
        (text_of(chain.certificates[0].public_bytes(Encoding.DER)), PKCS12),
    ):
        assert refusal(text, content_type) == "CertificateUnreadable"


def test_what_the_library_does_not_know_is_refused() -> None:
    """Keys and certificates that no key vault makes are refused by name, like damaged ones."""
    chain = chain_of("P-256", 2)
    leaf = chain.certificates[0]
    der = leaf.public_bytes(Encoding.DER)
    version_6 = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)
    unheard_of, short = (
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()).replace(old, new)
        for key, old, new in (
            (chain.key, EC_KEY, EC_KEY[:-1] + b"\x7f"),
            (key_of("Ed25519"), b"\x2b\x65\x70", b"\x2b\x65\x71"),
        )
    )
    for text in (
        key_pem(chain.key) + pem_block("CERTIFICATE", version_6),
        pem_block("PRIVATE KEY", unheard_of) + pem(leaf),
        pem_block("PRIVATE KEY", short) + pem(leaf),
        text_of(bare_pfx([X25519PrivateKey.generate()], [leaf])),
    ):
        assert refusal(text) == "CertificateUnreadable"


def private_key(algorithm: bytes, numbers: bytes) -> str:
    """Write a private key of whatever kind."""
    return pem_block("PRIVATE KEY", sequence(tlv(2, b"\0"), algorithm, tlv(4, numbers)))


def number(value: int) -> bytes:
    """Write a number."""
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1))


def test_a_diffie_hellman_key_is_refused_unseen() -> None:
    """The library checks that its number is prime, for a minute; no certificate has such a key."""
    leaf = chain_of("P-256", 1).certificates[0]
    for kind, more in (("2a864886f70d010301", ()), ("2a8648ce3e0201", (number(3),))):
        group = sequence(number(2**9_689 - 1), number(3), *more)
        key = private_key(sequence(oid(kind), group), number(5))
        assert refusal(key + pem(leaf)) == "CertificateUnreadable"


RSA = sequence(oid("2a864886f70d010101"), b"\5\0")


def rsa_key(*numbers: int) -> str:
    """Write an RSA key: n, e, d, p, q and the three that follow from them."""
    return private_key(RSA, sequence(number(0), *map(number, numbers)))


def test_an_rsa_key_is_read_if_its_numbers_fit() -> None:
    """A number that does not fit refuses the key, whatever it is, and no prime is looked for."""
    chain = chain_of("RSA-2048", 1)
    assert isinstance(chain.key, RSAPrivateKey)
    held = chain.key.private_numbers()
    good = [
        held.public_numbers.n, held.public_numbers.e,
        held.d, held.p, held.q, held.dmp1, held.dmq1, held.iqmp,
    ]  # fmt: skip
    assert served(read(rsa_key(*good) + pem(*chain.certificates))) == [*chain.certificates]
    for at, wrong in product(range(8), (0, 1, 2, 2**20_000 - 1)):
        bad = rsa_key(*good[:at], wrong, *good[at + 1 :])
        assert refusal(bad + pem(*chain.certificates)) == "CertificateUnreadable"


def test_a_huge_rsa_key_is_refused() -> None:
    """Over 16,384 bits no TLS library takes it; a minute's search for primes is not begun."""
    p, q, e = 2**11_213 - 1, 2**9_941 - 1, 65_537  # Mersenne's
    d = pow(e, -1, (p - 1) * (q - 1))
    key = rsa_key(p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    leaf = chain_of("P-256", 1).certificates[0]
    assert refusal(key + pem(leaf)) == "CertificateUnreadable"


def test_a_crowd_of_certificates_is_refused() -> None:
    """The work for one bundle is bounded by the number of its certificates."""
    chain = chain_of("P-256", 2)
    crowd = [*chain.certificates, *[chain.certificates[1]] * 30]
    assert served(read(pem_bundle(chain.key, crowd))) == [*chain.certificates]
    crowd.append(chain.certificates[1])
    assert refusal(pem_bundle(chain.key, crowd)) == "CertificateUnreadable"


@pytest.mark.parametrize(("length", "is_read"), [(6, True), (7, False)])
def test_certificates_of_one_name_are_not_compared_without_end(
    length: int, *, is_read: bool
) -> None:
    """Each may have issued each: a check of a signature takes up to 1.3 ms, 1,024 take a second."""
    keys = [key_of("P-256", number) for number in range(length)]
    chain = [certify("one", key, "one", by) for key, by in pairwise([*keys, keys[-1]])]
    text = pem_bundle(keys[0], chain)
    if is_read:
        assert served(read(text)) == chain
    else:
        assert refusal(text) == "CertificateUnreadable"


def with_exponent(e: int) -> RSAPrivateKey:
    """Make an RSA key whose public exponent is given."""
    held = key_of("RSA-2048")
    assert isinstance(held, RSAPrivateKey)
    p, q = held.private_numbers().p, held.private_numbers().q
    while gcd(e, (p - 1) * (q - 1)) > 1:
        e += 2
    d = pow(e, -1, (p - 1) * (q - 1))
    others = (d % (p - 1), d % (q - 1), pow(q, -1, p))
    numbers = RSAPrivateNumbers(p, q, d, *others, RSAPublicNumbers(e, p * q))
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def test_an_rsa_key_with_a_long_exponent_is_none() -> None:
    """To check its signatures takes 10 ms each; neither is it read nor what it has issued."""
    key = key_of("P-256")
    for each, is_one in ((with_exponent(2**63 + 1), True), (with_exponent(2**1000 + 1), False)):
        own = certify("root", each, "root", each)
        found = outcome(pem_bundle(each, [own]))
        assert isinstance(found, Bundle) or reason_of(found, "") == "CertificateUnreadable"
        assert isinstance(found, Bundle) is is_one
        text = pem_bundle(key, [certify("leaf", key, "root", each), own])
        below = outcome(text)
        assert isinstance(below, Bundle) is is_one
        assert isinstance(below, Bundle) or "'CN=root'" in below.message


def test_a_bundle_does_not_show_its_key() -> None:
    """A bundle in a log or a failed assertion shows no key."""
    chain = chain_of("P-256", 1)
    shown = repr(read(pem_bundle(chain.key, chain.certificates)))
    assert "PRIVATE" not in shown
    assert key_pem(chain.key).splitlines()[1] not in shown


CONTENT_TYPES = st.sampled_from([PEM, PKCS12, ""])


@settings(deadline=ENOUGH)
@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(text_of)
    | st.builds("-----BEGIN {0}-----{1}-----END {0}-----".format, st.text(), st.text()),
    CONTENT_TYPES,
)
def test_any_text_is_refused_by_name(text: str, content_type: str) -> None:
    """Whatever somebody stored, it is refused, and no other error comes out."""
    assert isinstance(outcome(text, content_type), Permanent)


def mutated(data: bytes, changes: Sequence[tuple[int, int, int]]) -> bytes:
    """Replace, insert or remove bytes here and there."""
    for at, how, byte in changes:
        start = at % (len(data) + 1)
        data = data[:start] + (b"" if how == 0 else bytes([byte])) + data[start + (how < 2) :]
    return data


@warned_of_odd_input
@settings(deadline=ENOUGH, max_examples=500)
@given(
    st.sampled_from(["P-256", "P-521", "P-256K", "Ed25519"]),
    st.sampled_from(["pem", "bare", "sealed", "parts"]),
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 2), st.integers(0, 255)),
        min_size=1,
        max_size=4,
    ),
)
def test_a_damaged_bundle_is_read_or_refused(
    kind: str, form: str, changes: list[tuple[int, int, int]]
) -> None:
    """A bundle with a few bytes changed is a true pair of key and certificate, or refused."""
    chain = chain_of(kind, 2)
    if form == "pem":
        text = mutated(pem_bundle(chain.key, chain.certificates).encode(), changes).decode("latin1")
    elif form == "bare":
        text = text_of(mutated(bare_pfx([chain.key], chain.certificates), changes))
    elif form == "sealed":
        text = text_of(mutated(pfx(chain.key, chain.certificates), changes))
    else:
        der = mutated(b64decode("".join(pem(*chain.certificates[:1]).splitlines()[1:-1])), changes)
        text = pem_bundle(chain.key, chain.certificates[1:]) + pem_block("CERTIFICATE", der)
    found = outcome(text)
    if isinstance(found, Bundle):
        key = load_pem_private_key(found.key, None)
        assert served(found)[0].public_key() == key.public_key()
    else:
        assert reason_of(found, text).startswith("Certificate")


def openssl(*arguments: str | Path) -> str:
    """Run the openssl command and return what it prints."""
    program = shutil.which("openssl")
    assert program is not None
    done = subprocess.run(  # noqa: S603 - the arguments are this module's own
        [program, *arguments], capture_output=True, text=True, check=False
    )
    if "-legacy" in arguments and done.returncode:
        pytest.skip("this openssl has no legacy provider")
    assert done.returncode == 0, done.stderr
    return done.stdout


def exported(chain: Chain, folder: Path, *options: str) -> str:
    """Make openssl write a PKCS#12 without a password."""
    source, made = folder / "in.pem", folder / "made.pfx"
    source.write_text(pem_bundle(chain.key, (chain.certificates[0], *chain.certificates[:0:-1])))
    openssl("pkcs12", "-export", "-in", source, "-out", made, "-passout", "pass:", *options)
    return text_of(made.read_bytes())


@needs_openssl
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_openssl_verifies_the_chain(kind: str, length: int, tmp_path: Path) -> None:
    """What is served leads from the leaf to ca.crt, and the key is the leaf's."""
    chain = chain_of(kind, length)
    bundle = read(pem_bundle(chain.key, chain.certificates[::-1]), keep_root=False)
    assert bundle.authority is not None
    paths = {name: tmp_path / name for name in ("tls.crt", "tls.key", "ca.crt")}
    for path, content in zip(
        paths.values(), (bundle.certificate, bundle.key, bundle.authority), strict=True
    ):
        path.write_bytes(content)
    leaf = paths["tls.crt"]
    openssl("verify", "-no-CApath", "-CAfile", paths["ca.crt"], "-untrusted", leaf, leaf)
    assert openssl("pkey", "-in", paths["tls.key"], "-pubout") == openssl(
        "x509", "-in", leaf, "-noout", "-pubkey"
    )


@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-legacy"],
        ["-keypbe", "NONE", "-certpbe", "NONE"],
        ["-keypbe", "NONE", "-certpbe", "NONE", "-nomac"],
        ["-nomac"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("kind", KINDS)
def test_bundles_of_openssl_are_read(kind: str, options: list[str], tmp_path: Path) -> None:
    """Ours and theirs agree on PKCS#12 of every make, and on the PEM they turn it into."""
    chain = chain_of(kind, 4)
    expected = read(pem_bundle(chain.key, chain.certificates), PEM)
    assert read(exported(chain, tmp_path, *options), PKCS12) == expected
    legacy = [option for option in options if option == "-legacy"]
    made = tmp_path / "made.pfx"
    unpacked = openssl("pkcs12", "-in", made, "-nodes", "-passin", "pass:", *legacy)
    assert read(unpacked, PEM) == expected


@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-legacy"],
        ["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
        ["-iter", "10000"],
    ],
    ids=["OpenSSL", "OpenSSL of old", "Windows", "Java"],
)
def test_bundles_of_the_usual_tools_wait_for_none(options: list[str], tmp_path: Path) -> None:
    """What they ask for by default is cheap, so that no dear bundle takes its share."""
    chain = chain_of("P-256", 2)
    budget = ParseBudget(CHEAP_ROUNDS, dear_rounds=0)
    text = exported(chain, tmp_path, *options)
    found = read_bundle("shop-tls", text, PKCS12, budget, keep_root=True)
    assert served(found) == [*chain.certificates]


@needs_openssl
def test_a_bundle_of_the_most_rounds_anybody_writes_is_read(tmp_path: Path) -> None:
    """The number that is advised for passwords, for seal, certificates and key."""
    chain = chain_of("P-256", 2)
    text = exported(chain, tmp_path, "-iter", "600000")
    assert served(read(text, PKCS12)) == [*chain.certificates]


@needs_openssl
@pytest.mark.parametrize("options", [[], ["-legacy"], ["-nomac"]], ids=" ".join)
def test_locked_bundles_of_openssl_are_refused(options: list[str], tmp_path: Path) -> None:
    """A password is named as the fault whatever algorithm it locks with."""
    chain = chain_of("P-256", 2)
    source, made = tmp_path / "in.pem", tmp_path / "made.pfx"
    source.write_text(pem_bundle(chain.key, chain.certificates))
    openssl("pkcs12", "-export", "-in", source, "-out", made, "-passout", "pass:locked", *options)
    assert refusal(text_of(made.read_bytes()), PKCS12) == "CertificateEncrypted"
