"""PKCS#12 opened by our own reader: what it reads, and what it is never made to do."""

from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import cache
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from local.key_vault import new_certificate
from sync.core.errors import Permanent
from sync.projection.ber import element
from sync.projection.budget import CHEAP_ROUNDS, BudgetSpent, ParseBudget
from sync.projection.certificates import read_bundle
from sync.projection.pkcs12.bundle import MOST_ROUNDS, MOST_ROUNDS_AT_ONCE, Contents, open_pkcs12
from sync.projection.pkcs12.derivation import Rfc7292
from sync.projection.pkcs12.rc2 import BLOCK, decrypt_rc2
from sync.projection.pkcs12.schemes import Locked
from sync.projection.turns import PARSING, Turns
from tests.kit.bundles import (
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
    old_key,
    old_mac,
    plain,
    shrouded,
)  # fmt: skip
from tests.kit.chains import PKCS12, bare_pfx, oid, pfx, sequence, text_of


def opened(made: bytes) -> Contents:
    """Open a bundle in a survey that has opened no other."""
    return open_pkcs12(made, ParseBudget())


def refusal(made: bytes, budget: ParseBudget) -> Permanent:
    """Refuse a bundle; no other error comes along, since it may quote."""
    with pytest.raises(Permanent) as refused:
        read_bundle("shop-tls", text_of(made), PKCS12, budget, keep_root=True)
    assert refused.value.__context__ is None
    return refused.value


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_a_bundle_that_asks_for_too_many_rounds_is_refused(make: Callable[[], bytes]) -> None:
    """Wherever the rounds are asked for, they are not done: 2,147,483,647 would take hours."""
    refused = refusal(make(), ParseBudget())
    assert refused.reason == "CertificateUnreadable"
    assert "more than 600,000 rounds" in refused.message
    assert "2,400,000 in all" in refused.message
    assert "openssl pkcs12 -export -iter 2048" in refused.message


@pytest.mark.parametrize(
    "made",
    [
        bundle(plain(bag(1, KEY)), mac=old_mac(600_001)),
        bundle(plain(bag(1, KEY)), mac=new_mac(600_001)),
        bundle(plain(shrouded(9), shrouded(600_001))),
        bundle(plain(old_key(1_000_000, 3)), mac=old_mac(1)),
        bundle(*[encrypted([certificate(LEAF)], 600_000)] * 5),
    ],
    ids=["the seal", "the newer seal", "a key", "an old key", "many"],
)
def test_a_bundle_that_will_be_refused_costs_nothing(made: bytes) -> None:
    """The headers say what all of it asks for, and nothing is derived, nor paid for, before."""
    budget = ParseBudget(CHEAP_ROUNDS)
    assert refusal(made, budget).reason == "CertificateUnreadable"
    budget.take(CHEAP_ROUNDS, dear=False)


def dear_bundle(rounds: int) -> bytes:
    """Make a bundle that asks for twice so many."""
    return bundle(
        encrypted([certificate(LEAF), certificate(ROOT)], rounds), plain(shrouded(rounds))
    )


def test_rounds_that_people_ask_for_are_done() -> None:
    """What OWASP recommends is done for certificates, the key and a seal tried twice."""
    assert MOST_ROUNDS >= 4 * 600_000
    assert opened(dear_bundle(600_000)) == Contents([KEY], [LEAF, ROOT])


def test_a_survey_opens_bundles_as_far_as_its_budget_goes() -> None:
    """The next one waits, by a reason of its own, and is opened by the next survey."""
    made = dear_bundle(30_000)
    budget = ParseBudget(dear_rounds=150_000)
    for _ in range(2):
        assert open_pkcs12(made, budget) == Contents([KEY], [LEAF, ROOT])
    refused = refusal(made, budget)
    assert refused.reason == "CertificatePostponed"
    assert "within the hour" in refused.message
    assert "openssl pkcs12 -export -iter 2048" in refused.message
    assert opened(made) == Contents([KEY], [LEAF, ROOT])


def test_a_key_inside_of_what_is_encrypted_is_paid_for_as_well() -> None:
    """Its rounds are known when the bag is open, and count for the bundle and for the survey."""
    made = bundle(encrypted([shrouded(60_000), certificate(LEAF)], 1))
    assert refusal(made, ParseBudget(dear_rounds=59_999)).reason == "CertificatePostponed"
    assert open_pkcs12(made, ParseBudget(dear_rounds=60_000)) == Contents([KEY], [LEAF])


def test_dear_bundles_leave_the_cheap_ones_their_share() -> None:
    """What is left for dear bundles does not matter to those of the usual tools."""
    budget = ParseBudget(rounds=100_000, dear_rounds=60_000)
    with pytest.raises(BudgetSpent):
        open_pkcs12(dear_bundle(40_000), budget)
    for _ in range(4):
        assert open_pkcs12(dear_bundle(12_500), budget) == Contents([KEY], [LEAF, ROOT])
    with pytest.raises(BudgetSpent):
        open_pkcs12(dear_bundle(1), budget)


def test_dear_bundles_have_no_more_than_all_have() -> None:
    """What cheap bundles used up is gone for dear ones as well."""
    budget = ParseBudget(rounds=60_000, dear_rounds=60_000)
    budget.take(1, dear=False)
    with pytest.raises(BudgetSpent):
        open_pkcs12(dear_bundle(30_000), budget)


def test_threads_share_a_budget() -> None:
    """No round is spent twice, and none is lost."""
    budget = ParseBudget(rounds=1_000)

    def spend() -> int:
        spent = 0
        with suppress(BudgetSpent):
            while True:
                budget.take(1, dear=False)
                spent += 1
        return spent

    with ThreadPoolExecutor(8) as pool:
        assert sum(each.result() for each in [pool.submit(spend) for _ in range(8)]) == 1_000


def test_a_thread_that_waits_has_the_next_turn() -> None:
    """Whoever just had a turn does not take the next one while another waits."""
    turns, waiting = Turns(), 8
    had: list[int] = []

    def take(number: int) -> None:
        for _ in range(50):
            with turns:
                had.append(number)

    with ThreadPoolExecutor(waiting) as pool:
        for each in [pool.submit(take, number) for number in range(waiting)]:
            each.result()
    together = had[: len(had) // 2]  # later on, some are done
    assert sum(one == other for one, other in pairwise(together)) < len(together) // 10


def test_a_derivation_lets_others_parse_meanwhile() -> None:
    """It takes its turn for some rounds at a time, however many there are in all."""
    short, long = (Rfc7292("sha1", b"salt", rounds, 20, 3) for rounds in (1, MOST_ROUNDS_AT_ONCE))
    with ThreadPoolExecutor(1) as pool:
        with PARSING:
            waiting = pool.submit(short.derive, b"")
            assert not wait([waiting], 0.1).done
            deriving = pool.submit(long.derive, b"")
        assert len(waiting.result()) == 20
        with PARSING:
            assert not deriving.done()
        assert len(deriving.result()) == 20


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
        assert opened(made) == Contents([KEY], [LEAF, ROOT])


@pytest.mark.parametrize("rounds", [1, 2_000])
def test_the_bundles_of_the_service_are_opened(rounds: int) -> None:
    """Key Vault's own have a seal of SHA-1 with 1 or 2,000 rounds, and no password."""
    made = b64decode(new_certificate("shop.example", rounds))
    *_, seal = element(made).parts()
    stated, salt, *count = seal.parts()
    assert stated.parts()[0].parts()[0].oid() == "1.3.14.3.2.26"
    assert [each.number() for each in count] == ([rounds] if rounds > 1 else [])
    theirs = load_pkcs12(made, b"")
    found = opened(made)
    assert theirs.key is not None
    pkcs8 = (Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert found.keys == [theirs.key.private_bytes(*pkcs8)]
    assert len(found.certificates) == 3
    with pytest.raises(Locked):
        opened(made.replace(salt.content, salt.content[::-1]))
    budget = ParseBudget(CHEAP_ROUNDS, dear_rounds=0)
    bundle_read = read_bundle("shop-tls", text_of(made), PKCS12, budget, keep_root=True)
    assert not bundle_read.warnings


def test_a_seal_with_a_password_locks() -> None:
    """A bundle that was sealed with a password is not taken, even where it is readable."""
    for mac in (old_mac(2048), new_mac(2048)):
        with pytest.raises(Locked):
            opened(bundle(plain(bag(1, KEY)), mac=mac))


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
        opened(made)


def test_a_bundle_of_more_parts_than_any_has_is_refused() -> None:
    """Also where each part is good: to read 10,000 takes longer than is good for others."""
    for made in (
        bundle(plain(*[bag(1, KEY)] * 700)),
        bundle(plain(*[bag(1, KEY)], b"\x30\x80" + b"\x30\0" * 2_000 + b"\0\0")),
    ):
        with pytest.raises(ValueError, match="too many elements"):
            opened(made)


def test_an_identifier_longer_than_any_is_refused() -> None:
    """To read one of 18,000 bytes takes 50 ms."""
    made = bundle(sequence(oid("2a" + "ff" * 40 + "01"), sequence()))
    with pytest.raises(ValueError, match="no known identifier"):
        opened(made)


@pytest.mark.parametrize(
    ("key", "sealed_block", "plain_block"),
    [
        ("ffffffffffffffff", "278b27e42e2f0d49", "ffffffffffffffff"),
        ("3000000000000000", "30649edf9be7d2c2", "1000000000000001"),
        ("88bca90e90875a7f0f79c384627bafb2", "2269552ab0f85ca6", "0000000000000000"),
    ],
)
def test_rc2_is_that_of_its_standard(key: str, sealed_block: str, plain_block: str) -> None:
    """The examples of RFC 2268 whose keys are as strong as they are long."""
    block = bytes.fromhex(sealed_block)
    assert decrypt_rc2(bytes.fromhex(key), bytes(8), block).hex() == plain_block
    twice = decrypt_rc2(bytes.fromhex(key), bytes(8), block * 2)[8:]
    assert bytes(a ^ b for a, b in zip(twice, block, strict=True)).hex() == plain_block


@given(
    st.binary(min_size=5, max_size=5) | st.binary(min_size=16, max_size=16),
    st.binary(min_size=BLOCK, max_size=BLOCK),
    st.lists(st.binary(min_size=BLOCK, max_size=BLOCK), max_size=9),
)
def test_rc2_decrypts_many_blocks_as_one_after_the_other(
    key: bytes, start: bytes, sealed: list[bytes]
) -> None:
    """Blocks that are decrypted together leave no trace in each other."""
    chained = pairwise([start, *sealed])
    one_by_one = [decrypt_rc2(key, before, block) for before, block in chained]
    assert decrypt_rc2(key, start, b"".join(sealed)) == b"".join(one_by_one)


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
        ours = opened(bytes(made))
    except (ValueError, LookupError):
        return
    held = [cert.certificate for cert in (theirs.cert, *theirs.additional_certs) if cert]
    assert len(ours.certificates) == len(held)
    if key is not None:
        assert element(key).parts()[2].raw == element(ours.keys[0]).parts()[2].raw
