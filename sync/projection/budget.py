"""Limits the key derivation that one survey of a vault spends on certificate bundles."""

from threading import Lock

CHEAP_ROUNDS = 50_000
"""A bundle that needs no more than this (about 30 ms) is cheap. With the defaults of OpenSSL and
Windows a bundle needs 8,000 to 28,000 rounds, with those of Java 40,000."""

ROUNDS = 20_000_000
"""For all bundles of a vault: about 10 s of one core, enough for 700 bundles of the usual tools."""

DEAR_ROUNDS = 10_000_000
"""For bundles that are not cheap: enough for four of the largest that are opened at all."""


class BudgetSpent(Exception):
    """A bundle needs more rounds than this survey has left."""


class ParseBudget:
    """The rounds of key derivation that one survey has left; safe for its threads.

    Expensive bundles may use only a part of them, so that cheap ones get the rest.
    """

    def __init__(self, rounds: int = ROUNDS, dear_rounds: int = DEAR_ROUNDS) -> None:
        self._lock = Lock()
        self._rounds, self._dear_rounds = rounds, dear_rounds

    def take(self, rounds: int, *, dear: bool) -> None:
        """Spend rounds; raises BudgetSpent, and spends nothing, if fewer are left."""
        with self._lock:
            if rounds > (min(self._rounds, self._dear_rounds) if dear else self._rounds):
                raise BudgetSpent
            self._rounds -= rounds
            self._dear_rounds -= rounds if dear else 0
