"""The settings: their defaults, their faults, and what a fault may say."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.authority import Authority
from local.stack import ROOT
from sync.adapters.kubernetes.cluster_config import (
    Aks,
    ClusterConfig,
    CredentialRef,
    Entra,
    KubeconfigFile,
    KubeconfigText,
    Reach,
    Server,
    StoredKubeconfig,
)
from sync.core.restarts import RestartRules, Scope, Window
from sync.settings.environment import SettingsError, read
from sync.settings.restarts import is_open
from sync.settings.table import NAMES
from tests.kit.fakes import vault_name

SUBSCRIPTION = "8D2F3C1A-0000-4000-8000-00000000000F"
AKS = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
    "/providers/Microsoft.ContainerService/managedClusters/main"
)
ARC = AKS.replace("ContainerService/managedClusters", "Kubernetes/connectedClusters")
PEM = Authority.create().pem.decode()
URL = "https://10.0.0.4:6443"


def faults(**environment: str) -> tuple[str, ...]:
    """Return the faults of an environment that has some."""
    with pytest.raises(SettingsError) as refused:
        read(environment)
    return refused.value.faults


@pytest.mark.parametrize(
    "environment", [{}, {"PATH": "/bin", "sync_x": "y"}, dict.fromkeys(NAMES, " ")]
)
def test_all_has_a_default(environment: Mapping[str, str]) -> None:
    """Without settings, or with empty ones, the defaults hold; other names are not looked at."""
    settings = read(environment)
    assert settings.vaults == ()
    assert settings.subscriptions == frozenset()
    assert settings.dns_suffix == "vault.azure.net"
    assert settings.schedule == "0 */5 * * * *"
    assert settings.prune
    assert [config.name for config in settings.clusters] == ["default"]
    target = settings.naming.targets(settings.naming.vault("weu-ds-akv-shop-dev-2"))[0]
    assert (target.cluster, target.namespace, target.secret) == (
        "default",
        "shop-dev",
        "keyvault-2",
    )


@pytest.mark.parametrize(
    "schedule",
    [
        "*/30 * * * * *",
        "0 30 9 * Jan Mon",
        "0 0 8-18/2 1,15,31 1-12 monday-FRI",
        "59 59 23 31 december 0,6",
    ],
)
def test_a_schedule_is_taken_as_it_is(schedule: str) -> None:
    """Numbers in their ranges, names, lists, ranges and steps: what the timer's binding takes."""
    assert read({"SYNC_SCHEDULE": schedule}).schedule == schedule


@pytest.mark.parametrize(
    "schedule",
    [
        "60 * * * * *",
        "* 60 * * * *",
        "* * 24 * * *",
        "* * * 0 * *",
        "* * * 32 * *",
        "* * * * 13 *",
        "* * * * * 7",
        "* * * * mon *",
        "* * * * ja *",
        "*/0 * * * * *",
        "1-60 * * * * *",
        "1,,2 * * * * *",
        "1/ * * * * *",
        "*-5 * * * * *",
        "\N{ARABIC-INDIC DIGIT THREE} * * * * *",
        "0\t*/5 * * * *",
        "0\n*/5 * * * *",
        "0\v*/5 * * * *",
        "0\N{NO-BREAK SPACE}*/5 * * * *",
        "0 \t*/5 * * * *",
    ],
)
def test_a_schedule_that_never_comes_is_a_fault(schedule: str) -> None:
    """The host would refuse the function for it, and the timer's net be gone."""
    with pytest.raises(SettingsError, match="SYNC_SCHEDULE is wrong: it must be an NCRONTAB"):
        read({"SYNC_SCHEDULE": schedule})


def test_every_setting_is_read() -> None:
    """Each setting arrives where it belongs."""
    settings = read(
        {
            "SYNC_VAULTS": "weu-ds-akv-shop-dev-1, WEU-ds-akv-shop-dev-1 ,,weu-ds-akv-shop-dev-2",
            "SYNC_SUBSCRIPTIONS": f" {SUBSCRIPTION},",
            "SYNC_VAULT_DNS_SUFFIX": "Vault.Azure.CN",
            "SYNC_NAMESPACE": "{project}-{stage}-x",
            "SYNC_SCHEDULE": "*/30 * * * * *",
            "SYNC_PRUNE": "never",
            "SYNC_DISCOVERY": "none",
            "SYNC_CLUSTERS": json.dumps(
                [
                    {"name": "prod", "match": {"stage": "PROD*"}, "context": "p"},
                    {"name": "rest", "kubeconfig": "/etc/k", "context": "r"},
                ]
            ),
        }
    )
    assert settings.vaults == (vault_name(), vault_name("weu-ds-akv-shop-dev-2"))
    assert settings.subscriptions == {SUBSCRIPTION.lower()}
    assert settings.dns_suffix == "vault.azure.cn"
    assert settings.schedule == "*/30 * * * * *"
    assert not settings.prune
    assert settings.clusters == (
        ClusterConfig("prod", KubeconfigFile(None, "p")),
        ClusterConfig("rest", KubeconfigFile("/etc/k", "r")),
    )
    prod = settings.naming.targets(vault_name("weu-ds-akv-shop-prod1-1"))[0]
    assert (prod.cluster, prod.namespace) == ("prod", "shop-prod1-x")
    assert settings.naming.targets(vault_name())[0].cluster == "rest"


def test_another_pattern_is_used_for_the_vaults_too() -> None:
    """SYNC_VAULTS is read by SYNC_VAULT_PATTERN, whole and without case."""
    pattern = r"kv-(?P<region>x)?(?P<project>[a-z]+)-(?P<stage>[a-z]+)-(?P<number>\d+)"
    settings = read({"SYNC_VAULT_PATTERN": pattern, "SYNC_VAULTS": "KV-shop-dev-3"})
    assert settings.naming.projects(settings.vaults[0]) == {("shop", "dev")}
    off = read({"SYNC_VAULT_PATTERN": pattern, "SYNC_VAULTS": "weu-ds-akv-shop-dev-1"})
    assert (off.vaults, [name for name, _ in off.strays]) == ((), ["weu-ds-akv-shop-dev-1"])


def test_one_name_off_the_pattern_fails_alone() -> None:
    """The vaults beside it are served; a name that may be a value is told by its length."""
    settings = read({"SYNC_VAULTS": "weu-ds-akv-shop-dev-1, Nonsense, a b?c"})
    assert settings.vaults == (vault_name(),)
    assert [name for name, _ in settings.strays] == ["nonsense", "a name of 5 characters"]
    assert {error.reason for _, error in settings.strays} == {"VaultListedOffPattern"}


def test_all_faults_are_told_at_once() -> None:
    """Every fault has its sentence, with the setting's name, in one error."""
    told = faults(
        SYNC_VAULT="x",
        SYNC_TYPO="y",
        SYNC_SUBSCRIPTIONS="nonsense",
        SYNC_VAULT_DNS_SUFFIX="https://vault.azure.net/",
        SYNC_NAMESPACE="{vault}",
        SYNC_SCHEDULE="* * * * *",
        SYNC_PRUNE="maybe",
        SYNC_CLUSTERS="{",
        SYNC_PLACEMENTS="{}",
        SYNC_DISCOVERY="all",
        SYNC_VAULT_PATTERN="(",
        SYNC_KEY_STYLE="camel",
        SYNC_INCLUDE="tag:team",
        SYNC_EXCLUDE="tag:=x",
        SYNC_STAGE_PREFIXES="yes",
        SYNC_STAGE_ALIASES="prd",
        SYNC_SECRET_NAMES="Orders",
        SYNC_CHAIN_ROOT="yes",
        SYNC_CHAIN_CA="yes",
        SYNC_NOT_BEFORE="maybe",
        SYNC_EXPIRED="drop",
        SYNC_REGISTRY_IDENTITY_TOKENS="yes",
        SYNC_LABELS="team",
        SYNC_LABEL_TAGS="-",
        SYNC_PORTAL_LINKS="public",
        SYNC_APPLICATIONS="{}",
        SYNC_APPLICATIONS_PREPARE="yes",
        SYNC_RESTART="true",
        SYNC_RESTART_ANNOTATION="-",
        SYNC_RESTART_QUIET="0",
        SYNC_RESTART_CONCURRENCY="2,1",
        SYNC_RESTART_DEADLINE="1",
        SYNC_RESTART_WINDOWS="22:00 4h",
        SYNC_RESTART_OWNERS="a b",
    )
    assert len(told) == 34
    for name in NAMES - {"SYNC_VAULTS"} | {"SYNC_VAULT", "SYNC_TYPO"}:
        assert sum(fault.startswith(f"{name} is ") for fault in told) == 1
    assert all(fault.endswith(".") for fault in told)


def test_restarts_are_read() -> None:
    """Numbers, windows and kinds become what restarts are decided by; without any they are off."""
    assert not read({}).restarts.on
    settings = read(
        {
            "SYNC_RESTART": "all",
            "SYNC_RESTART_ANNOTATION": "reloader.stakater.com/auto",
            "SYNC_RESTART_QUIET": "10",
            "SYNC_RESTART_CONCURRENCY": "2, 20",
            "SYNC_RESTART_DEADLINE": "120",
            "SYNC_RESTART_WINDOWS": "0 0 22 * * 1-5 4h; 0 30 6 * * 6 90m;",
            "SYNC_RESTART_OWNERS": "PlatformApplication,Service.serving.knative.dev",
        }
    )
    assert settings.restarts == RestartRules(
        scope=Scope.ALL,
        annotation="reloader.stakater.com/auto",
        quiet=10,
        in_namespace=2,
        in_all=20,
        deadline=120,
        windows=(Window("0 0 22 * * 1-5", 4 * 3600), Window("0 30 6 * * 6", 90 * 60)),
        owners=frozenset({"PlatformApplication", "Service.serving.knative.dev"}),
    )


@pytest.mark.parametrize(
    "text",
    [
        "4h",
        "0 0 22 * * *",
        "0 0 22 * * * 0h",
        "0 0 22 * * * 8d",
        "0 0 22 * * * 999h",
        "0 0 25 * * * 1h",
    ],
)
def test_a_window_that_is_none_is_refused(text: str) -> None:
    """It has six fields and a duration of a week at most."""
    assert faults(SYNC_RESTART_WINDOWS=text)


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        ("2026-01-05T21:59:59", False),
        ("2026-01-05T22:00:00", True),
        ("2026-01-06T01:59:59", True),
        ("2026-01-06T02:00:00", False),
        ("2026-01-10T22:30:00", False),
    ],
)
def test_a_window_is_open_from_its_start_for_its_duration(now: str, *, open_: bool) -> None:
    """Monday's goes on until Tuesday; without windows it is always open."""
    at = datetime.fromisoformat(now).replace(tzinfo=UTC).timestamp()
    windows = read({"SYNC_RESTART_WINDOWS": "0 0 22 * * 1-5 4h"}).restarts.windows
    assert is_open(windows, at) is open_
    assert is_open((), at)


@pytest.mark.parametrize(
    ("text", "aliases"),
    [
        (" ", {"prd=prod", "staging=stg"}),
        ("prod = PRD, stg=staging,", {"prd=prod", "staging=stg"}),
        ("none", set[str]()),
        ("None", set[str]()),
        ("dev=development", {"dev=development"}),
        ("t1=t2,dev=test", {"dev=test", "t1=t2"}),
    ],
)
def test_names_of_one_stage_are_read(text: str, aliases: set[str]) -> None:
    """The order of pairs and of their names means nothing, nor does case; a list replaces ours."""
    rules = read({"SYNC_STAGE_ALIASES": text}).rules
    assert {"=".join(pair) for pair in rules.aliases} == aliases
    assert (rules.digest == read({}).rules.digest) is ("prd=prod" in aliases)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("prd", "as prd=prod"),
        ("prd=", "as prd=prod"),
        ("=prod", "as prd=prod"),
        ("prd=prod=production", "as prd=prod"),
        ("prd=pre-prod", "letters and digits"),
        ("prd=prod*", "letters and digits"),
        ("prd=prod;stg=staging", "letters and digits"),
        ("prd=pröd", "letters and digits"),
        ("none,prd=prod", "or none"),
        ("prd=PRD", "pair 1 has the same name twice"),
        ("stg=staging,common=shared", "pair 2 has common"),
        ("shared=Common", "pair 1 has common"),
        ("prd=prod,prd=prod", "pair 2 has a name that an earlier pair has"),
        ("prd=prod,prd=live", "pair 2 has a name that an earlier pair has"),
        ("prd=prod,live=prod", "pair 2 has a name that an earlier pair has"),
        ("prd=prod,prod=live", "pair 2 has a name that an earlier pair has"),
        ("live=prd,prd=prod", "pair 2 has a name that an earlier pair has"),
        (",", "write none"),
    ],
)
def test_names_of_a_stage_that_are_not_clear_are_a_fault(text: str, word: str) -> None:
    """No stage is another's by way of a third, and common is no stage."""
    (fault,) = faults(SYNC_STAGE_ALIASES=text)
    assert fault.startswith("SYNC_STAGE_ALIASES is wrong: ")
    assert word in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SYNC_UNKNOWN", ""),
        ("SYNC_VAULT_PATTERN", r"(?P<region>a)(?P<project>b)(?P<stage>c)"),
        ("SYNC_VAULT_PATTERN", "(?P<region>a"),
        pytest.param(
            "SYNC_VAULT_PATTERN",
            "a{99999999999999999999}",
        ),
        ("SYNC_NAMESPACE", "{project"),
        ("SYNC_NAMESPACE", "{project!r}"),
        ("SYNC_NAMESPACE", "{project:>40}"),
        ("SYNC_NAMESPACE", "{project.__class__}"),
        ("SYNC_NAMESPACE", "{}"),
        ("SYNC_NAMESPACE", "{0}"),
        ("SYNC_SUBSCRIPTIONS", "8d2f3c1a"),
        ("SYNC_VAULT_DNS_SUFFIX", "vault.azure.net/x"),
        ("SYNC_VAULT_DNS_SUFFIX", "vault.azure.net:443"),
        ("SYNC_VAULT_DNS_SUFFIX", "a@vault.azure.net"),
        ("SYNC_VAULT_DNS_SUFFIX", "net"),
        ("SYNC_VAULT_DNS_SUFFIX", "vault.azure.net\nx"),
        pytest.param(
            "SYNC_VAULT_DNS_SUFFIX",
            "vault..azure.net",
        ),
        ("SYNC_SCHEDULE", "0 */5 * * *"),
        pytest.param(
            "SYNC_SCHEDULE",
            "every five minutes or so please",
        ),
        ("SYNC_PRUNE", "Owned"),
        ("SYNC_CLUSTERS", "[]"),
        ("SYNC_CLUSTERS", "{}"),
        ("SYNC_CLUSTERS", "[1]"),
        ("SYNC_CLUSTERS", "[{}]"),
        ("SYNC_CLUSTERS", '[{"name": ""}]'),
        ("SYNC_CLUSTERS", '[{"name": 7}]'),
        ("SYNC_CLUSTERS", '[{"name": "a"}, {"name": "a"}]'),
        ("SYNC_CLUSTERS", '[{"name": "a", "match": []}]'),
        ("SYNC_CLUSTERS", '[{"name": "a", "match": {"project": "x"}}]'),
        ("SYNC_CLUSTERS", '[{"name": "a", "match": {"stage": null}}]'),
        ("SYNC_CLUSTERS", '[{"name": "a", "token": "x"}]'),
        ("SYNC_CLUSTERS", "[" * 60_000),
    ],
    ids=range(32),
)
def test_what_does_not_parse_is_a_fault(name: str, value: str) -> None:
    """A value that is not understood is one fault that names its setting, never a guess."""
    told = faults(**{name: value})
    assert len(told) == 1
    assert told[0].startswith(f"{name} is ")


@pytest.mark.parametrize(
    "clusters",
    [
        '[{"name": "a", "token": "pl4nted"}]',
        '[{"name": "a", "pl4nted": "x"}]',
        f'[{{"name": "pl4nted{"x" * 40}"}}, {{"name": "pl4nted{"x" * 40}"}}]',
        '[{"name": "a", "match": {"pl4nted": "x"}}]',
        '[{"name": "pl4nted/+=", "context": 7}]',
        '[{"name": "a", "server": "https://u:pl4nted@host"}]',
        '[{"name": "a", "server": "https://host", "ca": "pl4nted"}]',
        '[{"name": "a", "server": "https://host", "token_secret": "pl4nted"}]',
        '[{"name": "a", "server": "https://host", "audience": "pl4nted pl4nted"}]',
        '[{"name": "a", "aks": "pl4nted"}]',
        '[{"name": "a", "kubeconfig": ["pl4nted"]}]',
        '["pl4nted"',
        "pl4nted",
    ],
    ids=range(13),
)
def test_faults_do_not_echo_the_clusters(clusters: str) -> None:
    """What was pasted into SYNC_CLUSTERS is told nowhere, neither in what the error came from."""
    with pytest.raises(SettingsError) as refused:
        read({"SYNC_CLUSTERS": clusters, "SYNC_PRUNE": "pl4nted", "SYNC_SCHEDULE": "pl4nted"})
    assert "pl4nted" not in repr(refused.value) + str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    ("fields", "reach"),
    [
        ({}, KubeconfigFile()),
        ({"aks": AKS}, Aks(AKS, Entra())),
        ({"aks": AKS, "audience": "api://x"}, Aks(AKS, Entra("api://x"))),
        ({"aks": AKS, "token_secret": "KV-x/t"}, Aks(AKS, CredentialRef("kv-x", "t"))),
        ({"server": URL + "/"}, Server(URL)),
        ({"server": URL, "ca": PEM}, Server(URL, PEM.strip())),
        ({"server": URL, "ca": base64.b64encode(PEM.encode()).decode()}, Server(URL, PEM)),
        ({"server": URL, "ca": "/etc/ca.pem"}, Server(URL, Path("/etc/ca.pem"))),
        ({"server": URL, "token_secret": "kv-x/t"}, Server(URL, None, CredentialRef("kv-x", "t"))),
        ({"kubeconfig": "a: b\nc: d", "context": "x"}, KubeconfigText("a: b\nc: d", "x")),
        ({"kubeconfig": '{"a": 1}'}, KubeconfigText('{"a": 1}')),
        ({"kubeconfig": {"a": 1}}, KubeconfigText('{"a": 1}')),
        (
            {"kubeconfig_secret": "kv-x/k", "context": "x"},
            StoredKubeconfig(CredentialRef("kv-x", "k"), "x"),
        ),
    ],
    ids=range(13),
)
def test_every_way_to_a_cluster_is_read(fields: dict[str, object], reach: Reach) -> None:
    """Each way to reach a cluster and to log in arrives as its own type."""
    settings = read({"SYNC_CLUSTERS": json.dumps([{"name": "c", **fields}])})
    assert settings.clusters == (ClusterConfig("c", reach),)
    assert "BEGIN" not in repr(settings)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"aks": AKS, "server": URL}, ("aks and server", "keep the one")),
        ({"aks": ARC}, ("Arc", "server", "characters")),
        ({"aks": "main"}, ("resource id of an AKS cluster", "a text of 4 characters")),
        ({"server": "http://10.0.0.4"}, ("https", "15 characters")),
        ({"server": URL + "/path"}, ("https URL of host and port",)),
        ({"server": "https://u@host"}, ("https URL of host and port",)),
        ({"server": "https://host:x"}, ("https URL of host and port",)),
        ({"server": "https://ho\nst"}, ("https URL of host and port",)),
        ({"server": URL, "ca": f"ä\n{PEM}"}, ("PEM, base64 of PEM",)),
        ({"server": URL, "ca": "-----BEGIN CERTIFICATE-----\nx\n"}, ("PEM", "in 3 lines")),
        ({"server": URL, "ca": 7}, ("PEM, base64 of PEM, or the path", "bare number")),
        ({"server": URL, "context": "x"}, ("context", "kubeconfig")),
        ({"ca": PEM}, ("ca, which belongs to server",)),
        ({"kubeconfig": "/k", "audience": "x"}, ("audience, which belongs to aks or server",)),
        ({"server": URL, "audience": "x", "token_secret": "kv-x/t"}, ("keep the one",)),
        ({"server": URL, "audience": "x/.default"}, ("without /.default",)),
        ({"server": URL, "token_secret": "t"}, ("VAULT/SECRET",)),
        ({"server": URL, "token_secret": "-/t"}, ("VAULT/SECRET",)),
        ({"server": URL, "token_secret": "kv-x/a/b"}, ("VAULT/SECRET",)),
        ({"kubeconfig_secret": None}, ("VAULT/SECRET", "null")),
        ({"kubeconfig": []}, ("path of a kubeconfig", "a list of 0")),
        ({"match": {"stage": 7}}, ("patterns must be texts",)),
        ({"match": "prod"}, ("an object with region or stage", "a text of 4 characters")),
        ({"tokn_secret": "x"}, ("1 unknown field", "token_secret")),
    ],
    ids=range(24),
)
def test_a_wrong_cluster_is_told(fields: dict[str, object], words: tuple[str, ...]) -> None:
    """The fault names the cluster by number and name, what was given by its shape, and the form."""
    clusters = [{"name": "fine"}, {"name": "edge", **fields}]
    (fault,) = faults(SYNC_CLUSTERS=json.dumps(clusters))
    assert fault.startswith("SYNC_CLUSTERS is wrong: cluster 2 (edge) ")
    for word in words:
        assert word in fault


def test_every_fault_of_every_cluster_is_told() -> None:
    """One look at the setting is enough to correct all of it."""
    clusters = [
        {"name": "a", "server": "x", "ca": 1, "audience": ""},
        {"server": URL},
        7,
        {"name": "a"},
    ]
    told = faults(SYNC_CLUSTERS=json.dumps(clusters))
    assert [fault.split(" ")[4] for fault in told] == ["1", "1", "1", "2", "3", "4"]


@given(
    st.dictionaries(
        st.sampled_from(sorted(NAMES - {"SYNC_VAULT_PATTERN"})), st.text(max_size=30), max_size=4
    )
)
def test_any_values_are_settings_or_faults(environment: Mapping[str, str]) -> None:
    """Whatever the values are, the answer is settings or a SettingsError."""
    with suppress(SettingsError):
        read(environment)


_FIELDS = ("name", "match", "aks", "server", "ca", "kubeconfig", "kubeconfig_secret", "context")
_TEXTS = st.sampled_from([AKS, ARC, URL, PEM, "kv-x/t", "/k", "a\nb", "{", "https://["]) | st.text()
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["region", "stage", "x"]), inner, max_size=2)
    ),
    max_leaves=3,
)
_CLUSTER = st.dictionaries(
    st.sampled_from([*_FIELDS, "audience", "token_secret", "x"]), _VALUES, max_size=4
)


@given(st.lists(_CLUSTER | _VALUES, max_size=3))
def test_any_clusters_are_clusters_or_faults(clusters: list[object]) -> None:
    """Whatever JSON is given, all of it is read or the setting is refused."""
    with suppress(SettingsError):
        assert len(read({"SYNC_CLUSTERS": json.dumps(clusters)}).clusters) == len(clusters)


DEPLOYED = {"WEBSITE_SITE_NAME": "keyvault-sync-1"}


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("WEBSITE_TIME_ZONE", "Europe/Berlin"),
        ("WEBSITE_TIME_ZONE", "UTC"),  # the plan supports none
        ("TZ", "Europe/Berlin"),
        ("TZ", ":/etc/localtime"),
    ],
)
def test_a_deployed_app_is_in_utc(name: str, zone: str) -> None:
    """A time zone is refused where the app is deployed, since the schedule is in UTC."""
    told = faults(**DEPLOYED, **{name: zone})
    assert len(told) == 1
    assert told[0].startswith(f"{name} is wrong: remove it")
    assert zone not in told[0] or zone == "UTC"


@pytest.mark.parametrize("zone", ["UTC", "Etc/UTC", " utc ", "", "GMT"])
def test_utc_is_no_other_time_zone(zone: str) -> None:
    """A platform may well name the zone that it has anyway."""
    assert read({**DEPLOYED, "TZ": zone}) == read({})


def test_a_laptop_has_its_own_time_zone() -> None:
    """Where nothing is deployed no zone is wrong, also under Functions Core Tools."""
    laptop = {"WEBSITE_HOSTNAME": "localhost:7071", "TZ": "Europe/Berlin"}
    assert read({**laptop, "WEBSITE_TIME_ZONE": "Europe/Berlin"}) == read({})


@pytest.mark.parametrize(("scope", "imported"), [("off", False), ("annotated", True)])
def test_restarts_are_imported_only_where_they_are_on(scope: str, *, imported: bool) -> None:
    """Off, the app starts as if the folder were not there."""
    code = (
        "import sys, function_app; from sync import bootstrap; bootstrap.restarter(); "
        "print(any(name.startswith('sync.rollout') for name in sys.modules))"
    )
    done = subprocess.run(  # noqa: S603 - fixed code
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "SYNC_RESTART": scope, "HOME": os.devnull},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(imported)
