"""What the vaults' port makes of listings and secrets that are odd, wholly or in one entry."""

import json
import tracemalloc
from collections.abc import Callable, Mapping

import pytest

from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.key_vault_answers import Asked, Bounds, Listing
from sync.adapters.azure.key_vault_versions import MOST_VERSIONS, Versions
from sync.adapters.azure.vault_host import VaultHost
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import (
    ListedSecret,
    ListedVersion,
    SecretName,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.projection.rules import DEFAULT_RULES, Pattern, Rules
from sync.projection.tags import read_tags
from tests.fuzz.canned import canned_vaults
from tests.kit.errors import raises
from tests.kit.scripted import said, soon
from tests.leaks.dye import PLANTED

VAULT = VaultName("weu-ds-akv-shop-dev-1")
URL = f"https://{VAULT}.vault.azure.net"
TIMES = {"created": 1_700_000_000, "updated": 1_700_000_001}
ATTRIBUTES = {"enabled": True, **TIMES}
SOUND = ListedSecret(SecretName("sound"), enabled=True, updated=1_700_000_001)


def entry(name: str = "odd", **fields: object) -> dict[str, object]:
    """Return an entry of a listing."""
    return {"id": f"{URL}/secrets/{name}", "attributes": ATTRIBUTES} | fields


def answering(body: object) -> KeyVaults:
    """Return vaults that answer everything with that JSON."""
    return canned_vaults(200, {}, json.dumps(body).encode())


def listed(*entries: object) -> list[ListedSecret]:
    """Return what a listing of these entries has."""
    return list(answering({"value": entries}).list(VAULT, soon()))


def got(**fields: object) -> VaultSecret | Unserved:
    """Return what a get of a secret with such fields has."""
    return answering({**BUNDLE, **fields}).get(VAULT, "odd", soon())


BUNDLE = {"value": PLANTED, **entry("odd/0a1b")}

ODD_ENTRIES: Mapping[str, tuple[object, str, str]] = {
    "null": (None, "entry 2", "without a secret's id"),
    "text": (PLANTED, "entry 2", "without a secret's id"),
    "list": ([entry()], "entry 2", "without a secret's id"),
    "no id": ({"attributes": ATTRIBUTES}, "entry 2", "without a secret's id"),
    "null id": (entry(id=None), "entry 2", "without a secret's id"),
    "id no text": (entry(id=7), "entry 2", "without a secret's id"),
    "id no URL": (entry(id=PLANTED), "entry 2", "without a secret's id"),
    "id without a name": (entry(id=f"{URL}/secrets"), "entry 2", "without a secret's id"),
    "id of a key": (entry(id=f"{URL}/keys/odd"), "entry 2", "without a secret's id"),
    "id too long": (entry(id=f"{URL}/secrets/a/b/c"), "entry 2", "without a secret's id"),
    "name empty": (entry(""), "entry 2", "without a secret's id"),
    "name escaped": (entry("a%20b"), "'a%20b'", "a name that Key Vault does not allow"),
    "name of letters": (entry("größe"), "'größe'", "a name that Key Vault does not allow"),
    "name unprintable": (entry("a\x1b[2J\ud800"), "'a?[2J?'", "does not allow"),
    "name too long": (entry("x" * 128), f"'{'x' * 64}'", "does not allow"),
    "no attributes": (entry(attributes=None), "odd", "no attributes"),
    "attributes no object": (entry(attributes=[1]), "odd", "no attributes"),
    "enabled text": (entry(attributes=TIMES | {"enabled": "no"}), "odd", "neither true nor"),
    "enabled number": (entry(attributes=TIMES | {"enabled": 0}), "odd", "neither true nor"),
    "no updated": (entry(attributes={"enabled": True}), "odd", "updated that is no time"),
    "updated null": (entry(attributes={"updated": None}), "odd", "updated that is no time"),
    "updated text": (entry(attributes={"updated": "1700000001"}), "odd", "no time"),
    "updated true": (entry(attributes={"updated": True}), "odd", "no time"),
    "updated negative": (entry(attributes={"updated": -1}), "odd", "no time"),
    "updated beyond": (entry(attributes={"updated": 253_402_300_800}), "odd", "no time"),
    "updated infinite": (entry(attributes={"updated": float("inf")}), "odd", "no time"),
    "updated no number": (entry(attributes={"updated": float("nan")}), "odd", "no time"),
    "tags text": (entry(tags="k8s-sync"), "odd", "tags that are no object"),
    "tags list": (entry(tags=["k8s-sync"]), "odd", "tags that are no object"),
}


@pytest.mark.parametrize("case", ODD_ENTRIES)
def test_an_odd_entry_costs_its_secret_alone(case: str) -> None:
    """The secret is listed with the reason, by a name that any log may hold; the others are sound.

    Nothing but its name is told of it.
    """
    odd, name, why = ODD_ENTRIES[case]
    first, faulty, last = listed(entry("sound"), odd, entry("last"))
    assert (first, last.name, last.fault) == (SOUND, "last", None)
    assert isinstance(faulty.fault, Permanent)
    assert (faulty.name, faulty.fault.reason) == (name, "EntryUnreadable")
    assert name.strip("'") in faulty.fault.message
    assert why in faulty.fault.message
    assert faulty.name.isprintable()
    assert faulty.fault.message.isprintable()
    assert PLANTED not in said(faulty.fault) + faulty.name


HARMLESS: Mapping[str, Mapping[str, object]] = {
    "null tags": {"tags": None},
    "a tag of somebody's that is null": {"tags": {"owner": None}},
    "a tag of somebody's that is an object": {"tags": {"owner": {"team": "a"}}},
    "null content type": {"contentType": None},
    "content type no text": {"contentType": 7},
    "enabled by silence": {"attributes": TIMES},
    "enabled null": {"attributes": ATTRIBUTES | {"enabled": None}},
    "updated with a fraction": {"attributes": ATTRIBUTES | {"updated": 1_700_000_001.9}},
    "exp text": {"attributes": ATTRIBUTES | {"exp": "never"}},
    "exp negative": {"attributes": ATTRIBUTES | {"exp": -62_135_596_800}},
    "exp infinite": {"attributes": ATTRIBUTES | {"exp": float("inf")}},
    "host in capitals": {"id": f"{URL.upper()}/secrets/sound"},
    "host with a port": {"id": f"{URL}:443/secrets/sound"},
    "with a version": {"id": f"{URL}/secrets/sound/0a1b"},
    "managed no truth": {"managed": "true", "contentType": ""},
    # Others met the next ones: https://github.com/james-gould/azure-keyvault-emulator/issues/329
    "fields of its own": {"persistedName": "sound", "attributes": ATTRIBUTES | {"contentType": ""}},
    "recovery level unheard of": {"attributes": ATTRIBUTES | {"recoveryLevel": "Some+Level"}},
    "recovery level no text": {
        "attributes": ATTRIBUTES | {"recoveryLevel": None, "recoverableDays": "90"}
    },
    # A second beyond the last one of the calendar, https://github.com/dotnet/dnceng/issues/222
    "exp beyond the calendar": {"attributes": ATTRIBUTES | {"exp": 253_402_303_861}},
    # https://github.com/Azure/azure-cli/issues/16683
    "nbf beyond the calendar": {"attributes": ATTRIBUTES | {"nbf": 10**18}},
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_matters_to_nobody_does_no_harm(case: str) -> None:
    """An oddity in what is not needed leaves the secret as it would be without."""
    assert listed(entry("sound", **HARMLESS[case])) == [SOUND]


def test_what_may_keep_a_version_from_use_is_read() -> None:
    """A listing shows when a version becomes valid, and that a secret is a certificate's."""
    attributes = ATTRIBUTES | {"nbf": 1_800_000_000}
    (secret,) = listed(entry("sound", attributes=attributes, managed=True))
    assert (secret.not_before, secret.managed) == (1_800_000_000, True)


def test_a_tag_without_a_text_is_an_empty_one() -> None:
    """A tag of ours that is null or no text counts as empty, which the rules of tags refuse."""
    (secret,) = listed(entry(tags={"k8s-sync": None, "K8S-Key": 7, "owner": None}))
    assert secret.tags == {"k8s-sync": "", "K8S-Key": ""}
    with raises(Permanent, "TagWrong"):
        read_tags(secret.name, secret.tags)


@pytest.mark.parametrize("more", [{}, {"nextLink": None}, {"nextLink": ""}], ids=range(3))
def test_a_null_page_is_an_empty_one(more: Mapping[str, object]) -> None:
    """A vault that was never used may answer null for its list, or an empty nextLink.

    https://github.com/Azure/azure-sdk-for-net/issues/6758 and
    https://github.com/Azure/azure-rest-api-specs/pull/6803
    """
    assert answering({"value": None, **more}).list(VAULT, soon()) == []


BROKEN_PAGES: Mapping[str, object] = {
    "no list": {},
    "an object for a list": {"value": {}},
    "a text for a list": {"value": "a"},
    "false for a list": {"value": False},
    "other JSON": {"message": "hello"},
    "a list": [],
    "null": None,
    "link a number": {"value": [entry()], "nextLink": 7},
    "link false": {"value": [entry()], "nextLink": False},
    "link an object": {"value": [entry()], "nextLink": {"href": f"{URL}/secrets?x"}},
    "link a list": {"value": [entry()], "nextLink": [f"{URL}/secrets?x"]},
    "link to itself": {"value": [entry()], "nextLink": f"{URL}/secrets?x"},
    "link relative, to itself": {"value": [entry()], "nextLink": "?x"},
    "link half a character": {"value": [entry()], "nextLink": f"{URL}/secrets?\ud800"},
}


@pytest.mark.parametrize("case", BROKEN_PAGES)
def test_a_page_that_is_none_fails_the_listing(case: str) -> None:
    """Where nothing can be believed the listing fails, and no secret is taken for gone."""
    with raises(Transient, "VaultAnswerBroken"):
        answering(BROKEN_PAGES[case]).list(VAULT, soon())


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"<html>", b"[" * 100_000, b'{"value": [' + b"9" * 5000 + b"]}"],
    ids=["empty", "no text", "HTML", "deep", "endless number"],
)
def test_what_is_no_json_is_broken(body: bytes) -> None:
    """So is a body that no JSON reader takes."""
    with raises(Transient, "VaultAnswerBroken"):
        canned_vaults(200, {}, body).list(VAULT, soon())


@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("", None),
        (f"{URL}/secrets?$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        (f"{URL}:443/secrets?api-version=7.3&$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        (f"{URL.upper()}/secrets?$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        ("/secrets?$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        ("secrets?$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        ("?$skiptoken=1", f"{URL}/secrets?$skiptoken=1"),
        (f"{URL}/secrets?a={{b}}&c=}}#d", f"{URL}/secrets?a=%7Bb%7D&c=%7D"),
        (f"{URL}/secrets?a=\r\nb", f"{URL}/secrets?a=b"),
    ],
)
def test_links_lead_to_the_next_page(link: str, followed: str | None) -> None:
    """Empty, relative, with a port or in capitals: a link is of the vault's own host."""
    listing = Listing(VaultHost(VAULT, "vault.azure.net"), Bounds(9, 1 << 20), DEFAULT_RULES.reads)
    assert listing.add({"value": [], "nextLink": link}) == followed


def test_an_entry_of_another_vault_is_untrusted() -> None:
    """A listing that has one entry of another vault is believed in nothing."""
    with raises(Permanent, "VaultUntrusted"):
        listed(entry("sound"), entry(id="https://weu-ds-akv-till-dev-1.vault.azure.net/secrets/a"))


@pytest.mark.parametrize(
    ("fields", "tags", "content_type"),
    [
        ({"tags": None, "contentType": None}, {}, ""),
        ({"tags": {"k8s-key": None, "owner": 1}, "contentType": 7}, {"k8s-key": ""}, ""),
        ({"tags": {"k8s-key": "A"}, "contentType": "text/plain"}, {"k8s-key": "A"}, "text/plain"),
    ],
)
def test_a_secret_with_odd_tags_is_served(
    fields: Mapping[str, object], tags: Mapping[str, str], content_type: str
) -> None:
    """A get makes of tags and content type what a listing makes of them."""
    secret = got(**fields)
    assert isinstance(secret, VaultSecret)
    assert (secret.value, secret.tags, secret.content_type) == (PLANTED, tags, content_type)


def test_a_secret_that_says_it_is_disabled_is_not_served() -> None:
    """A 200 whose secret is disabled is no value to write."""
    assert got(attributes=ATTRIBUTES | {"enabled": False}) is Unserved.DISABLED
    assert got(attributes={"enabled": False}, value=None) is Unserved.DISABLED


@pytest.mark.parametrize(
    "fields",
    [
        {"value": None},
        {"value": 7},
        {"value": [PLANTED]},
        {"id": None},
        {"id": f"{URL}/secrets/odd"},
        {"attributes": None},
        {"attributes": {"enabled": True}},
        {"attributes": ATTRIBUTES | {"enabled": "yes"}},
        {"attributes": ATTRIBUTES | {"created": -1}},
        {"attributes": ATTRIBUTES | {"updated": 10**30}},
        {"tags": [PLANTED]},
    ],
    ids=range(11),
)
def test_an_odd_secret_is_broken(fields: Mapping[str, object]) -> None:
    """A secret whose value, version, times or tags cannot be believed fails, and tells no value."""
    with raises(Transient, "VaultAnswerBroken") as caught:
        got(**fields)
    assert PLANTED not in said(caught.value)


@pytest.mark.parametrize(
    "other", ["other/0a1b", "odd/ffff", "../odd/0a1b"], ids=["name", "version", "path"]
)
def test_a_disabled_secret_of_another_name_is_not_taken(other: str) -> None:
    """What is said of another secret than was asked for says nothing of this one."""
    vaults = answering({**BUNDLE, "id": f"{URL}/secrets/{other}", "attributes": {"enabled": False}})
    with raises(SyncError, "VaultUntrusted"):
        vaults.get(VAULT, "odd", soon(), version="0a1b")


@pytest.mark.parametrize("body", [{"error": PLANTED}, {"error": None}, {"error": []}, "no", None])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "VaultRefused"), (403, "VaultForbidden"), (404, "VaultUnavailable")],
)
def test_a_refusal_without_codes_is_one(body: object, status: int, reason: str) -> None:
    """An error whose body is of another shape is what its status says.

    https://github.com/Azure/azure-sdk-for-python/issues/20399
    """
    vaults = canned_vaults(status, {}, json.dumps(body).encode())
    with raises(SyncError, reason) as caught:
        vaults.get(VAULT, "odd", soon())
    assert PLANTED not in said(caught.value)


def test_only_the_tags_of_rules_are_kept() -> None:
    """Of a listed secret's tags those are kept that a rule looks at, in any spelling of ours."""
    tags = {"k8s-key": "A", " K8S-Sync ": "true", "team": "a", "Team": "b", "owner": "c"}
    body = {"value": [entry(tags=tags)]}
    rules = Rules(include=(Pattern("*", tag="team"),), exclude=(Pattern("x*"),))
    host = VaultHost(VAULT, "vault.azure.net")
    for reads, names in (
        (DEFAULT_RULES.reads, {"k8s-key", " K8S-Sync "}),
        (rules.reads, {"k8s-key", " K8S-Sync ", "team"}),
    ):
        listing = Listing(host, Bounds(9, 1 << 20), reads)
        listing.add(body)
        assert listing.secrets[0].tags.keys() == names


def test_a_listing_with_full_tags_takes_little_memory() -> None:
    """Of secrets with as many and as long tags as may be a few hundred bytes each are kept."""
    tags = {f"{number:02}{'x' * 254}": "y" * 256 for number in range(13)}
    ours = {"k8s-secret": "orders", "k8s-type": "tls"}
    host = VaultHost(VAULT, "vault.azure.net")
    listing = Listing(host, Bounds(20_000, 24 << 20), DEFAULT_RULES.reads)
    tracemalloc.start()
    try:
        for page in range(20):
            names = [f"secret-{page}-{number}-{'n' * 60}" for number in range(25)]
            entries = [entry(name, tags=tags | ours, contentType="text/plain") for name in names]
            listing.add(json.loads(json.dumps({"value": entries})))
        del entries
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(listing.secrets) == 500
    assert kept < 500 * 800


@pytest.mark.parametrize(
    "page",
    [
        lambda n: {"value": [entry(f"{n}", tags={f"k8s-{n}{'x' * 1000}": "y" * 1000})]},
        lambda n: {"value": [entry(f"{n}", contentType=f"{n}{'x' * 2000}")]},
        lambda n: {"value": [entry(f"{n}", attributes=None)]},
        lambda _: {"value": [None]},
        lambda n: {"value": [], "nextLink": f"?{n}{'x' * 2000}"},
    ],
    ids=["tags", "content type", "faults", "nothing", "links"],
)
def test_a_listing_is_bounded_by_its_bytes(page: Callable[[int], Mapping[str, object]]) -> None:
    """Whatever it is that fills the memory, the vault is refused before it does."""
    bounds = Bounds(20_000, 1 << 20)
    listing = Listing(VaultHost(VAULT, "vault.azure.net"), bounds, DEFAULT_RULES.reads)

    def fill() -> None:
        for number in range(2_000):
            listing.add(page(number))

    with raises(Permanent, "VaultTooLarge", "more than 1 MiB of names and tags"):
        fill()


VERSION = entry("odd/0a1b")


def versions(*entries: object) -> list[ListedVersion]:
    """Return what a listing of a secret's versions has."""
    return list(answering({"value": entries}).versions(VAULT, "odd", soon()))


@pytest.mark.parametrize(
    "odd",
    [
        PLANTED,
        None,
        {"attributes": ATTRIBUTES},
        entry("odd/0a1b", attributes=PLANTED),
        entry("odd/0a1b", attributes={"enabled": True}),
        entry("odd/0a1b", attributes=ATTRIBUTES | {"enabled": "yes"}),
    ],
    ids=["text", "null", "no id", "attributes", "no time", "enabled"],
)
def test_a_version_that_cannot_be_read_is_none(odd: object) -> None:
    """It cannot stand in, and costs no other one."""
    assert versions(odd, VERSION) == [ListedVersion("0a1b", enabled=True, created=1_700_000_000)]


def test_an_entry_without_a_version_is_of_no_use() -> None:
    """Nothing could be read by it."""
    (found,) = versions(entry("odd"))
    assert not found.enabled


def test_versions_of_another_secret_are_not_trusted() -> None:
    """Whoever answers is not the vault, or a proxy mixes answers up."""
    with raises(Permanent, "VaultUntrusted", "versions of another secret"):
        versions(entry("other/0a1b"))


@pytest.mark.parametrize("size", [1, 0], ids=["full pages", "empty pages"])
def test_the_search_among_versions_is_bounded(size: int) -> None:
    """A secret of thousands of versions, or a listing that goes on for ever, is given up."""
    found = Versions(Asked(VaultHost(VAULT, "vault.azure.net"), "odd", None))

    def fill() -> None:
        for number in range(MOST_VERSIONS + 1):
            found.add({"value": [VERSION] * size, "nextLink": f"?{number}"})

    with raises(Permanent, "TooManyVersions", "more than 2,500 versions"):
        fill()
