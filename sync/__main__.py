"""Makes `python -m sync` the command line."""

import sys

from sync.cli.commands import main

sys.exit(main())
