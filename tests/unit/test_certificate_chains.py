"""Chains: whose signature, by what name, what is told, and what is left out."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.core.outcomes import Notice
from sync.projection.ber import element, tlv
from sync.projection.budget import ParseBudget
from sync.projection.certificates import Bundle, read_bundle
from sync.projection.distinguished_names import Name, read_name
from tests.kit.chains import (
    PKCS12,
    Key,
    bare_pfx,
    certify,
    chain_of,
    key_of,
    key_pem,
    oid,
    pem,
    pem_block,
    sequence,
    text_of,
)

UTF8, PRINTABLE, BMP, T61 = 0x0C, 0x13, 0x1E, 0x14
ECDSA_SHA256 = "2a8648ce3d040302"


def read(text: str, *, keep_root: bool = True, root_only: bool = False) -> Bundle:
    """Read a bundle."""
    budget = ParseBudget()
    return read_bundle("shop-tls", text, "", budget, keep_root=keep_root, root_only=root_only)


def refusal(text: str) -> Permanent:
    """Return the error of a bundle that is refused."""
    with pytest.raises(Permanent) as refused:
        read(text)
    assert refused.value.__context__ is None
    return refused.value


def told(bundle: Bundle) -> Mapping[str, str]:
    """Return the messages of its warnings by their reasons, each of which is there once."""
    assert {each.source for each in bundle.warnings} <= {"shop-tls"}
    found = {str(each.reason): each.message for each in bundle.warnings}
    assert len(found) == len(bundle.warnings)
    return found


def name_of(*parts: tuple[str, str, int]) -> bytes:
    """Write a name: for each part its identifier in hexadecimal, its text and type of string."""
    encodings = {BMP: "utf-16-be", T61: "latin-1"}
    return sequence(
        *(
            tlv(0x31, sequence(oid(kind), tlv(tag, text.encode(encodings.get(tag, "utf-8")))))
            for kind, text, tag in parts
        )
    )


CN, ORG = "550403", "55040a"


def signed(  # noqa: PLR0913 - what a certificate says
    subject: bytes, key: Key, issuer: bytes, by: Key, *, null: bool = False, until: int = 80
) -> bytes:
    """Issue a certificate with names as they are given; `null` writes parameters that none has."""
    made = certify("x", key, "x", key).public_bytes(Encoding.DER)
    version, serial, _, _, validity, _, info, *rest = element(made).parts()[0].parts()
    algorithm = sequence(oid(ECDSA_SHA256), tlv(5) if null else b"")
    dates = sequence(validity.parts()[0].raw, tlv(0x18, f"20{until}0101000000Z".encode()))
    tbs = sequence(
        version.raw, serial.raw, algorithm, issuer, dates, subject, info.raw,
        *(each.raw for each in rest),
    )  # fmt: skip
    assert isinstance(by, ec.EllipticCurvePrivateKey)
    return sequence(tbs, algorithm, tlv(3, b"\0", by.sign(tbs, ec.ECDSA(SHA256()))))


def block(*ders: bytes) -> str:
    """Write certificates as PEM."""
    return "".join(pem_block("CERTIFICATE", der) for der in ders)


def as_pem(der: bytes) -> bytes:
    """Return a certificate as it is written."""
    return pem(x509.load_der_x509_certificate(der)).encode()


def ders(bundle: Bundle) -> Sequence[bytes]:
    """Return the certificates that a bundle serves."""
    loaded = x509.load_pem_x509_certificates(bundle.certificate)
    return [each.public_bytes(Encoding.DER) for each in loaded]


ALIKE: Mapping[str, tuple[bytes, bytes]] = {
    "types of strings": (
        name_of((ORG, "Shop", UTF8), (CN, "Shop CA", UTF8)),
        name_of((ORG, "Shop", PRINTABLE), (CN, "Shop CA", PRINTABLE)),
    ),
    "case": (name_of((CN, "Shop CA", UTF8)), name_of((CN, "SHOP ca", UTF8))),
    "case of a foreign letter": (name_of((CN, "Löwe", UTF8)), name_of((CN, "LÖWE", UTF8))),
    "one letter of two forms": (name_of((CN, "Lo\u0308we", UTF8)), name_of((CN, "Löwe", UTF8))),
    "blanks": (name_of((CN, "Shop  CA", UTF8)), name_of((CN, " Shop CA ", UTF8))),
    "other blanks": (name_of((CN, "Shop\u00a0CA", UTF8)), name_of((CN, "Shop\t CA", UTF8))),
    "two bytes each": (name_of((CN, "Shop CA", BMP)), name_of((CN, "Shop CA", PRINTABLE))),
    "Latin-1": (name_of((CN, "Löwe", T61)), name_of((CN, "Löwe", UTF8))),
    "all of it": (name_of((CN, " LÖWE  ca", BMP)), name_of((CN, "löwe CA", UTF8))),
}


def middle_of(one: bytes, other: bytes) -> tuple[str, list[bytes]]:
    """Return a key and a chain of three: the leaf names its issuer as `one`, which is `other`."""
    key, above, top = (key_of("P-256", number) for number in range(3))
    leaf, root = name_of((CN, "leaf", UTF8)), name_of((CN, "root", UTF8))
    chain = [signed(leaf, key, one, above), signed(other, above, root, top)]
    return key_pem(key), [*chain, signed(root, top, root, top)]


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_names_that_some_verifier_calls_equal_make_a_chain(one: bytes, other: bytes) -> None:
    """The signature decides; that Go will not build the chain is told, with both names."""
    key, chain = middle_of(one, other)
    for order in permutations(chain):
        bundle = read(key + block(*order))
        assert ders(bundle) == chain
        assert bundle.authority == as_pem(chain[-1])
        messages = told(bundle)
        assert list(messages) == ["ChainNamesDiffer"]
        assert "'CN=leaf'" in messages["ChainNamesDiffer"]
        assert "Go" in messages["ChainNamesDiffer"]
        for each in (one, other):
            assert read_name(element(each)).shown in messages["ChainNamesDiffer"]


def test_a_name_alone_is_no_issuer() -> None:
    """Certificates of the right name, whatever its spelling, whose key signed nothing here."""
    stranger = key_of("P-256", 5)
    for one, other in ALIKE.values():
        key, (leaf, *_) = middle_of(one, other)
        impostors = [signed(name, stranger, name, stranger) for name in (one, other)]
        bundle = read(key + block(*impostors, leaf))
        assert ders(bundle) == [leaf]
        assert set(told(bundle)) == {"ChainIncomplete", "CertificateLeftOut"}


def test_other_names_are_not_tried() -> None:
    """A signature with the key of a certificate of another name makes no chain."""
    key, chain = middle_of(name_of((CN, "Shop CA", UTF8)), name_of((CN, "Shop CB", UTF8)))
    assert ders(read(key + block(*chain))) == chain[:1]


@pytest.mark.parametrize("until", [70, 90])
def test_the_issuer_whose_name_is_the_same_is_preferred(until: int) -> None:
    """Of two certificates with one key the one that Go takes, be the other longer valid or not."""
    one, other = ALIKE["case"]
    key, (leaf, odd, root) = middle_of(one, other)
    above, top = key_of("P-256", 1), key_of("P-256", 2)
    exact = signed(one, above, name_of((CN, "root", UTF8)), top, until=until)
    for order in permutations([leaf, odd, exact, root]):
        bundle = read(key + block(*order))
        assert ders(bundle) == [leaf, exact, root]
        assert list(told(bundle)) == ["CertificateLeftOut"]
    far = name_of((CN, "far", UTF8))
    rootless = signed(one, above, far, key_of("P-256", 9))
    assert ders(read(key + block(leaf, odd, rootless, root))) == [leaf, rootless]


def test_a_root_that_spells_itself_in_two_ways_is_a_root() -> None:
    """It is left out by default, and its two spellings are nobody's trouble."""
    key, top = key_of("P-256"), key_of("P-256", 1)
    one, other = ALIKE["blanks"]
    leaf = signed(name_of((CN, "leaf", UTF8)), key, one, top)
    root = signed(one, top, other, top)
    bundle = read(key_pem(key) + block(root, leaf), keep_root=False)
    assert ders(bundle) == [leaf]
    assert bundle.authority == as_pem(root)
    assert not bundle.warnings


def names() -> st.SearchStrategy[str]:
    """Return texts of letters, blanks and accents."""
    return st.text(alphabet="aÄß  \u0301ﬁİ\u00ad\t", min_size=1, max_size=8)


@given(names(), st.sampled_from([UTF8, BMP]))
def test_folding_is_stable(text: str, tag: int) -> None:
    """Case, blanks at the ends and the type of string make no difference to a folded name."""

    def folded(other: str, of: int) -> object:
        return read_name(element(name_of((CN, other, of)))).folded

    own = folded(text, UTF8)
    assert own == folded(text, tag) == folded(f" {text}\t ", tag)
    assert own == folded(text.replace(" ", "   "), tag)
    assert own == folded(text.swapcase().swapcase(), tag) or text != text.swapcase().swapcase()


@pytest.mark.parametrize(
    "made",
    [
        tlv(0x30, b"\xff"),
        tlv(0x30, tlv(0x31, tlv(0x30, oid(CN)))),
        tlv(0x30, tlv(0x31, sequence(oid(CN), tlv(UTF8, b"\xff\xfe")))),
        name_of((CN, "o\u0308\u0323" * 9_000, UTF8)),
        sequence(*[tlv(0x31, sequence(oid(CN), tlv(UTF8, b"a")))] * 900),
    ],
    ids=["bytes", "half a part", "no text", "accents", "parts"],
)
def test_an_odd_name_is_compared_byte_by_byte(made: bytes) -> None:
    """It costs nothing, and no other name is equal to it."""
    name = read_name(element(made))
    assert name == Name(made, made, "an unreadable name")


def test_what_a_name_holds_is_shown_in_one_line() -> None:
    """Most specific first; what is not printable, or no text, does no harm."""
    made = name_of(("550406", "DE", PRINTABLE), (ORG, "Shop\n'x'", UTF8), (CN, "a\0b", UTF8))
    assert read_name(element(made)).shown == "'CN=a?b, O=Shop??x?, C=DE'"
    odd = sequence(tlv(0x31, sequence(oid("2a03"), tlv(4, b"\1\2"))))
    assert read_name(element(odd)).shown == "'1.2.3=#04020102'"
    assert read_name(element(sequence())).shown == "the empty name"


def test_a_missing_issuer_is_told() -> None:
    """A leaf alone is told, and a root that the chain does not reach; an absent root is usual."""
    chain = chain_of("P-256", 4)
    leaf, first, second, root = chain.certificates
    key = key_pem(chain.key)
    alone = told(read(key + pem(leaf)))
    assert list(alone) == ["ChainIncomplete"]
    assert "'CN=link 0'" in alone["ChainIncomplete"]
    assert "'CN=link 1'" in alone["ChainIncomplete"]
    gap = told(read(key + pem(leaf, first, root)))
    assert set(gap) == {"ChainIncomplete", "CertificateLeftOut", "AuthorityIsIntermediate"}
    assert "no issuer of 'CN=link 1', which 'CN=link 2' signed" in gap["ChainIncomplete"]
    assert "'CN=link 3'" in gap["CertificateLeftOut"]
    assert "ChainIncomplete" not in told(read(key + pem(leaf, first, second)))
    own = chain_of("P-256", 1)
    assert not read(key_pem(own.key) + pem(*own.certificates)).warnings


def test_an_intermediate_as_authority_is_told_or_left_out() -> None:
    """OpenSSL trusts it only as a partial chain; a root and a self-signed leaf are as ever."""
    chain = chain_of("P-256", 3)
    key, (leaf, first, root) = key_pem(chain.key), chain.certificates
    bundle = read(key + pem(leaf, first))
    assert bundle.authority == pem(first).encode()
    assert list(told(bundle)) == ["AuthorityIsIntermediate"]
    assert "'CN=link 1'" in told(bundle)["AuthorityIsIntermediate"]
    without = read(key + pem(leaf, first), root_only=True)
    assert without == Bundle(bundle.certificate, bundle.key, None)
    for keep_root in (True, False):
        text = key + pem(leaf, first, root)
        whole = read(text, keep_root=keep_root, root_only=True)
        assert whole == read(text, keep_root=keep_root)
        assert whole.authority == pem(root).encode()
        assert not whole.warnings
    own = chain_of("P-256", 1)
    text = key_pem(own.key) + pem(*own.certificates)
    assert read(text, root_only=True) == read(text)


def test_what_is_left_out_is_told_once_and_a_double_is_not() -> None:
    """A certificate of another chain is named; duplicates and a root left out are not."""
    chain, other = chain_of("P-256", 3), key_of("P-256", 8)
    key = key_pem(chain.key)
    for keep_root in (True, False):
        doubled = key + pem(*chain.certificates, *chain.certificates)
        assert not read(doubled, keep_root=keep_root).warnings
    strangers = [certify(f"stranger {at}", other, "far", other) for at in range(7)]
    told_of = told(read(key + pem(*strangers[:1], *chain.certificates)))
    assert list(told_of) == ["CertificateLeftOut"]
    assert "'CN=stranger 0'" in told_of["CertificateLeftOut"]
    many = told(read(key + pem(*strangers, *chain.certificates)))
    assert "and 2 more" in many["CertificateLeftOut"]


def odd_chain(place: int) -> tuple[str, list[bytes]]:
    """Return a key and a chain of three with a certificate at that place as old Java wrote it."""
    keys = [key_of("P-256", number) for number in range(3)]
    names = [name_of((CN, f"link {number}", UTF8)) for number in range(3)]
    chain = [
        signed(names[at], keys[at], names[min(at + 1, 2)], keys[min(at + 1, 2)], null=at == place)
        for at in range(3)
    ]
    return key_pem(keys[0]), chain


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_odd_certificate_that_is_needed_is_named(place: int) -> None:
    """The bundle is refused, and the message says which certificate it is and what is wrong."""
    key, chain = odd_chain(place)
    for order in permutations(chain):
        refused = refusal(key + block(*order))
        assert refused.reason == "CertificateUnreadable"
        assert f"'CN=link {place}'" in refused.message
        assert "1.2.840.10045.4.3.2" in refused.message
        assert "NULL" in refused.message


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_odd_certificate_that_is_not_needed_does_no_harm(place: int) -> None:
    """Of another chain, or beside a good one of its own key, it is left out and told."""
    odd = odd_chain(place)[1][place]
    chain = chain_of("P-384", 3)
    bundle = read(key_pem(chain.key) + block(odd) + pem(*chain.certificates))
    assert [each.public_bytes(Encoding.DER) for each in chain.certificates] == ders(bundle)
    left_out = told(bundle)["CertificateLeftOut"]
    assert f"'CN=link {place}', which is signed with ECDSA" in left_out
    key, good = odd_chain(-1)
    twin = read(key + block(odd, *good))
    assert ders(twin) == good
    assert list(told(twin)) == ["CertificateLeftOut"]


JUNK = (
    "-----BEGIN CERTIFICATE-----\nnot base64!\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIB\n",
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END X509 CERTIFICATE-----\n",
    "-----BEGIN \n",
    pem_block("CERTIFICATE", sequence(sequence(), sequence(), b"")),
    pem_block("CERTIFICATE", b"\x30\x80" * 40),
)


@pytest.mark.parametrize("junk", JUNK)
def test_junk_does_no_harm_unless_something_is_missing(junk: str) -> None:
    """A damaged block beside a whole chain is told; a leaf without its issuer may have lost it."""
    chain = chain_of("P-256", 3)
    key, (leaf, first, root) = key_pem(chain.key), chain.certificates
    for text in (key + junk + pem(leaf, first, root), pem(first, leaf) + key + junk + pem(root)):
        bundle = read(text)
        assert ders(bundle) == [each.public_bytes(Encoding.DER) for each in chain.certificates]
        assert "damaged" in told(bundle)["CertificateLeftOut"]
    assert "CertificateLeftOut" in told(read(key + junk + pem(leaf, first)))
    for text, missing in ((pem(leaf), "the issuer of 'CN=link 0'"), (pem(root), "own certificate")):
        refused = refusal(key + junk + text)
        assert refused.reason == "CertificateUnreadable"
        assert missing in refused.message
        assert "no. 1" in refused.message


def test_junk_in_pkcs12_does_no_harm() -> None:
    """A bag that claims to be a certificate and is none is told."""
    chain = chain_of("P-256", 3)
    held = [each.public_bytes(Encoding.DER) for each in chain.certificates]
    made = bare_pfx([chain.key], chain.certificates)
    cut = made.replace(held[2], tlv(0x30, b"\xff" * (len(held[2]) - 4)))
    assert len(cut) == len(made)
    bundle = read_bundle("shop-tls", text_of(cut), PKCS12, ParseBudget(), keep_root=True)
    assert ders(bundle) == held[:2]
    assert "no. 3, which is damaged" in told(bundle)["CertificateLeftOut"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_issuer_whose_signature_is_not_read_is_named() -> None:
    """Where an issuer of the right name is there and the algorithm is unknown, nothing is lost."""
    chain = chain_of("RSA-2048", 2)
    leaf, root = (each.public_bytes(Encoding.DER) for each in chain.certificates)
    sha256, ripemd = (bytes.fromhex(f"06092a864886f70d0101{end}0500") for end in ("0b", "10"))
    unheard_of = leaf.replace(sha256, ripemd)
    refused = refusal(key_pem(chain.key) + block(unheard_of, root))
    assert refused.reason == "CertificateUnreadable"
    assert "'CN=link 0', which is signed by the algorithm 1.2.840.113549.1.1.16" in refused.message
    alone = read(key_pem(chain.key) + block(unheard_of))
    assert list(told(alone)) == ["ChainIncomplete"]


def test_the_number_of_checks_stays_bounded_if_names_are_folded() -> None:
    """Spelling one name in many ways makes no more work than spelling it in one."""
    keys = [key_of("P-256", number) for number in range(7)]
    spelled = [name_of((CN, "one" if at % 2 else "ONE" + " " * at, UTF8)) for at in range(7)]
    chain = [
        signed(spelled[at], keys[at], spelled[min(at + 1, 6)], keys[min(at + 1, 6)])
        for at in range(7)
    ]
    refused = refusal(key_pem(keys[0]) + block(*chain))
    assert "too many that have the same name" in refused.message


def test_warnings_are_of_the_secret() -> None:
    """Each names the certificate that it is about, in its message and as its source."""
    chain = chain_of("P-256", 2)
    (warning,) = read(key_pem(chain.key) + pem(chain.certificates[0])).warnings
    assert isinstance(warning, Notice)
    assert warning.message.startswith("Certificate 'shop-tls' ")
