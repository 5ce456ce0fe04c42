"""One call of the command line: its options, its streams, its source, and how it shows answers."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sync.cli import names_cache
from sync.cli.choice import Options, app_of, source_of
from sync.cli.dead_letters.container import Opening, own_container
from sync.cli.documents import Document, is_refusal, text, words
from sync.cli.exits import Exit
from sync.cli.screen import Screen
from sync.cli.sources import Fields, Source
from sync.cli.tables import Style, Table, printable, render

PROGRAM = "keyvault-sync"
READS = "Interrupted."
WRITES = "Interrupted: no Secret is half-written; run it again for the rest."

type Blocks = Iterable[Table | str]


def no_complaints(document: Document) -> Sequence[str]:
    """Return nothing to complain of."""
    del document
    return ()


@dataclass(frozen=True, slots=True)
class View:
    """How an answer is shown, by the answer alone.

    `complaints` are lines for stderr of what the tables show, for who reads no table.
    """

    code: Callable[[Document], Exit]
    blocks: Callable[[Document, Style], Blocks]
    names: Callable[[Document], Iterable[str]]
    complaints: Callable[[Document], Iterable[str]] = no_complaints


@dataclass(slots=True)
class Session:
    """The state of one call; `given` fills as options are parsed."""

    screen_of: Callable[[bool], Screen]
    choose: Callable[[Options, Screen], Source] = source_of
    container_at: Opening = own_container
    given: dict[str, object] = field(default_factory=dict)
    parting: str = READS
    """What an interrupt says."""

    _screen: Screen | None = None
    _source: Source | None = None

    @property
    def screen(self) -> Screen:
        """The streams."""
        self._screen = self._screen or self.screen_of(bool(self.given.get("verbose")))
        return self._screen

    @property
    def source(self) -> Source:
        """Where the answers come from, the same for the whole call."""
        self._source = self._source or self.choose(self.given, self.screen)
        return self._source

    @property
    def output(self) -> str:
        """The chosen format."""
        return "wide" if self.given.get("wide") else str(self.given.get("output") or "table")

    @property
    def tables(self) -> bool:
        """Whether the answer is a table."""
        return self.output in {"table", "wide"}

    @property
    def style(self) -> Style:
        """How tables look here."""
        return Style(self.screen.width, self.screen.colour, wide=self.output == "wide")

    @property
    def timeout(self) -> float | None:
        """The seconds that were given."""
        seconds = self.given.get("timeout")
        return seconds if isinstance(seconds, float) else None

    def ask(self, route: str, fields: Fields) -> Document:
        """Ask the source; remembers the names in the answer for completion."""
        document = self.source.ask(route, fields)
        names_cache.remember(app_of(self.given), document, whole=not fields)
        return document

    def show(self, document: Document, view: View) -> Exit:
        """Print the answer in the chosen format, and return its exit code."""
        refused = is_refusal(document)
        if refused:
            for fault in words(document, "faults"):
                self.screen.say(f"{PROGRAM}: {fault}")
            if message := text(document, "message"):
                self.screen.say(f"{PROGRAM}: {text(document, 'reason')}: {message}")
        elif not self.tables:
            for line in view.complaints(document):
                self.screen.say(line)
        match self.output:
            case "json":
                self.screen.answer(json.dumps(document) + "\n")
            case "yaml":
                self.screen.answer(_yaml(document))
            case _ if refused:
                pass
            case "name":
                lines = (printable(name) + "\n" for name in view.names(document))
                self.screen.answer("".join(lines))
            case _:
                self.blocks(view.blocks(document, self.style))
        return Exit.FAILED if refused else view.code(document)

    def blocks(self, blocks: Blocks) -> None:
        """Print tables and lines, with an empty line between them."""
        shown = [
            render(each, self.style) if isinstance(each, Table) else each
            for each in blocks
            if not (isinstance(each, Table) and not each.rows)
        ]
        self.screen.answer("\n".join(filter(None, shown)))

    def repeat(self, ask: Callable[[], Document], view: View, every: float | None) -> Exit:
        """Show an answer once or, with seconds between them, until somebody interrupts."""
        while True:
            code = self.show(ask(), view)
            if every is None:
                return code
            time.sleep(every)
            self.screen.clear()


def _yaml(document: Document) -> str:
    import yaml  # noqa: PLC0415 - takes a while

    told: str = yaml.safe_dump(document, sort_keys=False, explicit_start=True)
    return told
