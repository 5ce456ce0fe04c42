"""Tries an upgrade from a release, and the roll-back: `python -m tests.upgrade [REF]`."""

import sys
import tempfile
from pathlib import Path

from tests.functional.clusters import started_stack
from tests.upgrade import CURRENT, Course, NoReleaseError, checked_out, newest_tag


def main(words: list[str]) -> int:
    """Try it, from the newest tag unless told; return 1 where there is no such release."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        try:
            older = checked_out(words[0] if words else newest_tag(), place / "older")
        except NoReleaseError as error:
            sys.stderr.write(f"{error}. Name a commit: python -m tests.upgrade REF\n")
            return 1
        (place / "stack").mkdir()
        with started_stack(place / "stack") as stack:
            course = Course.on(stack)
            try:
                course.run(older, CURRENT)
            finally:
                sys.stdout.writelines(f"- {note}\n" for note in course.notes)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
