"""What a call is refused with."""

import pytest

from sync.core.errors import SyncError


def raises[E: SyncError](
    kind: type[E], reason: str, match: str | None = None
) -> pytest.RaisesExc[E]:
    """Expect an error of that kind and for that reason."""
    return pytest.raises(kind, match=match, check=lambda error: error.reason == reason)
