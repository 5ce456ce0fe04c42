"""From the tags of a vault secret to what they ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.tags import KNOWN, Encoding, Format, SecretType, TagOptions, read_tags


def refusal(tags: dict[str, str]) -> Permanent:
    """Read tags that must be refused."""
    with pytest.raises(Permanent) as refused:
        read_tags("postgres", tags)
    assert "'postgres'" in refused.value.message
    return refused.value


def test_no_tags_ask_for_nothing() -> None:
    """A secret without tags of ours is in, as one key of its own name."""
    assert read_tags("postgres", {}) == TagOptions()
    assert read_tags("postgres", {"owner": "shop", "k8s": "x", "my-k8s-key": "x"}) == TagOptions()


@pytest.mark.parametrize(
    ("tags", "options"),
    [
        ({"k8s-sync": "true"}, TagOptions()),
        ({"k8s-sync": "false"}, TagOptions(sync=False)),
        ({"k8s-key": "POSTGRES_URL"}, TagOptions(key="POSTGRES_URL")),
        ({"k8s-key": ".x"}, TagOptions(key=".x")),
        ({"k8s-key": "k" * 253}, TagOptions(key="k" * 253)),
        ({"k8s-expand": "json"}, TagOptions(expand=Format.JSON)),
        ({"k8s-expand": "dotenv", "k8s-key": "PG"}, TagOptions(expand=Format.DOTENV, key="PG")),
        ({"k8s-expand": "yaml", "k8s-path": "a.b"}, TagOptions(expand=Format.YAML, path="a.b")),
        (
            {"k8s-expand": "certificate", "k8s-key": "k" * 128},
            TagOptions(expand=Format.CERTIFICATE, key="k" * 128),
        ),
        ({"k8s-encoding": "base64url"}, TagOptions(encoding=Encoding.BASE64URL)),
        (
            {"k8s-encoding": "hex", "k8s-expand": "json"},
            TagOptions(encoding=Encoding.HEX, expand=Format.JSON),
        ),
        ({"k8s-trim": "true"}, TagOptions(trim=True)),
        ({"k8s-trim": "false"}, TagOptions()),
        (
            {"k8s-trim": "TRUE", "k8s-expand": "yaml"},
            TagOptions(trim=True, expand=Format.YAML),
        ),
        ({"k8s-restart": "false"}, TagOptions(restart=False)),
        ({"k8s-restart": "True"}, TagOptions(restart=True)),
        ({"k8s-secret": "s" * 63}, TagOptions(secret=("s" * 63,))),
        ({"k8s-secret": "orders, billing,orders"}, TagOptions(secret=("orders", "billing"))),
        (
            {"k8s-type": "basic-auth", "k8s-secret": "git", "k8s-encoding": "base64"},
            TagOptions(type=SecretType.BASIC_AUTH, secret=("git",), encoding=Encoding.BASE64),
        ),
    ],
)
def test_each_tag_asks_for_its_own(tags: dict[str, str], options: TagOptions) -> None:
    """Each tag sets its own option, and leaves the others alone."""
    assert read_tags("postgres", tags) == options


def test_spelling_is_forgiving() -> None:
    """Case and stray blanks mean nothing in a tag's name and in its words."""
    tags = {" K8S-Expand ": " JSON\n", "K8S-KEY": " Pg ", "k8s-PATH": "Db.Password "}
    assert read_tags("postgres", tags) == TagOptions(
        expand=Format.JSON, key="Pg", path="Db.Password"
    )


@pytest.mark.parametrize("kind", SecretType)
def test_types_are_called_by_their_last_part(kind: SecretType) -> None:
    """A type's word is what stands behind the slash in Kubernetes' name for it."""
    assert f"kubernetes.io/{kind.word}" == kind
    assert read_tags("x", {"k8s-type": kind.word}).type is kind


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"k8s-sync": "no"}, "k8s-sync must be one of true, false"),
        ({"k8s-restart": "no"}, "k8s-restart must be one of true, false"),
        ({"k8s-trim": "lines"}, "k8s-trim must be one of true, false"),
        ({"k8s-expand": "toml"}, "k8s-expand must be one of json, yaml, dotenv, certificate"),
        ({"k8s-encoding": "base32"}, "k8s-encoding must be one of base64, base64url, hex"),
        ({"k8s-type": "opaque"}, "k8s-type must be one of tls, dockerconfigjson, basic-auth"),
        ({"k8s-type": "kubernetes.io/tls"}, "k8s-type must be one of tls"),
        ({"k8s-key": "a b"}, "k8s-key must be 1 to 253 characters of a-z"),
        ({"k8s-key": "."}, "not '.' alone"),
        ({"k8s-key": "..a"}, "not '..' in front"),
        ({"k8s-key": "\u00e4"}, "k8s-key must be"),
        ({"k8s-key": "k" * 254}, "k8s-key must be 1 to 253"),
        ({"k8s-key": "k" * 129, "k8s-expand": "json"}, "k8s-key must be 1 to 128"),
        ({"k8s-secret": "Shop"}, "k8s-secret must be the name of a Secret"),
        ({"k8s-secret": "a.b"}, "k8s-secret must be"),
        ({"k8s-secret": "-a"}, "k8s-secret must be"),
        ({"k8s-secret": "a-"}, "k8s-secret must be"),
        ({"k8s-secret": "a,"}, "k8s-secret must be"),
        ({"k8s-secret": "a,B"}, "k8s-secret must be"),
        ({"k8s-secret": "s" * 64}, "k8s-secret must be"),
        ({"k8s-path": "a"}, "k8s-path needs k8s-expand with json or yaml"),
        ({"k8s-path": "a", "k8s-expand": "dotenv"}, "k8s-path needs k8s-expand"),
        ({"k8s-path": "a", "k8s-expand": "certificate"}, "k8s-path needs k8s-expand"),
        ({"k8s-encoding": "hex", "k8s-expand": "certificate"}, "k8s-encoding must go"),
        ({"k8s-type": "tls", "k8s-expand": "json"}, "k8s-expand must go"),
        ({"k8s-type": "tls", "k8s-key": "a"}, "k8s-key must go"),
        ({"k8s-key": "a", "K8S-key": "a"}, "'k8s-key' is there in several spellings"),
        ({"k8s-sync": "false", "K8S-sync": "true"}, "'k8s-sync' is there in several spellings"),
    ],
)
def test_what_no_tag_may_say_is_refused(tags: dict[str, str], told: str) -> None:
    """A value that is not allowed, and tags that contradict each other, are refused."""
    fault = refusal(tags)
    assert fault.reason == "TagWrong"
    assert told in fault.message


@pytest.mark.parametrize("tag", sorted({*KNOWN} - {"k8s-label-NAME"}))
@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_tag_is_wrong(tag: str, empty: str) -> None:
    """An empty value asks for nothing, and is told."""
    assert f"{tag} must be" in refusal({"k8s-expand": "json", tag: empty}).message


@pytest.mark.parametrize(
    ("tag", "meant"),
    [
        *(("k8s-snyc", "k8s-sync"), ("K8S-Expands", "k8s-expand"), ("k8s-keys-1", "k8s-keys")),
        ("k8s-zzzzzzzzzz", ""),
    ],
)
def test_an_unknown_tag_is_reported_with_the_nearest(tag: str, meant: str) -> None:
    """A tag of ours that nobody knows is named, never guessed, with the one that may be meant."""
    fault = refusal({tag: "false"})
    assert fault.reason == "TagUnknown"
    guess = f", perhaps {meant} is meant" if meant else ""
    assert f"{tag.lower()!r} is no tag of this app{guess}" in fault.message
    assert ("perhaps" in fault.message) is bool(meant)
    assert all(known in fault.message for known in KNOWN)


def test_the_first_few_unknown_tags_are_guessed_at() -> None:
    """All are named; a secret of nothing but typing errors takes no longer than one with three."""
    message = refusal({f"k8s-key{number}": "x" for number in range(9)}).message
    assert message.count("is no tag of this app") == 9
    assert message.count("perhaps k8s-key is meant") == 3


def test_all_faults_are_told_at_once() -> None:
    """One message has every fault of a secret's tags, each once."""
    tags = {
        "k8s-foo": "x",
        "k8s-expand": "ini",
        "k8s-path": "a",
        "k8s-secret": "A",
        "k8s-sync": "y",
    }
    message = refusal(tags).message
    for tag in ("'k8s-foo' is", "k8s-expand must", "k8s-secret must", "k8s-sync must"):
        assert message.count(tag) == 1
    assert "k8s-path needs" not in message


def test_leaving_out_is_stronger_than_other_faults() -> None:
    """A secret that is left out is left out, whatever else its tags say."""
    assert read_tags("x", {"k8s-sync": "false", "k8s-foo": "", "k8s-key": "!"}) == TagOptions(
        sync=False
    )


def test_messages_have_no_value_of_a_tag() -> None:
    """What stands in a tag is in no message, since it may be a value by mistake."""
    marker = "Planted-Marker!"
    tags = dict.fromkeys((*KNOWN, "k8s-other"), marker)
    assert marker.lower() not in refusal(tags).message.lower()


TAGS = st.dictionaries(
    st.one_of(
        st.sampled_from([*KNOWN, " K8S-Key", "k8s-x"]), st.text().map("k8s-".__add__), st.text()
    ),
    st.one_of(
        st.sampled_from(["true", "false", "json", "certificate", "hex", "tls", "a.b", "a-b", ""]),
        st.text(),
    ),
)


def outcome(tags: dict[str, str]) -> TagOptions | Permanent:
    """Read tags, whatever comes of it."""
    try:
        return read_tags("x", tags)
    except Permanent as refused:
        return refused


@given(TAGS)
def test_any_tags_are_read_or_refused(tags: dict[str, str]) -> None:
    """Whatever the tags, they are options that hold together, or a refusal that is not too long."""
    options = outcome(tags)
    if isinstance(options, Permanent):
        assert options.reason in {"TagUnknown", "TagWrong"}
        assert len(options.message) < 1_000 + 400 * len(tags)
        assert options.message.isprintable()
    else:
        assert not (options.type and (options.key or options.expand))
        assert not options.path or options.expand in {Format.JSON, Format.YAML}
        assert not (options.encoding and options.expand is Format.CERTIFICATE)
