"""What each view of an app says of a secret that does not arrive, in a few words."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence

from local.stack import ROOT
from sync.core.reasons import Reason
from tests.functional.causes.staged import SECRET
from tests.functional.world import Place, World

VIEWS = ("log", "resync", "status", "explain", "doctor", "table")

_REASONS = re.compile(rf"\b(?:{'|'.join(reason.value for reason in Reason)})\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[:0-9]+[+]00:00")
_TO_KNOW = re.compile("; (?:left out|with a warning): ")
_UNTOLD = "nothing"
_UNANNOUNCED = "no event brought them"
_MOST = 3

type Node = Mapping[str, object]


def asked(app: World, place: Place) -> dict[str, str]:
    """Ask each view that only looks for the vault, and return what it shows."""
    name = place.vault.name.lower()
    query = f"vault={name}"
    return {
        "explain": _explained(app.host.get(f"/api/explain?{query}&secret={SECRET}").body),
        "status": _status(app.host.get(f"/api/status?{query}&secret={SECRET}").body),
        "doctor": _doctor(app.host.get(f"/api/doctor?{query}").body),
        "table": _table(app, name),
    }


def resynced(app: World, place: Place) -> str:
    """Resync the vault, and return how it ends."""
    return _resync(app.host.post("/api/resync", {"vault": place.vault.name.lower()}).body)


def logged(log: str, place: Place) -> str:
    """Return the causes that the log names for the vault, or for the settings."""
    name = place.vault.name.lower()
    found: list[str] = []
    for whole in log.splitlines():
        line = whole.replace(place.vault.name, name)
        if name in line and _UNANNOUNCED in line:
            found.append(f"“{_UNANNOUNCED}”")
        elif name in line and (" WARNING " in line or " ERROR " in line):
            found += _REASONS.findall(line)[:1]
        elif name in line and (gone := re.search(rf"remove {SECRET} \w+ \((.*)\)", line)):
            found.append(f"removed: {gone[1]}")
        elif "settings are wrong" in line:
            found.append("SettingsWrong")
    return _words(found) or _UNTOLD


def _resync(answer: Node) -> str:
    if "outcomes" not in answer:
        return _words([str(answer["reason"])])
    (outcome,) = _list(answer, "outcomes")
    refused = [str(each["reason"]) for each in _list(outcome, "refused")]
    warned = _REASONS.findall(str(outcome.get("warnings", "")))
    return _words([str(outcome["outcome"]), *refused, *warned, str(outcome.get("reason", ""))])


def _status(answer: Node) -> str:
    if "vaults" not in answer:
        return _words([str(answer["reason"])])
    (status,) = _list(answer, "vaults")
    explanation = status.get("explanation")
    told: Sequence[Node] = ()
    if isinstance(explanation, Mapping):
        told = [explanation] if "reason" in explanation else _list(explanation, "secrets")
    return _words(
        [
            str(status["state"]),
            str(status.get("reason") or ""),
            *(str(each["reason"]) for each in _list(status, "refused")),
            *(word for each in told for word in _why(each)),
        ]
    )


def _explained(answer: Node) -> str:
    if "secrets" not in answer:
        return _words([str(answer["reason"])])
    return _words(
        word
        for each in _list(answer, "secrets")
        for word in (str(each["state"]), *_why(each), _due(each))
    )


def _why(told: Node) -> Sequence[str]:
    """Return why a secret is not in step, and what it is warned of."""
    return [str(told["reason"] or ""), *(str(each["reason"]) for each in _list(told, "warnings"))]


def _due(told: Node) -> str:
    return "with the time that it is due" if "due" in told else ""


def _doctor(answer: Node) -> str:
    if "checks" not in answer:
        return _words([str(answer["reason"])])
    checks = _list(answer, "checks")
    left_out = next(
        (str(each["sentence"]) for each in checks if _TO_KNOW.search(str(each["sentence"]))), ""
    )
    bad = [each for each in checks if each["result"] in {"failed", "warning"}]
    return _words(
        f"{each['id']} {_words(_REASONS.findall(str(each['sentence']))[:1])}".strip()
        for each in bad
    ) or _TIME.sub("its time", left_out.partition("; ")[2].rstrip("."))


def _table(app: World, name: str) -> str:
    environment = {
        **app.host.environment,
        "KEYVAULT_SYNC_APP": app.host.url,
        "KEYVAULT_SYNC_KEY": app.host.function_key,
    }
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "sync", "explain", name, SECRET],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    shown = next((line for line in done.stdout.splitlines() if line.startswith(SECRET)), "")
    named = _REASONS.findall(shown + done.stderr)
    if named:
        return _words(named)
    if not shown:
        return done.stderr.strip().splitlines()[-1].partition(": ")[2]
    *_, why = re.split(r"  +", shown)
    why = re.sub(r"; the timer tries at \S+ \S+$", ", with the time that it is due", why)
    return _TIME.sub("its time", why)


def _list(node: object, name: str) -> Sequence[Node]:
    assert isinstance(node, Mapping), json.dumps(node)
    listed = node.get(name, [])
    assert isinstance(listed, list)
    return listed


def _words(words: Iterable[str]) -> str:
    told = (_TIME.sub("its time", word) for word in words if word)
    return ", ".join([*dict.fromkeys(told)][:_MOST])
