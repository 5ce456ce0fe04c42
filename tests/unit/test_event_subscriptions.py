"""Whether a vault's events reach this app, by what Azure answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.authority import Authority
from local.serving import Servers
from sync.adapters.azure.app_site import FUNCTION, AppSite
from sync.adapters.azure.event_subscriptions import EventSubscriptions
from sync.adapters.azure.resource_manager import PUBLIC_CLOUD, ResourceManager
from sync.core.errors import Permanent, Transient
from sync.doctor.event_routes import EventRoute, EventRoutes
from tests.kit.app import EVENTS
from tests.kit.errors import raises
from tests.kit.fakes import vault_name
from tests.kit.scripted import Answer, Request, Scripted, behind_proxy, soon
from tests.kit.tokens import Token
from tests.leaks.dye import PLANTED
from tests.leaks.search import leaks

HOME = "00000000-0000-4000-8000-000000000001"
AWAY = "00000000-0000-4000-8000-00000000000a"
VAULT = vault_name()
GROUP = f"/subscriptions/{HOME}/resourceGroups/rg.shop-ü_(1)/providers"
VAULT_ID = f"{GROUP}/Microsoft.KeyVault/vaults/weu-DS-AKV-shop-dev-1"
TOPIC_ID = f"{GROUP}/Microsoft.EventGrid/systemTopics/topic-1"
SITE = AppSite("sync-app", "sync-app-x1.westeurope-01.azurewebsites.net", AWAY, "rg-sync")
APP_ID = f"/subscriptions/{AWAY}/resourceGroups/rg-sync/providers/Microsoft.Web/sites/sync-app"
EVENT = "Microsoft.KeyVault.SecretNewVersionCreated"


def function(resource_id: str = f"{APP_ID}/functions/{FUNCTION}") -> dict[str, object]:
    """Return a function as a destination."""
    return {"endpointType": "AzureFunction", "properties": {"resourceId": resource_id}}


def webhook(url: str, field: str = "endpointBaseUrl") -> dict[str, object]:
    """Return a webhook as a destination."""
    return {"endpointType": "WebHook", "properties": {"endpointUrl": None, field: url}}


def subscription(name: str = "to-app", **properties: object) -> dict[str, object]:
    """Return an event subscription that leads to the app unless changed."""
    usual = {
        "provisioningState": "Succeeded",
        "destination": function(),
        "filter": {"includedEventTypes": [EVENT], "subjectBeginsWith": "", "subjectEndsWith": ""},
    }
    return {"name": name, "properties": usual | properties}


def row(resource_id: str, subscription: str = HOME) -> dict[str, object]:
    """Return a row of a search."""
    name = resource_id.rpartition("/")[2]
    return {"id": resource_id, "name": name, "subscriptionId": subscription}


def listed(*entries: dict[str, object], link: object = None) -> Answer:
    """Return a page of event subscriptions."""
    return Answer(body={"value": entries, "nextLink": link})


def refused(status: int, code: str = "AuthorizationFailed") -> Answer:
    """Return a refusal, with a value where none should be."""
    return Answer(status, {"error": {"code": code, "message": PLANTED}})


@dataclass(slots=True)
class Azure:
    """What Azure answers; a search answers rows, or as the refusal says."""

    vaults: list[dict[str, object]] = field(default_factory=lambda: [row(VAULT_ID)])
    topics: list[dict[str, object]] | Answer = field(default_factory=lambda: [row(TOPIC_ID)])
    visible: list[dict[str, object]] | Answer = field(default_factory=list)
    of_topic: list[Answer] = field(default_factory=lambda: [listed()])
    of_vault: list[Answer] = field(default_factory=lambda: [listed()])
    closed: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        """Answer a search or a list."""
        if request.method == "GET":
            self.asked.append(request.path)
            topic = "systemTopics" in request.path
            pages = self.of_topic if topic else self.of_vault
            return pages.pop(0) if len(pages) > 1 else pages[0]
        body = json.loads(request.body)
        self.asked.append(body["query"])
        scope = body.get("subscriptions", [])
        if self.closed & set(scope):
            return refused(403)
        if "microsoft.keyvault" in body["query"]:
            rows: list[dict[str, object]] | Answer = [
                vault for vault in self.vaults if not scope or vault["subscriptionId"] in scope
            ]
        else:
            rows = self.topics if "systemtopics" in body["query"] else self.visible
        if isinstance(rows, Answer):
            return rows
        return Answer(body={"data": rows, "resultTruncated": "false"})


@pytest.fixture
def azure(servers: Servers, authority: Authority, tmp_path: Path) -> Iterator[Azure]:
    """Serve Azure behind the proxy."""
    azure = Azure()
    hosts = {PUBLIC_CLOUD: Scripted([azure.answer]).app()}
    with behind_proxy(servers, authority, tmp_path, hosts):
        yield azure


@pytest.fixture
def arm() -> Iterator[ResourceManager]:
    """Make the client."""
    arm = ResourceManager(Token())
    yield arm
    arm.close()


def found(arm: ResourceManager, site: AppSite = SITE, *subscriptions: str) -> EventRoute:
    """Return the vault's route; its note is one sentence without what Azure keeps secret."""
    routes: EventRoutes = EventSubscriptions(arm, site, subscriptions)
    route = routes.find(VAULT, soon())
    assert leaks(route.note) == []
    assert route.note.endswith(".")
    assert "\n" not in route.note
    return route


def test_the_topics_subscription_leads_here(azure: Azure, arm: ResourceManager) -> None:
    """It is found by the vault's name, and read at the topic."""
    azure.of_topic = [listed(subscription())]
    note = "Event subscription 'to-app' of system topic 'topic-1' leads to this app."
    assert found(arm) == EventRoute(HOME, leads_here=True, note=note)
    assert "name =~ 'weu-ds-akv-shop-dev-1'" in azure.asked[0]
    assert f"properties.source =~ '{VAULT_ID}'" in azure.asked[1]
    assert azure.asked[2].endswith(
        "/systemTopics/topic-1/eventSubscriptions?api-version=2025-02-15"
    )


def test_the_vaults_own_subscription_leads_here(azure: Azure, arm: ResourceManager) -> None:
    """One that was made at the vault counts, and is read there."""
    azure.of_vault = [listed(subscription())]
    assert found(arm).leads_here
    assert "the vault itself" in found(arm).note
    path = "/vaults/weu-DS-AKV-shop-dev-1/providers/Microsoft.EventGrid/eventSubscriptions?"
    assert path in azure.asked[3]


@pytest.mark.parametrize(
    ("destination", "here"),
    [
        (function(), True),
        (function(f"{APP_ID}/functions/{FUNCTION}".upper()), True),
        (function(f"{APP_ID}/functions/other"), False),
        (function(f"{APP_ID}2/functions/{FUNCTION}"), False),
        (function(f"{APP_ID}/functions/{FUNCTION}".replace("rg-sync", "rg")), False),
        (function(f"{APP_ID}/functions/{FUNCTION}".replace(AWAY, HOME)), False),
        (webhook(f"https://{SITE.host.upper()}/runtime/webhooks/EventGrid"), True),
        (webhook(f"https://{SITE.host}:443/runtime/webhooks/eventgrid"), True),
        (webhook(f"https://{SITE.host}.evil.example/runtime/webhooks/eventgrid"), False),
        (webhook(f"https://{SITE.host}/api/resync"), False),
        (webhook("https://[/runtime/webhooks/eventgrid"), False),
        (
            webhook(
                f"https://{SITE.host}/runtime/webhooks/eventgrid"
                f"?functionName={FUNCTION}&code={PLANTED}",
                "endpointUrl",
            ),
            True,
        ),
        (
            webhook(
                f"https://{SITE.host}/runtime/webhooks/eventgrid?functionName=other", "endpointUrl"
            ),
            False,
        ),
        ({"endpointType": "StorageQueue", "properties": {"resourceId": APP_ID}}, False),
        (None, False),
    ],
    ids=lambda given: given if isinstance(given, bool) else "to",
)
def test_a_destination_is_this_app(
    azure: Azure, arm: ResourceManager, destination: object, *, here: bool
) -> None:
    """Only this app's own function is: by its resource id, or by its webhook."""
    azure.of_topic = [listed(subscription(destination=destination))]
    route = found(arm)
    assert route.leads_here is here
    assert ("'to-app' of system topic 'topic-1'" in route.note) is True
    if not here:
        assert "others lead elsewhere" in route.note


def test_a_host_that_is_not_known_is_nobodys(azure: Azure, arm: ResourceManager) -> None:
    """An app that knows only its name takes no webhook for its own."""
    nowhere = webhook("https:///runtime/webhooks/eventgrid")
    azure.of_topic = [listed(subscription(destination=nowhere))]
    assert found(arm, AppSite("sync-app")).leads_here is False
    azure.of_topic = [listed(subscription())]
    assert found(arm, AppSite("sync-app")).leads_here
    assert found(arm, AppSite(host=SITE.host)).leads_here is False


def test_a_destination_may_be_reached_by_the_topics_identity(
    azure: Azure, arm: ResourceManager
) -> None:
    """Event Grid keeps a destination elsewhere that it reaches with an identity."""
    by_identity = {"identity": {"type": "SystemAssigned"}, "destination": function()}
    entry = subscription(destination=None, deliveryWithResourceIdentity=by_identity)
    azure.of_topic = [listed(entry)]
    assert found(arm).leads_here


@pytest.mark.parametrize(
    ("chosen", "here", "told"),
    [
        ({"includedEventTypes": None}, True, "leads to this app."),
        ({}, True, "leads to this app."),
        (None, True, "leads to this app."),
        ({"includedEventTypes": ["All"]}, True, "leads to this app."),
        ({"includedEventTypes": ["Microsoft.KeyVault.SecretExpired"]}, False, f"leave out {EVENT}"),
        ({"subjectBeginsWith": "/secrets/"}, False, "begins with '/secrets/'"),
        ({"subjectEndsWith": ".json"}, False, "ends with '.json'"),
        ({"subjectBeginsWith": "db-"}, True, "only for secrets whose name begins with 'db-'."),
        ({"subjectEndsWith": "-url"}, True, "only for secrets whose name ends with '-url'."),
        ({"advancedFilters": [{"key": "subject"}]}, True, "as far as its advanced filters"),
    ],
)
def test_a_filter_may_keep_new_versions_away(
    azure: Azure, arm: ResourceManager, chosen: object, *, here: bool, told: str
) -> None:
    """A subscription that can bring no event of a new version leads nowhere, and says why."""
    azure.of_topic = [listed(subscription(filter=chosen))]
    route = found(arm)
    assert route.leads_here is here
    assert told in route.note


def test_a_subscription_that_is_not_made_leads_nowhere(azure: Azure, arm: ResourceManager) -> None:
    """One that waits or failed delivers nothing; a second one that works is found beside it."""
    failed = subscription("failed", provisioningState="AwaitingManualAction")
    azure.of_topic = [listed(failed)]
    route = found(arm)
    assert route.leads_here is False
    assert "its state is 'AwaitingManualAction'" in route.note
    azure.of_vault = [listed(subscription())]
    assert found(arm).leads_here


def test_every_page_is_read(azure: Azure, arm: ResourceManager) -> None:
    """The one that leads here may stand on the last page."""
    link = f"https://{PUBLIC_CLOUD}{GROUP}/x?api-version=2025-02-15&$skiptoken=2"
    topic = link.replace("/x?", "/systemTopics/topic-1/eventSubscriptions?")
    azure.of_topic = [listed(link=topic), listed(subscription())]
    assert found(arm).leads_here
    assert "$skiptoken=2" in azure.asked[3].replace("%24", "$")
    assert azure.asked[3].count("api-version") == 1


@pytest.mark.parametrize(
    "answer",
    [
        listed(link="https://evil.example/subscriptions"),
        listed(link=f"http://{PUBLIC_CLOUD}/subscriptions"),
        listed(link="https://["),
        listed(link=f"https://{PUBLIC_CLOUD}/systemTopics"),
        listed({"name": 7}),
        Answer(body=[]),
    ],
    ids=["host", "scheme", "no-url", "endless", "entry", "no-list"],
)
def test_a_list_that_is_not_azures(azure: Azure, arm: ResourceManager, answer: Answer) -> None:
    """The token goes to no other host, nothing is read for ever, and what is cut is not "none"."""
    azure.of_topic = [answer]
    with raises(Transient, "ResourceManagerAnswerBroken"):
        found(arm)
    assert len(azure.asked) <= 2 + 100


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("where", ["topic", "vault"])
def test_a_refused_read_is_not_none(
    azure: Azure, arm: ResourceManager, where: str, status: int
) -> None:
    """What may not be read may lead here: the note has the read, and the role that it takes."""
    hidden, scope = [refused(status)], TOPIC_ID if where == "topic" else VAULT_ID
    elsewhere = [listed(subscription(destination=webhook("https://other.example")))]
    azure.of_topic, azure.of_vault = (
        (hidden, elsewhere) if where == "topic" else (elsewhere, hidden)
    )
    route = found(arm)
    assert (route.subscription, route.leads_here) == (HOME, None)
    assert f"answered {status} for the event subscriptions" in route.note
    assert f"needs Reader on {scope}" in route.note


def test_a_refused_read_hides_nothing_that_was_found(azure: Azure, arm: ResourceManager) -> None:
    """Where another read shows the way, that is the answer."""
    azure.of_topic, azure.of_vault = [refused(403)], [listed(subscription())]
    assert found(arm).leads_here


def test_a_refused_search_for_topics_is_not_none(azure: Azure, arm: ResourceManager) -> None:
    """The vault is known then, and its subscription with it."""
    azure.topics = refused(403)
    route = found(arm)
    assert (route.subscription, route.leads_here) == (HOME, None)
    assert f"needs Reader on /subscriptions/{HOME}" in route.note


@pytest.mark.parametrize("visible", [[], refused(403)], ids=["unseen", "refused"])
def test_a_topic_that_may_be_hidden_is_not_none(
    azure: Azure, arm: ResourceManager, visible: list[dict[str, object]] | Answer
) -> None:
    """Resource Graph leaves out what may not be read: who sees a part cannot say "none"."""
    azure.topics, azure.visible = [], visible
    route = found(arm)
    assert route.leads_here is None
    assert f"needs Reader on /subscriptions/{HOME}" in route.note


def test_a_vault_without_any_is_told(azure: Azure, arm: ResourceManager) -> None:
    """Who sees the whole subscription, or the one topic that a vault can have, may say "none"."""
    assert found(arm) == EventRoute(
        HOME,
        leads_here=False,
        note=f"Vault {VAULT} has system topic 'topic-1', but no event subscription.",
    )
    azure.topics, azure.visible = [], [row(f"/subscriptions/{HOME}")]
    assert found(arm) == EventRoute(
        HOME,
        leads_here=False,
        note=f"Vault {VAULT} has no system topic and no event subscription.",
    )


def test_a_vault_that_nothing_shows_is_not_checked(azure: Azure, arm: ResourceManager) -> None:
    """It is absent or hidden, which Resource Graph does not tell apart."""
    azure.vaults, azure.closed = [], {HOME}
    route = found(arm, SITE, HOME)
    assert (route.subscription, route.leads_here) == (None, None)
    assert "needs Reader" in route.note


def test_a_vault_outside_the_settings_is_found(azure: Azure, arm: ResourceManager) -> None:
    """Its subscription is told, so that it can be compared with the settings."""
    elsewhere = VAULT_ID.replace(HOME, AWAY)
    azure.vaults, azure.closed = [row(elsewhere, AWAY.upper())], {HOME}
    azure.topics = [row(TOPIC_ID, AWAY)]
    azure.of_topic = [listed(subscription())]
    route = found(arm, SITE, HOME)
    assert (route.subscription, route.leads_here) == (AWAY, True)


def test_the_settings_subscriptions_are_searched_first(azure: Azure, arm: ResourceManager) -> None:
    """A vault that is found there is not searched for anywhere else."""
    found(arm, SITE, HOME)
    assert sum("microsoft.keyvault" in asked for asked in azure.asked) == 1


def test_an_app_without_a_name_is_not_checked(azure: Azure, arm: ResourceManager) -> None:
    """Outside Azure nobody can tell which destination is this app."""
    azure.of_topic = [listed(subscription())]
    route = found(arm, AppSite())
    assert (route.subscription, route.leads_here) == (HOME, None)
    assert "does not know its own name" in route.note


@pytest.mark.parametrize("resource_id", [f"{VAULT_ID}'x", "/", f"{VAULT_ID}?x"])
def test_an_id_of_another_form_is_not_asked_for(
    azure: Azure, arm: ResourceManager, resource_id: str
) -> None:
    """Ids become part of queries and of paths."""
    azure.vaults = [row(resource_id) | {"name": VAULT.text}]
    with raises(Transient, "ResourceManagerAnswerBroken"):
        found(arm)
    azure.vaults, azure.topics = [row(VAULT_ID)], [row(resource_id)]
    with raises(Transient, "ResourceManagerAnswerBroken"):
        found(arm)


def test_what_a_role_does_not_mend_is_raised(azure: Azure, arm: ResourceManager) -> None:
    """A token that is refused, or a request that is, says nothing about the vault."""
    azure.of_topic = [refused(401)]
    with raises(Permanent, "ResourceManagerUnauthorized"):
        found(arm)
    azure.of_topic = [refused(409)]
    with raises(Transient, "ResourceManagerUnavailable"):
        found(arm)


def test_many_that_lead_elsewhere_are_named_in_part(azure: Azure, arm: ResourceManager) -> None:
    """A note stays readable."""
    entries = [subscription(f"to-{n}", destination=function("/x")) for n in range(9)]
    azure.of_topic = [listed(*entries)]
    assert "'to-4' of system topic 'topic-1' and 4 more." in found(arm).note


def test_app_service_says_how_the_app_is_named() -> None:
    """The owner has the subscription and a webspace; the function is the one that is deployed."""
    assert AppSite.of(
        {
            "WEBSITE_SITE_NAME": "sync-app",
            "WEBSITE_HOSTNAME": "sync-app.azurewebsites.net",
            "WEBSITE_OWNER_NAME": f"{AWAY}+rg-sync-WestEuropewebspace-Linux",
            "WEBSITE_RESOURCE_GROUP": "rg-sync",
        }
    ) == AppSite("sync-app", "sync-app.azurewebsites.net", AWAY, "rg-sync")
    assert not AppSite.of({}).is_known
    assert FUNCTION == EVENTS
