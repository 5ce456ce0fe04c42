"""Draws docs/demo.svg, a still of the output of `make demo`: `make picture`.

GitHub loads no font for a picture, so the characters that it shows are in it, as a subset of Source
Code Pro (SIL Open Font License 1.1).
"""

import os
import subprocess
import sys
from base64 import b64encode
from importlib.resources import as_file, files
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests.docs.pages import ROOT

PICTURE = ROOT / "docs" / "demo.svg"

_COLUMNS = 80
_FIRST_STEPS = 3
_STEP, _TABLE = "▸ ", "vault  "
_TYPED = "$ make demo"
_BLANK = "\xa0"  # what rich draws for a blank
_ASPECT = 0.6  # the width of Source Code Pro's characters, by their height
_THEME = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [(36, 41, 47), (207, 34, 46), (17, 99, 41)],
)
_TEMPLATE = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" \
xml:space="preserve" role="img">
<title>What make demo prints</title>
<style>
@font-face {{ font-family: "demo"; src: url("data:font/woff;base64,FONT") format("woff"); \
font-weight: 200 900; }}
.{unique_id}-matrix {{ font: {char_height}px/{line_height}px "demo", monospace; white-space: pre; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" \
height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>
<text class="{unique_id}-matrix" x="{terminal_x}" y="30" fill="#57606a">TYPED</text>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main() -> int:
    """Run the demo, and draw what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "local", "demo"],
        cwd=ROOT,
        env={**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout, file=sys.stderr)  # noqa: T201 - what the demo says is wrong
        return 1
    PICTURE.write_text(drawn(done.stdout), encoding="utf-8")
    return 0


def drawn(output: str) -> str:
    """Return the picture of what the demo printed, with colours as on a terminal."""
    console = Console(record=True, width=_COLUMNS, file=StringIO())
    shown = _shortened([*Text.from_ansi(output).split()])
    console.print(Text("\n").join(shown), end="")
    svg = console.export_svg(
        theme=_THEME, code_format=_TEMPLATE, font_aspect_ratio=_ASPECT, unique_id="demo"
    )
    font = _font({*_TYPED, _BLANK, *"".join(line.plain for line in shown)})
    return svg.replace("TYPED", _TYPED).replace("FONT", font)


def _shortened(lines: list[Text]) -> list[Text]:
    """Leave out the later steps, and say how many they are."""
    steps = [at for at, line in enumerate(lines) if line.plain.startswith(_STEP)]
    table = next(at for at, line in enumerate(lines) if line.plain.startswith(_TABLE))
    left_out = Text(f"… and {len(steps) - _FIRST_STEPS} more steps", style="dim")
    return [*lines[: steps[_FIRST_STEPS]], left_out, *lines[table - 1 :]]


def _font(characters: set[str]) -> str:
    """Return the font with these characters alone, in Base64."""
    package = files("fontpkg_source_code_pro")
    with as_file(package / "files/SourceCodePro[wght].ttf") as font, TemporaryDirectory() as folder:
        subset = Path(folder) / "subset.woff"
        subprocess.run(  # noqa: S603 - our own interpreter and arguments
            [
                *(sys.executable, "-m", "fontTools.subset", str(font)),
                f"--unicodes={','.join(f'{ord(each):x}' for each in characters)}",
                *("--flavor=woff", "--layout-features=", "--no-hinting", "--name-IDs="),
                f"--output-file={subset}",
            ],
            check=True,
        )
        return b64encode(subset.read_bytes()).decode()


if __name__ == "__main__":
    sys.exit(main())
