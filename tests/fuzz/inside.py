"""What `python -m tests.fuzz` starts for each target: libFuzzer, in a process that it ends."""

import importlib
import sys
import warnings

atheris = importlib.import_module("atheris")  # its types are nowhere, its wheels not everywhere

with atheris.instrument_imports(include=["sync"]):
    from tests.fuzz.target import check
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that the first argument names, with libFuzzer's own options after it."""
    warnings.simplefilter("ignore")  # libraries warn of odd input
    name, *options = sys.argv[1:]
    target = TARGETS[name]
    atheris.Setup([sys.argv[0], *options], lambda given: check(target, given))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
