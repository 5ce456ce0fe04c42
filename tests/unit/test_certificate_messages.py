"""What is said of a certificate's value that is refused: it is true, and it helps."""

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)

from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.certificates import Bundle, read_bundle
from sync.projection.placement import Placement, Rendered
from sync.projection.rules import Rules
from sync.projection.text_marks import without_mark
from tests.kit.bundles import KEY, bag, bundle, plain
from tests.kit.chains import (
    PEM,
    PKCS12,
    bare_pfx,
    chain_of,
    key_of,
    key_pem,
    oid,
    pem,
    pfx,
    safe_data,
    sequence,
    text_of,
    tlv,
)
from tests.kit.fakes import target_of, vault_name

CHAIN = chain_of("P-256", 3)
TEXT = key_pem(CHAIN.key) + pem(*CHAIN.certificates)
PFX = pfx(CHAIN.key, CHAIN.certificates)

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes these bundles"
)


def read(text: str, content_type: str = "") -> Bundle:
    """Read a bundle."""
    return read_bundle("shop-tls", text, content_type, ParseBudget(), keep_root=True)


def refusal(text: str, content_type: str = "") -> Permanent:
    """Return the error of a value that is refused."""
    with pytest.raises(Permanent) as refused:
        read(text, content_type)
    assert refused.value.__context__ is None
    return refused.value


def exported(folder: Path, *options: str) -> str:
    """Make openssl write a PKCS#12 bundle."""
    program = shutil.which("openssl")
    assert program is not None
    (folder / "in").write_text(TEXT)
    paths = ("-in", str(folder / "in"), "-out", str(folder / "out"))
    command = [program, "pkcs12", "-export", *paths, *options]
    done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip("this openssl does not have the algorithm")
    return text_of((folder / "out").read_bytes())


@needs_openssl
@pytest.mark.parametrize(
    ("options", "identifier"),
    [
        (("-keypbe", "camellia-256-cbc"), "1.2.392.200011.61.1.1.1.4"),
        (("-certpbe", "aria-128-cbc"), "1.2.410.200046.1.1.2"),
        (("-macalg", "sha3-256"), "2.16.840.1.101.3.4.2.8"),
        (("-macalg", "sm3"), "1.2.156.10197.1.401"),
        (("-macalg", "md5"), "1.2.840.113549.2.5 (MD5)"),
    ],
)
@pytest.mark.parametrize("password", ["", "a password"])
def test_an_algorithm_that_is_not_read_is_named(
    options: tuple[str, ...], identifier: str, password: str, tmp_path: Path
) -> None:
    """With its identifier, and that there may be a password, which cannot be told."""
    text = exported(tmp_path, *options, "-passout", f"pass:{password}")
    found = refusal(text, PKCS12)
    assert found.reason == "CertificateUnreadable"
    assert f"the algorithm {identifier}" in found.message
    assert "perhaps with a password" in found.message
    assert "neither" not in found.message


def test_a_bundle_for_the_key_of_another_is_named() -> None:
    """PKCS#12 may be sealed with certificates, which no tool of ours opens."""
    signed, enveloped = "2a864886f70d010702", "2a864886f70d010703"
    outer = sequence(tlv(2, b"\3"), sequence(oid(signed), tlv(0xA0, sequence())))
    inner = sequence(tlv(2, b"\3"), safe_data(sequence(sequence(oid(enveloped), b""))))
    for made, identifier in ((outer, "1.2.840.113549.1.7.2"), (inner, "1.2.840.113549.1.7.3")):
        assert identifier in refusal(text_of(made), PKCS12).message


def test_what_was_taken_for_pkcs12_is_named() -> None:
    """A key store of Java, PKCS#7, a certificate or a key alone, and PEM in base64."""
    leaf = CHAIN.certificates[0]
    for der, words in (
        (bytes.fromhex("feedfeed00000002") + bytes(40), "Java key store"),
        (bytes.fromhex("cececece00000002") + bytes(40), "Java key store"),
        (pkcs7.serialize_certificates([leaf], Encoding.DER), "PKCS#7"),
        (leaf.public_bytes(Encoding.DER), "without its private key"),
        (KEY, "without its certificate"),
        (TEXT.encode(), "k8s-encoding base64"),
    ):
        for content_type in ("", PKCS12):
            found = refusal(text_of(der), content_type)
            assert found.reason == "CertificateUnreadable"
            assert words in found.message
            assert "neither" not in found.message
    for nothing in ("hunter2", text_of(b"hunter2"), text_of(b"\x30\x80")):
        assert "neither" in refusal(nothing).message


def test_a_trust_store_is_called_one() -> None:
    """Authorities without a key are no certificate whose key was not exported; a leaf is."""
    root = chain_of("P-256", 1).certificates[0]
    bags = text_of(pfx(None, [root, *CHAIN.certificates[1:]]))
    for text in (pem(root), pem(*CHAIN.certificates), bags):
        found = refusal(text)
        assert found.reason == "CertificateKeyMissing"
        assert "is a trust store" in found.message
    key = key_of("P-256", 4)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    leaf = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(root.not_valid_before_utc)
        .not_valid_after(root.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    for text in (pem(leaf), pem(leaf, root), text_of(pfx(None, [leaf, root]))):
        found = refusal(text)
        assert found.reason == "CertificateKeyMissing"
        assert "trust store" not in found.message
        assert "exportable" in found.message


def test_an_openssh_key_is_called_one() -> None:
    """TLS does not read it, and ssh-keygen converts it."""
    key = key_of("P-256").private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    assert "OpenSSH" in refusal(key.decode() + pem(*CHAIN.certificates)).message


@pytest.mark.parametrize("ending", ["\\n", "\\r\\n", "\\r\n", "\r\\n", "\\n\n", "\r\n", "\\r\\n\n"])
def test_line_breaks_that_were_written_out_are_undone(ending: str) -> None:
    """Alone and mixed with true ones, in PEM and in base64."""
    expected = read(TEXT)
    assert read(TEXT.replace("\n", ending)) == expected
    lines = TEXT.split("\n")
    assert read("\n".join(lines[:4]) + "\n" + ending.join(lines[4:]), PEM) == expected
    text = text_of(PFX)
    folded = ending.join(text[at : at + 64] for at in range(0, len(text), 64)) + ending
    assert read(folded, PKCS12) == read(text, PKCS12)


@pytest.mark.parametrize("mark", ["\ufeff", "\u00ef\u00bb\u00bf"])
def test_a_byte_order_mark_is_taken_off(mark: str) -> None:
    """At the start of PEM and of base64, in either form; once, and nowhere else."""
    assert read(mark + TEXT) == read(mark + TEXT, PEM) == read(TEXT)
    assert read(mark + text_of(PFX), PKCS12) == read(text_of(PFX))
    refusal(mark + mark + text_of(PFX), PKCS12)
    refusal(text_of(PFX) + mark, PKCS12)
    assert without_mark(mark + "a" + mark) == "a" + mark
    assert without_mark(mark + mark) == mark
    assert without_mark("a") == "a"


def test_utf_16_is_called_so() -> None:
    """PowerShell's files come as text in which every second character is none."""
    wide = TEXT.encode("utf-16-le").decode("latin-1")
    for text in (wide, "\u00ff\u00fe" + wide, text_of(PFX).encode("utf-16-le").decode("latin-1")):
        assert "UTF-16" in refusal(text).message


def rendered(value: str, rules: Rules = Rules(), **tags: str) -> Rendered:  # noqa: B008 - frozen
    """Render a value by its tags."""
    given = {f"k8s-{tag}": word for tag, word in tags.items()}
    placement = rules.place(target_of(vault_name()), "shop-tls", given, "")
    assert isinstance(placement, Placement)
    secret = VaultSecret(SecretName("shop-tls"), "v1", value, 1, 2, 3.0, given, "")
    return rules.render(placement, secret, ParseBudget())


def test_a_bundle_in_der_is_taken_under_an_encoding() -> None:
    """What k8s-encoding decodes to PKCS#12 itself is read as it is."""
    expected = rendered(text_of(PFX), type="tls")
    assert rendered(text_of(PFX), type="tls", encoding="base64") == expected
    assert rendered(PFX.hex(), type="tls", encoding="hex") == expected
    twice = b64encode(text_of(PFX).encode()).decode()
    assert rendered(twice, type="tls", encoding="base64") == expected
    marked = b64encode(("\ufeff" + TEXT).encode()).decode()
    assert rendered(marked, type="tls", encoding="base64") == expected
    with pytest.raises(Permanent, match="no UTF-8"):
        rendered(text_of(b"\xff" + PFX), type="tls", encoding="base64")


def test_warnings_come_along_with_the_keys() -> None:
    """Both for a Secret of TLS and for keys beside others; the setting reaches both."""
    text = key_pem(CHAIN.key) + pem(*CHAIN.certificates[:2])
    for tags, key in (({"type": "tls"}, "ca.crt"), ({"expand": "certificate"}, "shop-tls.ca.crt")):
        found = rendered(text, Rules(), **tags)
        assert [each.reason for each in found.warnings] == ["AuthorityIsIntermediate"]
        assert key in found.values
        without = rendered(text, Rules(root_only=True), **tags)
        assert not without.warnings
        assert found.values.keys() - without.values.keys() == {key}


def test_a_damaged_key_is_called_damaged() -> None:
    """Beside whole certificates it is the key that has to be set anew."""
    for text in (
        TEXT.replace("PRIVATE KEY-----\nM", "PRIVATE KEY-----\n!", 1),
        TEXT.replace("-----END PRIVATE KEY-----", "", 1),
        text_of(bundle(plain(bag(1, sequence(tlv(2, b"\0"), sequence()))))),
    ):
        found = refusal(text)
        assert found.reason == "CertificateUnreadable"
        assert "private key that is damaged" in found.message
    assert refusal(text_of(bare_pfx([], CHAIN.certificates))).reason == "CertificateKeyMissing"
