"""`python -m local demo | up | down | serve`: what `make demo`, `make up` and `make down` run."""

import sys

from local import demo, standing


def main() -> int:
    """Run one of the commands."""
    commands = {
        "demo": demo.main,
        "up": standing.up,
        "down": standing.down,
        "serve": standing.serve,
    }
    if len(sys.argv) != 2 or sys.argv[1] not in commands:  # noqa: PLR2004 - one word
        print(f"usage: python -m local {' | '.join(commands)}", file=sys.stderr)
        return 1
    try:
        return commands[sys.argv[1]]()
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left running.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
