"""Where vault secrets go by the platform's rules and their tags, alone and as a whole vault."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.core.errors import Permanent, SyncError
from sync.core.model import ListedSecret, SecretName, Variables, VaultSecret
from sync.core.reasons import Reason
from sync.projection.budget import ParseBudget
from sync.projection.keys import KeyStyle
from sync.projection.placement import Excluded, Placement
from sync.projection.rules import Pattern, Rules
from sync.projection.stages import USUAL_ALIASES, StagePrefixes
from sync.projection.tags import TagOptions
from sync.projection.turns import PARSING
from sync.projection.validity import NotBefore, Validity
from sync.reconcile.listing import latest
from tests.kit.bundles import LEAF, bundle, certificate, plain, shrouded
from tests.kit.chains import chain_of, key_pem, pem, text_of
from tests.kit.errors import raises
from tests.kit.fakes import Call, target_of, vault_name
from tests.kit.world import World

TARGET = target_of(vault_name())

type Tags = Mapping[str, str]


def placed(rules: Rules, name: str, tags: Tags | None = None) -> Placement:
    """Return where a secret goes that is to be in."""
    place = rules.place(TARGET, name, tags or {}, "")
    assert isinstance(place, Placement)
    return place


def out(rules: Rules, name: str, tags: Tags | None = None) -> str:
    """Return why a secret is out."""
    place = rules.place(TARGET, name, tags or {}, "")
    assert isinstance(place, Excluded)
    return place.reason


def rendered(rules: Rules, name: str, value: str, tags: Tags) -> Mapping[str, bytes]:
    """Return the keys that a value becomes."""
    secret = VaultSecret(SecretName(name), "v1", value, 0, 0, 0.0, tags)
    return rules.render(placed(rules, name, tags), secret, ParseBudget()).values


def refused(rules: Rules, name: str, tags: Tags) -> Permanent:
    """Return why a secret cannot be placed."""
    with pytest.raises(Permanent) as wrong:
        rules.place(TARGET, name, tags, "")
    return wrong.value


@pytest.mark.parametrize(
    ("style", "name", "tags", "key"),
    [
        ("verbatim", "db-password", {}, "db-password"),
        ("env", "db-password", {}, "DB_PASSWORD"),
        ("env", "db-password", {"k8s-key": "db-password"}, "db-password"),
        ("verbatim", "db-password", {"k8s-key": "DB.PASSWORD"}, "DB.PASSWORD"),
        ("env", "2fa", {}, "2FA"),
    ],
)
def test_a_name_becomes_a_key_in_the_platforms_style(
    style: str, name: str, tags: Tags, key: str
) -> None:
    """What a team writes is the key as written; what comes of a name is in the style."""
    assert placed(Rules(style=KeyStyle(style)), name, tags).key == key


def test_a_key_that_is_no_environment_name_is_told_under_that_style_alone() -> None:
    """Such a key is written all the same."""
    value = '{"2FA": "x", "DB_PASSWORD": "y"}'
    secret = VaultSecret(SecretName("n"), "v1", value, 1, 2, 3.0)
    told = {
        style: rules.render(placed(rules, "n", {"k8s-expand": "json"}), secret, ParseBudget())
        for style in KeyStyle
        for rules in [Rules(style=style)]
    }
    (odd,) = told[KeyStyle.ENV].warnings
    assert (odd.source, odd.reason) == ("n", Reason.KEY_NOT_ENVIRONMENT_NAME)
    assert "'2FA'" in odd.message
    assert "DB_PASSWORD" not in odd.message
    assert told[KeyStyle.ENV].values.keys() == {"2FA", "DB_PASSWORD"}
    assert told[KeyStyle.VERBATIM].warnings == ()


@pytest.mark.parametrize(
    ("prefixes", "name", "key"),
    [
        ("none", "prod-a", "prod-a"),
        ("keep", "common-a", "common-a"),
        ("keep", "dev-a", "dev-a"),
        ("strip", "common-a", "a"),
        ("strip", "DEV-a", "a"),
        ("strip", "plain", "plain"),
        ("strip", "dev-", "dev-"),
        ("strip", "develop-a", "develop-a"),
    ],
)
def test_a_stage_takes_the_common_secrets_and_its_own(prefixes: str, name: str, key: str) -> None:
    """The prefix is kept or stripped as the platform says; a bare prefix is a name."""
    assert placed(Rules(stages=StagePrefixes(prefixes)), name).key == key


def test_another_stages_secrets_are_out() -> None:
    """They are out for that reason, also where their tags are wrong."""
    for prefixes in (StagePrefixes.KEEP, StagePrefixes.STRIP):
        why = out(Rules(stages=prefixes), "PROD-a", {"k8s-odd": "1"})
        assert why == (
            "it is of stage prod, not dev, and SYNC_STAGE_ALIASES does not make them one"
        )


def test_a_stage_of_the_vaults_own_name_counts_as_a_prefix() -> None:
    """A stage that the platform named otherwise has its prefix too."""
    target = target_of(vault_name("weu-ds-akv-shop-qa-1"))
    place = Rules(stages=StagePrefixes.STRIP).place(target, "qa-a", {}, "")
    assert isinstance(place, Placement)
    assert place.key == "a"


def in_stage(stage: str, rules: Rules, name: str) -> str:
    """Return the key of a secret in a vault of that stage; empty if it is left out."""
    target = target_of(vault_name(f"weu-ds-akv-s-{stage}-1"))
    place = rules.place(target, name, {}, "")
    return "" if isinstance(place, Excluded) else place.key or "*"


@pytest.mark.parametrize("stage", ["prd", "prod", "stg", "staging", "dev", "qa"])
@pytest.mark.parametrize("prefix", ["prd", "prod", "stg", "staging", "dev", "common"])
def test_two_names_of_a_stage_are_one(stage: str, prefix: str) -> None:
    """A vault takes the prefixes of both names; with another stage neither has to do."""
    one = [{"prd", "prod"}, {"stg", "staging"}]
    taken = prefix in {"common", stage} or {stage, prefix} in one
    name = f"{prefix.upper()}-api-keys"
    assert in_stage(stage, Rules(stages=StagePrefixes.KEEP), name) == (name if taken else "")
    assert in_stage(stage, Rules(stages=StagePrefixes.STRIP), name) == ("api-keys" if taken else "")


@pytest.mark.parametrize(
    ("aliases", "stage", "name", "key"),
    [
        ((), "prd", "prod-a", ""),
        ((), "prd", "prd-a", "a"),
        ((), "dev", "prd-a", "prd-a"),
        ((), "stg", "staging-a", "staging-a"),
        ((("dev", "test"),), "dev", "test-a", "a"),
        ((("dev", "test"),), "test", "dev-a", "a"),
        ((("dev", "test"),), "qa", "test-a", ""),
        ((("dev", "test"),), "prd", "prod-a", ""),
        ((("dev", "test"),), "dev", "testing-a", "testing-a"),
        ((("dev", "test"),), "dev", "test-", "test-"),
        ((("dev", "prod"), ("prd", "qa")), "prd", "prod-a", ""),
    ],
)
def test_the_platform_says_which_stages_are_one(
    aliases: tuple[tuple[str, str], ...], stage: str, name: str, key: str
) -> None:
    """Only what it pairs is one; a name that no stage has is not a prefix."""
    assert in_stage(stage, Rules(stages=StagePrefixes.STRIP, aliases=aliases), name) == key


def test_without_stage_prefixes_aliases_mean_nothing() -> None:
    """Every name is in, under its own key."""
    for name in ("prod-a", "prd-a", "common-a"):
        assert in_stage("prd", Rules(), name) == in_stage("dev", Rules(), name) == name


def test_one_vault_for_several_stages_gives_each_its_own() -> None:
    """A platform's production is stage prd in vaults' names and prod- in those of secrets."""
    names = ("common-tls", "dev-api-keys", "prod-api-keys", "prod-database-credentials")
    for prefixes, keys in (
        ("keep", ("common-tls", "", "prod-api-keys", "prod-database-credentials")),
        ("strip", ("tls", "", "api-keys", "database-credentials")),
    ):
        rules = Rules(stages=StagePrefixes(prefixes))
        assert tuple(in_stage("prd", rules, name) for name in names) == keys
        assert in_stage("dev", rules, "dev-api-keys")


def test_an_alias_changes_the_fingerprint_where_it_changes_the_key() -> None:
    """What an alias does not rename is not read again."""
    usual = Rules(stages=StagePrefixes.STRIP)
    more = replace(usual, aliases=(("dev", "test"),))
    for tags in ({}, {"k8s-type": "tls"}, {"k8s-encoding": "hex"}, {"k8s-key": "K"}):
        for name in ("dev-a", "common-a", "plain"):
            same = placed(usual, name, tags).fingerprint == placed(more, name, tags).fingerprint
            assert same
    for tags in ({}, {"k8s-type": "tls"}, {"k8s-encoding": "hex"}):
        before, after = placed(usual, "test-a", tags), placed(more, "test-a", tags)
        assert (before.base, after.base) == ("test-a", "a")
        assert before.fingerprint != after.fingerprint


def test_fingerprints_of_a_release_without_aliases_stay() -> None:
    """A new release reads no value again because it knows more stages."""
    rules = Rules(stages=StagePrefixes.STRIP)
    assert placed(rules, "dev-a").fingerprint == "b16cbd48"
    assert placed(rules, "dev-a", {"k8s-expand": "json"}).fingerprint == "t859c053c"
    assert rules.digest == "7d8ef8d9"


@pytest.mark.parametrize(
    ("rules", "name", "tags", "word"),
    [
        (Rules(include=(Pattern("db-*"),)), "web", {}, "SYNC_INCLUDE"),
        (Rules(exclude=(Pattern("DB-*"),)), "db-a", {}, "DB-*"),
        (Rules(exclude=(Pattern("ops", "team"),)), "a", {"team": "ops"}, "tag:team=ops"),
        (Rules(include=(Pattern("*"),), exclude=(Pattern("a"),)), "a", {}, "SYNC_EXCLUDE"),
        (Rules(), "a", {"k8s-sync": "false"}, "k8s-sync"),
    ],
)
def test_what_is_left_out_is_out_for_a_reason(
    rules: Rules, name: str, tags: Tags, word: str
) -> None:
    """The reason names the setting or the tag."""
    assert word in out(rules, name, tags)


@pytest.mark.parametrize(
    ("rules", "name", "tags"),
    [
        (Rules(include=(Pattern("DB-*"),)), "db-a", {}),
        (Rules(include=(Pattern("x"), Pattern("o*", "team"))), "a", {"team": "ops"}),
        (Rules(exclude=(Pattern("ops", "team"),)), "a", {"team": "web"}),
    ],
)
def test_what_a_pattern_takes_is_in(rules: Rules, name: str, tags: Tags) -> None:
    """Names match in any case, one of several patterns is enough, a tag's value matches exactly."""
    assert placed(rules, name, tags).key == name


@pytest.mark.parametrize(
    ("names", "tags", "secret"),
    [
        ((), {}, "keyvault-project"),
        ((), {"k8s-secret": "shop"}, "keyvault-project-shop"),
        (("shop*",), {"k8s-secret": "shop-api"}, "shop-api"),
        (("web",), {"k8s-secret": "shop"}, "keyvault-project-shop"),
        ((), {"k8s-type": "basic-auth"}, "keyvault-project-login"),
        ((), {"k8s-type": "basic-auth", "k8s-secret": "x"}, "keyvault-project-x"),
    ],
)
def test_a_secret_is_named_by_rule_or_as_the_platform_allows(
    names: tuple[str, ...], tags: Tags, secret: str
) -> None:
    """A typed one without a name of its own has the vault secret's, in lower case."""
    assert placed(Rules(names=names), "Login", tags).secrets == (secret,)


@pytest.mark.parametrize("names", [(), ("*",)])
@pytest.mark.parametrize("word", ["keyvault-project", "keyvault-2", "keyvault-99"])
def test_no_tag_leads_to_a_vaults_own_secret(names: tuple[str, ...], word: str) -> None:
    """However much the platform allows."""
    assert refused(Rules(names=names), "a", {"k8s-secret": word}).reason == "TagWrong"


@pytest.mark.parametrize("name", ["login-", "a--"])
def test_a_name_that_no_secret_can_have_is_told(name: str) -> None:
    """A vault secret's name may end in a hyphen, a Secret's may not: another is to be named."""
    assert "k8s-secret" in refused(Rules(), name, {"k8s-type": "basic-auth"}).message
    placement = placed(Rules(), name, {"k8s-type": "basic-auth", "k8s-secret": "x"})
    assert placement.secrets == ("keyvault-project-x",)


@pytest.mark.parametrize(
    ("style", "tags", "keys"),
    [
        ("verbatim", {}, {"host": b"h", "login_user": b"u"}),
        ("env", {}, {"HOST": b"h", "LOGIN_USER": b"u"}),
        ("env", {"k8s-key": "pg"}, {"pg_HOST": b"h", "pg_LOGIN_USER": b"u"}),
        ("verbatim", {"k8s-path": "login"}, {"user": b"u"}),
        ("env", {"k8s-path": "login.user"}, {"POSTGRES_CREDENTIALS": b"u"}),
        ("env", {"k8s-path": "login.user", "k8s-key": "me"}, {"me": b"u"}),
    ],
)
def test_an_object_becomes_a_key_a_member(
    style: str, tags: Tags, keys: Mapping[str, bytes]
) -> None:
    """Nested names are joined, a path takes a part, and k8s-key is what the names start with."""
    value = '{"host":"h","login":{"user":"u"}}'
    asked = {"k8s-expand": "json", **tags}
    assert rendered(Rules(style=KeyStyle(style)), "postgres-credentials", value, asked) == keys


@pytest.mark.parametrize(
    ("member", "rule", "remedy"),
    [
        ("a b", "nothing else", "rename the member, or take that member alone"),
        ("ü", "nothing else", "rename the member"),
        ("..a b", "nothing else", "rename the member"),
        ("", "a key is not empty", "a prefix in front of the names by the tag k8s-key"),
        ("..", "does not begin with '..'", "a prefix in front of the names by the tag k8s-key"),
        (".", "is not '.'", "a prefix in front of the names by the tag k8s-key"),
        ("..a", "does not begin with '..'", "a prefix in front of the names by the tag k8s-key"),
        ("x" * 254, "at most 253", "give the member a shorter name"),
    ],
)
def test_a_member_that_is_no_key_is_refused(member: str, rule: str, remedy: str) -> None:
    """It is named as far as it can be shown, with the rule that it breaks and what mends that."""
    value = json.dumps({member: "pl4nted"})
    with raises(Permanent, "KeyInvalid") as wrong:
        rendered(Rules(), "a", value, {"k8s-expand": "json"})
    message = wrong.value.message
    assert "pl4nted" not in message
    assert rule in message
    assert remedy in message
    alone = {"k8s-expand": "json", "k8s-path": member.replace(".", "\\."), "k8s-key": "K"}
    if member:
        assert rendered(Rules(), "a", value, alone) == {"K": b"pl4nted"}
    if "k8s-key" in message:
        prefixed = {"k8s-expand": "json", "k8s-key": "P"}
        assert rendered(Rules(), "a", value, prefixed) == {f"P_{member}": b"pl4nted"}


def test_a_path_is_advised_where_there_are_paths() -> None:
    """A member of dotenv can be renamed only, and a secret's own key has its tag."""
    with raises(Permanent, "KeyInvalid") as wrong:
        rendered(Rules(), "a", "ü=pl4nted", {"k8s-expand": "dotenv"})
    assert "rename the member." in wrong.value.message
    with raises(Permanent, "KeyInvalid", "name it by its tag k8s-key") as wrong:
        Rules().place(TARGET, "ü", {}, "")
    assert "member" not in wrong.value.message


@pytest.mark.parametrize(
    ("value", "tags", "keys"),
    [
        ("a\r\n\n", {}, {"n": b"a"}),
        ("\na \t\n", {}, {"n": b"\na \t"}),
        ("\n", {}, {"n": b""}),
        ("610d0a", {"k8s-encoding": "hex", "k8s-key": "K"}, {"K": b"a"}),
        ("ff0a", {"k8s-encoding": "hex"}, {"n": b"\xff"}),
        ('{"a": "b\\n", "c": ["d\\n"]}\n', {"k8s-expand": "json"}, {"a": b"b", "c": b'["d\\n"]'}),
        ("a: |\n  b\n  c\n", {"k8s-expand": "yaml", "k8s-path": "a"}, {"n": b"b\nc"}),
        ("u:p\n\n", {"k8s-type": "basic-auth"}, {"username": b"u", "password": b"p"}),
    ],
)
def test_line_breaks_at_the_end_are_trimmed_where_asked(
    value: str, tags: Tags, keys: Mapping[str, bytes]
) -> None:
    """Line breaks and nothing else, at the end and nowhere else."""
    assert rendered(Rules(), "n", value, {"k8s-trim": "true", **tags}) == keys
    with suppress(Permanent):
        assert rendered(Rules(), "n", value, {"k8s-trim": "false", **tags}) != keys


PFX = text_of(bundle(plain(shrouded(9), certificate(LEAF))))


@pytest.mark.parametrize(
    ("value", "tags", "warned"),
    [
        ("x", {}, ["FileEncodingIgnored"]),
        ("x", {"k8s-key": "K"}, ["FileEncodingIgnored"]),
        ('{"a": 1}', {"k8s-expand": "json"}, ["FileEncodingIgnored"]),
        ("u:p", {"k8s-type": "basic-auth"}, ["FileEncodingIgnored"]),
        ("aa", {"k8s-encoding": "hex"}, []),
        (PFX, {"k8s-type": "tls"}, ["ChainIncomplete"]),
        (PFX, {"k8s-expand": "certificate"}, ["ChainIncomplete"]),
    ],
)
@pytest.mark.parametrize("word", ["base64", "hex"])
def test_what_az_encoded_is_told_where_nothing_decodes_it(
    value: str, tags: Tags, warned: Sequence[str], word: str
) -> None:
    """The warning names the tag; the value is as it would be without the tag, and so is its key."""
    tagged = {"file-encoding": word, **tags}
    secret = VaultSecret(SecretName("n"), "v1", value, 0, 0, 0.0, tagged)
    placement = placed(Rules(), "n", tagged)
    told = Rules().render(placement, secret, ParseBudget())
    assert told.values == rendered(Rules(), "n", value, tags)
    assert [each.reason for each in told.warnings] == warned
    for each in told.warnings:
        of_az = each.reason is Reason.FILE_ENCODING_IGNORED
        assert (f"file-encoding {word}" in each.message) is of_az
    assert placement.fingerprint == placed(Rules(), "n", tags).fingerprint
    for harmless in ("utf-8", "utf-16le", "ascii", ""):
        plain_text = replace(secret, tags={"file-encoding": harmless, **tags})
        again = Rules().render(placement, plain_text, ParseBudget()).warnings
        assert Reason.FILE_ENCODING_IGNORED not in {each.reason for each in again}


@pytest.mark.parametrize(
    ("tags", "remedy"),
    [
        ({"k8s-expand": "json"}, "add the tag k8s-encoding hex"),
        ({"k8s-expand": "dotenv"}, "add the tag k8s-encoding hex"),
        ({"k8s-type": "basic-auth"}, "add the tag k8s-encoding hex"),
        ({"k8s-type": "tls"}, "add the tag k8s-encoding hex"),
        ({"k8s-expand": "certificate"}, "set PEM without --encoding"),
    ],
)
def test_a_refusal_mentions_what_az_encoded(tags: Tags, remedy: str) -> None:
    """Who sees why a format is refused sees the tag that explains it, unless ours undoes it."""
    with pytest.raises(Permanent) as wrong:
        rendered(Rules(), "n", "abcd", {"file-encoding": "hex", **tags})
    assert "file-encoding says" in wrong.value.message
    assert remedy in wrong.value.message
    with pytest.raises(Permanent) as plain_fault:
        rendered(Rules(), "n", "abcd", tags)
    assert plain_fault.value.reason == wrong.value.reason
    assert wrong.value.message.startswith(plain_fault.value.message)
    if "certificate" not in tags.values():
        with pytest.raises(Permanent) as decoded_fault:
            rendered(Rules(), "n", "abcd", {"file-encoding": "hex", "k8s-encoding": "hex", **tags})
        assert "file-encoding" not in decoded_fault.value.message


def test_the_tag_of_az_is_read_and_others_are_not() -> None:
    """Listings keep it, in any spelling; a quiet pass over secrets that have it gets nothing."""
    assert Rules().reads("file-encoding")
    assert Rules().reads(" File-Encoding")
    assert not Rules().reads("encoding")
    world = World.new()
    world.vaults.put(world.vault, "a", "eA==", tags={"file-encoding": "base64"})
    world.settle()
    (warned,) = world.sweep().warnings
    assert (warned.source, warned.reason) == ("a", Reason.FILE_ENCODING_IGNORED)
    assert world.wire.calls == [Call("read"), Call("list")]


def test_an_untagged_secret_has_no_fingerprint_and_every_other_rule_changes_it() -> None:
    """A plain key needs none; what changes the keys or bytes is seen by the fingerprint."""
    seen = [
        placed(Rules(), "a-b").fingerprint,
        placed(Rules(style=KeyStyle.ENV), "a-b").fingerprint,
        placed(Rules(), "a-b", {"k8s-key": "K"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-encoding": "hex"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-trim": "true"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-expand": "json"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-expand": "yaml"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-expand": "json", "k8s-path": "p"}).fingerprint,
        placed(Rules(), "a-b", {"k8s-type": "tls"}).fingerprint,
        placed(Rules(keep_root=True), "a-b", {"k8s-type": "tls"}).fingerprint,
    ]
    assert seen[0] == placed(Rules(), "a-b", {"k8s-secret": "x"}).fingerprint == ""
    assert len(set(seen)) == len(seen)


SHAPING: Mapping[str, tuple[Tags, Tags]] = {
    "key": ({"k8s-key": "K"}, {"k8s-key": "L"}),
    "keys": ({"k8s-keys": "K={value}"}, {"k8s-keys": "K={value:url}"}),
    "expand": ({"k8s-expand": "json"}, {"k8s-expand": "dotenv"}),
    "path": ({"k8s-expand": "json"}, {"k8s-expand": "json", "k8s-path": "p"}),
    "encoding": ({"k8s-encoding": "hex"}, {"k8s-encoding": "base64"}),
    "type": ({"k8s-type": "basic-auth"}, {"k8s-type": "ssh-auth"}),
    "trim": ({"k8s-trim": "true"}, {"k8s-trim": "true", "k8s-key": "K"}),
}
CHOOSING = {"sync", "secret", "labels", "restart"}
"""Tags that say whether a secret is in, in which Secret, how that is labelled, and what follows."""


def test_each_tag_that_shapes_keys_or_bytes_changes_the_fingerprint() -> None:
    """A tag that is new has to be on one of the two lists."""
    assert {*SHAPING, *CHOOSING} == {each.name for each in fields(TagOptions)}
    for pair in SHAPING.values():
        seen = {placed(Rules(), "a", tags).fingerprint for tags in pair}
        assert len(seen - {""}) == 2
    here = placed(Rules(), "a", {"k8s-key": "K"})
    there = placed(Rules(), "a", {"k8s-key": "K", "k8s-secret": "x", "k8s-restart": "false"})
    assert here.fingerprint == there.fingerprint
    assert not placed(Rules(), "a", {"k8s-restart": "false"}).fingerprint


SETTINGS: Mapping[str, Rules] = {
    "style": Rules(style=KeyStyle.ENV),
    "include": Rules(include=(Pattern("*"),)),
    "exclude": Rules(exclude=(Pattern("b"),)),
    "stages": Rules(stages=StagePrefixes.STRIP),
    "aliases": Rules(aliases=(("dev", "development"),)),
    "names": Rules(names=("x",)),
    "keep_root": Rules(keep_root=True),
    "root_only": Rules(root_only=True),
    "validity": Rules(validity=Validity(NotBefore.IGNORE)),
    "identity_tokens": Rules(identity_tokens=True),
    "labels": Rules(labels=(("team", "shop"),)),
    "label_tags": Rules(label_tags=(("team", "team"),)),
    "portal_links": Rules(portal_links=True),
    "variables": Rules(variables=Variables(allowed=("PATH",))),
}
SELECTING = {"include", "exclude", "aliases", "names", "validity"}
SELECTING |= {"labels", "label_tags", "portal_links", "variables"}
"""Settings that say which secrets are in, from which version, where, and with which marks.

Those of variables shape the keys of applications alone, which have a fingerprint of their own.
"""


def test_each_setting_that_shapes_keys_or_bytes_changes_the_fingerprint() -> None:
    """A setting that is new has to be on the list."""
    assert SETTINGS.keys() == {each.name for each in fields(Rules)}
    for tags in ({"k8s-type": "tls"}, {"k8s-expand": "certificate"}, {"k8s-encoding": "hex"}):
        usual = placed(Rules(), "dev-a", tags).fingerprint
        for setting, rules in SETTINGS.items():
            changed = placed(rules, "dev-a", tags).fingerprint
            assert (changed == usual) is (setting in SELECTING)


def test_the_content_type_of_a_certificate_changes_the_fingerprint() -> None:
    """It says how the value is read; of a plain value it says nothing."""
    for tags, matters in (({"k8s-type": "tls"}, True), ({"k8s-key": "K"}, False)):
        seen = set[str]()
        for content_type in ("application/x-pkcs12", "application/x-pem-file"):
            place = Rules().place(TARGET, "a", tags, content_type)
            assert isinstance(place, Placement)
            seen.add(place.fingerprint)
        assert (len(seen) == 2) is matters


def test_rules_that_differ_have_another_digest() -> None:
    """Each setting counts, the order of patterns does not, and another process has the same."""
    digests = {Rules().digest, *(rules.digest for rules in SETTINGS.values())}
    assert len(digests) == len(SETTINGS) + 1
    assert all(re.fullmatch("[0-9a-f]{8}", digest) for digest in digests)
    one, two = Pattern("a"), Pattern("b", "team")
    assert Rules(include=(one, two)).digest == Rules(include=(two, one, one)).digest
    assert Rules(include=(one,)).digest != Rules(include=(Pattern("*", "a"),)).digest
    assert Rules().digest == "44136fa3"


def test_values_are_parsed_one_at_a_time() -> None:
    """Whatever takes long to read waits for its turn; a plain value does not."""
    chain = chain_of("P-256", 2)
    pair = key_pem(chain.key) + pem(*chain.certificates)
    asked = [
        ('{"a": "b"}', {"k8s-expand": "json"}),
        ("a: b", {"k8s-expand": "yaml"}),
        ("a=b", {"k8s-expand": "dotenv"}),
        ("user:password", {"k8s-type": "basic-auth"}),
        (pair, {"k8s-type": "tls"}),
        (pair, {"k8s-expand": "certificate"}),
    ]
    with ThreadPoolExecutor(len(asked)) as pool:
        with PARSING:
            reading = [pool.submit(rendered, Rules(), "a", *each) for each in asked]
            assert rendered(Rules(), "a", "b", {}) == {"a": b"b"}
            assert not wait(reading, 0.2, FIRST_COMPLETED).done
        assert all(each.result() for each in reading)


def test_a_survey_pays_for_its_certificates() -> None:
    """A value that asks for more than the survey has left is refused for now."""
    made = text_of(bundle(plain(shrouded(60_000), certificate(LEAF))))
    for tags in ({"k8s-type": "tls"}, {"k8s-expand": "certificate"}):
        place, secret = (
            placed(Rules(), "a", tags),
            VaultSecret(SecretName("a"), "v1", made, 0, 0, 0.0, tags),
        )
        budget = ParseBudget(dear_rounds=100_000)
        assert Rules().render(place, secret, budget).values
        with raises(Permanent, "CertificatePostponed"):
            Rules().render(place, secret, budget)


NAMES = ("a", "b", "B", "dev-c", "prod-d")
WORDS = st.sampled_from(["x", "y", "app"])
KEYS = st.sampled_from(["K", "L", "a"])
TAGS = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"k8s-secret": WORDS}, optional={"k8s-key": KEYS}),
    st.fixed_dictionaries({"k8s-key": KEYS}),
    st.fixed_dictionaries(
        {"k8s-expand": st.sampled_from(["json", "yaml", "dotenv", "certificate"])},
        optional={"k8s-secret": WORDS, "k8s-path": st.just("n"), "k8s-key": KEYS},
    ),
    st.fixed_dictionaries(
        {"k8s-keys": st.sampled_from(["K={value}, L=x{value:url}", "K=K, L=M.n", "L={n.L:json}"])},
        optional={"k8s-expand": st.sampled_from(["json", "yaml", "dotenv"]), "k8s-secret": WORDS},
    ),
    st.fixed_dictionaries(
        {"k8s-type": st.sampled_from(["tls", "basic-auth", "ssh-auth", "dockerconfigjson"])},
        optional={"k8s-secret": WORDS},
    ),
    st.sampled_from([{"k8s-odd": "1"}, {"k8s-sync": "false"}, {"k8s-encoding": "hex"}]),
    st.sampled_from([{"file-encoding": "hex"}, {"k8s-trim": "true"}]),
    st.dictionaries(st.sampled_from(["k8s-key", "k8s-secret", "team"]), st.text(max_size=5)),
)
VALUES = st.one_of(
    st.sampled_from(
        ["plain", '{"K":"1","M":{"n":2}}', '{"n":{"L":"3"}}', "user:password", "6869", "K=v", ""]
    ),
    st.text(st.characters(exclude_categories=[]), max_size=8),
)
RULES = st.builds(
    Rules,
    style=st.sampled_from(KeyStyle),
    include=st.sampled_from([(), (Pattern("*"),), (Pattern("ops", "team"), Pattern("[a-c]*"))]),
    exclude=st.sampled_from([(), (Pattern("b"),)]),
    stages=st.sampled_from(StagePrefixes),
    aliases=st.sampled_from([USUAL_ALIASES, (), (("dev", "prod"),)]),
    names=st.sampled_from([(), ("app",)]),
    keep_root=st.booleans(),
    root_only=st.booleans(),
    identity_tokens=st.booleans(),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One secret of a random vault."""

    name: str
    value: str
    tags: Tags
    enabled: bool


VAULTS = st.lists(
    st.builds(
        Kept, st.sampled_from(NAMES), VALUES, TAGS, st.sampled_from([True, True, True, False])
    ),
    min_size=3,
    max_size=8,
    unique_by=lambda kept: kept.name.lower(),
)


@given(RULES, st.text(max_size=20), VALUES, TAGS, st.text(max_size=20))
def test_every_secret_is_in_out_or_failed(
    rules: Rules, name: str, value: str, tags: Tags, content_type: str
) -> None:
    """Whatever a secret is called, holds and is tagged with, nothing but a Permanent is raised."""
    secret = VaultSecret(SecretName(name), "v1", value, 0, 0, 0.0, tags, content_type)
    with suppress(Permanent):
        place = rules.place(TARGET, name, tags, content_type)
        if isinstance(place, Excluded):
            assert place.reason
            return
        keys = rules.render(place, secret, ParseBudget()).values
        assert keys
        assert place.key is None or keys.keys() == {place.key}
        again = rules_again(rules, name, tags, content_type)
        assert keys == rules.render(again, secret, ParseBudget()).values


def rules_again(rules: Rules, name: str, tags: Tags, content_type: str) -> Placement:
    """Place a secret with its tags in another order."""
    place = rules.place(TARGET, name, dict(reversed(list(tags.items()))), content_type)
    assert isinstance(place, Placement)
    return place


def brought(rules: Rules, vault: Sequence[Kept]) -> World:
    """Return a world whose vault was filled in that order, in step and settled."""
    world = World.new(rules=rules)
    for kept in vault:
        world.vaults.put(
            world.vault, kept.name, kept.value, enabled=kept.enabled, tags=dict(kept.tags)
        )
    world.settle()
    return world


def fate(rules: Rules, kept: Kept) -> Mapping[tuple[str, str], bytes] | SyncError | None:
    """Return what one secret alone becomes, by Secret and key; None for one that is out."""
    if not kept.enabled:
        return None
    try:
        place = rules.place(TARGET, kept.name, kept.tags, "")
        if isinstance(place, Excluded):
            return None
        served = VaultSecret(SecretName(kept.name), "", kept.value, 0, 0, 0.0, kept.tags)
        keys = rules.render(place, served, ParseBudget()).values
    except Permanent as error:
        return error
    return {(secret, key): value for secret in place.secrets for key, value in keys.items()}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(RULES, VAULTS)
def test_a_vault_is_brought_over_as_its_secrets_say(rules: Rules, vault: Sequence[Kept]) -> None:
    """Each key that one source claims is in, what fails is told with its reason, nothing else is.

    A second pass then writes nothing, and fetches nothing unless something fails.
    """
    world = brought(rules, vault)
    claims: defaultdict[tuple[str, str], dict[str, bytes]] = defaultdict(dict)
    told = world.sweep().refused
    for kept in vault:
        what = fate(rules, kept)
        if isinstance(what, SyncError):
            assert told[SecretName(kept.name)].reason == what.reason
        elif what is None:
            assert SecretName(kept.name) not in told
        else:
            for at, value in what.items():
                claims[at][kept.name] = value
    clashing = {name for names in claims.values() if len(names) > 1 for name in names}
    reasons = {name: error.reason for name, error in told.items()}
    assert all(SecretName(name) in reasons for name in clashing)
    held: dict[tuple[str, str], bytes] = {}
    for _, _, secret in world.cluster.secrets:
        data = world.cluster.data(world.target.further(secret))
        held |= {(secret, key): value for key, value in data.items()}
    typed = {"TypesDiffer", "SecretTypeMismatch", "SecretRefused"}
    for at, values in claims.items():
        ((name, value), *more) = values.items()
        if more or name in clashing:  # one key that clashes holds back all of its secret
            assert at not in held
        elif reasons.get(SecretName(name)) not in typed:
            assert held[at] == value
    assert held.keys() <= claims.keys()
    assert {Call("apply")} & set(world.wire.calls) == set()
    assert told or {call.verb for call in world.wire.calls} <= {"read", "list"}


@settings(deadline=None, max_examples=100)
@given(RULES, st.data())
def test_the_order_of_a_vault_leaves_no_trace(rules: Rules, data: st.DataObject) -> None:
    """The same vault listed in another order gives the same Secrets, failures and warnings."""
    vault = data.draw(VAULTS)
    turned = data.draw(st.permutations(vault))
    one, other = brought(rules, vault), brought(rules, turned)
    assert one.secrets == other.secrets
    first, second = one.sweep(), other.sweep()
    assert {n: e.args for n, e in first.refused.items()} == {
        n: e.args for n, e in second.refused.items()
    }
    assert first.warnings == second.warnings


@given(st.permutations([("Key", 1), ("KEY", 3), ("key", 2), ("b", 1), ("B", 2)]))
def test_names_that_differ_only_in_case_are_one(listing: Sequence[tuple[str, int]]) -> None:
    """The latest spelling counts, wherever it is listed, and whether that one is enabled."""
    listed = [
        ListedSecret(SecretName(name), enabled=name != "B", updated=updated)
        for name, updated in listing
    ]
    found = {str(name): each.enabled for name, each in latest(listed).items()}
    assert found == {"KEY": True, "B": False}
