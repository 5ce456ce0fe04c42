"""The package on its way to the app: sent as it is, and again while a role is not seen yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.publish import main
from tests.infra.azure_server import APP, TOKEN, AzureServer, Json, Steps, azure_server

# What the deployment service says while the app's identity may not write into the container.
NO_ROLE = (
    "[StorageAccessibleCheck] Error while checking access to storage account using "
    "Kudu.Legion.Core.Storage.BlobContainerStorage: BlobUploadFailedException: Failed to upload "
    "blob to storage account: Response status code does not indicate success: 403 (This request "
    "is not authorized to perform this operation using this permission.)."
)
BUSY: tuple[int, Json] = (202, {"status": 1, "progress": "Deploying"})
DONE: tuple[int, Json] = (200, {"status": 4})
FORBIDDEN: tuple[int, Json] = (200, {"status": 3, "status_text": NO_ROLE})
GONE: tuple[int, Json] = (404, {})
AWAY: tuple[int, Json] = (503, {})


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureServer]:
    """Serve Azure, with an az that is logged in."""
    with azure_server(tmp_path, monkeypatch) as server:
        yield server


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """Return the command's words, for a package of a few bytes."""
    package = tmp_path / "app.zip"
    package.write_bytes(b"PK\5\6 and the rest")
    return ["--app", APP, "--package", str(package)]


def test_it_is_sent_as_it_is(
    azure: AzureServer, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """The bytes are those of the file, Azure is to build nothing, and the end is awaited."""
    azure.deployments = [[BUSY, BUSY, DONE]]
    assert main(words, Steps()) == 0
    assert azure.packages == [b"PK\5\6 and the rest"]
    assert azure.deployments == []
    assert capsys.readouterr().out.endswith("app.zip is deployed.\n")


@pytest.mark.parametrize("seen", [[BUSY, GONE], [BUSY, AWAY, DONE], [GONE, BUSY, DONE]])
def test_the_new_code_may_restart_the_service(
    azure: AzureServer, words: list[str], seen: list[tuple[int, Json]]
) -> None:
    """A service that is away, or has forgotten what was all but done, is no failure."""
    azure.deployments = [list(seen)]
    assert main(words, Steps()) == 0


def test_a_403_of_the_storage_is_repeated(
    azure: AzureServer, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether the service refuses the package or its deployment fails, it is sent again."""
    azure.uploads = [(400, NO_ROLE), (403, "Forbidden")]
    azure.deployments = [[BUSY, FORBIDDEN], [DONE]]
    assert main(words, Steps()) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" Again in ")[2] for line in lines[:-1]] == ["1 s.", "2 s.", "4 s."]


def test_it_waits_half_an_hour_for_a_role(
    azure: AzureServer, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Roles have been seen as late; then it says what to look at, and to run it again."""
    azure.uploads = [(400, NO_ROLE)] * 1000
    clock = Steps()
    assert main(words, clock) == 1
    assert 30 * 60 <= clock.now() < 40 * 60
    told = capsys.readouterr().err
    assert "run this again" in told
    assert "lacks its role on the storage account" in told


@pytest.mark.parametrize(
    ("deployment", "told"),
    [
        ((200, {"status": 3, "status_text": "Bad host.json"}), "it failed. {"),
        ((200, {"status": -1}), "it was cancelled."),
        ((200, {"status": 5}), "another deployment took its place."),
        ((200, {"status": 6}), "it succeeded in part."),
        ((401, {}), "HTTP 401"),
    ],
)
def test_anything_else_fails_at_once(
    azure: AzureServer,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    deployment: tuple[int, Json],
    told: str,
) -> None:
    """It is sent once, and what the service said is told."""
    azure.deployments = [[deployment]]
    clock = Steps()
    assert main(words, clock) == 1
    assert clock.now() <= 1
    said = capsys.readouterr()
    assert told in said.err
    assert TOKEN not in said.out + said.err


@pytest.mark.parametrize("upload", [(409, "Another deployment runs."), (400, "No zip.")])
def test_a_package_that_is_not_taken_fails_at_once(
    azure: AzureServer,
    words: list[str],
    capsys: pytest.CaptureFixture[str],
    upload: tuple[int, str],
) -> None:
    """What the service says to it is told."""
    azure.uploads = [upload]
    clock = Steps()
    assert main(words, clock) == 1
    assert clock.now() == 0
    assert f"HTTP {upload[0]}: {upload[1]}" in capsys.readouterr().err


def test_a_deployment_without_an_end_is_left(
    azure: AzureServer, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A service that never says that it is done is not asked for ever."""
    azure.deployments = [[BUSY] * 1000]
    assert main(words, Steps()) == 1
    assert "has not ended after 15 minutes" in capsys.readouterr().err


def test_without_a_package_it_says_so(
    azure: AzureServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that builds it is told, and Azure is asked for nothing."""
    assert main(["--app", APP, "--package", str(tmp_path / "none.zip")], Steps()) == 1
    assert "Run make package." in capsys.readouterr().err
    assert azure.packages == []
