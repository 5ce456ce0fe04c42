"""What an audit's report leads to: a vulnerability fails, and what was not asked is told."""

import json

import pytest

from infra.audit import REQUIREMENTS, pins, verdict

PINNED = frozenset({"requests", "tenacity"})
CLEAN = {"name": "requests", "version": "2.34.2", "vulns": []}
UNKNOWN = {"name": "tenacity", "skip_reason": "Dependency not found and could not be audited"}
VULNERABLE = {
    "name": "tenacity",
    "version": "9.2.1",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["9.2.2"], "aliases": []}],
}
TRACE = "Traceback (most recent call last):\n  …\n"


def report(*dependencies: object) -> str:
    """Return what pip-audit prints of these."""
    return json.dumps({"dependencies": dependencies, "fixes": []})


@pytest.mark.parametrize("incomplete", [False, True])
def test_a_clean_audit_passes(*, incomplete: bool) -> None:
    """Where every dependency was asked about and none is vulnerable, all is well."""
    found = verdict(PINNED, report(CLEAN, {**CLEAN, "name": "tenacity"}), "")
    assert found.passes(incomplete=incomplete)
    assert str(found) == "2 of 2 dependencies audited."


@pytest.mark.parametrize("incomplete", [False, True])
def test_a_vulnerability_fails(*, incomplete: bool) -> None:
    """A known vulnerability fails in every case, with the version that mends it."""
    found = verdict(PINNED, report(CLEAN, VULNERABLE), "")
    assert not found.passes(incomplete=incomplete)
    assert "tenacity 9.2.1 has PYSEC-2026-1, mended in 9.2.2." in str(found)


def test_what_could_not_be_asked_is_told() -> None:
    """A version that the service does not know is counted and named, and passes only if it may."""
    found = verdict(PINNED, report(CLEAN, UNKNOWN), "")
    assert "does not know tenacity" in str(found)
    assert "1 of 2 dependencies audited." in str(found)
    assert not found.passes(incomplete=False)
    assert found.passes(incomplete=True)


def test_what_a_report_leaves_out_was_not_asked() -> None:
    """A dependency that is pinned and not in the report counts as not audited."""
    found = verdict(PINNED, report(CLEAN), "")
    assert "1 of 2 dependencies audited." in str(found)
    assert not found.passes(incomplete=False)


@pytest.mark.parametrize(
    "errors",
    [
        f"{TRACE}requests.exceptions.ProxyError: no way out\n",
        f"{TRACE}requests.exceptions.HTTPError: 503\n\n{TRACE}pip_audit._service.ServiceError\n",
        "ERROR:pip_audit._cli:Could not connect to the vulnerability feed\n",
    ],
    ids=["proxy", "ill", "away"],
)
def test_a_service_that_is_down_is_told(errors: str) -> None:
    """Where nobody could be asked that is said, and is no pass unless it may be."""
    found = verdict(PINNED, "", errors)
    assert "could not be reached" in str(found)
    assert "0 of 2 dependencies audited." in str(found)
    assert not found.passes(incomplete=False)
    assert found.passes(incomplete=True)


def test_a_tool_that_fails_is_no_outage() -> None:
    """An audit that could not be made for a reason of ours fails in every case."""
    found = verdict(PINNED, "", "ERROR: requirements.txt: no hashes\n")
    assert "pip-audit failed: ERROR: requirements.txt: no hashes" in str(found)
    assert not found.passes(incomplete=True)


def test_every_requirement_is_asked_about() -> None:
    """The dependencies that have to be audited are those that are deployed, each with hashes."""
    text = REQUIREMENTS.read_text()
    assert len(pins(text)) == text.count("==")
    assert all("--hash=sha256:" in entry for entry in text.split("==")[1:])
