"""From a vault's name to its target, by the default rules and by others."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import NotOurs, Permanent
from sync.core.vault_names import DEFAULT_PATTERN, ClusterMatch, Naming, Parts
from tests.kit.errors import raises
from tests.kit.fakes import vault_name

PATTERN = re.compile(DEFAULT_PATTERN, re.IGNORECASE | re.ASCII)
NAMING = Naming(PATTERN)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("WEU-DS-AKV-shop-dev-1", ("weu", "shop", "dev", 1)),
        ("weu-ds-akv-we-bs-dev-42", ("weu", "we-bs", "dev", 42)),
        ("weu-ds-akv-a-b-c-dev-99", ("weu", "a-b-c", "dev", 99)),
        ("weu-ds-akv-7-1-2", ("weu", "7", "1", 2)),
        ("x-ds-akv-ds-akv-p-2", ("x", "ds-akv", "p", 2)),
        (" weu-ds-akv-shop-dev-1\n", ("weu", "shop", "dev", 1)),
    ],
)
def test_parts_are_read_from_both_ends(text: str, parts: tuple[str, str, str, int]) -> None:
    """The region is read from the left, number and stage from the right; the project is between."""
    vault = NAMING.vault(text)
    assert NAMING.parts(vault) == Parts(*parts)
    assert vault.text == text.strip().lower()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "weu-ds-akv-shop-dev-0",
        "weu-ds-akv-shop-dev-01",
        "weu-ds-akv-shop-dev-100",
        "weu-ds-akv-shop-dev",
        "weu-ds-akv-dev-1",
        "weu-ds-akv--shop-dev-1",
        "weu-ds-akv-sh--op-dev-1",
        "-ds-akv-shop-dev-1",
        "w-eu-ds-akv-shop-dev-1",
        "1eu-ds-akv-shop-dev-1",
        "weu-ds-akv-shopping-dev-1",
        "weu-ds-akv-shop-dev-1-",
        "weu-ds-akv-shop_x-dev-1",
        "weu-ds-akv-shop-dev-1\n\nx",
        "weu-d\u017f-akv-shop-dev-1",
        "weu-ds-akv-shop-dev-\u0661",
        "weu-ds-akv-\u0130hop-dev-1",
        "weu-ds-akv-shop-dev-1/../x",
        "evil.example/weu-ds-akv-s",
        pytest.param(
            "weu-ds-a\u212av-shop-dev-1",
        ),
    ],
)
def test_names_off_the_pattern_are_not_ours(text: str) -> None:
    """A name that Azure does not allow or the pattern does not know is none of this app's."""
    with raises(NotOurs, "VaultNameOffPattern"):
        NAMING.vault(text)


WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=4)


@given(
    region=st.from_regex(r"[a-z][a-z0-9]{0,3}", fullmatch=True),
    project=st.lists(WORD, min_size=1, max_size=3).map("-".join),
    stage=WORD,
    number=st.integers(1, 99),
    upper=st.booleans(),
)
def test_a_name_built_from_parts_gives_the_parts_back(
    region: str, project: str, stage: str, number: int, *, upper: bool
) -> None:
    """Building a name and reading it are inverse, up to Azure's 24 characters and to case."""
    text = f"{region}-ds-akv-{project}-{stage}-{number}"
    given_name = text.upper() if upper else text
    if len(text) > 24:
        with pytest.raises(NotOurs):
            NAMING.vault(given_name)
        return
    vault = NAMING.vault(given_name)
    assert vault.text == text
    assert NAMING.parts(vault) == Parts(region, project, stage, number)


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_not_ours(text: str) -> None:
    """No text makes the reading of names fail in another way, and what is read is plain ASCII."""
    with suppress(NotOurs):
        assert NAMING.vault(text).text.isascii()


@pytest.mark.parametrize(("number", "secret"), [(1, "keyvault-project"), (2, "keyvault-2")])
def test_the_secret_is_named_by_the_number(number: int, secret: str) -> None:
    """Vault 1 is the project's; each other one has its number."""
    target = NAMING.targets(vault_name(f"weu-ds-akv-shop-dev-{number}"))[0]
    assert (target.namespace, target.secret) == ("shop-dev", secret)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("default", "NamespaceProtected"),
        ("Default", "NamespaceProtected"),
        ("kube-{project}", "NamespaceProtected"),
        ("{project}_{stage}", "NamespaceInvalid"),
        ("{project}.{stage}", "NamespaceInvalid"),
        ("-{project}", "NamespaceInvalid"),
        ("{project}-", "NamespaceInvalid"),
        ("{project}\n", "NamespaceInvalid"),
        ("{project}" * 16, "NamespaceInvalid"),
    ],
)
def test_unsafe_namespaces_are_refused(template: str, reason: str) -> None:
    """A namespace is an RFC 1123 label and never one of the cluster's own."""
    with raises(Permanent, reason):
        Naming(PATTERN, template).targets(vault_name())[0]


def test_the_template_takes_all_parts() -> None:
    """The namespace is a lower-cased template over the four parts."""
    naming = Naming(PATTERN, "{region}-X-{number}-{stage}-{project}")
    assert naming.targets(vault_name())[0].namespace == "weu-x-1-dev-shop"


def test_the_first_matching_cluster_serves_a_vault() -> None:
    """Clusters are matched by region and stage in their order; a vault without one is refused."""
    clusters = (
        ClusterMatch("prod", region="*", stage="prod"),
        ClusterMatch("west", region="w*"),
        ClusterMatch("west-2", region="weu"),
    )
    naming = Naming(PATTERN, clusters=clusters)
    assert naming.targets(vault_name("neu-ds-akv-s-prod-1"))[0].cluster == "prod"
    assert naming.targets(vault_name("weu-ds-akv-s-prod-1"))[0].cluster == "prod"
    assert naming.targets(vault_name("weu-ds-akv-s-dev-1"))[0].cluster == "west"
    with raises(Permanent, "NoCluster"):
        naming.targets(vault_name("neu-ds-akv-s-dev-1"))[0]


def test_another_pattern_may_order_the_parts_otherwise() -> None:
    """The pattern is a setting; whatever it says, the number is 1 to 99."""
    naming = Naming(
        re.compile(
            r"kv(?P<number>\d+)(?P<stage>dev|prod)(?P<project>[a-z]+)(?P<region>x)?",
            re.IGNORECASE | re.ASCII,
        )
    )
    vault = naming.vault("KV7devshop")
    assert naming.parts(vault) == Parts("", "shop", "dev", 7)
    for text in ("kv0devshop", "kv100devshop", "kv07devshop"):
        with pytest.raises(NotOurs):
            naming.vault(text)
