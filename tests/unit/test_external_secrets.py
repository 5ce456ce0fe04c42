"""The tags that `adopt` proposes make what External Secrets Operator makes of an ExternalSecret."""

import base64
import io
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.app.use_cases import App
from sync.cli.external_secrets.manifests import Unreadable, read
from sync.cli.external_secrets.proposals import Proposal, Proposals, propose
from sync.cli.external_secrets.tag_texts import LONGEST, MOST
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.keys import KeyStyle
from sync.projection.placement import Placement
from sync.projection.rules import Pattern, Rules
from sync.projection.tags import read_tags
from tests.kit.apps import app_of
from tests.kit.command_line import Said, say
from tests.kit.fakes import target_of, vault_name
from tests.kit.world import World

type Node = str | bool | Sequence["Node"] | Mapping[str, "Node"]
type Object = dict[str, Node]

VAULT = vault_name().text
TARGET = target_of(vault_name())
NAMESPACE = TARGET.namespace
ANY_NAME = Rules(names=("*",))
ROOT = Path(__file__).parents[2]

HELD: Mapping[str, str] = {
    "postgres": json.dumps(
        {
            "username": "shop",
            "password": "p@ss/w'or\\d{x}",
            "host": "db.example",
            "port": 5432,
            "tls": True,
            "nested": {"name": "orders", "hosts": ["a.example", "b.example"]},
            "my-key": "dashed",
            "$id": "dollar",
        }
    ),
    "flat": json.dumps({"user": "till", "pin": 1234, "on": False}),
    "smtp-password": "s3cr3t-V4lue",
    "licence": base64.b64encode(b"\x00\x01licence").decode(),
    "encoded-text": base64.urlsafe_b64encode("blä?>".encode()).decode(),
}
"""What the vault of these tests has."""


def external_secret(
    data: Mapping[str, Node] | None = None,
    template: Node = "",
    every: Sequence[Node] = (),
    name: str = "orders",
    **more: Node,
) -> Object:
    """Return a manifest; `data` has a name or a remoteRef for each entry."""
    entries = [
        {"secretKey": key, "remoteRef": {"key": of} if isinstance(of, str) else of}
        for key, of in (data or {}).items()
    ]
    target: Object = {"name": name}
    if template:
        target["template"] = {"data": template}
    spec: Object = {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "SecretStore", "name": "shop"},
        "target": target,
        "data": entries,
        "dataFrom": every,
    }
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec | more,
    }


def of(key: str, member: str = "", decoding: str = "") -> Object:
    """Return a remoteRef."""
    told = {"key": key, "property": member, "decodingStrategy": decoding}
    return {name: text for name, text in told.items() if text}


def proposals(*objects: Object, rules: Rules = ANY_NAME) -> Proposals:
    """Return what is proposed for these manifests, written as YAML."""
    return propose(read(yaml.safe_dump_all(objects)), rules, TARGET)


def proposed(*objects: Object, rules: Rules = ANY_NAME) -> dict[str, Proposal]:
    """Return the proposals by vault secret; each manifest has to fit."""
    found = proposals(*objects, rules=rules)
    assert found.unfit == {}
    return {each.secret: each for each in found.proposed}


def reasons(*objects: Object, rules: Rules = ANY_NAME) -> str:
    """Return why nothing is proposed for these manifests."""
    found = proposals(*objects, rules=rules)
    assert found.proposed == []
    assert found.unfit.keys() == {f"{NAMESPACE}/{yaml_name(each)}" for each in objects}
    return "; ".join(reason for why in found.unfit.values() for reason in why)


def yaml_name(manifest: Object) -> str:
    """Return the name of a manifest."""
    metadata = manifest["metadata"]
    assert isinstance(metadata, Mapping)
    return str(metadata["name"])


def synced(
    found: Mapping[str, Proposal], held: Mapping[str, str] = HELD, rules: Rules = ANY_NAME
) -> dict[str, dict[str, bytes]]:
    """Return the Secrets that this app makes of the vault secrets with the proposed tags."""
    made: dict[str, dict[str, bytes]] = {}
    for each in found.values():
        assert len(each.tags) <= MOST
        assert all(len(text) <= LONGEST for text in each.tags.values())
        read_tags(each.secret, each.tags)
        place = rules.place(TARGET, each.secret, each.tags, "")
        assert isinstance(place, Placement)
        assert place.secrets == each.secrets
        secret = VaultSecret(
            SecretName(each.secret), "v1", held[each.secret], 0, 0, 0.0, each.tags, ""
        )
        for name in place.secrets:
            keys = made.setdefault(name, {})
            values = rules.render(place, secret, ParseBudget()).values
            assert not keys.keys() & values.keys()
            keys |= values
    return made


def operator_text(value: object) -> bytes:
    """Return what the operator writes for a member."""
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()


def operator(manifest: Object, held: Mapping[str, str] = HELD) -> dict[str, bytes]:
    """Make what the operator makes, of what these tests use of it."""
    spec = manifest["spec"]
    assert isinstance(spec, dict)
    entries: dict[str, bytes] = {}
    for every in spec["dataFrom"]:
        tree = json.loads(held[every["extract"]["key"].rpartition("/")[2]])
        for part in filter(None, every["extract"].get("property", "").split(".")):
            tree = tree[part]
        entries |= {member: operator_text(value) for member, value in tree.items()}
    for entry in spec["data"]:
        remote = entry["remoteRef"]
        text = held[remote["key"].rpartition("/")[2].lower()]
        if path := remote.get("property"):
            node = json.loads(text)
            for part in re.split(r"(?<!\\)\.", path):
                node = node[int(part)] if isinstance(node, list) else node[part.replace("\\", "")]
            value = operator_text(node)
        else:
            value = text.encode()
        decode = {"Base64": base64.b64decode, "Base64URL": base64.urlsafe_b64decode}
        strategy = decode.get(remote.get("decodingStrategy", "None"))
        entries[entry["secretKey"]] = strategy(value) if strategy else value
    template = spec["target"].get("template", {})
    if not template.get("data"):
        return entries
    made = dict(entries) if template.get("mergePolicy") == "Merge" else {}
    for key, text in template["data"].items():
        made[key] = b"".join(executed(text, entries))
    return made


ACTION = re.compile(
    r"""\{\{\s*(?:\.(?P<name>\w+)|index \. "(?P<index>[^"]*)")\s*}}"""
    r"""|\{\{\s*(?:"(?P<text>[^"]*)"|`(?P<raw>[^`]*)`)\s*}}"""
)


def executed(text: str, entries: Mapping[str, bytes]) -> Iterator[bytes]:
    """Execute a template of references, of literals without a backslash, and of trim marks."""
    text = re.sub(r"\{\{/\*.*?\*/\}\}", "", text)
    text = re.sub(r"\s*\{\{-\s", "{{ ", re.sub(r"\s-\}\}\s*", " }}", text))
    begin = 0
    for action in ACTION.finditer(text):
        yield text[begin : action.start()].encode()
        told = action.groupdict()
        name = told["name"] or told["index"]
        yield entries[name] if name else (told["text"] or told["raw"]).encode()
        begin = action.end()
    yield text[begin:].encode()


FITTING = {
    "one secret under its own name": external_secret({"smtp-password": "smtp-password"}),
    "one secret under another name": external_secret({"SMTP": "smtp-password"}),
    "a name in capitals": external_secret({"SMTP-PASSWORD": "SMTP-Password"}),
    "one secret twice": external_secret({"A": "smtp-password", "B": "smtp-password"}),
    "a prefix for the kind": external_secret({"SMTP": "secret/smtp-password"}),
    "members": external_secret(
        {"USER": of("postgres", "username"), "PASSWORD": of("postgres", "password")}
    ),
    "one member under the secret's name": external_secret({"postgres": of("postgres", "username")}),
    "a nested member": external_secret({"DB": of("postgres", "nested.name")}),
    "an item of a list": external_secret({"HOST": of("postgres", "nested.hosts.1")}),
    "a number and a truth value": external_secret(
        {"PORT": of("postgres", "port"), "TLS": of("postgres", "tls")}
    ),
    "odd names": external_secret({"a": of("postgres", "my-key"), "b.c": of("postgres", "$id")}),
    "base64": external_secret({"licence.bin": of("licence", decoding="Base64")}),
    "base64url in a text": external_secret(
        {"x": of("encoded-text", decoding="Base64URL")}, {"KEY": "<{{ .x }}>"}
    ),
    "decoding that is none": external_secret({"SMTP": of("smtp-password", decoding="None")}),
    "all members": external_secret(every=[{"extract": {"key": "flat"}}]),
    "all members below a path": external_secret(
        every=[{"extract": {"key": "nested", "property": "a.b"}}]
    ),
    "all members and another secret": external_secret(
        {"SMTP": "smtp-password"}, every=[{"extract": {"key": "flat"}}]
    ),
    "a template that only renames": external_secret({"x": "smtp-password"}, {"SMTP": "{{ .x }}"}),
    "a template with a text": external_secret(
        {"x": "smtp-password"}, {"HEADER": "Bearer {{.x}}", "SMTP": "{{ .x }}"}
    ),
    "a URL": external_secret(
        {each: of("postgres", each) for each in ("username", "password", "host", "port")}
        | {"db": of("postgres", "nested.name")},
        {"URL": "postgres://{{ .username }}:{{ .password }}@{{ .host }}:{{ .port }}/{{ .db }}?a=1"},
    ),
    "braces and commas": external_secret(
        {"u": of("postgres", "username"), "p": of("postgres", "password")},
        {
            "JSON": '{"user":"{{ .u }}","password":["{{ .p }}",{}]}',
            "REDIS": "{{ .u }},,password={{ .p }},ssl=True,",
            "LATER": ",{{ .u }}}",
        },
    ),
    "braces as a template of Go writes them": external_secret(
        {"u": of("postgres", "username")}, {"A": '{{ "{{" }}{{ .u }}{{ `}}` }}'}
    ),
    "marks that trim": external_secret(
        {"u": of("postgres", "username")}, {"A": "a \n {{- .u -}} \n b {{/* a note, don't */}}c"}
    ),
    "index": external_secret(
        {"my-user": of("postgres", "username")}, {"A": 'x{{ index . "my-user" }}y'}
    ),
    "members of what is extracted": external_secret(
        template={"A": "{{ .user }}:{{ .pin }}", "B": '{{ index . "on" }}'},
        every=[{"extract": {"key": "flat"}}],
    ),
    "an entry hides a member": external_secret(
        {"user": of("flat", "pin")},
        {"A": "{{ .user }}-{{ .on }}"},
        [{"extract": {"key": "flat"}}],
    ),
    "entries that no template uses": external_secret(
        {"x": "smtp-password", "y": {"key": "smtp-password", "version": "1"}}, {"SMTP": "{{ .x }}"}
    ),
    "quotation marks and shells": external_secret(
        {"x": "smtp-password"}, {"A": """it's $HOME `id` "{{ .x }}" & | < > % ! \\ ;"""}
    ),
    "equals signs and colons": external_secret(
        {"u": of("postgres", "username")}, {"A": "a=b:{{ .u }}:url", "B": "x:pg {{ .u }}"}
    ),
    "many keys": external_secret(
        {f"KEY_{number:02}": of("postgres", "nested.name") for number in range(60)}
    ),
    "long texts": external_secret(
        {"u": of("postgres", "username")},
        {f"K{number}": f"{'x' * (200 + number)}{{{{ .u }}}}" for number in range(12)},
    ),
    "several vault secrets": external_secret(
        {"A": of("postgres", "username"), "B": of("flat", "user"), "C": "smtp-password"}
    ),
    "templates of several secrets, each of one": external_secret(
        {"u": of("postgres", "username"), "v": of("flat", "user")},
        {"A": "1 {{ .u }}", "B": "2 {{ .v }}"},
    ),
}
"""What the operator makes and tags can make."""

NESTED: Mapping[str, str] = {**HELD, "nested": json.dumps({"a": {"b": {"c": "d", "e": "f"}}})}


@pytest.mark.parametrize("manifest", FITTING.values(), ids=FITTING)
def test_the_tags_make_what_the_operator_makes(manifest: Object) -> None:
    """Each key and each byte is the same, in the Secret of the same name."""
    wanted = operator(manifest, NESTED)
    assert wanted
    assert synced(proposed(manifest), NESTED) == {"orders": wanted}


@pytest.mark.parametrize("manifest", FITTING.values(), ids=FITTING)
def test_the_command_says_the_same_as_the_rows(manifest: Object, tmp_path: Path) -> None:
    """A shell reads the tags from the command as the portal's rows have them."""
    file = tmp_path / "manifest.yaml"
    file.write_text(yaml.safe_dump(manifest, allow_unicode=True))
    said = adopt(str(file), "-o", "json", rules=ANY_NAME)
    assert said.code == 0
    told = json.loads(said.out)["proposals"]
    assert told
    for each in told:
        head, _, tags = each["command"].partition(" --tags ")
        assert shlex.split(head)[-4:] == ["--vault-name", VAULT, "--name", each["secret"]]
        assert dict(tag.split("=", 1) for tag in shlex.split(tags)) == each["tags"]


def test_a_beta_manifest_says_the_same() -> None:
    """Version v1beta1 of the operator's API has the same fields."""
    for manifest in FITTING.values():
        beta = {**manifest, "apiVersion": "external-secrets.io/v1beta1"}
        assert proposed(beta) == proposed(manifest)


def test_an_untagged_secret_needs_no_command() -> None:
    """A key of the secret's name in the vault's own Secret is there without a tag."""
    manifest = external_secret({"smtp-password": "smtp-password"}, name=TARGET.secret)
    found = proposed(manifest)["smtp-password"]
    assert found.tags == {}
    assert found.secrets == (TARGET.secret,)


def test_settings_of_the_platform_count() -> None:
    """What a name becomes, and which Secrets tags may name, is read by the app's own rules."""
    manifest = external_secret({"SMTP_PASSWORD": "smtp-password"}, name=TARGET.secret)
    env = Rules(style=KeyStyle.ENV)
    assert proposed(manifest, rules=env)["smtp-password"].tags == {}
    assert proposed(manifest)["smtp-password"].tags == {"k8s-key": "SMTP_PASSWORD"}
    assert "list them in k8s-keys" in reasons(FITTING["all members"], rules=env)
    left_out = Rules(exclude=(Pattern("smtp-*"),))
    assert "SYNC_EXCLUDE names it" in reasons(manifest, rules=left_out)


def test_names_of_secrets_are_those_that_the_platform_allows() -> None:
    """A name that continues the vault's own needs no setting; any other is told of."""
    own = external_secret({"SMTP": "smtp-password"}, name=f"{TARGET.secret}-mail")
    assert proposed(own, rules=Rules())["smtp-password"].tags["k8s-secret"] == "mail"
    other = external_secret({"SMTP": "smtp-password"}, name="mail")
    found = proposed(other, rules=Rules())["smtp-password"]
    assert (found.secrets, found.wanted) == ((f"{TARGET.secret}-mail",), ("mail",))
    assert proposed(other)["smtp-password"].secrets == ("mail",)


def test_two_that_want_the_same_share_a_secret() -> None:
    """The same keys in two Secrets are one tag k8s-secret with two names."""
    keys: dict[str, Node] = {"USER": of("flat", "user")}
    found = proposed(external_secret(keys, name="a"), external_secret(keys, name="b"))
    assert found["flat"].tags["k8s-secret"] == "a,b"
    assert synced(found).keys() == {"a", "b"}


def test_two_that_fill_one_secret_are_put_together() -> None:
    """The keys of one vault secret that two manifests put into one Secret are one list."""
    one = external_secret({"USER": of("flat", "user")}, name="a")
    two = external_secret({"PIN": of("flat", "pin")}, name="b")
    spec = two["spec"]
    assert isinstance(spec, dict)
    spec["target"] = {"name": "a", "creationPolicy": "Merge"}
    assert synced(proposed(one, two)) == {"a": {"USER": b"till", "PIN": b"1234"}}


def changed(manifest: Object, *path: str | int, to: Node) -> Object:
    """Return a manifest with another value at a path."""
    copy: Object = json.loads(json.dumps(manifest))
    node: Node = copy
    for part in path[:-1]:
        assert isinstance(node, dict | list)
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[int(part)]
    assert isinstance(node, dict)
    node[str(path[-1])] = to
    return copy


PLAIN = external_secret({"x": "smtp-password", "u": of("postgres", "username")})
TARGET_OF = ("spec", "target")
REMOTE = ("spec", "data", 0, "remoteRef")


def templated(text: str) -> Object:
    """Return a manifest with a template."""
    return external_secret({"x": "smtp-password", "u": of("postgres", "username")}, {"KEY": text})


UNFIT: Mapping[str, tuple[Object, str]] = {
    "two secrets in one value": (
        templated("{{ .x }}{{ .u }}"),
        "makes key KEY, which combines the secrets postgres and smtp-password",
    ),
    "a pipe": (templated("{{ .x | upper }}"), "makes key KEY, which calls upper"),
    "a part of a URL": (
        templated("{{ .x | urlquery }}"),
        "calls urlquery (similar here: {member:url}",
    ),
    "several functions": (
        templated('{{ .x | replace "a" "b" | b64enc }}'),
        "calls replace, b64enc (similar",
    ),
    "a function before": (templated("{{ printf `%s` .x }}"), "calls printf"),
    "a bundle": (templated("{{ .x | b64dec | pkcs12cert }}"), "k8s-type: tls"),
    "a condition": (templated("{{ if .x }}a{{ else }}b{{ end }}"), "which has the action if"),
    "a loop": (templated("{{ range $k, $v := . }}{{ $k }}{{ end }}"), "has the action range"),
    "a variable": (templated("{{ $a := .x }}{{ $a }}"), "has a variable"),
    "all entries": (templated("{{ . }}"), "no reference to one entry"),
    "a field of an entry": (templated("{{ .x.y }}"), "no reference to one entry"),
    "an unclosed action": (templated("{{ .x"), "has an action that is not closed"),
    "an unknown entry": (templated("{{ .nothing }}"), "reads .nothing, which no entry gives"),
    "nothing of the vault": (templated("a constant"), "takes nothing of the vault"),
    "two lines": (templated("a: {{ .x }}\nb: c"), "a line break"),
    "a line break at the end": (templated("{{ .x }}\n"), "ends with a blank or a line break"),
    "a blank at the end": (
        templated("Bearer {{ .x }} "),
        "begins or ends with a blank or a line break",
    ),
    "typographic quotes": (templated("\u201c{{ .x }}\u201d"), "typographic quotation mark"),
    "a long text": (templated("y" * 300 + "{{ .x }}"), "longer than the 256 characters"),
    "too many keys": (
        external_secret({f"{'K' * 200}{at}": of("flat", "user") for at in range(16)}),
        "wants more of flat than 15 tags",
    ),
    "a whole value and a member": (
        external_secret({"all": "flat", "user": of("flat", "user")}),
        "takes flat whole and members of it as well",
    ),
    "all members and one of them": (
        external_secret({"USER": of("flat", "user")}, every=[{"extract": {"key": "flat"}}]),
        "takes all members of flat and some of them under other names",
    ),
    "two encodings": (
        external_secret({"a": "licence", "b": of("licence", decoding="Base64")}),
        "both decoded and as it is",
    ),
    "a decoded member": (
        external_secret({"a": of("flat", "user", "Base64")}),
        "decodes one member",
    ),
    "a decoded map": (
        external_secret(every=[{"extract": {"key": "flat", "decodingStrategy": "Base64"}}]),
        "decodes each member",
    ),
    "decoding by guess": (external_secret({"a": of("flat", decoding="Auto")}), "decodes by Auto"),
    "a version": (changed(PLAIN, *REMOTE, "version", to="0123"), "asks for one version"),
    "tags": (changed(PLAIN, *REMOTE, "metadataPolicy", to="Fetch"), "reads tags"),
    "a certificate": (external_secret({"a": "cert/shop"}), "takes a certificate by cert/"),
    "a key": (external_secret({"a": "key/shop"}), "takes a key by key/"),
    "no name of a secret": (external_secret({"a": "kv/data/shop"}), "no name of a vault secret"),
    "a path with a wildcard": (
        external_secret({"a": of("flat", "use*")}),
        "more than names joined",
    ),
    "a path with a modifier": (
        external_secret({"a": of("flat", "@this")}),
        "more than names joined",
    ),
    "a path with a query": (external_secret({"a": of("flat", "a.#.b")}), "more than names joined"),
    "whatever is found": (
        external_secret(every=[{"find": {"name": {"regexp": ".*"}}}]),
        "finds secrets at spec.dataFrom[0]",
    ),
    "renamed members": (
        external_secret(every=[{"extract": {"key": "flat"}, "rewrite": [{"regexp": {}}]}]),
        "renames members",
    ),
    "an entry of one of two": (
        external_secret(
            template={"A": "{{ .user }}"},
            every=[{"extract": {"key": "flat"}}, {"extract": {"key": "postgres"}}],
        ),
        "which any of several dataFrom may give",
    ),
    "a generator": (
        external_secret(every=[{"sourceRef": {"generatorRef": {"kind": "Password"}}}]),
        "has a generator",
    ),
    "another store": (
        changed(PLAIN, "spec", "data", 0, "sourceRef", to={"storeRef": {"name": "other"}}),
        "has a store of its own",
    ),
    "a typed Secret": (
        changed(templated("{{ .x }}"), *TARGET_OF, "template", "type", to="kubernetes.io/tls"),
        "makes a Secret of type kubernetes.io/tls",
    ),
    "templates elsewhere": (
        changed(PLAIN, *TARGET_OF, "template", to={"templateFrom": [{"literal": "a: b"}]}),
        "by templateFrom",
    ),
    "an old engine": (
        changed(templated("{{ .x }}"), *TARGET_OF, "template", "engineVersion", to="v1"),
        "engine other than v2",
    ),
    "no Secret": (changed(PLAIN, *TARGET_OF, "creationPolicy", to="None"), "writes no Secret"),
    "another object": (
        changed(PLAIN, *TARGET_OF, "manifest", to={"kind": "ConfigMap"}),
        "another object",
    ),
    "immutable": (changed(PLAIN, *TARGET_OF, "immutable", to=True), "immutable"),
    "no key": (external_secret({}), "makes no key"),
    "an old version": (
        {**PLAIN, "apiVersion": "external-secrets.io/v1alpha1"},
        "another API version",
    ),
    "another operator": ({**PLAIN, "apiVersion": "kubernetes-client.io/v1"}, "another API version"),
    "of all namespaces": ({**PLAIN, "kind": "ClusterExternalSecret"}, "give those that it makes"),
    "a new field": (
        changed(PLAIN, "spec", "novel", to="x"),
        "has spec.novel, which no tag can express",
    ),
    "a new field of an entry": (changed(PLAIN, *REMOTE, "novel", to="x"), "remoteRef.novel"),
    "no text": (changed(PLAIN, *REMOTE, "key", to=True), "no text at spec.data[0].remoteRef.key"),
    "no list": (changed(PLAIN, "spec", "data", to={"a": "b"}), "no list at spec.data"),
    "no object": (changed(PLAIN, "spec", "target", to=["a"]), "no object at spec.target"),
    "no truth value": (changed(PLAIN, *TARGET_OF, "immutable", to="yes"), "neither true nor false"),
    "no name of an entry": (
        changed(PLAIN, "spec", "data", 0, "secretKey", to=""),
        "no secretKey at",
    ),
    "an entry twice": (
        changed(PLAIN, "spec", "data", 0, "secretKey", to="u"),
        "names entry u twice",
    ),
    "no name of a key": (external_secret({"a/b": of("flat", "user")}), "must begin with a key"),
    "no name of a Secret": (changed(PLAIN, *TARGET_OF, "name", to="a.b"), "k8s-secret must be"),
    "another vault's Secret": (
        changed(PLAIN, *TARGET_OF, "name", to="keyvault-7"),
        "a vault's own Secret",
    ),
}
"""What tags cannot make, and what is said of it."""


@pytest.mark.parametrize(("manifest", "reason"), UNFIT.values(), ids=UNFIT)
def test_what_tags_cannot_make_is_named_and_nothing_proposed(manifest: Object, reason: str) -> None:
    """One part that does not fit leaves out the whole ExternalSecret, and says which and why."""
    assert reason in reasons(manifest)


def test_every_reason_is_told_at_once() -> None:
    """A manifest is corrected once, not once for each of its faults."""
    manifest = external_secret(
        {"x": "smtp-password", "u": of("postgres", "username")},
        {"A": "{{ .x | upper }}", "B": "{{ .x }}{{ .u }}", "C": "{{ .no }}", "D": "{{ .x }}"},
    )
    told = reasons(manifest)
    assert [told.count(f"makes key {key}") for key in "ABCD"] == [1, 1, 1, 0]


def test_two_that_want_different_keys_of_a_secret_are_both_left() -> None:
    """Tags make the same keys in each Secret; a third manifest is not held back."""
    one = external_secret({"A": of("flat", "user")}, name="a")
    two = external_secret({"B": of("flat", "user")}, name="b")
    found = proposals(one, two, external_secret({"C": "smtp-password"}, name="c"))
    assert [each.secret for each in found.proposed] == ["smtp-password"]
    assert found.unfit.keys() == {f"{NAMESPACE}/a", f"{NAMESPACE}/b"}


def test_two_that_want_one_key_of_two_secrets_are_both_left() -> None:
    """A key of a Secret has one holder here."""
    one = external_secret({"A": of("flat", "user")}, name="a")
    two = changed(external_secret({"A": "smtp-password"}, name="b"), *TARGET_OF, "name", to="a")
    assert "makes key A of Secret a, which another makes of another secret" in reasons(one, two)


def test_one_left_out_may_make_room_for_another() -> None:
    """A manifest that does not fit is no reason against one that shares a secret with it."""
    bad = external_secret({"A": of("flat", "user"), "B": of("flat", "pin", "Base64")}, name="a")
    good = external_secret({"C": of("flat", "user")}, name="b")
    found = proposals(bad, good)
    assert [each.asked_by for each in found.proposed] == [(f"{NAMESPACE}/b",)]
    assert found.unfit.keys() == {f"{NAMESPACE}/a"}


def store(kind: str = "SecretStore", **provider: Node) -> Object:
    """Return a store's manifest."""
    metadata: Object = {"name": "shop"}
    if kind == "SecretStore":
        metadata["namespace"] = NAMESPACE
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": kind,
        "metadata": metadata,
        "spec": {"provider": provider},
    }


def test_only_stores_of_this_vault_count() -> None:
    """A store in the file tells whose secrets these are; without one that is left to the reader."""
    asking = external_secret({"SMTP": "smtp-password"})
    ours = store(azurekv={"vaultUrl": f"https://{VAULT.upper()}.vault.azure.net"})
    assert proposals(asking, ours).notes == []
    assert proposed(asking, ours).keys() == {"smtp-password"}
    assert "SecretStore shop is not in the file" in proposals(asking).notes[0]
    theirs = store(azurekv={"vaultUrl": "https://weu-ds-akv-till-dev-1.vault.azure.net/"})
    for other, why in ((theirs, "another vault"), (store(aws={}), "no Azure Key Vault")):
        found = proposals(asking, other)
        assert (found.proposed, found.unfit) == ([], {})
        assert why in found.elsewhere[f"{NAMESPACE}/orders"]
    of_cluster = changed(asking, "spec", "secretStoreRef", "kind", to="ClusterSecretStore")
    assert proposals(of_cluster, store("ClusterSecretStore", aws={})).elsewhere
    odd = changed(asking, "spec", "secretStoreRef", "kind", to="Vault")
    assert "another kind, Vault" in proposals(odd).elsewhere[f"{NAMESPACE}/orders"]


def test_another_namespace_is_not_the_vaults() -> None:
    """A vault leads to one namespace; without one the manifest is of that."""
    elsewhere = changed(PLAIN, "metadata", "namespace", to="till-dev")
    assert "another namespace" in proposals(elsewhere).elsewhere["till-dev/orders"]
    assert proposals(changed(PLAIN, "metadata", to={"name": "orders"})).proposed


def test_labels_and_annotations_are_told_of() -> None:
    """They are no keys, and do not hold the keys back."""
    labelled = changed(
        templated("{{ .x }}"),
        *TARGET_OF,
        "template",
        "metadata",
        to={"labels": {"team": "a"}, "annotations": {"b": "c"}},
    )
    notes = " ".join(proposals(labelled).notes)
    assert "labels its Secret with team: SYNC_LABELS" in notes
    assert "annotates its Secret with b" in notes


LITERALS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Pi", "Pf", "Ps"])
    | st.sampled_from("{},:=\\\"' "),
    max_size=12,
)


def go_text(literal: str) -> str:
    """Write a text so that a template of Go has it as it is."""
    return literal.replace("{", "{{ `{` }}")


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(LITERALS, st.sampled_from(["username", "password", "port"]), LITERALS),
        min_size=1,
        max_size=8,
    )
)
def test_any_text_around_members_is_kept(texts: list[tuple[str, str, str]]) -> None:
    """Whatever stands around a member, the tags make it again, or say why they do not."""
    manifest = external_secret(
        {name: of("postgres", name) for name in ("username", "password", "port")},
        {
            f"KEY{at}": f"{go_text(before)}{{{{ .{name} }}}}{go_text(behind)}"
            for at, (before, name, behind) in enumerate(texts)
        },
    )
    members = json.loads(HELD["postgres"])
    wanted = {
        f"KEY{at}": f"{before}{members[name]}{behind}".encode()
        for at, (before, name, behind) in enumerate(texts)
    }
    found = proposals(manifest)
    if any(text != text.strip() for text in (f"{a}x{b}" for a, _, b in texts)):
        (why,) = found.unfit.values()
        assert "begins or ends with a blank or a line break" in why[0]
    elif found.unfit:
        (why,) = found.unfit.values()
        assert "typographic" in why[0]
    else:
        assert synced({each.secret: each for each in found.proposed}) == {"orders": wanted}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "neither YAML nor JSON from line"),
        ("{]", "neither YAML nor JSON from line 1"),
        ("- a", "a document that is no object"),
        ("a: 1\na: 2", "line 1 has a field twice"),
        ("a: &a [1]\nb: *a", "has an alias in line 2"),
        ("[" * 70 + "]" * 70, "nested deeper than 64 levels"),
        ('{"kind": "List", "items": {"a": 1}}', "no list at items"),
        ("kind: 3", "no text at kind"),
        ("\x00", "neither YAML nor JSON"),
    ],
)
def test_a_file_that_holds_no_manifests_is_refused(text: str, why: str) -> None:
    """What readers of YAML take differently is refused as well, with its line."""
    with pytest.raises(Unreadable, match=re.escape(why)):
        read(text)


def test_what_kubectl_prints_is_read() -> None:
    """Lists, JSON, several documents and empty ones are read."""
    items = [FITTING["members"], changed(PLAIN, "metadata", "name", to="b")]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=4)
    assert len(read(f"---\n{listed}\n---\n---\nkind: Secret\n")) == 3


def app(rules: Rules = ANY_NAME) -> App:
    """Return an app in memory with these rules."""
    world = World.new(rules=rules)
    return app_of(world.reconciler, world.vault)


def adopt(*argv: str, rules: Rules = ANY_NAME) -> Said:
    """Ask for proposals."""
    return say(app(rules), "adopt", VAULT, "--external-secret", *argv)


def test_a_command_writes_nothing_and_says_what_does_not_fit(tmp_path: Path) -> None:
    """Rows for the portal and a command for the shell; exit code 2 if one does not fit."""
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([FITTING["members"], UNFIT["a pipe"][0]]))
    text = file.read_text().replace("name: orders", "name: other", 1)
    file.write_text(text)
    said = adopt(str(file), rules=Rules())
    assert said.code == 2
    assert "postgres      k8s-keys    USER=username, PASSWORD=password" in said.out
    assert "'k8s-keys=USER=username, PASSWORD=password'" in said.out
    assert "makes key KEY, which calls upper" in said.out
    assert "until SYNC_SECRET_NAMES allows" in said.out
    assert "Nothing was written." in said.out
    assert adopt(str(file), "-o", "name").out == "postgres\n"
    told = adopt(str(file), "-o", "json")
    assert "which calls upper" in told.err
    assert json.loads(told.out)["vault"] == VAULT


def test_stdin_is_a_file_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """`kubectl get externalsecret -o yaml` can be piped into it."""
    given_text = yaml.safe_dump(FITTING["members"])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(given_text.encode())))
    said = adopt("-")
    assert said.code == 0
    assert "k8s-expand=json" in said.out


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        (b"a: [", (), "cannot be used: it is neither YAML nor JSON"),
        (b"\xff\xfe", (), "is not in UTF-8"),
        (b"kind: Secret", (), "holds no ExternalSecret"),
        (b"", (), "holds no ExternalSecret"),
        (b"kind: ExternalSecret", ("--yes",), "leave out --yes and --takeover"),
        (b"kind: ExternalSecret", ("--takeover",), "leave out --yes and --takeover"),
    ],
)
def test_a_wrong_file_is_a_usage_error(
    text: bytes, more: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    """What cannot be read, or has nothing in it, fails with what to do."""
    file = tmp_path / "given"
    file.write_bytes(text)
    said = adopt(str(file), *more)
    assert said.code == 1
    assert said.out == ""
    assert why in said.err


def test_a_vault_off_the_pattern_is_refused(tmp_path: Path) -> None:
    """The vault decides the namespace and the names of Secrets, so it has to be one."""
    file = tmp_path / "given.yaml"
    file.write_text(yaml.safe_dump(PLAIN))
    said = say(app(), "adopt", "no-vault", "--external-secret", str(file))
    assert said.code == 1
    assert "VaultNameOffPattern" in said.err


def test_the_example_of_the_document_is_what_is_printed(tmp_path: Path) -> None:
    """docs/handover.md shows the manifests and the answer that they get."""
    text = (ROOT / "docs/handover.md").read_text(encoding="utf-8")
    (manifests,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (answer,) = re.findall(r"```\n(VAULT SECRET.*?)```", text, re.DOTALL)
    file = tmp_path / "given.yaml"
    file.write_text(manifests)
    said = adopt(str(file), rules=Rules())
    assert said.out == answer
    assert said.code == 2


def test_the_other_document_says_the_same() -> None:
    """The example of docs/secrets.md is left out for the function that it is said to call."""
    text = (ROOT / "docs/secrets.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n([^`]*urlquery[^`]*)```", text)
    found = propose(read(block), Rules(), TARGET)
    assert [*found.unfit] == ["shop-dev/orders"]
    assert "calls urlquery" in "".join(found.unfit["shop-dev/orders"])
    (row,) = re.findall(r"^\| `'(.*?)'` \| `k8s-keys: (.*)` \|$", text, re.MULTILINE)
    keys = external_secret({"user": of("flat", "user")}, {"JSON": row[0]})
    assert proposed(keys)["flat"].tags["k8s-keys"] == row[1]
