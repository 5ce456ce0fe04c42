"""`k8s-keys`: keys by name, and values that are made of members."""

import base64
import json
import re
import tracemalloc
from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.core.model import SecretName, VaultSecret
from sync.projection.budget import ParseBudget
from sync.projection.key_items import LONGEST
from sync.projection.keys import KeyStyle
from sync.projection.made_values import MOST_BYTES
from sync.projection.placement import Placement, Rendered
from sync.projection.rules import Rules
from sync.projection.tags import TagOptions, read_tags
from tests.kit import chains
from tests.kit.fakes import target_of, vault_name

type Tags = Mapping[str, str]

TARGET = target_of(vault_name())
SECRET = "s3cr3t-V4lue"
POSTGRES = json.dumps(
    {
        "username": "shop",
        "password": "p@ss/w'or\\d",
        "host": "db.example",
        "port": 5432,
        "tls": True,
        "db": {"name": "orders", "tags": ["a", "b"]},
        "a.b": "dotted",
        "a:b": "colon",
        "a,b": "comma",
        "none": None,
        "blank": "",
        "lines": "a\nb",
        "bell": "a\x07b",
    }
)
CHAIN = chains.chain_of("P-256", 3)
BUNDLE = chains.key_pem(CHAIN.key) + chains.pem(*CHAIN.certificates)


def rendered(value: str, tags: Tags, rules: Rules | None = None, kind: str = "") -> Rendered:
    """Return what becomes of a value with these tags."""
    rules = rules or Rules()
    place = rules.place(TARGET, "postgres", tags, kind)
    assert isinstance(place, Placement)
    secret = VaultSecret(SecretName("postgres"), "v1", value, 0, 0, 0.0, tags, kind)
    return rules.render(place, secret, ParseBudget())


def made(items: str, value: str = POSTGRES, **tags: str) -> dict[str, str]:
    """Return the keys that items make of a value, which is JSON unless told otherwise."""
    given_tags = {"k8s-keys": items, "k8s-expand": "json"} | {
        f"k8s-{tag}": text for tag, text in tags.items()
    }
    values = rendered(value, {tag: text for tag, text in given_tags.items() if text}).values
    return {key: each.decode() for key, each in values.items()}


def refusal(tags: Tags, value: str = POSTGRES) -> Permanent:
    """Return why tags or a value with them are refused."""
    with pytest.raises(Permanent) as refused:
        rendered(value, tags)
    assert "'postgres'" in refused.value.message
    return refused.value


@pytest.mark.parametrize(
    ("items", "keys"),
    [
        ("A=username", {"A": "shop"}),
        (" A = username , B=port ", {"A": "shop", "B": "5432"}),
        ("A=db.name, B=db.tags.1, C=tls", {"A": "orders", "B": "b", "C": "true"}),
        ("A=a\\.b, B=a:b, C=a,,b", {"A": "dotted", "B": "colon", "C": "comma"}),
        ("A={a\\.b}{a\\:b}{a,,b}", {"A": "dottedcoloncomma"}),
        ("A=x{username}y", {"A": "xshopy"}),
        ("A={ username }:{ port : url }", {"A": "shop:5432"}),
        ("A={{{username}}}", {"A": "{shop}"}),
        ("A={{}}{username}}}{{", {"A": "{}shop}{"}),
        ("A=a,,{username},,,B=port", {"A": "a,shop,", "B": "5432"}),
        ("A=a={username}=b", {"A": "a=shop=b"}),
        ("A={password:url}", {"A": "p%40ss%2Fw%27or%5Cd"}),
        ("A={password:pg}", {"A": "'p@ss/w\\'or\\\\d'"}),
        ("A={password:ado}", {"A": '"p@ss/w\'or\\d"'}),
        ("A={password:JSON}", {"A": '"p@ss/w\'or\\\\d"'}),
        ("A={port:json},B={tls:json}", {"A": "5432", "B": "true"}),
        ("A={username:base64}", {"A": "c2hvcA=="}),
        ("A:base64={username}:{port}", {"A": "c2hvcDo1NDMy"}),
        ("A : URL = {username}/", {"A": "shop%2F"}),
        ("A:base64=username", {"A": "c2hvcA=="}),
        ("A=lines", {"A": "a\nb"}),
        ("A={lines:url}, B=x{lines:json}", {"A": "a%0Ab", "B": 'x"a\\nb"'}),
        ("A:json=x{lines}", {"A": '"xa\\nb"'}),
        (
            "P=password, U=postgres://{username:url}:{password:url}@{host}:{port}/{db.name}",
            {
                "P": "p@ss/w'or\\d",
                "U": "postgres://shop:p%40ss%2Fw%27or%5Cd@db.example:5432/orders",
            },
        ),
    ],
)
def test_an_item_is_a_path_or_a_template(items: str, keys: dict[str, str]) -> None:
    """Only the listed keys are made, each of what stands behind its name."""
    assert made(items) == keys


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("yaml", "username: shop\nport: 5432\nspring.user: x\n"),
        ("dotenv", "username=shop\nport=5432\nspring.user=x\n"),
    ],
)
def test_the_format_is_the_one_of_k8s_expand(form: str, value: str) -> None:
    """In dotenv, which nests nothing, a dot is a part of a name."""
    dotted = "spring.user" if form == "dotenv" else "spring\\.user"
    items = f"A={{username}}:{{port}}, B={dotted}"
    assert made(items, value, expand=form) == {"A": "shop:5432", "B": "x"}


def test_a_plain_value_is_the_only_member() -> None:
    """Without k8s-expand there is {value}, of which templates may be made as well."""
    items = "TOKEN={value}, HEADER=Bearer {value}, B={value:base64}"
    assert made(items, "s3cret", expand="") == {
        "TOKEN": "s3cret",
        "HEADER": "Bearer s3cret",
        "B": "czNjcmV0",
    }
    assert made("A=value, B={value}", '{"value": "x"}') == {"A": "x", "B": "x"}


def test_other_tags_go_along() -> None:
    """The value is decoded first, its part taken next, and members are trimmed before filters."""
    encoded = base64.b64encode(b'{"db": {"user": "shop\\n"}}').decode()
    items = "A={user:url}, B=user"
    tags = {"encoding": "base64", "path": "db"}
    assert made(items, encoded, **tags) == {"A": "shop%0A", "B": "shop\n"}
    assert made(items, encoded, **tags, trim="true") == {"A": "shop", "B": "shop"}
    assert made("A=x{value}", "s3cret\r\n", expand="", trim="true") == {"A": "xs3cret"}


def test_keys_are_as_written_in_every_style() -> None:
    """The style is for names, which these are not; it warns of what the environment skips."""
    tags = {"k8s-keys": "a.b=username", "k8s-expand": "json"}
    found = rendered(POSTGRES, tags, Rules(style=KeyStyle.ENV))
    assert found.values == {"a.b": b"shop"}
    assert [each.reason for each in found.warnings] == ["KeyNotEnvironmentName"]


@pytest.mark.parametrize(
    "items",
    ["TLS_CRT=crt, TLS_KEY=key, CA_CRT=ca", "TLS_CRT=tls.crt, TLS_KEY=tls.key, CA_CRT=ca.crt"],
)
def test_a_certificate_has_three_members(items: str) -> None:
    """They are called as here, or as Kubernetes calls them."""
    tags = {"k8s-keys": items, "k8s-expand": "certificate"}
    whole = rendered(BUNDLE, {"k8s-type": "tls"}, kind=chains.PEM).values
    assert rendered(BUNDLE, tags, kind=chains.PEM).values == {
        "TLS_CRT": whole["tls.crt"],
        "TLS_KEY": whole["tls.key"],
        "CA_CRT": whole["ca.crt"],
    }


def test_a_certificate_without_an_authority_makes_no_key_of_it() -> None:
    """What is listed and missing is refused, so that the last good keys stay."""
    alone = chains.key_pem(CHAIN.key) + chains.pem(CHAIN.certificates[0])
    tags = {"k8s-keys": "TLS_CRT=crt, CA_CRT=ca", "k8s-expand": "certificate"}
    with pytest.raises(Permanent) as refused:
        rendered(alone, tags, kind=chains.PEM)
    assert refused.value.reason == "PathNotFound"
    assert "'CA_CRT'" in refused.value.message


@pytest.mark.parametrize(
    ("key", "keys"),
    [
        ("TLS", {"TLS_CRT", "TLS_KEY", "CA_CRT"}),
        ("WEB", {"WEB_CRT", "WEB_KEY", "WEB_CA_CRT"}),
        ("web", {"web_CRT", "web_KEY", "web_CA_CRT"}),
    ],
)
def test_the_authority_beside_tls_is_ca_crt_in_env_style(key: str, keys: set[str]) -> None:
    """The environment's names for tls.crt, tls.key and ca.crt are these three."""
    tags = {"k8s-key": key, "k8s-expand": "certificate"}
    rules = Rules(style=KeyStyle.ENV)
    assert rendered(BUNDLE, tags, rules, kind=chains.PEM).values.keys() == keys
    plain = rendered(BUNDLE, tags, kind=chains.PEM).values.keys()
    assert plain == {f"{key}.crt", f"{key}.key", f"{key}.ca.crt"}


def options(*tags: str, form: str = "json") -> TagOptions:
    """Read these texts as k8s-keys, k8s-keys-2 and so on."""
    names = ("k8s-keys", *(f"k8s-keys-{number}" for number in range(2, len(tags) + 1)))
    return read_tags("postgres", dict(zip(names, tags, strict=True)) | {"k8s-expand": form})


def test_tags_go_on_in_tags() -> None:
    """A tag that ends in a comma is followed by the next number, 15 at most, in any order."""
    assert options("A=a,", "B={b}, C=c , ", "D=d") == options("A=a, B={b}, C=c, D=d")
    many = [f"K{number}=a," for number in range(14)] + ["L=a"]
    assert len(options(*many).keys) == 15
    shuffled = {"K8S-Keys-2 ": "B=b", "k8s-keys": "A=a,", "k8s-expand": "json"}
    assert read_tags("x", shuffled) == options("A=a,", "B=b")


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"k8s-keys": "A=a,"}, "k8s-keys ends in a comma, so k8s-keys-2 must follow"),
        ({"k8s-keys": "A=a,", "k8s-keys-2": "B=b,"}, "so k8s-keys-3 must follow"),
        ({"k8s-keys": "A=a", "k8s-keys-2": "B=b"}, "k8s-keys must end in a comma if k8s-keys-2"),
        ({"k8s-keys-2": "B=b"}, "k8s-keys is missing, and k8s-keys-2 is there"),
        ({"k8s-keys": "A=a,", "k8s-keys-3": "B=b"}, "k8s-keys-2 is missing, and k8s-keys-3 is"),
        ({"k8s-keys": "A=a,,", "k8s-keys-2": "B=b"}, "k8s-keys must end in a comma if"),
        ({"k8s-keys": "A={a,", "k8s-keys-2": "b}"}, "item 1 of k8s-keys has an unclosed brace"),
        ({"k8s-keys": "A=a,", "k8s-keys-2": ""}, "k8s-keys-2 is empty"),
        ({"k8s-keys": "A=a,", "k8s-keys-2": "A=b"}, "item 1 of k8s-keys-2 names a key that an"),
        ({"k8s-keys": ""}, "k8s-keys must be KEY=member"),
        ({"k8s-keys": ","}, "k8s-keys must be KEY=member"),
        ({"k8s-keys": "A=a, , B=b"}, "item 2 of k8s-keys is empty"),
        ({"k8s-keys": ", A=a"}, "item 1 of k8s-keys is empty"),
        ({"k8s-keys": "A"}, "item 1 of k8s-keys has no '='"),
        ({"k8s-keys": "A="}, "item 1 of k8s-keys has nothing behind its '='"),
        ({"k8s-keys": "=a"}, "item 1 of k8s-keys must begin with a key"),
        ({"k8s-keys": "A B=a"}, "must begin with a key"),
        ({"k8s-keys": "..A=a"}, "must begin with a key"),
        ({"k8s-keys": ".=a"}, "must begin with a key"),
        ({"k8s-keys": "\u00c4=a"}, "must begin with a key"),
        ({"k8s-keys": f"{'K' * 254}=a"}, "must begin with a key"),
        ({"k8s-keys": "A=a, B=b, A=c"}, "item 3 of k8s-keys names a key that an earlier item"),
        ({"k8s-keys": "A={a:uri}"}, "unknown filter: there are url, pg, ado, json, base64"),
        ({"k8s-keys": "A={a:}"}, "unknown filter"),
        ({"k8s-keys": "A:gzip={a}"}, "unknown filter"),
        ({"k8s-keys": "A={a:url:json}"}, "more than one filter"),
        ({"k8s-keys": "A=a:url"}, "a filter, which needs braces: KEY={member:url}"),
        ({"k8s-keys": "A={a"}, "unclosed brace"),
        ({"k8s-keys": "A={a{b}}"}, "unclosed brace"),
        ({"k8s-keys": "A=a}"}, "closes a brace that is not open"),
        ({"k8s-keys": "A={}"}, "braces without a member"),
        ({"k8s-keys": "A={:url}"}, "braces without a member"),
        ({"k8s-keys": "A={{username}}"}, "takes nothing of the value"),
        ({"k8s-keys": "A=\u201cx\u201d{a}"}, "typographic quotation mark (left double quotation"),
        ({"k8s-keys": "A=\u2019{a}"}, "(right single quotation mark)"),
        ({"k8s-keys": "A=\u00ab{a}"}, "typographic quotation mark"),
        ({"k8s-keys": "A=\ud800{a}"}, "a character that UTF-8 cannot encode"),
        ({"k8s-keys": "A=a\nB=b"}, "a line break, a tab or another control character"),
        ({"k8s-keys": "A=a", "k8s-key": "P"}, "k8s-key must go, since k8s-keys says"),
        ({"k8s-keys": "A=a", "k8s-expand": "certificate"}, "may ask a certificate for crt, key"),
        ({"k8s-keys": f"A={'a' * LONGEST}"}, "8,192 characters at most"),
    ],
)
def test_what_no_item_may_be_is_refused(tags: Tags, told: str) -> None:
    """A fault in the tags is told by the item's number, without what it says."""
    fault = refusal({"k8s-expand": "json", **tags})
    assert fault.reason == "TagWrong"
    assert told in fault.message


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"k8s-keys": "A={value}", "k8s-type": "tls"}, "k8s-keys must go, since k8s-type says"),
        ({"k8s-keys": "A=value"}, "as KEY={value}"),
        ({"k8s-keys": "A={username}"}, "needs k8s-expand with the value's format"),
        ({"k8s-keys": "A={value}{other}"}, "needs k8s-expand with the value's format"),
        ({"k8s-keys": "A={value}", "k8s-path": "a"}, "k8s-path needs k8s-expand"),
    ],
)
def test_a_value_without_a_format_has_no_members(tags: Tags, told: str) -> None:
    """The format is never guessed."""
    fault = refusal(tags)
    assert fault.reason == "TagWrong"
    assert told in fault.message


def test_faults_are_told_by_the_handful() -> None:
    """A tag of nothing but commas has thousands of faults, and one short message."""
    fault = refusal({"k8s-keys": ", " * 2_000, "k8s-expand": "json"})
    assert len(fault.message) < 2_000


@pytest.mark.parametrize("number", ["1", "02", "16", "x", ""])
def test_there_are_no_other_tags_of_this_kind(number: str) -> None:
    """They go from k8s-keys-2 to k8s-keys-15."""
    tags = {"k8s-keys": "A=a", "k8s-expand": "json", f"k8s-keys-{number}": "B=b"}
    fault = refusal(tags)
    assert fault.reason == "TagUnknown"
    assert "perhaps k8s-keys is meant" in fault.message


@pytest.mark.parametrize(
    ("items", "reason", "told"),
    [
        ("KEY=user", "PathNotFound", "nothing at its part 'user'. There is 'username', 'password'"),
        ("KEY=db.user", "PathNotFound", "There is 'name', 'tags': correct"),
        ("KEY=db.tags.2", "PathNotFound", "There is a list of 2"),
        ("KEY=db.name.x", "PathNotFound", "There is a plain value, which has no members"),
        ("KEY={none}", "ValueNotMade", "member 'none', which is null"),
        ("KEY=none", "ValueNotMade", "which is null"),
        ("KEY={none:json}", "ValueNotMade", "which is null"),
        ("KEY={blank:url}", "ValueNotMade", "which is empty"),
        ("KEY=blank", "ValueNotMade", "which is empty"),
        ("KEY={db:json}", "ValueNotMade", "which is an object: name one of 'name', 'tags'"),
        ("KEY=db", "ValueNotMade", "which is an object"),
        ("KEY=db.tags", "ValueNotMade", "which is a list of 2"),
        ("KEY={db.tags:json}", "ValueNotMade", "which is a list of 2"),
        ("KEY={lines}", "ValueNotMade", "has control characters"),
        ("KEY=x{lines}", "ValueNotMade", "has control characters"),
        ("KEY=bell", "ValueNotMade", "has control characters"),
    ],
)
def test_a_member_that_makes_no_value_is_refused(items: str, reason: str, told: str) -> None:
    """The message names the key, the member, and what is there instead."""
    fault = refusal({"k8s-keys": f"OK=host, {items}", "k8s-expand": "json"})
    assert fault.reason == reason
    assert told in fault.message
    assert "'KEY'" in fault.message


def test_many_members_are_told_by_the_first() -> None:
    """A message lists eight names, and says how many more there are."""
    value = json.dumps({f"member{number}": 1 for number in range(99)})
    message = refusal({"k8s-keys": "A=x", "k8s-expand": "json"}, value).message
    assert "'member7', 91 more" in message


def test_names_in_dotenv_are_counted_and_not_told() -> None:
    """A line of a value may be taken for a name there."""
    message = refusal({"k8s-keys": "A=x", "k8s-expand": "dotenv"}, f"{SECRET}=a\nb=c\n").message
    assert "There is 2 other members" in message
    assert SECRET not in message


@pytest.mark.parametrize("how", ["pg", "ado"])
def test_no_filter_lets_a_nul_through_where_texts_end_at_one(how: str) -> None:
    """The others write it in another way."""
    value = json.dumps({"a": "x\0y"})
    for items in (f"A={{a:{how}}}", f"A:{how}=x{{a}}"):
        fault = refusal({"k8s-keys": items, "k8s-expand": "json"}, value)
        assert fault.reason == "ValueNotMade"
        assert "NUL" in fault.message
    assert made("A={a:url}", value) == {"A": "x%00y"}


def test_what_is_made_is_bounded_in_size_and_work() -> None:
    """A member may be named a thousand times, and a Secret holds a mebibyte."""
    big = "\x01" * 25_000
    item = "A=" + "{a:json}" * ((LONGEST - 2) // len("{a:json}"))
    tracemalloc.start()
    fault = refusal({"k8s-keys": item, "k8s-expand": "json"}, json.dumps({"a": big}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MOST_BYTES
    assert fault.reason == "ValueNotMade"
    assert "1 MiB" in fault.message
    twice = f"A:json={'{a}' * 8}"
    fault = refusal({"k8s-keys": twice, "k8s-expand": "json"}, json.dumps({"a": big}))
    assert "1 MiB" in fault.message
    items = ", ".join(f"K{number}={{a:url}}" for number in range(15))
    fault = refusal({"k8s-keys": items, "k8s-expand": "json"}, json.dumps({"a": big}))
    assert "'K13'" in fault.message
    assert sum(map(len, made(items[: items.index(", K13")], json.dumps({"a": big})).values())) == (
        13 * 75_000
    )
    assert 13 * 75_000 < MOST_BYTES < 14 * 75_000


PROFANE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
CLEAN = PROFANE.filter(lambda text: "\0" not in text)


def through(how: str, text: str) -> str:
    """Send a text through a filter."""
    return made(f"A={{a:{how}}}", json.dumps({"a": text}))["A"]


@given(PROFANE)
def test_url_gives_the_value_back(text: str) -> None:
    """Percent-decoding undoes it, in every part of a URL, and a space is %20."""
    written = through("url", text)
    assert re.fullmatch(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+", written)
    assert unquote(written, errors="strict") == text
    url = urlsplit(f"postgres://{written}:{written}@host:5432/{written}?q={written}#{written}")
    parts = (url.username, url.password, url.path[1:], url.query[2:], url.fragment)
    assert [unquote(part or "") for part in parts] == [text] * 5
    assert (url.hostname, url.port) == ("host", 5432)


@given(PROFANE)
def test_json_and_base64_give_the_value_back(text: str) -> None:
    """They are what their readers read."""
    assert json.loads(through("json", text)) == text
    assert base64.b64decode(through("base64", text), validate=True).decode() == text


def of_libpq(text: str) -> dict[str, str]:
    """Read a connection string as conninfo_parse of libpq does."""
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        keyword, _, rest = text[at:].partition("=")
        at = len(text) - len(rest) + 1
        assert rest[0] == "'"
        value = ""
        while text[at] != "'":
            at += text[at] == "\\"
            value += text[at]
            at += 1
        found[keyword] = value
        at += 1
    return found


def of_ado(text: str) -> dict[str, str]:
    """Read a connection string of ADO.NET, whose grammar is one pattern in DbConnectionOptions."""
    pair = re.compile(r'([^=;]+)=(?:"((?:[^"\0]|"")*)"|([^;"]*))(?:;|\Z)')
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = pair.match(text, at)
        assert match
        found[match[1]] = match[3] if match[2] is None else match[2].replace('""', '"')
        at = match.end()
    return found


@pytest.mark.parametrize(
    ("items", "read"),
    [("A=user={a:pg} password={b:pg}", of_libpq), ("A=user={a:ado};password={b:ado}", of_ado)],
)
@given(CLEAN, CLEAN)
def test_a_connection_string_gives_its_values_back(
    items: str, read: Callable[[str], dict[str, str]], first: str, second: str
) -> None:
    """No value begins another keyword, or ends its own."""
    text = made(items, json.dumps({"a": first, "b": second}))["A"]
    assert read(text) == {"user": first, "password": second}


LITERALS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="{},"), max_size=9
)


@given(
    st.lists(st.tuples(LITERALS, st.sampled_from(["username", "host"])), min_size=1, max_size=99)
)
def test_a_template_is_its_texts_and_its_members_in_order(pairs: list[tuple[str, str]]) -> None:
    """Nothing else is looked at in a text: no code, no environment, no shell."""
    template = "".join(f"{literal}{{{member}}}" for literal, member in pairs)
    held = {"username": "shop", "host": "db.example"}
    assert made(f"A={template}") == {
        "A": "".join(literal + held[member] for literal, member in pairs)
    }


@given(st.text(max_size=60), st.text(max_size=30))
def test_no_text_of_a_tag_is_told(first: str, second: str) -> None:
    """A value in the place of a tag is told by its place alone."""
    tags = {"k8s-keys": first + SECRET + second, "k8s-keys-2": f"{SECRET}={SECRET}"}
    with pytest.raises(Permanent) as refused:
        read_tags("postgres", tags)
    assert SECRET not in refused.value.message


@pytest.mark.parametrize(
    ("items", "value"),
    [
        ("A=x", {"a": SECRET}),
        ("A={a}", {"a": f"{SECRET}\n"}),
        ("A=a.b", {"a": SECRET}),
        ("A={a}", {"a": {"b": SECRET}}),
        ("A={a}", {"a": [SECRET]}),
        ("A={a:pg}", {"a": f"{SECRET}\0"}),
        ("A={a}" * 200, {"a": SECRET * 1_000}),
    ],
)
def test_no_value_is_told(items: str, value: object) -> None:
    """Whatever is wrong with a member, its text is in no message, and in no cause of it."""
    fault = refusal({"k8s-keys": items, "k8s-expand": "json"}, json.dumps(value))
    assert SECRET not in repr(vars(fault)) + fault.message
    assert fault.__cause__ is None
    assert fault.__context__ is None


def test_secrets_without_the_tag_keep_their_fingerprint() -> None:
    """A release with this tag writes nothing anew that has none of it."""
    place = Rules().place(TARGET, "postgres", {"k8s-expand": "json"}, "")
    assert isinstance(place, Placement)
    assert place.fingerprint == "t0e36172d"
