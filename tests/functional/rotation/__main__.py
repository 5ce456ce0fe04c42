"""Rehearses the rotation anew and writes its record into docs/compare.md."""

import tempfile
from pathlib import Path

from tests.functional.clusters import started_stack
from tests.functional.rotation import recording
from tests.functional.world import World


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, started_stack(Path(folder)) as stack:
        environment = stack.app_environment()
        with stack.host(environment, timer=False) as host:
            record = recording.run(World.of(stack, host))
            recording.PAGE.write_text(recording.rewritten(record), "utf-8")


if __name__ == "__main__":
    main()
