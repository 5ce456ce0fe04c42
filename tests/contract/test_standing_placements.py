"""What `make up` makes for the entries of SYNC_PLACEMENTS."""

import json
from pathlib import Path

import pytest

from local.role import EVERY_SECRET
from local.standing.placements import clusters, further, placements

ENTRIES = [
    {"vault": "MyApp-kv", "project": "a", "stage": "dev", "namespace": "web", "secret": "myapp"},
    {"vault": "myapp-kv", "project": "a", "stage": "prd", "cluster": "prod"},
]


@pytest.mark.parametrize("in_file", [True, False])
def test_what_the_entries_name_is_made(tmp_path: Path, *, in_file: bool) -> None:
    """Each vault once, each namespace with the Secrets of its Role, and the clusters by name."""
    text = json.dumps(ENTRIES)
    (tmp_path / "table.json").write_text(text, "utf-8")
    found = placements("table.json" if in_file else text, tmp_path)
    assert found.vaults == ("myapp-kv",)
    assert found.clusters == ("prod",)
    assert found.secrets == {
        "web": tuple(sorted(("myapp", *further("myapp")))),
        "a-prd": tuple(sorted(EVERY_SECRET)),
    }


@pytest.mark.parametrize("text", ["", "missing.json", "[", "{}", '[{"vault": 1}, 7]'])
def test_what_cannot_be_read_is_left_to_the_app(tmp_path: Path, text: str) -> None:
    """The app says what is wrong with the setting; the stack starts."""
    found = placements(text, tmp_path)
    assert (found.vaults, dict(found.secrets), found.clusters) == ((), {}, ())


def test_entries_that_differ_in_the_cluster_alone_are_refused(tmp_path: Path) -> None:
    """The stack has one cluster under all names, so that they would be one Secret."""
    both = [{**ENTRIES[0], "cluster": name} for name in ("dev", "prod")]
    with pytest.raises(RuntimeError, match="give them different namespaces"):
        placements(json.dumps(both), tmp_path)


def test_every_cluster_is_the_one_of_the_stack() -> None:
    """By default the app finds each cluster that an entry names at the stack's API server."""
    told = json.loads(clusters(("dev", "prod"), Path("/kubeconfig")))
    assert told == [
        {"name": "dev", "kubeconfig": "/kubeconfig"},
        {"name": "prod", "kubeconfig": "/kubeconfig"},
    ]
