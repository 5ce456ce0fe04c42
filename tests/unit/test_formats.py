"""From a value to bytes, and from an object in it to a text for each member."""

import base64
import gzip
import json
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.core.errors import Permanent
from sync.projection.dotenv_members import MAX_STATEMENTS
from sync.projection.formats import (
    MAX_MEMBERS,
    MemberPath,
    ObjectFormat,
    as_text,
    decoded,
    joined,
    members,
)
from sync.projection.tags import Encoding, Format
from sync.projection.trees import MAX_DEPTH
from sync.projection.yaml_trees import MAX_NODES
from tests.kit.errors import raises

MARKER = "Planted7Marker"
FORMATS: tuple[ObjectFormat, ...] = (Format.JSON, Format.YAML, Format.DOTENV)
TREES: tuple[ObjectFormat, ...] = (Format.JSON, Format.YAML)

type Tree = str | list[Tree] | dict[str, Tree]


def refusal(text: str, form: ObjectFormat, path: str | None = None) -> Permanent:
    """Expand a value that must be refused, without a word of it."""
    with pytest.raises(Permanent) as refused:
        members("postgres", text, form, path)
    assert "'postgres'" in refused.value.message
    tag = f"k8s-expand {form}" if refused.value.reason != "PathNotFound" else "k8s-path"
    assert tag in refused.value.message
    assert refused.value.__cause__ is refused.value.__context__ is None
    assert MARKER not in "".join(traceback.format_exception_only(refused.value))
    return refused.value


@pytest.mark.parametrize(
    ("encoding", "text", "value"),
    [
        (None, " gr\u00fc\u00df\n", " gr\u00fc\u00df\n".encode()),
        (None, "", b""),
        (Encoding.BASE64, "+/8=", b"\xfb\xff"),
        (Encoding.BASE64, "+/8", b"\xfb\xff"),
        (Encoding.BASE64, "AA==", b"\x00"),
        (Encoding.BASE64, "AA", b"\x00"),
        (Encoding.BASE64, "aGVs\r\nbG8h\n", b"hello!"),
        (Encoding.BASE64, "", b""),
        (Encoding.BASE64URL, "-_8=", b"\xfb\xff"),
        (Encoding.BASE64URL, "-_8", b"\xfb\xff"),
        (Encoding.HEX, "00fF", b"\x00\xff"),
        (Encoding.HEX, " 00 ff\n10 ", b"\x00\xff\x10"),
    ],
)
def test_an_encoding_is_undone(encoding: Encoding | None, text: str, value: bytes) -> None:
    """Padding may lack, blanks and line breaks mean nothing, and a plain value is its UTF-8."""
    assert decoded("x", text, encoding) == value


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        (Encoding.BASE64, "-_8="),
        (Encoding.BASE64, "A"),
        (Encoding.BASE64, "A==="),
        (Encoding.BASE64, "AA="),
        (Encoding.BASE64, "AAAA===="),
        (Encoding.BASE64, "AA==AA=="),
        (Encoding.BASE64, f"{MARKER}!"),
        (Encoding.BASE64, "\u0391AAA"),
        (Encoding.BASE64URL, "+/8="),
        (Encoding.HEX, "abc"),
        (Encoding.HEX, "0x00"),
        (Encoding.HEX, "\u0661\u0661"),
        (Encoding.HEX, MARKER),
    ],
)
def test_what_is_not_so_encoded_is_refused(encoding: Encoding, text: str) -> None:
    """A value that the encoding cannot have made is refused, never repaired."""
    with raises(
        Permanent, "ValueNotDecodable", f"'pg', tagged k8s-encoding {encoding}, is not"
    ) as refused:
        decoded("pg", text, encoding)
    assert refused.value.__context__ is None
    assert MARKER not in refused.value.message


@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_digit(mark: str) -> None:
    """Base64 and hexadecimal digits may have one in front, and one behind it is wrong."""
    assert decoded("x", f"{mark}AAA=", Encoding.BASE64) == b"\0\0"
    assert decoded("x", f"{mark}6869", Encoding.HEX) == b"hi"
    with raises(Permanent, "ValueNotDecodable"):
        decoded("x", f"6869{mark}", Encoding.HEX)


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", [f'{{"a": "{MARKER}"}}', f"user:{MARKER}", f"\xe4\xdf={MARKER}"])
def test_utf16_is_told(codec: str, text: str) -> None:
    """It is refused, as bytes and as az reads it in the code page of Windows."""
    value = text.encode(codec)
    with raises(Permanent, "ValueNotUnicode", "UTF-16"):
        as_text("x", value)
    misread = value.decode("latin-1")
    with raises(Permanent, "ValueNotUnicode", "UTF-16"):
        as_text("x", decoded("x", misread, None))
    for encoding in Encoding:
        with raises(Permanent, "ValueNotUnicode", "UTF-16") as refused:
            decoded("x", misread, encoding)
        assert MARKER not in refused.value.message
    assert decoded("x", misread, None) == misread.encode()


def test_a_single_nul_is_no_text() -> None:
    """UTF-8 text with a NUL somewhere is refused as well, and as it stands without a tag."""
    text = f"user:{MARKER * 9}\0"
    with raises(Permanent, "ValueNotUnicode", "has NUL characters") as refused:
        as_text("x", text.encode())
    assert MARKER not in refused.value.message
    assert decoded("x", text, None) == text.encode()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (bytes.fromhex("3082 0a0b 0201 0030 8206 00ff"), "in DER"),
        (gzip.compress(bytes(range(256))), "compressed by gzip"),
        (b"pass=\xfc", "another code page"),
        (b"\xff" * 40 + b"\0", "binary data"),
    ],
)
def test_what_bytes_are_that_are_no_text_is_told(value: bytes, told: str) -> None:
    """A few NULs make no UTF-16 of binary data."""
    with raises(Permanent, "ValueNotUnicode", "is no UTF-8 text") as refused:
        as_text("x", value)
    assert told in refused.value.message
    assert "UTF-16" not in refused.value.message


def test_what_utf8_cannot_carry_is_refused() -> None:
    """Neither lone surrogates nor bytes that are no text pass for text, and neither is quoted."""
    with pytest.raises(Permanent, match="'pg' holds characters") as written:
        decoded("pg", f"{MARKER}\ud800", None)
    with pytest.raises(Permanent, match="'pg' is no UTF-8 text") as read:
        as_text("pg", MARKER.encode() + b"\xff")
    for refused in (written.value, read.value):
        assert refused.reason == "ValueNotUnicode"
        assert refused.__context__ is None
        assert MARKER not in refused.message
    assert as_text("pg", "\u00e4".encode()) == "\u00e4"


@given(st.binary(), st.integers(1, 9))
def test_every_value_comes_back_from_its_encoding(value: bytes, width: int) -> None:
    """What an encoder made is decoded to the same bytes, wrapped and without padding too."""

    def wrapped(text: str) -> str:
        return "\r\n".join(text[at : at + width] for at in range(0, len(text), width))

    for encode, encoding in (
        (base64.b64encode, Encoding.BASE64),
        (base64.urlsafe_b64encode, Encoding.BASE64URL),
    ):
        text = encode(value).decode()
        assert decoded("x", wrapped(text), encoding) == value
        assert decoded("x", text.rstrip("="), encoding) == value
    assert decoded("x", wrapped(value.hex()), Encoding.HEX) == value


DATABASE: Mapping[ObjectFormat, str] = {
    Format.JSON: '{"user": "shop", "db": {"host": "h", "port": 5432, "tls": true}, "note": null}',
    Format.YAML: "user: shop\ndb:\n  host: h\n  port: 5432\n  tls: true\nnote:\n",
}


@pytest.mark.parametrize(("form", "text"), DATABASE.items())
def test_each_member_is_a_text(form: ObjectFormat, text: str) -> None:
    """An object becomes its leaves by their names, the same from JSON and YAML."""
    assert members("x", text, form, None) == {
        ("user",): "shop",
        ("db", "host"): "h",
        ("db", "port"): "5432",
        ("db", "tls"): "true",
        ("note",): "",
    }


@pytest.mark.parametrize("form", TREES)
@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ('"a\\nb"', "a\nb"),
        ('" x "', " x "),
        ('""', ""),
        ("null", ""),
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("-0", "-0"),
        ("1.50", "1.50"),
        ("1E+2", "1E+2"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("[]", "[]"),
        ('[ 1.0, "1", true, null, {"b" : [ ]} ]', '[1.0,"1",true,null,{"b":[]}]'),
        ('["\u00e4 \\"", "\\\\"]', '["\u00e4 \\"","\\\\"]'),
    ],
)
def test_a_leaf_is_as_it_is_written(form: ObjectFormat, text: str, leaf: str) -> None:
    """Numbers keep their digits, null is empty, and a list is one value of compact JSON."""
    assert members("x", f'{{"a": {text}}}', form, None) == {("a",): leaf}


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("yes", "yes"),
        ("True", "True"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1_000", "1_000"),
        (".inf", ".inf"),
        ("2026-01-01", "2026-01-01"),
        ("~", ""),
        ("Null", ""),
        ("", ""),
        ("'~'", "~"),
        ('"null"', "null"),
        ("|\n  one\n  two\n", "one\ntwo\n"),
        (">-\n  one\n  two\n", "one two"),
        ("[yes, 'null', ~, 1, '1', 01]", '["yes","null",null,1,"1","01"]'),
    ],
)
def test_yaml_reads_no_more_into_a_scalar_than_json(text: str, leaf: str) -> None:
    """What is no JSON literal is a string as written; only an unquoted null is empty."""
    assert members("x", f"a: {text}", Format.YAML, None) == {("a",): leaf}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("USER=shop\nPASSWORD='a $b #c'\n", {"USER": "shop", "PASSWORD": "a $b #c"}),
        (
            "A=abc#c\nB=abc #c\nC=#c\nD= #c\nE=\t# c",
            {"A": "abc#c", "B": "abc", "C": "#c", "D": "", "E": ""},
        ),
        ('A="1\\n2\\r3\\t4\\"5\\\\6\\$7"', {"A": '1\n2\r3\t4"5\\6$7'}),
        ('A="\\\\n"\nB="\\\\\\\\"', {"A": "\\n", "B": "\\\\"}),
        ("A='a\\n\\b\"`$x'\nB=`a'b\"\\t`", {"A": 'a\\n\\b"`$x', "B": "a'b\"\\t"}),
        ("A=`one\r\n two `\rB='one\n\n# two'", {"A": "one\n two ", "B": "one\n\n# two"}),
        ("A = x \n\t export\tB\t=\t'y' \n", {"A": "x", "B": "y"}),
        ("A='x'#c\nB=\"\" # c\nC=a'b\\", {"A": "x", "B": "", "C": "a'b\\"}),
        ("# A=1\n#\nexport=1\n1.b-c=x", {"export": "1", "1.b-c": "x"}),
        (f"A=x{' ' * 200}y", {"A": f"x{' ' * 200}y"}),
        ('export A="x\\ny" # why\n\n# no\nB=${A}', {"A": "x\ny", "B": "${A}"}),
        ("A=\r\nB=1=2\r\n", {"A": "", "B": "1=2"}),
        ('A="one\ntwo"', {"A": "one\ntwo"}),
        ("", {}),
    ],
)
def test_dotenv_is_read_without_interpolation(text: str, found: Mapping[str, str]) -> None:
    """Quotes, comments and export are dotenv's; a dollar sign stays one."""
    expected = {(member,): leaf for member, leaf in found.items()}
    assert members("x", text, Format.DOTENV, None) == expected


@pytest.mark.parametrize("text", ['{"a": 1', "[1, 2", "[true", '["a"', "{", "{1: 2}", "a", "null"])
def test_a_shell_is_not_blamed_for_every_fault(text: str) -> None:
    """What is wrong otherwise is told without a guess."""
    assert "--file" not in refusal(text, Format.JSON).message


def test_flow_yaml_with_blanks_is_read() -> None:
    """A colon and a blank behind a name are enough, also without a value."""
    text = "{b: http://c:1/, 'd:e': , f: [g:1, {h: i}], \"j\":k}"
    assert members("x", text, Format.YAML, None) == {
        ("b",): "http://c:1/",
        ("d:e",): "",
        ("f",): '["g:1",{"h":"i"}]',
        ("j",): "k",
    }
    assert members("x", "a:\nb:\n  c:\n", Format.YAML, None) == {("a",): "", ("b", "c"): ""}


@pytest.mark.parametrize("form", TREES)
def test_an_empty_object_has_no_members(form: ObjectFormat) -> None:
    """An empty object gives nothing, at the top and below."""
    assert members("x", "{}", form, None) == {}
    assert members("x", '{"a": {"b": {}}, "c": 1}', form, None) == {("c",): "1"}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("mark", ["\ufeff", "\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_text(form: ObjectFormat, mark: str) -> None:
    """A mark that an editor left in front means nothing, also misread; elsewhere it stays."""
    text = f"A={mark}x" if form is Format.DOTENV else f'{{"A": "{mark}x"}}'
    assert members("x", f"{mark}{text}", form, None) == {("A",): f"{mark}x"}


NESTED = '{"db": {"primary": {"user": "u", "hosts": ["a", {"x": 1}]}, "a.b": "d", "\\\\": {"": 2}}}'


@pytest.mark.parametrize("form", TREES)
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("db.primary.user", {(): "u"}),
        ("db.primary", {("user",): "u", ("hosts",): '["a",{"x":1}]'}),
        ("db.primary.hosts", {(): '["a",{"x":1}]'}),
        ("db.primary.hosts.0", {(): "a"}),
        ("db.primary.hosts.1", {("x",): "1"}),
        ("db.a\\.b", {(): "d"}),
        ("db.\\\\", {("",): "2"}),
        ("db.\\", {("",): "2"}),
    ],
)
def test_a_path_takes_a_part(form: ObjectFormat, path: str, found: dict[MemberPath, str]) -> None:
    r"""A path goes by names and list numbers; `\.` is a dot and `\\` a backslash in a name."""
    assert members("x", NESTED, form, path) == found


@pytest.mark.parametrize("form", TREES)
def test_a_path_may_start_in_a_list(form: ObjectFormat) -> None:
    """With a path the top need not be an object."""
    assert members("x", '[{"a": "b"}]', form, "0") == {("a",): "b"}


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("db.secondary.user", "secondary"),
        ("db.primary.user.x", "x"),
        ("db.primary.hosts.2", "2"),
        ("db.primary.hosts.-1", "-1"),
        ("db.primary.hosts.00", "00"),
        ("db.primary.hosts.\u0660", "\u0660"),
        (f"db.primary.hosts.{'9' * 5000}", "9" * 64),
        ("DB", "DB"),
        ("db..user", ""),
        ("db.a.b", "a"),
        ("db.\\.", "."),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, part: str) -> None:
    """A path is never guessed: the refusal names the first part of it that is missing."""
    fault = refusal(NESTED, Format.JSON, path)
    assert fault.reason == "PathNotFound"
    assert f"nothing at its part {part!r}" in fault.message


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        (Format.JSON, MARKER, "no JSON from line 1, column 1 on"),
        (Format.JSON, f'{{"a": "{MARKER}",\n"b"}}', "no JSON from line 2, column 4 on"),
        (Format.JSON, f'["{MARKER}"]', "no object"),
        (Format.JSON, f'"{MARKER}"', "no object"),
        (Format.JSON, "", "no JSON"),
        (Format.JSON, f'{{"a": "{MARKER}", "b": NaN}}', "NaN or Infinity"),
        (Format.JSON, '{"a": -Infinity}', "NaN or Infinity"),
        (Format.JSON, f'{{"a": "{MARKER}\\ud800"}}', "UTF-8 cannot encode"),
        (Format.JSON, f'{{"a": ["{MARKER}\ud800"]}}', "UTF-8 cannot encode"),
        (Format.JSON, '{"\\udfff": 1}', "UTF-8 cannot encode"),
        (Format.YAML, MARKER, "no object"),
        (Format.YAML, "", "no object"),
        (Format.YAML, f"- {MARKER}", "no object"),
        (Format.YAML, f"a: {MARKER}\nb: : {MARKER}", "no YAML from line 2 on"),
        (Format.YAML, f"a: '{MARKER}", "no YAML from line"),
        (Format.YAML, f"a: {MARKER}\x01", "characters that YAML does not allow"),
        (Format.YAML, f"a: {MARKER}\ud800", "characters that YAML does not allow"),
        (Format.YAML, f"a: {MARKER}\nb: &x 1", "an anchor or an alias in line 2"),
        (Format.YAML, f"a: {MARKER}\nb: &x [1]", "an anchor or an alias in line 2"),
        (Format.YAML, f"&x a: {MARKER}", "an anchor or an alias in line 1"),
        (Format.YAML, f"a: *{MARKER}", "an anchor or an alias in line 1"),
        (Format.YAML, f"a: !!str {MARKER}", "a tag in line 1"),
        (Format.YAML, f"a: ! {MARKER}", "a tag in line 1"),
        (Format.YAML, f"!x a: {MARKER}", "a tag in line 1"),
        (Format.YAML, f"a: !!python/object:{MARKER} {{}}", "a tag in line 1"),
        (Format.YAML, f"[{MARKER}]: 1", "as a member's name in line 1"),
        (Format.YAML, f"a: 1\n---\nb: {MARKER}", "a second document in line 3"),
        (Format.DOTENV, MARKER, "no dotenv in line 1"),
        (Format.DOTENV, f"\n\nA=1\n\n{MARKER}\n", "no dotenv in line 5"),
        (Format.DOTENV, f"A='{MARKER}", "no dotenv in line 1"),
        (Format.DOTENV, f"A='{MARKER}' b", "no dotenv in line 1"),
        (Format.DOTENV, f"={MARKER}", "no dotenv in line 1"),
        (Format.DOTENV, f"A=-----BEGIN\n{MARKER}\n", "no dotenv in line 2"),
        (Format.DOTENV, f'\nA="{MARKER}\\b"', "no dotenv in line 2, where a backslash in double"),
        (Format.DOTENV, f'A="\n\n\\x{MARKER}"', "in line 3, where a backslash"),
        (Format.DOTENV, f'A="{MARKER}\\\nx"', "use single quotes"),
        (Format.DOTENV, f"A='{MARKER}\\'x'", "a backslash stands before the closing '"),
        (Format.DOTENV, f"A='\n{MARKER}\\'", "in line 2, where a backslash stands before"),
        (Format.DOTENV, f"A=`{MARKER}\\``", "a backslash stands before the closing `"),
        (Format.DOTENV, f"A=`{MARKER}", "no dotenv in line 1, where a quotation mark ` opens"),
        (Format.DOTENV, f"A=1\nB='{MARKER}' '{MARKER}'", "in line 2, where more than a comment"),
        (Format.DOTENV, f"A: {MARKER}", "which must be as NAME=VALUE"),
        (Format.DOTENV, f"A B={MARKER}", "which must be as NAME=VALUE"),
        (Format.DOTENV, f"'A'={MARKER}", "which must be as NAME=VALUE"),
        (Format.JSON, f"{{USER:{MARKER}}}", "use `az keyvault secret set --file`"),
        (Format.JSON, f"'{{USER:{MARKER}}}'", "use `az keyvault secret set --file`"),
        (Format.JSON, f'"{{USER:{MARKER}}}"', "use `az keyvault secret set --file`"),
        (Format.JSON, f'"{{\\"USER\\":\\"{MARKER}\\"}}"', "use `az keyvault secret set --file`"),
        (Format.JSON, f'\'{{"USER": "{MARKER}"}}\'', "use `az keyvault secret set --file`"),
        (Format.YAML, f'\'{{"USER": "{MARKER}"}}\'', "use `az keyvault secret set --file`"),
        (Format.JSON, f"[{MARKER},b]", "use `az keyvault secret set --file`"),
        (Format.JSON, base64.b64encode(b'{"a": 1}').decode(), "looks like base64"),
        (Format.YAML, f"{{USER:shop,PASSWORD:{MARKER}}}", "a name without a colon and a blank"),
        (
            Format.YAML,
            f"{{USER: shop,PASSWORD:{MARKER}}}",
            "in line 1, which is not read; it looks",
        ),
        (Format.YAML, f"{{db:{{user:{MARKER}}}}}", "use `az keyvault secret set --file`"),
        (Format.YAML, f"{{hosts:[{MARKER}]}}", "use `az keyvault secret set --file`"),
        (Format.YAML, f"[a:1,{{b:{MARKER}}}]", "use `az keyvault secret set --file`"),
        (Format.YAML, f"'{{USER:{MARKER}}}'", "use `az keyvault secret set --file`"),
        (Format.YAML, f"a:\n  {{b:{MARKER}}}", "a name without a colon and a blank"),
        (Format.YAML, f"{{USER={MARKER}}}", "a name without a colon and a blank"),
        (Format.YAML, base64.b64encode(b'{"a": 1}').decode(), "looks like base64"),
        (Format.DOTENV, f"A={MARKER}\ud800", "UTF-8 cannot encode"),
    ],
)
def test_what_is_not_of_the_format_is_refused(form: ObjectFormat, text: str, told: str) -> None:
    """The refusal says where it is wrong, and nothing of what stands there."""
    fault = refusal(text, form)
    assert fault.reason == "ValueNotOfFormat"
    assert told in fault.message


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        (Format.JSON, f'{{"a": 1, "b": 2, "a": "{MARKER}"}}', "the member 'a' twice"),
        (Format.JSON, '{"x": [{"a": 1, "\\u0061": 1}]}', "the member 'a' twice"),
        (Format.JSON, f'{{"{"n" * 100}": 1, "{"n" * 100}": 2}}', f"member '{'n' * 64}' twice"),
        (Format.YAML, f"a: {MARKER}\n'a': {MARKER}", "the member 'a' twice"),
        (Format.DOTENV, f"A=1\n{MARKER}=1\n{MARKER}=2", "the member of line 3 twice"),
    ],
)
def test_a_member_given_twice_is_refused(form: ObjectFormat, text: str, told: str) -> None:
    """No member wins over another of the same name, in any format and at any depth."""
    fault = refusal(text, form)
    assert fault.reason == "MemberTwice"
    assert told in fault.message


@pytest.mark.parametrize("form", TREES)
@pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]")])
def test_depth_has_a_bound(form: ObjectFormat, opened: str, closed: str) -> None:
    """Objects and lists nest 32 levels, and deeper ones are refused, however deep they are."""

    def nested(depth: int) -> str:
        return f'{{"top": {opened * (depth - 1)}1{closed * (depth - 1)}}}'

    assert len(members("x", nested(MAX_DEPTH), form, None)) == 1
    for depth in (MAX_DEPTH + 1, 5_000, 100_000):
        assert "deeper than 32 levels" in refusal(nested(depth), form).message


@pytest.mark.parametrize("form", FORMATS)
def test_members_have_a_bound(form: ObjectFormat) -> None:
    """A thousand members are read, one more is refused."""

    def wide(count: int) -> str:
        if form is Format.DOTENV:
            return "\n".join(f"A{number}=x" for number in range(count))
        return json.dumps({f"A{number}": "x" for number in range(count)})

    assert len(members("x", wide(MAX_MEMBERS), form, None)) == MAX_MEMBERS
    assert refusal(wide(MAX_MEMBERS + 1), form).reason == "TooManyMembers"


def test_what_yaml_holds_has_a_bound() -> None:
    """Names, values and items count alike: to read 25,000 of them takes 80 ms."""

    def listed(count: int) -> str:
        return f"a: [{'0,' * (count - 3)}]"

    assert len(members("x", listed(MAX_NODES), Format.YAML, None)) == 1
    assert "10,000 names and values" in refusal(listed(MAX_NODES + 1), Format.YAML).message
    assert refusal("{" + "0," * MAX_NODES + "}", Format.YAML).reason == "ValueNotOfFormat"


def test_what_dotenv_states_has_a_bound() -> None:
    """Comments count: to read 12,000 takes 250 ms."""

    def commented(count: int) -> str:
        return "A=x\n" + "#\n" * (count - 1)

    assert members("x", commented(MAX_STATEMENTS), Format.DOTENV, None) == {("A",): "x"}
    fault = refusal(commented(MAX_STATEMENTS + 1), Format.DOTENV)
    assert "2,000 members and comments" in fault.message


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        *("[", '{"a":', "- ", "? ", "&a ", " ", "\n", "x", "'", '"', "\\", "[x,", "A=x\n", "a: \t"),
        *("`", "A='", "export ", " #", '"\\n', "{a:", "[ ", "\r", "A=`x`\n#\n", '\\"'),
    ],
)
def test_no_value_takes_long(form: ObjectFormat, text: str) -> None:
    """Time grows with the length and no faster, whatever stands there again and again."""
    value = "A=" + text * (400_000 // len(text)) + "y"
    started = time.process_time()
    for whole in (value, value.removeprefix("A=")):
        with suppress(Permanent):
            members("x", whole, form, None)
    assert time.process_time() - started < 5


def test_names_are_joined_by_underscores() -> None:
    """A member's key is its prefix and its names; a part without either has none of its own."""
    assert joined("PG", ("db", "user")) == "PG_db_user"
    assert joined(None, ("db", "user")) == "db_user"
    assert joined("PG", ()) == "PG"
    assert joined(None, ()) == ""


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), max_size=20)


def trees(leaf: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Tree]]:
    """Make objects of objects of strings."""

    def deeper(inside: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        return st.dictionaries(leaf, inside, max_size=4)

    return st.dictionaries(leaf, st.recursive(leaf, deeper, max_leaves=12), max_size=4)


def leaves(tree: Tree, *place: str) -> dict[MemberPath, str]:
    """Return what an object's members must be."""
    if not isinstance(tree, dict):
        return {place: str(tree)}
    return {
        at: leaf for name, part in tree.items() for at, leaf in leaves(part, *place, name).items()
    }


@given(trees(TEXT))
def test_every_json_object_gives_its_leaves(tree: dict[str, Tree]) -> None:
    """An object of strings that JSON wrote gives each string by its names."""
    assert members("x", json.dumps(tree), Format.JSON, None) == leaves(tree)
    plain = json.dumps(tree, ensure_ascii=False, indent=1)
    assert members("x", plain, Format.JSON, None) == leaves(tree)


@given(trees(PRINTABLE))
@example({"a": "\\/", "b": "\u00a0", "c": "# :", "d": {"~": "null"}})
def test_json_is_yaml(tree: dict[str, Tree]) -> None:
    """The same object gives the same members from JSON and YAML."""
    assert members("x", json.dumps(tree, ensure_ascii=False), Format.YAML, None) == leaves(tree)


@given(trees(TEXT), st.data())
def test_every_part_has_a_path(tree: dict[str, Tree], data: st.DataObject) -> None:
    """The names of any leaf, dots and backslashes escaped, are the path that takes it alone."""
    found = leaves(tree)
    for place in data.draw(st.lists(st.sampled_from(sorted(found)), max_size=2)) if found else ():
        path = ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in place)
        assert members("x", json.dumps(tree), Format.JSON, path) == {(): found[place]}


WILD = st.one_of(
    st.text(),
    st.text("{}[]\"'\\:,-?&*!|>#%@~=$ \n\r\tabA01.eE\ufeff\ud800\x00"),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    ).map(json.dumps),
)


@given(WILD, st.sampled_from(FORMATS), st.one_of(st.none(), st.text(max_size=5)))
def test_any_text_is_expanded_or_refused(text: str, form: ObjectFormat, path: str | None) -> None:
    """Whatever the value, it gives texts that UTF-8 can carry, or a refusal and nothing else."""
    try:
        found = members("x", text, form, path)
    except Permanent as refused:
        found = {(): refused.message}
    for place, leaf in found.items():
        assert "".join((*place, leaf)).encode().decode() == "".join((*place, leaf))


@given(st.text(), st.sampled_from(Encoding))
def test_any_text_is_decoded_or_refused(text: str, encoding: Encoding) -> None:
    """Whatever the value, it is decoded to no more than its length, or refused."""
    value = b""
    with suppress(Permanent):
        value = decoded("x", text, encoding)
    assert len(value) <= len(text)


@pytest.mark.parametrize("tail", ["=", "==", "==\n"])
def test_base64_is_no_dotenv(tail: str) -> None:
    """What looks like base64 does not become a name, which is told where values are not."""
    text = "c3VwZXItc2VjcmV0LXZhbHVl" + tail
    with raises(Permanent, "ValueNotOfFormat") as refused:
        members("a", text, Format.DOTENV, None)
    assert "c3Vw" not in refused.value.message
