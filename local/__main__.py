"""`python -m local demo | up | shell | down`: what `make` runs. FOLDER is `.local` by default."""

import signal
import sys
from pathlib import Path

_COMMANDS = ("demo", "up", "shell", "down", "serve")
_USAGE = f"usage: python -m local {' | '.join(_COMMANDS)} [FOLDER]"


def main(words: list[str]) -> int:
    """Run one of the commands; imports are part of what Ctrl-C interrupts."""
    if len(words) not in {1, 2} or words[0] not in _COMMANDS:
        print(_USAGE, file=sys.stderr)
        return 1
    # A shell that starts this in the background has it ignored; who sends it means it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _run(*words)
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


def _run(command: str, folder: str | None = None) -> int:
    if command == "demo":
        from local import demo  # noqa: PLC0415 - see main

        return demo.main()
    from local.standing import commands, serve  # noqa: PLC0415 - likewise
    from local.standing.folder import Folder  # noqa: PLC0415 - likewise

    run = {"up": commands.up, "shell": commands.shell, "down": commands.down, "serve": serve.serve}
    return run[command](Folder(Path(folder).absolute()) if folder else commands.DEFAULT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
