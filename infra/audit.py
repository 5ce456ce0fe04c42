"""Asks pip-audit whether a known vulnerability is in what is deployed, and says what it left open.

Every pin of `requirements.txt` is asked for as it stands: nothing is resolved or installed.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from infra.package import ROOT

REQUIREMENTS = ROOT / "requirements.txt"

_NAMED = 5  # how many unaudited dependencies a line names
_OUTAGE = re.compile(
    r"^(?:requests|urllib3)\.exceptions\.\w+|Could not connect|not redirecting properly",
    re.MULTILINE,
)


class _Vulnerability(TypedDict):
    id: str
    fix_versions: list[str]


class _Dependency(TypedDict):
    name: str
    version: NotRequired[str]
    vulns: NotRequired[list[_Vulnerability]]
    skip_reason: NotRequired[str]


class _Report(TypedDict):
    dependencies: list[_Dependency]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit found; `fault` says why there is no report at all, and `down` if it may pass.

    `unaudited` are dependencies of which the vulnerability service does not know the version.
    """

    pinned: int
    vulnerable: tuple[str, ...] = ()
    unaudited: tuple[str, ...] = ()
    fault: str = ""
    down: bool = False

    @property
    def audited(self) -> int:
        """Count the dependencies that were asked about."""
        return 0 if self.fault else self.pinned - len(self.unaudited)

    def passes(self, *, incomplete: bool) -> bool:
        """Tell whether the audit is passed; `incomplete` says that it need not be whole."""
        if self.vulnerable or (self.fault and not self.down):
            return False
        return incomplete or self.audited == self.pinned

    def __str__(self) -> str:
        lines = [*self.vulnerable]
        if self.fault:
            lines.append(f"{self.fault}.")
        if self.unaudited:
            shown = ", ".join(self.unaudited[:_NAMED])
            more = len(self.unaudited) - _NAMED
            rest = f" and {more} more" if more > 0 else ""
            lines.append(f"The vulnerability service does not know {shown}{rest}.")
        return "\n".join([*lines, f"{self.audited} of {self.pinned} dependencies audited."])


def verdict(pinned: frozenset[str], report: str, errors: str) -> Verdict:
    """Judge what pip-audit wrote: its JSON, and what it wrote to its standard error."""
    count = len(pinned)
    if not report.strip():
        if _OUTAGE.search(errors):
            return Verdict(count, fault="The vulnerability service could not be reached", down=True)
        last = next(iter(reversed(errors.strip().splitlines())), "no word of it")
        return Verdict(count, fault=f"pip-audit failed: {last}")
    parsed: _Report = json.loads(report)
    dependencies = parsed["dependencies"]
    audited = {each["name"] for each in dependencies if "skip_reason" not in each}
    vulnerable = tuple(
        f"{each['name']} {each.get('version', '')} has {found['id']}, mended in "
        f"{', '.join(found['fix_versions']) or 'no version yet'}."
        for each in dependencies
        for found in each.get("vulns", [])
    )
    return Verdict(count, vulnerable, tuple(sorted(pinned - audited)))


def pins(requirements: str) -> frozenset[str]:
    """Return the names that a requirements file pins."""
    return frozenset(re.findall(r"^([\w.-]+)==", requirements, re.MULTILINE))


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit and tell; return 1 for a vulnerability, and for an audit that is not whole."""
    parser = argparse.ArgumentParser(prog="python -m infra.audit", description=__doc__)
    parser.add_argument(
        "--incomplete",
        action="store_true",
        help="pass also where the vulnerability service is away or does not know a version",
    )
    incomplete: bool = parser.parse_args(arguments).incomplete
    done = subprocess.run(  # noqa: S603 - our own interpreter and file
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", str(REQUIREMENTS)),
            *("--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = verdict(pins(REQUIREMENTS.read_text()), done.stdout, done.stderr)
    sys.stdout.write(f"{found}\n")
    return 0 if found.passes(incomplete=incomplete) else 1


if __name__ == "__main__":
    sys.exit(main())
