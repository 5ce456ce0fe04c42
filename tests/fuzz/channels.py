"""Targets that take what comes in and what configures: events, requests, headers, settings."""

import json
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from sync.app.events import Changed, Expiring, parse
from sync.app.requests import parse_resync
from sync.core.errors import NotOurs, Permanent
from sync.core.vault_names import AZURE_NAME
from sync.http_api.principal import entra_principal
from sync.settings.clusters import read_clusters
from sync.settings.environment import SettingsError, read
from sync.settings.table import NAMES
from tests.fuzz.target import Spilled, Target, fields_of, text_of
from tests.leaks.dye import PLANTED

SUBSCRIPTION = str(UUID(int=15))
VAULT = "weu-DS-AKV-shop-dev-1"
TOPIC = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/{VAULT}"
)
DATA = {
    "Id": f"https://{VAULT}.vault.azure.net/secrets/db-url/0a1b",
    "VaultName": VAULT,
    "ObjectType": "Secret",
    "ObjectName": "db-url",
    "Version": "0a1b",
    "NBF": None,
    "EXP": "1700000000",
}
GRID = {
    "id": "e",
    "topic": TOPIC,
    "subject": "db-url",
    "eventType": "Microsoft.KeyVault.SecretNewVersionCreated",
    "data": DATA,
    "dataVersion": "1",
    "eventTime": "2025-01-01T00:00:00.0000000Z",
}
CLOUD = {
    "id": "e",
    "source": TOPIC,
    "subject": "db-url",
    "type": "Microsoft.KeyVault.SecretExpired",
    "data": DATA,
    "specversion": "1.0",
    "time": "2025-01-01T00:00:00Z",
}
CALLER = {"x-ms-client-principal-idp": "aad", "x-ms-client-principal-id": SUBSCRIPTION}
NAMING = read({}).naming

_CLUSTERS = "SYNC_CLUSTERS"
_HARMLESS = "x" * len(PLANTED)


def _event(given: bytes) -> object:
    """Read an event; what is taken from it is a plausible name, whatever came in."""
    event = parse(text_of(given), frozenset({SUBSCRIPTION}))
    assert isinstance(event, Changed | Expiring)
    assert len(event.vault) <= 24
    if isinstance(event, Changed):
        assert len(event.hint.secret) <= 127
        assert event.hint.secret.isascii()
    with suppress(NotOurs, Permanent):
        NAMING.targets(NAMING.vault(event.vault))[0]
    return event


def _resync(given: bytes) -> object:
    request = parse_resync(given)
    chosen = [request.vault is not None, request.project is not None]
    assert chosen.count(True) <= 1
    assert (request.project is None) == (request.stage is None)
    return request.secret, request.dry_run, request.removals


def _vault(given: bytes) -> object:
    vault = NAMING.vault(text_of(given))
    assert AZURE_NAME.fullmatch(vault.text)
    return NAMING.targets(vault)[0]


def _caller(given: bytes) -> object:
    fields, _ = fields_of(given)
    return UUID(entra_principal(fields))


def _settings(given: bytes) -> None:
    fields, _ = fields_of(given)
    environment = {
        name: _named_otherwise(text) if name == _CLUSTERS else text.replace("\\n", "\n")
        for name, text in fields.items()
        if PLANTED not in name  # an unknown setting is named
    }
    settings = read(environment)
    with suppress(NotOurs, Permanent):
        settings.naming.targets(settings.naming.vault(VAULT))[0]
    shown = {
        name: _without_plain(text) if name == _CLUSTERS else text.replace(PLANTED, _HARMLESS)
        for name, text in environment.items()
    }
    check_hidden("settings", lambda: read(shown))


def _clusters(given: bytes) -> None:
    text = _named_otherwise(text_of(given))
    read_clusters(text)
    check_hidden("clusters", lambda: read_clusters(_without_plain(text)))


def check_hidden(target: str, reread: Callable[[], object]) -> None:
    """Check that what was read shows no value, once it is read again without what it may show.

    What a setting is, as a pattern or a namespace, it shows; a kubeconfig it must not.
    """
    with suppress(SettingsError, ValueError):
        if PLANTED in repr(reread()):
            raise Spilled(target)


def _named_otherwise(text: str) -> str:
    """Take the value out of the names of clusters, which every refusal tells."""
    return _changed(text, lambda field, _: field == "name")


def _without_plain(text: str) -> str:
    """Take the value out of a list of clusters but for the kubeconfigs in it."""
    return _changed(text, lambda field, given: field != "kubeconfig" or _is_path(given))


def _is_path(given: object) -> bool:
    return isinstance(given, str) and "\n" not in given and not given.startswith("{")


def _changed(text: str, plain: Callable[[str, object], bool]) -> str:
    """Replace the value in those fields of a list of clusters, if the text is one."""
    try:
        clusters: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if PLANTED not in text or not isinstance(clusters, list):
        return text
    for cluster in clusters:
        for field, given in cluster.items() if isinstance(cluster, dict) else ():
            if plain(field, given):
                cluster[field] = json.loads(json.dumps(given).replace(PLANTED, _HARMLESS))
    return json.dumps(clusters)


def _lines(**fields: str) -> bytes:
    return "\n".join(f"{name}={text}" for name, text in fields.items()).encode()


def _json(document: object) -> bytes:
    return json.dumps(document).encode()


TARGETS = (
    Target(
        "event",
        _event,
        (
            _json(GRID),
            _json(CLOUD),
            _json(GRID | {"data": DATA | {"ObjectName": " db-url ", "Value": PLANTED}}),
            *(
                _json(GRID | {"data": DATA | {field: f"{PLANTED}!"}})
                for field in ("VaultName", "ObjectName", "Version", "EXP")
            ),
            *(
                _json(GRID | {field: PLANTED})
                for field in ("topic", "eventType", "eventTime", "data")
            ),
            _json(GRID | {"subject": PLANTED, "topic": [PLANTED]}),
            _json(GRID | {"subject": PLANTED, "topic": TOPIC.replace(SUBSCRIPTION, "0" * 36)}),
            _json(PLANTED),
            _json(GRID | {"data": PLANTED})[:-1],
            _json(CLOUD | {"data": DATA | {"EXP": 10**400}}),
            b'{"eventType": NaN, "topic": "\\ud800", "topic": [[[[]]]]}',
        ),
        longest=65_536,
        quotes=True,
    ),
    Target(
        "resync",
        _resync,
        (
            _json({"vault": VAULT, "secret": "db-url", "dry_run": True}),
            _json({"project": "shop", "stage": "dev", "removals": True}),
            _json({"all": True}),
            _json({"vault": PLANTED, PLANTED: 1}),
            _json({"vault": VAULT, "secret": f"{PLANTED}!"}),
            _json({"project": PLANTED}),
            _json({"vault": [PLANTED]}),
            _json({"vault": VAULT, "dry_run": PLANTED}),
            _json({"all": PLANTED}),
            _json([PLANTED]),
            f'{{"all": "{PLANTED}", "all": "{PLANTED}"}}'.encode(),
            f'{{"vault": "{PLANTED}'.encode(),
        ),
        longest=16_384,
        quotes=True,
    ),
    Target(
        "vault",
        _vault,
        (VAULT.encode(), b"neu-ds-akv-a-b-c-99", PLANTED.encode()),
        longest=256,
    ),
    Target(
        "caller",
        _caller,
        (
            _lines(**CALLER, Authorization=f"Bearer {PLANTED}"),
            _lines(**CALLER | {"x-ms-client-principal-id": PLANTED}),
            _lines(**CALLER | {"x-ms-client-principal-idp": PLANTED}),
        ),
        longest=1024,
    ),
    Target(
        "settings",
        _settings,
        (
            _lines(
                SYNC_VAULTS=VAULT,
                SYNC_SUBSCRIPTIONS=SUBSCRIPTION,
                SYNC_NAMESPACE="{region}-{project}-{number}",
                SYNC_SCHEDULE="*/5 0-3 * * JAN *",
                SYNC_INCLUDE="db-*,tag:team=shop",
                SYNC_DISCOVERY="resource-graph",
                SYNC_CLUSTERS=json.dumps([{"name": "a", "kubeconfig": {"users": PLANTED}}]),
            ),
            _lines(
                SYNC_VAULT_PATTERN=r"(?P<region>\w+)-(?P<project>\w+)-(?P<stage>\w+)-(?P<number>\d)",
                SYNC_VAULT_DNS_SUFFIX="vault.azure.cn",
                SYNC_PRUNE="never",
                SYNC_KEY_STYLE="env",
                SYNC_STAGE_PREFIXES="strip",
                SYNC_STAGE_ALIASES="prd=prod,stg=staging",
                SYNC_SECRET_NAMES="web-*",
                SYNC_DISCOVERY="resource-graph",
                SYNC_PORTAL_LINKS="azure",
                SYNC_RESTART="annotated",
                SYNC_RESTART_CONCURRENCY="1,10",
                SYNC_RESTART_WINDOWS="0 0 22 * * * 4h",
            ),
            _lines(**dict.fromkeys((*sorted(NAMES), "SYNC_TYPO"), f"{{{PLANTED}}}")),
            _lines(SYNC_VAULT_PATTERN=f"(?P={PLANTED})", SYNC_INCLUDE=f"tag:{PLANTED}"),
        ),
        refusals=(SettingsError,),
        longest=4096,
        quotes=True,
    ),
    Target(
        "clusters",
        _clusters,
        (
            _json([{"name": "a", "match": {"stage": "p*"}, "server": "https://10.0.0.4:6443"}]),
            _json([{"name": "a", "kubeconfig": {"users": PLANTED}}, {"name": "a"}]),
            _json([{"name": "a", "token_secret": f"{VAULT}/t", "server": PLANTED, "ca": PLANTED}]),
        ),
        refusals=(ValueError,),
        longest=4096,
    ),
)
