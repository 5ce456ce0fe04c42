"""`python -m tests.contract.recording`: ask a real API server, and keep what it answers."""

import sys

from tests.contract.api_servers import WHY_NO_REAL_SERVER, real_server
from tests.contract.recording import schemas
from tests.contract.recording.recorded import FILES, record


def main() -> int:
    """Record every file anew; 2 where there is no server to ask."""
    with real_server() as server:
        if server is None:
            sys.stderr.write(f"{WHY_NO_REAL_SERVER}\n")
            return 2
        for path in FILES:
            record(server, path)
            sys.stdout.write(f"{path}\n")
        schemas.write(server)
    return 0


if __name__ == "__main__":
    sys.exit(main())
