"""The vaults' port against every answer that Key Vault, or something in its place, gives."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.key_vault import KeyVaults
from sync.adapters.azure.key_vault_answers import Bounds
from sync.adapters.azure.vault_transport import VaultTransport
from sync.core.errors import Permanent, SyncError, Transient
from sync.core.model import ListedSecret, SecretName, Unserved, VaultName
from sync.telemetry import quiet_sdks
from tests.kit.errors import raises
from tests.kit.scripted import Answer, Moments, Request, Scripted, behind_proxy, said, soon
from tests.kit.tokens import Token
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

VAULT = VaultName("weu-ds-akv-shop-dev-1")
OTHER = VaultName("weu-ds-akv-shop-dev-2")
URL = f"https://{VAULT}.vault.azure.net"
ATTRIBUTES = {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_001}


def bundle(
    vault: VaultName = VAULT, name: str = "Db-Url", version: str = "0a1b"
) -> dict[str, object]:
    """Return a secret as a vault answers it."""
    identifier = f"https://{vault}.vault.azure.net/secrets/{name}/{version}"
    return {"value": PLANTED, "id": identifier, "attributes": ATTRIBUTES}


BUNDLE = bundle()


def challenge(resource: str = "https://vault.azure.net") -> Answer:
    """Return what a vault says to a caller without a token."""
    parameters = f'authorization="https://login.example/tenant", resource="{resource}"'
    return Answer(401, {}, {"WWW-Authenticate": f"Bearer {parameters}"})


def refused(status: int, code: str, inner: str = "", **headers: str) -> Answer:
    """Return an error as Key Vault words it, with a value where none should be."""
    error: dict[str, object] = {"code": code, "message": PLANTED}
    if inner:
        error["innererror"] = {"code": inner}
    return Answer(status, {"error": error}, {k.replace("_", "-"): v for k, v in headers.items()})


def page(*names: str, link: str | None = None, **attributes: object) -> Answer:
    """Return one page of a listing."""
    entries = [{"id": f"{URL}/secrets/{n}", "attributes": ATTRIBUTES | attributes} for n in names]
    return Answer(body={"value": entries, "nextLink": link})


@pytest.fixture
def server(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Scripted]:
    """Serve a script at every vault's own URL."""
    scripted = Scripted()
    hosts = {"*.vault.azure.net": scripted.app()}

    def exists(host: str) -> bool:
        return not host.startswith("gone")

    with behind_proxy(servers, authority, tmp_path, hosts, exists=exists):
        yield scripted


@pytest.fixture
def vaults() -> Iterator[KeyVaults]:
    """Make the adapter."""
    vaults = KeyVaults(Token(), "vault.azure.net", now=lambda: 1_800_000_000.5)
    yield vaults
    vaults.close()


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    """Make a clock, and let the Azure SDK's transports sleep by it."""
    moments = Moments()
    monkeypatch.setattr(VaultTransport, "sleep", lambda _, seconds: moments.sleep(seconds))
    return moments


@dataclass(frozen=True, slots=True)
class Patient:
    """The adapter on a clock that goes on while it sleeps, and the server that lets it wait."""

    vaults: KeyVaults
    server: Scripted
    moments: Moments

    def get(
        self, *answers: Answer, seconds: float = 20.0, vault: VaultName = VAULT
    ) -> Transient | None:
        """Get a secret, of a vault that answers so from now on; return why it is not served."""
        if answers:
            answering(self.server, *answers)
        try:
            served = self.vaults.get(vault, "db-url", self.moments.soon(seconds))
        except Transient as error:
            return error
        assert not isinstance(served, Unserved)
        return None

    def fails(self, *answers: Answer, seconds: float = 20.0) -> Transient:
        """Return why it is not served."""
        error = self.get(*answers, seconds=seconds)
        assert error is not None
        return error


@pytest.fixture
def patient(server: Scripted, moments: Moments) -> Iterator[Patient]:
    """Make the adapter on that clock."""
    vaults = KeyVaults(Token(), "vault.azure.net", clock=moments)
    yield Patient(vaults, server, moments)
    vaults.close()


def answering(server: Scripted, *answers: Answer) -> None:
    """Script the answers to callers with a token; those without get the challenge."""
    rest = list(answers)

    def script(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return challenge()
        return rest.pop(0) if len(rest) > 1 else rest[0]

    server.answers = [script]


def asked(server: Scripted) -> list[str]:
    """Return the paths of the requests with a token."""
    return [request.path for request in server.requests if "Authorization" in request.headers]


def failure(vaults: KeyVaults, vault: VaultName = VAULT, seconds: float = 20.0) -> SyncError:
    """Return what a get ends in, and see that no value is in it."""
    with pytest.raises(SyncError) as caught:
        vaults.get(vault, "db-url", soon(seconds))
    assert leaks(said(caught.value)) == []
    return caught.value


def test_get_returns_the_version_served(server: Scripted, vaults: KeyVaults) -> None:
    """Name and version are those of the answer's id."""
    answering(server, Answer(body=BUNDLE))
    secret = vaults.get(VAULT, "db-url", soon())
    assert not isinstance(secret, Unserved)
    assert (secret.name, secret.version, secret.value) == ("Db-Url", "0a1b", PLANTED)
    assert (secret.created, secret.updated) == (1_700_000_000, 1_700_000_001)
    assert asked(server) == ["/secrets/db-url/?api-version=7.4"]
    vaults.get(VAULT, "db-url", soon(), version="0a1b")
    assert asked(server)[1] == "/secrets/db-url/0a1b?api-version=7.4"


@pytest.mark.parametrize(
    ("date", "seconds", "read_at"),
    [
        ("Fri, 15 Jan 2027 08:00:09 GMT", 0.0, 1_800_000_009.0),
        ("Fri, 15 Jan 2027 08:00:09 GMT", 0.5, 1_800_000_008.0),
        ("Fri, 15 Jan 2027 08:00:09 GMT", 2.0, 1_800_000_007.0),
        ("Friday, 15-Jan-27 08:00:09 GMT", 0.0, 1_800_000_009.0),
        ("Fri Jan 15 08:00:09 2027", 0.0, 1_800_000_009.0),
        ("Fri, 15 Jan 2027 08:00:09 -0000", 0.0, 1_800_000_009.0),
        ("", 2.0, 1_700_000_000.5),
        ("soon", 2.0, 1_700_000_000.5),
        ("Fri, 15 Jan 99999 08:00:09 GMT", 2.0, 1_700_000_000.5),
        ("Fri, 32 Jan 2027 08:00:09 GMT", 2.0, 1_700_000_000.5),
    ],
)
def test_the_vault_says_when_it_read(
    server: Scripted, date: str, seconds: float, read_at: float
) -> None:
    """That is the answer's date less what the call took; without one it is when we asked."""
    moments = Moments()
    vaults = KeyVaults(
        Token(), "vault.azure.net", now=lambda: 1_700_000_000.5 + moments.now, clock=moments
    )

    def script(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return challenge()
        moments.now += seconds
        return Answer(body=BUNDLE, headers={"Date": date})

    server.answers = [script]
    secret = vaults.get(VAULT, "db-url", soon())
    vaults.close()
    assert not isinstance(secret, Unserved)
    assert secret.read_at == read_at


@pytest.mark.parametrize("value", ["", "ä\u2028\0", "\ud800", " \n", "x" * 25_600], ids=range(5))
def test_any_text_is_a_value(server: Scripted, vaults: KeyVaults, value: str) -> None:
    """A value is handed on as the vault has it, be it empty or half a surrogate pair."""
    answering(server, Answer(body=BUNDLE | {"value": value}))
    secret = vaults.get(VAULT, "db-url", soon())
    assert not isinstance(secret, Unserved)
    assert secret.value == value


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (refused(404, "SecretNotFound"), Unserved.MISSING),
        (refused(404, "NotFound"), Unserved.MISSING),
        (refused(403, "Forbidden", "SecretDisabled"), Unserved.DISABLED),
        (refused(403, "SecretDisabled"), Unserved.DISABLED),
    ],
)
def test_unserved(server: Scripted, vaults: KeyVaults, answer: Answer, why: Unserved) -> None:
    """A missing and a disabled secret are answers, not failures."""
    answering(server, answer)
    assert vaults.get(VAULT, "db-url", soon()) is why


@pytest.mark.parametrize("name", ["", "..", "a/b", "a?b", "ä", "x" * 128, "a\n"], ids=range(7))
def test_an_impossible_name_is_not_asked_for(
    server: Scripted, vaults: KeyVaults, name: str
) -> None:
    """What no vault can hold is missing, and gets into no URL."""
    assert vaults.get(VAULT, name, soon()) is Unserved.MISSING
    assert vaults.get(VAULT, "a", soon(), version="../b") is Unserved.MISSING
    assert not server.requests


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "requests"),
    [
        (refused(403, "Forbidden", "AccessDenied"), Permanent, "VaultForbidden", 1),
        (refused(403, "Forbidden", "ForbiddenByRbac"), Permanent, "VaultForbidden", 1),
        (refused(403, "Forbidden", "ForbiddenByFirewall"), Permanent, "VaultFirewalled", 1),
        (Answer(403, f"<html>{PLANTED}"), Permanent, "VaultForbidden", 1),
        (refused(401, "Unauthorized"), Permanent, "VaultUnauthorized", 1),
        (challenge(), Permanent, "VaultUnauthorized", 2),
        (refused(400, "BadParameter"), Permanent, "VaultRefused", 1),
        (refused(404, "VaultNotFound"), Transient, "VaultUnavailable", 1),
        (Answer(404, f"<html>{PLANTED}", content_type="text/html"), Transient, None, 1),
        (Answer(404, PLANTED, content_type="image/png"), Transient, None, 1),
        (refused(409, "Conflict"), Transient, "VaultUnavailable", 1),
        (refused(500, "InternalError"), Transient, "VaultUnavailable", 3),
        (Answer(503, f"<html>{PLANTED}"), Transient, None, 3),
        (Answer(302, "", {"Location": "https://elsewhere.example/"}), Transient, None, 1),
        (Answer(200, f"<html>{PLANTED}"), Transient, "VaultAnswerBroken", 1),
        (Answer(200, PLANTED, content_type="text/html"), Transient, "VaultAnswerBroken", 1),
        (Answer(200, PLANTED, content_type="image/png"), Transient, "VaultAnswerBroken", 1),
        (Answer(200, ""), Transient, "VaultAnswerBroken", 1),
        (Answer(200, [PLANTED]), Transient, "VaultAnswerBroken", 1),
        (Answer(200, "7"), Transient, "VaultAnswerBroken", 1),
        (Answer(200, {}), Transient, "VaultAnswerBroken", 1),
        (Answer(200, {**BUNDLE, "value": None}), Transient, "VaultAnswerBroken", 1),
        (Answer(200, {**BUNDLE, "attributes": {}}), Transient, "VaultAnswerBroken", 1),
        (Answer(200, {**BUNDLE, "id": PLANTED}), Permanent, "VaultUntrusted", 1),
        (Answer(200, {**BUNDLE, "id": f"{URL}/secrets/b/1"}), Permanent, "VaultUntrusted", 1),
        (Answer(200, BUNDLE, cut=True), Transient, None, 3),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answer) else None,
)
def test_a_failed_get(  # noqa: PLR0913, PLR0917 - a table's columns
    server: Scripted,
    vaults: KeyVaults,
    answer: Answer,
    kind: type[SyncError],
    reason: str | None,
    requests: int,
) -> None:
    """Each failure is permanent or may pass, is tried so often, and tells no value."""
    answering(server, answer)
    error = failure(vaults)
    assert (type(error), error.reason) == (kind, reason or error.reason)
    assert len(asked(server)) == requests


def test_forbidden_names_the_role(server: Scripted, vaults: KeyVaults) -> None:
    """Who may not read the vault is told which role to grant, and how."""
    answering(server, refused(403, "Forbidden", "ForbiddenByRbac"))
    assert 'az role assignment create --role "Key Vault Secrets User"' in failure(vaults).message


def test_forbidden_by_access_policies_names_the_entry(server: Scripted, vaults: KeyVaults) -> None:
    """Where no role would help, the entry to add is told instead."""
    answering(server, refused(403, "Forbidden", "AccessDenied"))
    message = failure(vaults).message
    entry = "--object-id IDENTITY --secret-permissions get list"
    assert f"az keyvault set-policy --name {VAULT} {entry}" in message
    assert "role assignment" not in message


def throttled(wait: str | None = None) -> Answer:
    """Return a 429."""
    return refused(429, "Throttled", **({} if wait is None else {"Retry_After": wait}))


@pytest.mark.parametrize("wait", [1.0, 6.0, 17.0, 100.0])
@pytest.mark.parametrize("status", [429, 503, 500])
def test_a_wait_that_fits_is_waited_out(patient: Patient, wait: float, status: int) -> None:
    """A Retry-After that ends within the caller's time is kept to, however long it is."""
    busy = refused(status, "Busy", Retry_After=f"{wait:.0f}")
    assert patient.get(busy, Answer(body=BUNDLE), seconds=wait + 3) is None
    assert patient.moments.slept == [wait]
    assert len(asked(patient.server)) == 2


@pytest.mark.parametrize("wait", ["20", "21", "3600"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_wait_that_does_not_fit_is_the_caller_s(patient: Patient, status: int, wait: str) -> None:
    """A Retry-After that ends after the caller's time is handed on at once."""
    assert patient.fails(refused(status, "Busy", Retry_After=wait)).retry_after == float(wait)
    assert len(asked(patient.server)) == 1
    assert not patient.moments.slept


def test_a_vault_that_does_not_say_how_long_is_asked_ever_later(patient: Patient) -> None:
    """Key Vault says 429 without a Retry-After: the waits are those of its guidance.

    https://github.com/vcsjones/AzureSignTool/issues/219 shows such an answer.
    """
    error = patient.fails(throttled(), seconds=100)
    assert (error.reason, error.retry_after) == ("VaultThrottled", None)
    assert patient.moments.slept == [1, 2, 4, 8]
    assert len(asked(patient.server)) == 5


def test_a_vault_that_throttles_again_and_again_is_given_up(patient: Patient) -> None:
    """After five refusals in a row, each after the wait that was asked for, the call fails."""
    assert patient.fails(throttled("3"), seconds=100).retry_after == 3
    assert patient.moments.slept == [3, 3, 3, 3]


@pytest.mark.parametrize("wait", ["soon", "-5", "nan", ""])
def test_a_wait_that_is_no_time_is_none(patient: Patient, wait: str) -> None:
    """Whatever Retry-After says, too many requests are too many for now."""
    assert patient.get(throttled(wait), Answer(body=BUNDLE)) is None
    assert patient.moments.slept == [1]


def test_who_comes_while_a_vault_throttles_spends_no_call(patient: Patient) -> None:
    """The moment before which a vault is not to be asked is the same for every caller.

    Who cannot wait for it is told at once when to come back, and of another vault nothing is held
    up.
    """
    assert patient.fails(throttled("30")).retry_after == 30
    patient.moments.now += 4
    error = patient.fails(seconds=7)
    assert (error.reason, error.retry_after) == ("VaultThrottled", 6)
    with pytest.raises(Transient, match="throttles this app"):
        patient.vaults.list(VAULT, patient.moments.soon(7))
    assert len(asked(patient.server)) == 1
    assert patient.get(Answer(body=bundle(OTHER)), seconds=7, vault=OTHER) is None
    assert patient.get(Answer(body=BUNDLE), seconds=8) is None
    assert patient.moments.slept == [6]


def test_a_vault_that_throttles_the_first_request_is_waited_for(patient: Patient) -> None:
    """So it is where the vault has not even said whom it wants a token of."""
    vault = VaultName("weu-ds-akv-busy-dev-1")
    answering(patient.server, Answer(body=bundle(vault)))
    patient.server.answers.insert(0, throttled("7"))
    assert patient.get(vault=vault) is None
    assert patient.moments.slept == [7]


def test_who_cannot_wait_is_not_held_up_by_who_can(
    server: Scripted, moments: Moments, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a call waits for a vault that never answered well, a shorter one fails at once."""
    waiting, over = threading.Event(), threading.Event()

    def sleep(_transport: VaultTransport, seconds: float) -> None:
        waiting.set()
        assert over.wait(20)
        moments.sleep(seconds)

    monkeypatch.setattr(VaultTransport, "sleep", sleep)
    vaults = KeyVaults(Token(), "vault.azure.net", clock=moments)
    answering(server, throttled("30"), Answer(body=BUNDLE))
    with ThreadPoolExecutor(1) as threads:
        patient = threads.submit(vaults.get, VAULT, "db-url", moments.soon(100))
        try:
            assert waiting.wait(20)
            with raises(Transient, "VaultThrottled"):
                vaults.get(VAULT, "db-url", moments.soon(7))
        finally:
            over.set()
        assert not isinstance(patient.result(), Unserved)
    vaults.close()


def test_an_answer_ends_the_row_of_refusals(patient: Patient) -> None:
    """A vault that serves now and then is asked on: only refusals in a row are counted."""
    turn = [*[throttled()] * 4, Answer(body=BUNDLE)]
    answering(patient.server, *turn, *turn)
    assert [patient.get(), patient.get()] == [None, None]
    assert patient.moments.slept == [1, 2, 4, 8] * 2


def test_a_short_illness_is_tried_three_times(patient: Patient) -> None:
    """A vault that is ill is asked again at once, and once more a little later."""
    assert patient.fails(refused(503, "Busy")).reason == "VaultUnavailable"
    assert patient.moments.slept == [0.8]
    assert len(asked(patient.server)) == 3


def test_no_wait_outlasts_the_caller(patient: Patient) -> None:
    """Of several waits the one that would end after the caller's time is not begun."""
    assert patient.fails(throttled("8")).retry_after == 8
    assert patient.moments.slept == [8, 8]
    assert patient.moments.now == 16


def test_retry_after_alone_repeats_nothing(server: Scripted, vaults: KeyVaults) -> None:
    """A refusal does not become worth another try by a Retry-After."""
    answering(server, refused(403, "Forbidden", "AccessDenied", Retry_After="1"))
    failure(vaults)
    assert len(asked(server)) == 1


def test_list_follows_all_pages(server: Scripted, vaults: KeyVaults) -> None:
    """Empty pages, a port in the link and a missing link are all the same listing."""
    link = f"https://{VAULT}.vault.azure.net:443/secrets?api-version=7.4&$skiptoken="
    answering(
        server,
        page(link=link + "1"),
        page("a", "B", link=link + "2"),
        page("c", enabled=False, exp=1_900_000_000, link=""),
    )
    assert vaults.list(VAULT, soon()) == [
        ListedSecret(SecretName("a"), enabled=True, updated=1_700_000_001),
        ListedSecret(SecretName("B"), enabled=True, updated=1_700_000_001),
        ListedSecret(SecretName("c"), enabled=False, updated=1_700_000_001, expires=1_900_000_000),
    ]
    assert [path.partition("skiptoken=")[2] for path in asked(server)] == ["", "1", "2"]


@pytest.mark.parametrize(
    "link",
    [
        "https://weu-ds-akv-evil-dev-1.vault.azure.net/secrets",
        "https://weu-ds-akv-shop-dev-1.vault.azure.net@weu-ds-akv-evil-dev-1.vault.azure.net/secrets",
        "//weu-ds-akv-evil-dev-1.vault.azure.net/secrets",
        "https://[",
    ],
)
def test_a_list_that_leads_to_another_vault_is_not_followed(
    server: Scripted, vaults: KeyVaults, link: str
) -> None:
    """What goes on elsewhere is no listing of this vault."""
    answering(server, page("a", link=link), page("b"))
    with raises(Permanent, "VaultUntrusted"):
        vaults.list(VAULT, soon())
    assert len(asked(server)) == 1


@pytest.mark.parametrize(
    "place",
    [
        "https://weu-ds-akv-shop-dev-1.vault.azure.net:443",
        "https://weu-ds-akv-shop-dev-1.vault.azure.net:8443",
        "http://weu-ds-akv-shop-dev-1.vault.azure.net",
        "https://weu-ds-akv-shop-dev-1.vault.azure.net@evil.example",
        "http://localhost:8080",
        "",
    ],
)
def test_a_list_goes_on_at_the_vaults_own_host(
    server: Scripted, vaults: KeyVaults, place: str
) -> None:
    """Whatever a server calls itself, its next page is asked of the vault, as is every token."""
    link = f"{place}/secrets?api-version=7.4&$skiptoken=25"
    answering(server, page("a", link=link), page("b"))
    assert [each.name for each in vaults.list(VAULT, soon())] == ["a", "b"]
    assert {f"https://{request.headers['Host']}" for request in server.requests} == {URL}
    assert asked(server)[-1].endswith("/secrets?api-version=7.4&$skiptoken=25")


def test_a_vault_that_is_too_large_is_refused(server: Scripted) -> None:
    """A vault that somebody filled to fill the app's memory is refused before it does."""
    pages = iter(range(100))

    def script(request: Request) -> Answer:
        if "Authorization" not in request.headers:
            return challenge()
        number = next(pages)
        return page(*(f"s{number}-{n}" for n in range(25)), link=f"{URL}/secrets?skip={number}")

    server.answers = [script]
    vaults = KeyVaults(Token(), "vault.azure.net", bounds=Bounds(100, 1 << 20))
    with pytest.raises(Permanent, match="more than 100 secrets"):
        vaults.list(VAULT, soon())
    assert next(pages) == 5
    vaults.close()


def test_a_list_that_never_ends_is_broken(server: Scripted, vaults: KeyVaults) -> None:
    """A link that was followed before ends the listing with a failure, and with no names."""
    answering(server, page("a", link=f"{URL}/secrets?skiptoken=1"))
    with pytest.raises(Transient, match="never ends"):
        vaults.list(VAULT, soon())
    assert len(asked(server)) == 2


@pytest.mark.parametrize(
    "other", [bundle(OTHER), bundle(name="other"), bundle(version="ffff")], ids=["v", "n", "nr"]
)
def test_another_secret_than_asked_for_is_refused(
    server: Scripted, vaults: KeyVaults, other: dict[str, object]
) -> None:
    """Another vault's secret, another one of its own, or another version is not taken."""
    answering(server, Answer(body=other))
    with raises(Permanent, "VaultUntrusted") as caught:
        vaults.get(VAULT, "db-url", soon(), version="0a1b")
    assert PLANTED not in said(caught.value)


def test_a_server_may_call_itself_otherwise(server: Scripted, vaults: KeyVaults) -> None:
    """Who answers is what its certificate says: ids of no vault, as behind a proxy, do no harm."""
    ids = "https://localhost:8443/secrets/db-url"
    answering(server, Answer(body={**BUNDLE, "id": f"{ids}/0a1b"}))
    assert not isinstance(vaults.get(VAULT, "db-url", soon()), Unserved)
    listed = {"id": ids, "attributes": {"enabled": True, "updated": 1_700_000_000}}
    answering(server, Answer(body={"value": [listed], "nextLink": None}))
    assert [each.name for each in vaults.list(VAULT, soon())] == ["db-url"]


def test_a_failed_page_fails_the_list(server: Scripted, vaults: KeyVaults) -> None:
    """Half a listing is none."""
    answering(server, page("a", link=f"{URL}/secrets?skiptoken=1"), refused(503, "Busy"))
    with pytest.raises(Transient):
        vaults.list(VAULT, soon())


def test_a_foreign_challenge_gets_no_token(server: Scripted, vaults: KeyVaults) -> None:
    """A challenge that names another resource than the vault's suffix is not answered."""
    server.answers = [challenge("https://evil.example")]
    error = failure(vaults)
    assert (type(error), error.reason) == (Permanent, "VaultUntrusted")
    assert len(server.requests) == 1


CHALLENGES = (
    None,
    "",
    "Bearer",
    "Basic realm=proxy",
    'Basic realm="proxy", charset="UTF-8"',
    "Negotiate",
    "Bearer error=invalid_token",
    'Bearer authorization="https://login.example/tenant',
    "Bearer =,=,,",
)


@pytest.mark.parametrize("header", CHALLENGES)
def test_a_challenge_that_is_none_gets_no_token(
    server: Scripted, vaults: KeyVaults, header: str | None
) -> None:
    """Who asks for a log-in in another way than Key Vault does is not it, and gets no other."""
    headers = {} if header is None else {"WWW-Authenticate": header}
    server.answers = [Answer(401, f"<html>{PLANTED}", headers, content_type="text/html")]
    error = failure(vaults)
    assert (type(error), error.reason) == (Permanent, "VaultUntrusted")
    assert len(server.requests) == 1
    assert "accept the token" not in error.message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(503, f"<html>{PLANTED}", content_type="text/html"),
        Answer(503, f"<html>{PLANTED}"),
        Answer(503, f"<html>{PLANTED}", content_type="application/xml"),
        Answer(503, PLANTED, content_type="image/png"),
        Answer(403, f"<html>{PLANTED}", content_type="text/html"),
        Answer(404, ""),
        # https://github.com/Azure/azure-cli/issues/30709
        Answer(200, f"<html>{PLANTED}", {"Server": "BigIP"}, content_type="text/html"),
        Answer(200, f"<html>{PLANTED}", content_type="text/xml"),
        Answer(200, BUNDLE, cut=True),
    ],
    ids=range(9),
)
def test_no_library_logs_an_answer(
    server: Scripted, vaults: KeyVaults, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """What cannot be read is an error of ours, and no traceback in the log nor a part of it."""
    quiet_sdks()
    answering(server, answer)
    failure(vaults)
    with pytest.raises(SyncError):
        vaults.list(VAULT, soon())
    spoken = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not [record for record in spoken if record.exc_info]
    assert not [record for record in spoken if record.name.startswith("azure.keyvault")]
    assert PLANTED not in "".join(record.getMessage() for record in spoken)


def test_an_unknown_authority_is_refused(
    server: Scripted, vaults: KeyVaults, tmp_path: Path
) -> None:
    """A certificate that nobody trusts is named as the cause, with the setting to look at."""
    (tmp_path / "ca.pem").write_bytes(Authority.create().pem)
    error = failure(vaults)
    assert (type(error), error.reason) == (Transient, "VaultCertificateRefused")
    assert not server.requests


@pytest.mark.usefixtures("server")
def test_a_vault_that_the_proxy_does_not_reach(vaults: KeyVaults) -> None:
    """A deleted vault's name is a failure that may pass: no key goes for it."""
    error = failure(vaults, VaultName("gone-ds-akv-shop-dev-1"))
    assert (type(error), error.reason) == (Transient, "VaultUnreachable")


def test_a_name_that_does_not_resolve(vaults: KeyVaults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a proxy it is the name that does not resolve, and the message says so."""
    monkeypatch.setenv("NO_PROXY", "*")
    unresolved = KeyVaults(Token(), "vault.invalid")
    error = failure(unresolved)
    assert (type(error), error.reason) == (Transient, "VaultNameUnresolved")
    vaults.close()


def test_nothing_is_sent_past_the_deadline(server: Scripted, vaults: KeyVaults) -> None:
    """Without time left no request is made."""
    with pytest.raises(Transient, match="No time"):
        vaults.get(VAULT, "a", soon(-1))
    assert not server.requests


def test_the_first_calls_need_one_request_each(server: Scripted, vaults: KeyVaults) -> None:
    """Threads that come to a new vault at once send the token with the first request."""
    vault = VaultName("weu-ds-akv-fresh-dev-1")
    answering(server, Answer(body=bundle(vault)))
    start = threading.Barrier(8)

    def get() -> object:
        start.wait()
        return vaults.get(vault, "db-url", soon())

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(get) for _ in range(8)]
    assert all(not isinstance(call.result(), Unserved) for call in calls)
    assert len(server.requests) == 8


def test_a_netrc_does_not_replace_the_token(
    server: Scripted, vaults: KeyVaults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password file on the machine has no say in what a vault is sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password anything\n")
    monkeypatch.setenv("NETRC", str(netrc))
    answering(server, Answer(body=bundle(OTHER)))
    vaults.get(OTHER, "db-url", soon())
    assert server.requests[-1].headers["Authorization"] == "Bearer t"
