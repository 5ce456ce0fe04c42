"""The picture of the demo can be shown anywhere, and is of the demo that there is."""

import re
from base64 import b64decode
from io import BytesIO
from xml.etree import ElementTree as ET

from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from local.demo import NEXT
from tests.docs.picture import PICTURE

SVG = "{http://www.w3.org/2000/svg}"
TEXT = PICTURE.read_text(encoding="utf-8")
ROOT = ET.fromstring(TEXT)  # noqa: S314 - a file of ours
SHOWN = "".join("".join(text.itertext()) for text in ROOT.iter(f"{SVG}text"))


def test_it_refers_to_nothing_outside() -> None:
    """GitHub loads nothing for a picture: each address is a namespace, a part of it, or data."""
    addresses = re.findall(r"\w+://[^\s\"')]+", TEXT)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    named = re.findall(r"url\([\"']?([^\"')]+)", TEXT)
    assert named
    assert all(name.startswith(("#", "data:font/woff;base64,")) for name in named)
    assert not [part.tag for part in ROOT.iter() if part.tag.endswith(("script", "image", "use"))]
    assert not [name for part in ROOT.iter() for name in part.attrib if name.endswith("href")]


def test_it_is_of_the_demo() -> None:
    """It shows the demo's last lines, as text; after a change of the demo, `make picture`."""
    for line in NEXT.strip().splitlines():
        assert line.replace(" ", "\xa0") in SHOWN


def test_its_font_has_each_character() -> None:
    """What is shown is not left to the fonts of whoever looks."""
    (font,) = re.findall(r"data:font/woff;base64,([^\"]+)", TEXT)
    has = TTFont(BytesIO(b64decode(font))).getBestCmap().keys()
    lacking = {each for each in SHOWN if ord(each) not in has and each != "\n"}
    assert not lacking
