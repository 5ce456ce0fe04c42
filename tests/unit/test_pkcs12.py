"""PKCS#12 opened by our own reader: what it reads, and what it is never made to do."""

from collections.abc import Callable
from functools import cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.certificates import read_bundle
from sync.projection.pkcs12.ber import element
from sync.projection.pkcs12.bundle import MOST_ROUNDS, Contents, Locked, open_pkcs12
from sync.projection.pkcs12.rc2 import decrypt_rc2
from tests.unit.bundles import (
    CHAIN,
    HOSTILE,
    KEY,
    LEAF,
    ROOT,
    bag,
    bundle,
    certificate,
    encrypted,
    new_mac,
    old_mac,
    plain,
    shrouded,
)  # fmt: skip
from tests.unit.chains import PKCS12, bare_pfx, oid, pfx, sequence, text_of


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_bundle_that_asks_for_too_many_rounds_is_refused(make: Callable[[], bytes]) -> None:
    """Wherever the rounds are asked for, they are not done: 2,147,483,647 would take hours."""
    with pytest.raises(Permanent, match="more than 2,000,000 rounds") as refused:
        read_bundle("shop-tls", text_of(make()), PKCS12, keep_root=True)
    assert refused.value.reason == "CertificateUnreadable"
    assert refused.value.__context__ is None


def test_rounds_that_people_ask_for_are_done() -> None:
    """What OWASP recommends, three times over, is within the allowance."""
    rounds = 600_000
    made = bundle(
        encrypted([certificate(LEAF), certificate(ROOT)], rounds), plain(shrouded(rounds))
    )
    assert 3 * rounds <= MOST_ROUNDS
    assert open_pkcs12(made) == Contents([KEY], [LEAF, ROOT])


@pytest.mark.parametrize("rounds", [1, 2000, 2048, 10_000])
def test_a_key_is_found_wherever_it_is(rounds: int) -> None:
    """In a safe of its own, beside the certificates, encrypted with them, and in bags of bags."""
    certificates = [certificate(LEAF), certificate(ROOT)]
    for made in (
        bundle(encrypted(certificates, rounds), plain(shrouded(rounds))),
        bundle(plain(bag(1, KEY)), plain(*certificates)),
        bundle(encrypted([shrouded(rounds), *certificates], rounds)),
        bundle(encrypted([bag(6, sequence(*certificates, shrouded(rounds)))], rounds)),
    ):
        assert open_pkcs12(made) == Contents([KEY], [LEAF, ROOT])


def test_a_seal_with_a_password_locks() -> None:
    """A bundle that was sealed with a password is not taken, even where it is readable."""
    for mac in (old_mac(2048), new_mac(2048)):
        with pytest.raises(Locked):
            open_pkcs12(bundle(plain(bag(1, KEY)), mac=mac))


@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"\x30\x80" * 1000,
        b"\x30\x80" * 40 + b"\0\0" * 40,
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x89" + b"\xff" * 9,
        b"\x3f\x81\x01",
        bundle(plain(bag(1, KEY)))[:-1],
        bundle(plain(bag(1, KEY))) + b"\0",
        bundle(plain(shrouded(1)).replace(oid("60864801650304012a"), oid("60864801650304017f"))),
        bundle(plain(bag(1, KEY)), mac=new_mac(1, length=2**31 - 1)),
        bundle(plain(bag(1, KEY)), mac=old_mac(0)),
    ],
    ids=["nothing", "deep", "closed", "long", "longer", "tag", "cut", "more", "cipher", "key", "0"],
)
def test_what_is_no_bundle_is_refused(made: bytes) -> None:
    """Depth, lengths and algorithms that no bundle has end in a stated error."""
    with pytest.raises((ValueError, LookupError)):
        open_pkcs12(made)


@pytest.mark.parametrize(
    ("key", "sealed_block", "opened"),
    [
        ("ffffffffffffffff", "278b27e42e2f0d49", "ffffffffffffffff"),
        ("3000000000000000", "30649edf9be7d2c2", "1000000000000001"),
        ("88bca90e90875a7f0f79c384627bafb2", "2269552ab0f85ca6", "0000000000000000"),
    ],
)
def test_rc2_is_that_of_its_standard(key: str, sealed_block: str, opened: str) -> None:
    """The examples of RFC 2268 whose keys are as strong as they are long."""
    block = bytes.fromhex(sealed_block)
    assert decrypt_rc2(bytes.fromhex(key), bytes(8), block).hex() == opened
    twice = decrypt_rc2(bytes.fromhex(key), bytes(8), block * 2)[8:]
    assert bytes(a ^ b for a, b in zip(twice, block, strict=True)).hex() == opened


@cache
def whole(form: str) -> bytes:
    """Return a good bundle."""
    made = {
        "bare": lambda: bare_pfx([CHAIN.key], CHAIN.certificates),
        "sealed": lambda: pfx(CHAIN.key, CHAIN.certificates),
        "encrypted": lambda: bundle(encrypted([certificate(LEAF)], 9), plain(shrouded(9))),
    }
    return made[form]()


@pytest.mark.filterwarnings("ignore::UserWarning")  # the library warns of odd input
@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(["bare", "sealed", "encrypted"]),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=3),
)
def test_what_the_library_opens_we_open_alike(form: str, changes: list[tuple[int, int]]) -> None:
    """Whatever is damaged, we do not read other keys than the cryptography package does."""
    made = bytearray(whole(form))
    for at, byte in changes:
        made[at % len(made)] = byte
    try:
        theirs = load_pkcs12(bytes(made), None)
        pkcs8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        key = theirs.key.private_bytes(*pkcs8) if theirs.key else None
    except Exception:  # noqa: BLE001 - of whatever kind, it does not read it
        return
    try:
        ours = open_pkcs12(bytes(made))
    except (ValueError, LookupError):
        return
    held = [cert.certificate for cert in (theirs.cert, *theirs.additional_certs) if cert]
    assert len(ours.certificates) == len(held)
    if key is not None:
        assert element(key).parts()[2].raw == element(ours.keys[0]).parts()[2].raw
