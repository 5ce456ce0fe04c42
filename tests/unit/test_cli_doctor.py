"""How the command line shows an examination."""

import json
from collections.abc import Sequence

import pytest

from sync.cli.documents import Document
from tests.kit.apps import app_of
from tests.kit.command_line import Said, say
from tests.kit.world import World


def check(about: str, result: str = "ok", name: str = "list", **more: str) -> Document:
    """Return a check as the app tells it."""
    return {
        "id": name,
        "about": about,
        "check": name,
        "result": result,
        "severity": "error",
        "sentence": "So it is.",
        "remedy": None,
        "link": f"docs/outcomes.md#{name}",
        "view": "the app",
        **more,
    }


def examined(checks: Sequence[Document], *argv: str, width: int | None = None) -> Said:
    """Run the command on an examination."""
    return say(lambda *_: {"checks": list(checks)}, "doctor", *argv, width=width)


FAULTS = [
    check("settings", name="parse"),
    check("vault x", "failed", remedy="az role assignment create --role 'Key Vault Secrets User'"),
    check("vault x", "skipped", "read"),
    check("cluster c", "warning", "answers"),
]
SHOWN = """\
settings
  ok       parse    So it is.
vault x
  failed   list     So it is.
           $ az role assignment create --role 'Key Vault Secrets User'
           docs/outcomes.md#list
  skipped  read     So it is.
           docs/outcomes.md#read
cluster c
  warning  answers  So it is.
           docs/outcomes.md#answers

4 checks, as the app sees it: 1 ok, 1 warning, 1 failed, 1 skipped
"""


def test_checks_are_grouped_on_a_terminal() -> None:
    """Under each subject its checks; what is not ok with its remedy and where to read on."""
    said = examined(FAULTS, width=80)
    assert said.out == SHOWN
    assert said.code == 1


def test_a_remedy_of_several_checks_is_shown_once() -> None:
    """The first check of a subject has it; another subject, the table and JSON have it again."""
    lacks = [check("Secret s", "failed", name, remedy="kubectl x") for name in ("get", "patch")]
    lacks += [check("Secret t", "failed", "get", remedy="kubectl x")]
    lines = examined(lacks, width=80).out.splitlines()
    assert [line.strip() for line in lines if not line.startswith("  failed")][:6] == [
        *("Secret s", "$ kubectl x", "docs/outcomes.md#get", "docs/outcomes.md#patch"),
        *("Secret t", "$ kubectl x"),
    ]
    assert examined(lacks).out.count("kubectl x") == 3
    found = json.loads(examined(lacks, "-o", "json").out)["checks"]
    assert [each["remedy"] for each in found] == ["kubectl x"] * 3


def test_in_a_pipe_a_check_is_one_line() -> None:
    """So that grep finds subject, check, sentence and remedy together."""
    lines = examined(FAULTS).out.splitlines()
    assert lines[2].startswith("vault x    list     failed   So it is.  az role assignment")
    assert lines[2].endswith("docs/outcomes.md#list")


def test_only_failures_are_shown_if_asked_for() -> None:
    """`--failures` leaves out what is ok, in JSON too, and no exit code changes."""
    said = examined(FAULTS, "--failures", "-o", "json")
    assert [each["result"] for each in json.loads(said.out)["checks"]] == [
        "failed", "skipped", "warning",
    ]  # fmt: skip
    assert said.code == 1
    assert "parse" not in examined(FAULTS, "--failures", width=80).out
    well = examined([check("settings")], "--failures")
    assert (well.code, well.out) == (0, "1 check: all ok\n")
    assert json.loads(examined([check("x")], "--failures", "-o", "json").out) == {"checks": []}


def test_many_vaults_are_summed_up() -> None:
    """Beyond ten vaults only what is not ok is shown, unless the wide form is asked for."""
    checks = [check(f"vault {number}") for number in range(11)]
    said = examined([*checks, check("vault 10", "failed", "read")], width=80)
    assert "vault 3" not in said.out
    assert "vault 10\n  failed" in said.out
    assert said.out.endswith("12 checks, as the app sees it: 11 ok, 1 failed (11 ok not shown)\n")
    assert "vault 3 " in examined(checks, "-o", "wide", width=80).out
    assert "vault 3\n" in examined(checks[:10], width=80).out


@pytest.mark.parametrize(
    ("results", "failed", "warning"),
    [
        (["ok"], 0, 0),
        (["ok", "warning"], 0, 1),
        (["warning", "failed"], 1, 1),
        (["skipped"], 1, 1),
    ],
)
def test_the_exit_code_is_by_the_worst(results: list[str], failed: int, warning: int) -> None:
    """A warning fails a pipeline only if that is asked for; nothing unexamined is well."""
    checks = [check("x", result) for result in results]
    assert examined(checks).code == failed
    assert examined(checks, "--fail-on", "failed").code == failed
    assert examined(checks, "--fail-on", "warning").code == warning


def test_what_only_warns_fails_no_run() -> None:
    """A check whose failure is a warning is one as well if it could not be made."""
    unread = check("x", "skipped", severity="warning")
    assert examined([unread]).code == 0
    assert examined([unread], "--fail-on", "warning").code == 1


def test_sentences_are_folded_and_commands_are_whole() -> None:
    """A command stays on its line, so that it can be pasted into a shell."""
    long = check("x", "failed", sentence="word " * 40, remedy="az " + "argument " * 20 + "end")
    lines = examined([long], width=60).out.splitlines()
    assert all(len(line) <= 60 for line in lines if "$ " not in line)
    (command,) = (line for line in lines if "$ " in line)
    assert command.endswith(" end")


def test_names_are_subject_and_check() -> None:
    """-o name has a line for each check."""
    assert examined(FAULTS[:2], "-o", "name").out == "settings: parse\nvault x: list\n"


def test_no_app_means_the_callers_view() -> None:
    """Each check says whose view it is."""
    from sync.doctor.doctor import Doctor  # noqa: PLC0415 - only here
    from tests.unit.test_doctor import Access, Login  # noqa: PLC0415 - likewise

    world = World.in_step("a")
    app = app_of(world.reconciler, world.vault)
    doctor = Doctor(app, world.vaults, Login(), Access(clock=world.clock))
    said = say(app, "doctor", world.vault.text, "-o", "json", doctor=doctor)
    checks = json.loads(said.out)["checks"]
    assert {each["view"] for each in checks} == {"the caller"}
    assert {each["result"] for each in checks if each["severity"] == "error"} == {"ok"}
    assert said.code == 0
