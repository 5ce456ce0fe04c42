"""Keys and certificates that are accepted: TLS takes them, and nobody has changed what they are."""

import shutil
import ssl
import subprocess
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from sync.core.errors import Permanent
from sync.projection.ber import Element, element, tlv
from sync.projection.budget import ParseBudget
from sync.projection.certificates import Bundle, read_bundle
from sync.projection.key_algorithms import OddKey, read_curve
from sync.projection.private_keys import read_private_key
from tests.kit.chains import PEM, PKCS12, certify, key_of, key_pem, pem, pem_block, text_of

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the keys of these tests"
)

SEQ, INT, OCTETS = 0x30, 0x02, 0x04
RESTRICTED = (
    "rsa_pss_keygen_md:sha256", "rsa_pss_keygen_mgf1_md:sha256", "rsa_pss_keygen_saltlen:32",
)  # fmt: skip
BITS = "rsa_keygen_bits:2048"
KINDS: Mapping[str, Sequence[str]] = {
    "RSA": ("RSA", BITS),
    "RSA-PSS": ("RSA-PSS", BITS),
    "RSA-PSS restricted": ("RSA-PSS", BITS, *RESTRICTED),
    "P-256": ("EC", "ec_paramgen_curve:P-256"),
    "P-384": ("EC", "ec_paramgen_curve:P-384"),
    "P-521": ("EC", "ec_paramgen_curve:P-521"),
    "P-224": ("EC", "ec_paramgen_curve:P-224"),
    "P-256K": ("EC", "ec_paramgen_curve:secp256k1"),
    "brainpool": ("EC", "ec_paramgen_curve:brainpoolP384r1"),
    "P-256 explicit": ("EC", "ec_paramgen_curve:P-256", "ec_param_enc:explicit"),
    "P-384 explicit": ("EC", "ec_paramgen_curve:P-384", "ec_param_enc:explicit"),
    "P-521 explicit": ("EC", "ec_paramgen_curve:P-521", "ec_param_enc:explicit"),
    "P-256K explicit": ("EC", "ec_paramgen_curve:secp256k1", "ec_param_enc:explicit"),
    "brainpool explicit": ("EC", "ec_paramgen_curve:brainpoolP256r1", "ec_param_enc:explicit"),
    "compressed": (
        "EC", "ec_paramgen_curve:P-256", "ec_param_enc:explicit",
        "point-format:compressed",
    ),
    "Ed25519": ("ED25519",),
    "Ed448": ("ED448",),
}  # fmt: skip
WARNED = {
    "RSA-PSS": ["Go"],
    "RSA-PSS restricted": ["Go"],
    "P-224": ["Java"],
    "P-256K": ["Go", "P-256K"],
    "brainpool": ["Go", "Java"],
    "Ed448": ["Go"],
    **{kind: ["Go", "Java", "explicit"] for kind in KINDS if "explicit" in kind},
    "compressed": ["Go", "Java", "explicit"],
}
OLD_KINDS = [kind for kind in KINDS if not kind.startswith(("Ed", "RSA-PSS", "compressed"))]
"""Those with an encoding of before PKCS#8 that openssl writes without changing the curve's."""
CURVES = (
    "prime192v1", "secp224r1", "prime256v1", "secp384r1", "secp521r1", "secp256k1",
    "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
)  # fmt: skip


def openssl(*arguments: str | Path, given: str = "") -> str:
    """Run the openssl command and return what it prints."""
    program = shutil.which("openssl")
    assert program is not None
    done = subprocess.run(  # noqa: S603 - the arguments are this module's own
        [program, *arguments], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a key and its certificate of each kind."""
    made = tmp_path_factory.mktemp("pairs")
    for kind, (algorithm, *options) in KINDS.items():
        key = made / f"{kind}.key"
        stated = [each for option in options for each in ("-pkeyopt", option)]
        openssl("genpkey", "-algorithm", algorithm, *stated, "-out", key)
        openssl("req", "-x509", "-key", key, "-subj", f"/CN={kind}", "-out", made / f"{kind}.crt")
    return made


def pair(folder: Path, kind: str) -> tuple[str, str]:
    """Return a key and its certificate."""
    return (folder / f"{kind}.key").read_text(), (folder / f"{kind}.crt").read_text()


def read(text: str, content_type: str = PEM) -> Bundle:
    """Read a bundle."""
    return read_bundle("shop-tls", text, content_type, ParseBudget(), keep_root=True)


def refusal(text: str, content_type: str = PEM) -> Permanent:
    """Return the error of a bundle that is refused."""
    with pytest.raises(Permanent) as refused:
        read(text, content_type)
    return refused.value


def loads(key: str, certificate: str, folder: Path) -> bool:
    """Return whether Python's TLS takes the pair."""
    paths = folder / "tls.crt", folder / "tls.key"
    for path, text in zip(paths, (certificate, key), strict=True):
        path.write_text(text)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*paths)
    except ssl.SSLError:
        return False
    return True


def is_taken(bundle: Bundle, folder: Path) -> bool:
    """Return whether Python's TLS takes what is written."""
    return loads(bundle.key.decode(), bundle.certificate.decode(), folder)


def der_of(text: str) -> bytes:
    """Return what the last block of PEM encodes."""
    lines = text[text.rindex("-----BEGIN") :].splitlines()
    return b64decode("".join(lines[1:-1]))


def parts(text: str) -> Sequence[Element]:
    """Return the parts of a key in PEM."""
    return element(der_of(text)).parts()


def pkcs8(*written: bytes) -> str:
    """Write a key of these parts."""
    return pem_block("PRIVATE KEY", tlv(SEQ, *written))


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_comes_out_as_it_was_and_tls_takes_it(kind: str, folder: Path) -> None:
    """Key and certificate are byte for byte what openssl made, from PEM and from PKCS#12."""
    key, certificate = pair(folder, kind)
    bundle = read(key + certificate)
    assert der_of(bundle.key.decode()) == der_of(key)
    assert bundle.certificate.decode() == certificate
    assert is_taken(bundle, folder)
    (folder / "both").write_text(key + certificate)
    openssl(
        "pkcs12", "-export", "-in", folder / "both", "-out", folder / "pfx", "-passout", "pass:"
    )
    packed = read(text_of((folder / "pfx").read_bytes()), PKCS12)
    assert packed == bundle or (kind == "compressed" and is_taken(packed, folder))


@pytest.mark.parametrize("kind", KINDS)
def test_who_cannot_read_a_key_is_told(kind: str, folder: Path) -> None:
    """A key that Go or Java do not know goes in with a warning that names them."""
    warnings = read("".join(pair(folder, kind))).warnings
    assert [each.reason for each in warnings] == ["CertificateRarelyRead"] * (kind in WARNED)
    for word in WARNED.get(kind, ()):
        assert word in warnings[0].message


@pytest.mark.parametrize("kind", OLD_KINDS)
def test_old_encodings_become_pkcs8(kind: str, folder: Path) -> None:
    """PKCS#1 and SEC 1 become what openssl makes of them, whose curve stays as it is stated."""
    key, certificate = pair(folder, kind)
    old = openssl("pkey", "-traditional", given=key)
    assert "BEGIN RSA PRIVATE" in old or "BEGIN EC PRIVATE" in old
    bundle = read(old + certificate)
    assert der_of(bundle.key.decode()) == der_of(key)
    assert is_taken(bundle, folder)


@pytest.mark.parametrize("encoding", ["named_curve", "explicit"])
@pytest.mark.parametrize("curve", ["prime256v1", "brainpoolP256r1"])
def test_a_curve_may_stand_in_a_block_of_its_own(curve: str, encoding: str, folder: Path) -> None:
    """It is the key's where the key does not say; without it such a key is refused."""
    stated = openssl("ecparam", "-name", curve, "-genkey", "-param_enc", encoding)
    (folder / "sec1").write_text(stated)
    certificate = openssl("req", "-x509", "-key", folder / "sec1", "-subj", "/CN=sec1")
    whole = read(stated + certificate)
    assert is_taken(whole, folder)
    version, scalar, _curve, point = parts(stated)
    bare = tlv(SEQ, version.raw, scalar.raw, point.raw)
    parameters = stated[: stated.index("-----BEGIN EC PRIVATE")]
    assert read(parameters + pem_block("EC PRIVATE KEY", bare) + certificate) == whole
    refused = refusal(pem_block("EC PRIVATE KEY", bare) + certificate)
    assert "which elliptic curve" in refused.message


ONE_ASYMMETRIC_KEY: Mapping[str, Callable[[bytes], Sequence[bytes]]] = {
    "as RFC 8410 has it": lambda public: [tlv(0x81, b"\0" + public)],
    "as ring had it": lambda public: [tlv(0xA1, tlv(3, b"\0" + public))],
    "without the public key": lambda _: [],
}


@pytest.mark.parametrize("public_key", ONE_ASYMMETRIC_KEY.values(), ids=ONE_ASYMMETRIC_KEY)
def test_version_2_of_pkcs8_becomes_version_1(
    public_key: Callable[[bytes], Sequence[bytes]], folder: Path
) -> None:
    """OpenSSL before 3.5 refuses it, as ring writes it; nothing else of the key changes."""
    key, certificate = pair(folder, "Ed25519")
    public = parts(openssl("pkey", "-pubout", given=key))[1].bits()
    version, algorithm, octets = parts(key)
    usage = tlv(0xA0, tlv(SEQ, tlv(6, bytes.fromhex("551d0f")), tlv(0x31, tlv(3, b"\7\x80"))))
    for attributes in ((), (usage,)):
        second = pkcs8(b"\2\1\1", algorithm.raw, octets.raw, *attributes, *public_key(public))
        bundle = read(second + certificate)
        first = tlv(SEQ, version.raw, algorithm.raw, octets.raw, *attributes)
        assert der_of(bundle.key.decode()) == first
        assert is_taken(bundle, folder)


@pytest.mark.parametrize("padding", [-1, 1, 40])
def test_a_number_of_another_length_is_read(padding: int, folder: Path) -> None:
    """Java and others write an elliptic curve's number without its zeros, or with more of them."""
    while True:
        key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        version, algorithm, octets = parts(key)
        one, scalar, *_point = element(octets.octets()).parts()
        if not scalar.content[0]:
            break
    (folder / "short").write_text(key)
    certificate = openssl("req", "-x509", "-key", folder / "short", "-subj", "/CN=short")
    number = scalar.content[1:] if padding < 0 else bytes(padding) + scalar.content
    odd = tlv(OCTETS, tlv(SEQ, one.raw, tlv(OCTETS, number)))
    text = pkcs8(version.raw, algorithm.raw, odd)
    bundle = read(text + certificate)
    assert der_of(bundle.key.decode()) == der_of(text)
    assert is_taken(bundle, folder)


RSA_ALGORITHM = tlv(SEQ, tlv(6, bytes.fromhex("2a864886f70d010101")), tlv(5))


@pytest.mark.parametrize("kind", ["RSA-PSS", "RSA-PSS restricted"])
def test_equal_numbers_are_no_pair(kind: str, folder: Path) -> None:
    """A key of another algorithm, or of other parameters, is refused, and the two are named."""
    key, certificate = pair(folder, kind)
    version, _algorithm, octets = parts(key)
    plain = pkcs8(version.raw, RSA_ALGORITHM, octets.raw)
    assert not loads(plain, certificate, folder)
    for text in (plain, pem_block("RSA PRIVATE KEY", octets.octets())):
        refused = refusal(text + certificate)
        assert refused.reason == "CertificateMismatch"
        assert "rsaEncryption and RSASSA-PSS" in refused.message
        assert f"'CN={kind}'" in refused.message
    other = next(each for each in ("RSA-PSS", "RSA-PSS restricted") if each != kind)
    algorithm = parts(pair(folder, other)[0])[1].raw
    refused = refusal(pkcs8(version.raw, algorithm, octets.raw) + certificate)
    assert refused.reason == "CertificateMismatch"
    assert "other parameters" in refused.message


@pytest.mark.parametrize("kind", ["P-256", "P-256 explicit", "brainpool explicit"])
def test_a_curve_is_the_same_by_name_and_by_numbers(kind: str, folder: Path) -> None:
    """TLS takes such a pair, and the key stays as it was given."""
    key, certificate = pair(folder, kind)
    form = "named_curve" if "explicit" in kind else "explicit"
    other = openssl("pkey", given=openssl("ec", "-param_enc", form, given=key))
    assert der_of(other) != der_of(key)
    assert loads(other, certificate, folder)
    bundle = read(other + certificate)
    assert der_of(bundle.key.decode()) == der_of(other)
    assert is_taken(bundle, folder)


@pytest.mark.parametrize("curve", CURVES)
def test_explicit_parameters_are_those_of_openssl(curve: str) -> None:
    """A curve is known by its numbers as by its name, and not if any number is another."""
    made = [
        element(der_of(openssl("ecparam", "-name", curve, "-param_enc", encoding)))
        for encoding in ("named_curve", "explicit")
    ]
    named, explicit = map(read_curve, made)
    assert named == explicit
    assert (named.explicit, explicit.explicit) == (False, True)
    version, field, equation, generator, order, *_ = made[1].parts()
    kind, prime = field.parts()
    a, b, *_ = equation.parts()
    longer = b"\0" + prime.content[:-1] + bytes([prime.content[-1] ^ 2])
    other_b = tlv(OCTETS, b.content[:-1] + bytes([b.content[-1] ^ 1]))
    for odd in (
        (version.raw, tlv(SEQ, kind.raw, tlv(INT, longer)), equation.raw, generator.raw, order.raw),
        (version.raw, field.raw, tlv(SEQ, a.raw, other_b), generator.raw, order.raw),
        (version.raw, field.raw, equation.raw, generator.raw, tlv(INT, order.content + b"\1")),
    ):
        with pytest.raises(OddKey):
            read_curve(element(tlv(SEQ, *odd)))


def test_a_curve_with_another_generator_is_another() -> None:
    """By a generator of one's own choice any public key has a private key that fits it."""
    made = element(der_of(openssl("ecparam", "-name", "prime256v1", "-param_enc", "explicit")))
    version, field, equation, _generator, order, *_ = made.parts()
    point = parts(openssl("pkey", "-pubout", given=key_pem(key_of("P-256"))))[1].bits()
    odd = tlv(SEQ, version.raw, field.raw, equation.raw, tlv(OCTETS, point), order.raw)
    with pytest.raises(OddKey):
        read_curve(element(odd))


def test_what_tls_does_not_take_is_refused(folder: Path) -> None:
    """Parts of different keys, parameters that none may have, and lengths that are not DER's."""
    key, certificate = pair(folder, "P-256")
    version, algorithm, octets = parts(key)
    one, scalar, point = element(octets.octets()).parts()
    other = element(parts(pair(folder, "P-224")[0])[2].octets()).parts()[2]
    stranger = element(parts(openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"
    ))[2].octets()).parts()[2]  # fmt: skip
    curve = tlv(0xA0, parts(pair(folder, "P-224")[0])[1].parts()[1].raw)
    ed, ed_certificate = pair(folder, "Ed25519")
    _, ed_algorithm, ed_octets = parts(ed)
    null = tlv(SEQ, ed_algorithm.parts()[0].raw, tlv(5))
    long = b"\x30\x84" + len(der_of(key)[2:]).to_bytes(4) + der_of(key)[2:]
    for text, beside in (
        *(
            (pkcs8(version.raw, algorithm.raw, tlv(OCTETS, tlv(SEQ, *held))), certificate)
            for held in (
                (one.raw, scalar.raw, other.raw),
                (one.raw, scalar.raw, stranger.raw),
                (one.raw, scalar.raw, curve, point.raw),
                (one.raw, tlv(OCTETS, b"\0"), point.raw),
                (one.raw, tlv(OCTETS, b"\xff" * 32)),
                (b"\2\1\2", scalar.raw, point.raw),
            )
        ),
        (pkcs8(b"\2\1\2", algorithm.raw, octets.raw), certificate),
        (pkcs8(version.raw, null, ed_octets.raw), ed_certificate),
        (pem_block("PRIVATE KEY", long), certificate),
    ):
        assert refusal(text + beside).reason == "CertificateUnreadable"


def test_a_curve_that_is_not_read_is_named(folder: Path) -> None:
    """By its number, since the reader can look that up."""
    openssl(
        "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:sect233r1",
        "-out", folder / "sect",
    )  # fmt: skip
    certificate = openssl("req", "-x509", "-key", folder / "sect", "-subj", "/CN=sect")
    refused = refusal((folder / "sect").read_text() + certificate)
    assert refused.reason == "CertificateUnreadable"
    assert "1.3.132.0.27" in refused.message


def test_the_attributes_of_a_key_stay(folder: Path) -> None:
    """Windows writes what a key is used for beside it."""
    key, certificate = pair(folder, "RSA")
    usage = tlv(0xA0, tlv(SEQ, tlv(6, bytes.fromhex("551d0f")), tlv(0x31, tlv(3, b"\7\x80"))))
    text = pkcs8(*(each.raw for each in parts(key)), usage)
    bundle = read(text + certificate)
    assert der_of(bundle.key.decode()) == der_of(text)
    assert is_taken(bundle, folder)


@pytest.mark.parametrize("kind", ["RSA-1024", "RSA-2048", "P-192"])
def test_a_key_that_openssl_finds_too_short_is_told(kind: str, folder: Path) -> None:
    """It is written, since a platform may allow it, with a warning; a usual key has none."""
    key = key_of(kind)
    bundle = read(key_pem(key) + pem(certify("short", key, "short", key)))
    told = any("security level 2" in each.message for each in bundle.warnings)
    assert is_taken(bundle, folder) is not told


def test_one_key_in_several_encodings_is_one(folder: Path) -> None:
    """What was pasted twice, or in an old and a new form, is not ambiguous."""
    for kind in ("RSA", "P-256 explicit"):
        key, certificate = pair(folder, kind)
        old = openssl("pkey", "-traditional", given=key)
        for text in (key + key, key + old, old + key, key + key.replace("\n", "\r\n") + old):
            assert read(text + certificate).key.decode() == key
    ed, certificate = pair(folder, "Ed25519")
    _, algorithm, octets = parts(ed)
    assert read(pkcs8(b"\2\1\1", algorithm.raw, octets.raw) + ed + certificate).key.decode() == ed
    others = [openssl("genpkey", "-algorithm", "ED25519") for _ in range(6)]
    assert refusal("".join(others) + certificate).reason == "CertificateKeyAmbiguous"
    assert refusal(ed + others[0] + certificate).reason == "CertificateKeyAmbiguous"


def test_a_key_shows_nothing_of_itself(folder: Path) -> None:
    """In a log or a failed assertion there is its public half at most."""
    key = der_of(pair(folder, "P-256")[0])
    shown = repr(read_private_key(key))
    assert str(key[40:60]) not in shown
    assert "der=" not in shown
