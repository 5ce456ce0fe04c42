"""The table of docs/secrets.md that compares readers of dotenv, ours among them."""

from collections.abc import Mapping
from dataclasses import dataclass

REFUSED = None
NODE_MAJOR = 20
VERSIONS: Mapping[str, str] = {
    "here": "",
    "npm dotenv": "18.0.10",
    "`node --env-file`": f"{NODE_MAJOR}.20.2",
    "python-dotenv": "1.2.4",
    "Compose": "(compose-go 2.16.2)",
    "`docker --env-file`": "(docker/cli 29.9.3)",
}
"""What the readings were recorded of. 17.4 of npm dotenv has the same."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What each reader makes of the variable P; None if it refuses the text or leaves P out."""

    text: str
    ours: str | None
    npm: str | None
    node: str | None
    python: str | None
    compose: str | None
    docker: str | None

    def __str__(self) -> str:
        return _shown(self.text)


READINGS = (
    Reading("P=a b ", "a b", "a b", "a b", "a b", "a b", "a b "),
    Reading("export P=x", "x", "x", "x", "x", "x", REFUSED),
    Reading("P = x", "x", "x", "x", "x", "x", REFUSED),
    Reading("P=abc#c", "abc#c", "abc", "abc", "abc#c", "abc#c", "abc#c"),
    Reading("P=abc #c", "abc", "abc", "abc", "abc", "abc", "abc #c"),
    Reading("P=#c", "#c", "", "", "#c", "#c", "#c"),
    Reading("P='abc #c' # x", "abc #c", "abc #c", "abc #c", "abc #c", "abc #c", "'abc #c' # x"),
    Reading("P=C:\\dir", *("C:\\dir",) * 6),
    Reading("P='C:\\dir'", *("C:\\dir",) * 5, "'C:\\dir'"),
    Reading('P="C:\\dir"', REFUSED, *("C:\\dir",) * 4, '"C:\\dir"'),
    Reading('P="C:\\\\dir"', "C:\\dir", *("C:\\\\dir",) * 2, *("C:\\dir",) * 2, '"C:\\\\dir"'),
    Reading('P="pa\\bss"', REFUSED, *("pa\\bss",) * 2, *("pa\bss",) * 2, '"pa\\bss"'),
    Reading('P="a\\nb"', *("a\nb",) * 5, '"a\\nb"'),
    Reading('P="a\\tb"', "a\tb", *("a\\tb",) * 2, *("a\tb",) * 2, '"a\\tb"'),
    Reading("P='a\\nb'", *("a\\nb",) * 5, "'a\\nb'"),
    Reading('P="a\\"b"', 'a"b', 'a\\"b', "a\\", 'a"b', 'a"b', '"a\\"b"'),
    Reading("P='it\\'s'", REFUSED, "it\\'s", "it\\", "it's", "it's", "'it\\'s'"),
    Reading("P='a'b", REFUSED, "'a'b", "a", REFUSED, "a", "'a'b"),
    Reading("P='a", REFUSED, "'a", REFUSED, REFUSED, REFUSED, "'a"),
    Reading("P=`a'b`", *("a'b",) * 3, *("`a'b`",) * 3),
    Reading("P=`a\nb`", *("a\nb",) * 3, "`a", REFUSED, "`a"),
    Reading('P="a\nb"', *("a\nb",) * 5, '"a'),
    Reading("P=s3$cret", *("s3$cret",) * 4, "s3", "s3$cret"),
    Reading('P="s3\\$cret"', "s3$cret", *("s3\\$cret",) * 3, "s3$cret", '"s3\\$cret"'),
    Reading("P: x", REFUSED, "x", REFUSED, REFUSED, "x", REFUSED),
    Reading("P=1\nP=2", REFUSED, *("2",) * 5),
    Reading("\ufeffP=x", "x", "x", REFUSED, "x", REFUSED, "x"),
)


def table() -> str:
    """Return a row for each text, with what each reader makes of it."""
    heads = [f"{reader} {version}".strip() for reader, version in VERSIONS.items()]
    rows = [["text", *heads], ["---" for _ in range(1 + len(heads))]]
    for each in READINGS:
        read = (each.ours, each.npm, each.node, each.python, each.compose, each.docker)
        cells = ["*not read*" if given is None else _shown(given) for given in read]
        rows.append([_shown(each.text), *cells])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _shown(text: str) -> str:
    """Return a text as code, with signs for what is not printable."""
    signs = str.maketrans({"\n": "⏎", "\t": "⇥", "\b": "⌫", "\ufeff": "<U+FEFF>"})
    plain = text.translate(signs)
    if not plain:
        return "*empty*"
    return f"`` {plain} ``" if "`" in plain else f"`{plain}`"
