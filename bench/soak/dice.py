"""The chance by which the load chooses."""

import random

DICE = random.Random()  # noqa: S311 - load, not cryptography
