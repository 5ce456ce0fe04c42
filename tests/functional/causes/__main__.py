"""Stages every cause anew and writes the table of docs/operate.md."""

import tempfile
from pathlib import Path

from tests.functional.causes import matrix
from tests.functional.clusters import started_stack
from tests.functional.world import World


def main() -> None:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder, started_stack(Path(folder)) as stack:
        environment = stack.app_environment()
        with stack.host(environment, timer=False) as host:
            matrix.write(matrix.run(stack, World.of(stack, host)))


if __name__ == "__main__":
    main()
