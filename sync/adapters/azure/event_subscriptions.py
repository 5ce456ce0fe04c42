"""Implements the interface EventRoutes with Azure Resource Graph and Resource Manager."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sync.adapters.azure.app_site import AppSite
from sync.adapters.azure.graph_search import COLUMNS, VISIBLE_SUBSCRIPTIONS, Row, search
from sync.adapters.azure.resource_manager import Question, ResourceManager
from sync.core.errors import Permanent, excerpt
from sync.core.model import VaultName
from sync.core.ports import Deadline
from sync.core.reasons import Reason
from sync.doctor.event_routes import EventRoute

_API_VERSION = "2025-02-15"
_EVENT = "Microsoft.KeyVault.SecretNewVersionCreated"
_UNSEEN = {Reason.RESOURCE_MANAGER_FORBIDDEN: 403, Reason.RESOURCE_MISSING: 404}
_IN_GROUP = r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers"
_VAULT_ID = re.compile(rf"{_IN_GROUP}/Microsoft\.KeyVault/vaults/[a-z0-9-]{{3,24}}", re.IGNORECASE)
_TOPIC_ID = re.compile(
    rf"{_IN_GROUP}/Microsoft\.EventGrid/systemTopics/[a-z0-9-]{{3,128}}", re.IGNORECASE
)
_PART_OF_A_NAME = re.compile(r"[0-9A-Za-z-]*", re.ASCII)  # the subject is the secret's name
_NAMED = 5

type _Properties = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Scope:
    """What has event subscriptions: a system topic, or the vault itself."""

    about: str
    resource_id: str
    path: str


@dataclass(frozen=True, slots=True)
class _Subscription:
    """An event subscription that leads to this app: why no event comes, or which alone do."""

    about: str
    obstacle: str = ""
    limit: str = ""


class EventSubscriptions:
    """Looks up event subscriptions with the app's own identity; safe for any number of threads.

    A vault is searched for in `subscriptions`, and then in all that the identity may see.
    """

    def __init__(
        self, arm: ResourceManager, site: AppSite, subscriptions: Collection[str] = ()
    ) -> None:
        self._arm = arm
        self._site = site
        self._subscriptions = sorted(subscriptions)

    def find(self, vault: VaultName, deadline: Deadline) -> EventRoute:
        """Return how the vault's events reach this app; raises Permanent or Transient.

        Where the identity may not read something, `leads_here` is None and never False.
        """
        row = self._vault(vault, deadline)
        if row is None:
            return _unchecked(
                None,
                f"Azure Resource Graph does not show vault {vault} to the app's identity, which "
                "needs Reader on the vault's subscription",
            )
        if not self._site.is_known:
            return _unchecked(
                row.subscription,
                "This app does not know its own name, since neither WEBSITE_SITE_NAME nor "
                "WEBSITE_HOSTNAME is set outside Azure",
            )
        try:
            topics = list(self._topics(row, deadline))
        except Permanent as error:
            _unseen(error)
            return _unchecked(
                row.subscription,
                "Azure Resource Graph refused the search for the vault's system topic, which "
                f"needs Reader on /subscriptions/{row.subscription}",
            )
        return self._judged(vault, row, topics, deadline)

    def _judged(
        self, vault: VaultName, row: Row, topics: Sequence[_Scope], deadline: Deadline
    ) -> EventRoute:
        here: list[_Subscription] = []
        others: list[str] = []
        refused: list[str] = []
        for scope in (*topics, _own(row)):
            try:
                entries = self._arm.listed(_question(scope), deadline)
            except Permanent as error:
                refused.append(
                    f"Azure Resource Manager answered {_unseen(error)} for the event "
                    f"subscriptions of {scope.about}, which needs Reader on {scope.resource_id}"
                )
                continue
            for entry in entries:
                name, properties = self._read(entry)
                about = f"{name} of {scope.about}"
                if any(map(self._site.is_at, _destinations(properties))):
                    here.append(_Subscription(about, *_filtered(properties)))
                else:
                    others.append(about)
        leading = next((each for each in here if not each.obstacle), None)
        if leading is not None:
            note = f"Event subscription {leading.about} leads to this app{leading.limit}."
            return EventRoute(row.subscription, leads_here=True, note=note)
        if refused:
            return _unchecked(row.subscription, "; ".join(refused))
        if not topics and not self._sees_all_of(row.subscription, deadline):
            return _unchecked(
                row.subscription,
                "Azure Resource Graph shows no system topic of the vault, and to see them all the "
                f"app's identity needs Reader on /subscriptions/{row.subscription}",
            )
        note = _none(vault, topics, here, others)
        return EventRoute(row.subscription, leads_here=False, note=note)

    def _vault(self, vault: VaultName, deadline: Deadline) -> Row | None:
        query = (
            "resources | where type =~ 'microsoft.keyvault/vaults' "
            f"| where name =~ '{vault.text}' {COLUMNS}"
        )
        for scope in ([self._subscriptions] if self._subscriptions else []) + [[]]:
            try:
                for row in search(self._arm, query, scope, deadline):
                    if row.name.lower() == vault.text:
                        return self._with_id(row, _VAULT_ID)
            except Permanent as error:
                _unseen(error)
        return None

    def _topics(self, vault: Row, deadline: Deadline) -> Iterator[_Scope]:
        """Find the vault's system topics, which are in the vault's subscription."""
        query = (
            "resources | where type =~ 'microsoft.eventgrid/systemtopics' "
            f"| where properties.source =~ '{vault.id}' {COLUMNS}"
        )
        for row in search(self._arm, query, [vault.subscription], deadline):
            topic = self._with_id(row, _TOPIC_ID).id
            about = f"system topic {excerpt(row.name)}"
            yield _Scope(about, topic, f"{topic}/eventSubscriptions")

    def _sees_all_of(self, subscription: str, deadline: Deadline) -> bool:
        """Return whether a search would show every system topic of the subscription."""
        try:
            rows = list(search(self._arm, VISIBLE_SUBSCRIPTIONS, [subscription], deadline))
        except Permanent as error:
            _unseen(error)
            return False
        return any(row.subscription == subscription for row in rows)

    def _with_id(self, row: Row, form: re.Pattern[str]) -> Row:
        if not form.fullmatch(row.id):
            raise self._arm.broken("a resource id of another form")
        return row

    def _read(self, entry: object) -> tuple[str, _Properties]:
        match entry:
            case {"name": str(name), "properties": dict(properties)}:
                return excerpt(name), properties
            case _:
                raise self._arm.broken("an event subscription without a name")


def _unchecked(subscription: str | None, why: str) -> EventRoute:
    return EventRoute(subscription, leads_here=None, note=f"{why}.")


def _own(vault: Row) -> _Scope:
    extension = "providers/Microsoft.EventGrid/eventSubscriptions"
    return _Scope("the vault itself", vault.id, f"{vault.id}/{extension}")


def _question(scope: _Scope) -> Question:
    """Return the question for a scope's event subscriptions.

    https://learn.microsoft.com/rest/api/eventgrid/controlplane/system-topic-event-subscriptions/list-by-system-topic
    https://learn.microsoft.com/rest/api/eventgrid/controlplane/event-subscriptions/list-by-resource
    """
    remedy = f"Let the app's identity read {scope.resource_id}."
    return Question(scope.path, _API_VERSION, forbidden=remedy, missing=remedy, method="GET")


def _unseen(error: Permanent) -> int:
    """Return the HTTP status by which something is hidden; raises any other error again."""
    if error.reason not in _UNSEEN:
        raise error
    return _UNSEEN[error.reason]


def _destinations(properties: _Properties) -> Iterator[object]:
    yield properties.get("destination")
    match properties:
        case {"deliveryWithResourceIdentity": {"destination": destination}}:
            yield destination


def _filtered(properties: _Properties) -> tuple[str, str]:
    """Return why no event of a new version comes, and to which of them the filter limits it."""
    state = properties.get("provisioningState")
    if state != "Succeeded":
        return f"its state is {excerpt(str(state))}", ""
    match properties.get("filter"):
        case dict(chosen):
            pass
        case _:
            return "", ""
    match chosen.get("includedEventTypes"):
        case [_, *_] as types if not {_EVENT.lower(), "all"} & {
            str(each).lower() for each in types
        }:
            return f"its event types leave out {_EVENT}", ""
    limits: list[str] = []
    for field, words in (("subjectBeginsWith", "begins"), ("subjectEndsWith", "ends")):
        part = chosen.get(field)
        if isinstance(part, str) and part:
            if not _PART_OF_A_NAME.fullmatch(part):
                return f"no secret has a name that {words} with {excerpt(part)}, as it asks", ""
            limits.append(f"for secrets whose name {words} with {excerpt(part)}")
    if chosen.get("advancedFilters"):
        limits.append("as far as its advanced filters let events through")
    return "", f", but only {' and '.join(limits)}" if limits else ""


def _none(
    vault: VaultName, topics: Sequence[_Scope], here: Sequence[_Subscription], others: Sequence[str]
) -> str:
    """Say why no event subscription leads to this app."""
    if here:
        return f"Event subscription {here[0].about} leads to this app, but {here[0].obstacle}."
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        named = ", ".join(others[:_NAMED])
        return f"No event subscription leads to this app; others lead elsewhere: {named}{more}."
    if topics:
        return f"Vault {vault} has {topics[0].about}, but no event subscription."
    return f"Vault {vault} has no system topic and no event subscription."
