"""Runs every case and writes docs/faults.md."""

import logging
import sys
import tempfile
from pathlib import Path

from tests.functional.faults import document, matrix


def main() -> int:
    """Return 1 where something was not as it has to be, which is said on stderr."""
    logging.getLogger("aiohttp.server").disabled = True  # clients break off here, as they should
    with tempfile.TemporaryDirectory() as folder:
        done = matrix.run(Path(folder))
    document.PATH.write_text(document.document(done.cases))
    wrong = [f"{case}: {what}" for case in done.cases for what in case.wrong]
    sys.stderr.writelines(f"{line}\n" for line in [*wrong, *done.leaks])
    sys.stderr.write(f"{len(done.cases)} cases, {len(wrong)} wrong: {document.PATH}\n")
    return 1 if wrong or done.leaks else 0


if __name__ == "__main__":
    sys.exit(main())
