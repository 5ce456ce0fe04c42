"""How much key derivation one survey of a vault may spend on opening its certificate bundles."""

from threading import Lock

CHEAP_ROUNDS = 50_000
"""What a bundle may ask for and never wait, about 30 ms. OpenSSL's and Windows' defaults make 8,000
to 28,000 rounds of a bundle, Java's 40,000."""

ROUNDS = 20_000_000
"""For all bundles of a vault, about 10 s of one core: 1,000 of the usual ones, more than vaults
have."""

DEAR_ROUNDS = 10_000_000
"""For those of them that are not cheap: four of the dearest that are opened at all."""


class BudgetSpent(Exception):
    """The bundle asks for more rounds than this survey has left."""


class ParseBudget:
    """The rounds of key derivation that one survey has left, for all threads that read for it.

    Dear bundles have an allowance of their own within it, so that they leave the cheap ones theirs.
    """

    def __init__(self, rounds: int = ROUNDS, dear_rounds: int = DEAR_ROUNDS) -> None:
        self._lock = Lock()
        self._rounds, self._dear_rounds = rounds, dear_rounds

    def take(self, rounds: int, *, dear: bool) -> None:
        """Spend so many rounds; raises BudgetSpent, and spends nothing, where there are fewer."""
        with self._lock:
            if rounds > (min(self._rounds, self._dear_rounds) if dear else self._rounds):
                raise BudgetSpent
            self._rounds -= rounds
            self._dear_rounds -= rounds if dear else 0
