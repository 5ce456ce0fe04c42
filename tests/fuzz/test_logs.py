"""What the libraries log of answers that cannot be read: no part of them."""

import pytest
from azure.identity import ManagedIdentityCredential

from sync.adapters.azure.credential_errors import Credential
from sync.core.errors import SyncError
from sync.telemetry import quiet_sdks
from tests.fuzz.canned import canned_transport
from tests.leaks.dye import PLANTED


@pytest.mark.parametrize("body", [f'{{"access_token": "{PLANTED}', f'{{"error": "{PLANTED}"}}'])
def test_no_token_is_logged(body: str, caplog: pytest.LogCaptureFixture) -> None:
    """azure-identity warns of an answer that it cannot read with all of its text, tokens too."""
    quiet_sdks()
    for status in (200, 400):
        transport = canned_transport(status, {"Content-Type": "application/json"}, body.encode())
        credential = ManagedIdentityCredential(transport=transport, retry_total=0)
        with pytest.raises(SyncError):
            Credential(credential).get_token("https://vault.azure.net/.default")
    assert PLANTED not in caplog.text
