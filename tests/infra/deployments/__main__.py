"""Writes what Bicep makes of the four deployments: `python -m tests.infra.deployments`."""

import tempfile
from pathlib import Path

from tests.infra.deployments import DEPLOYMENTS, HELD, held, written
from tests.infra.deployments.bicep import by_bicep

if __name__ == "__main__":
    HELD.mkdir(exist_ok=True)
    for name, parameters in DEPLOYMENTS.items():
        with tempfile.TemporaryDirectory() as folder:
            held(name).write_text(written(by_bicep(Path(folder), parameters)))
