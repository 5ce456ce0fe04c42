"""An upgrade and a roll-back of the app on the local stack, whose vaults and Secrets stay."""

import io
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from local.host_process import HostProcess
from local.stack import ROOT, Stack
from tests.functional.world import subscribe
from tests.kit.app import App, log_size
from tests.kit.site import OWN, Clock, StackSite
from tests.leaks.dye import value

APP = ("function_app.py", "host.json", "sync")
_FURTHER = f"{OWN}-orders"
_ANNOTATION = Path("sync/core/annotation.py")
_FORMAT = re.compile(r"^FORMAT = (\d+)$", re.MULTILINE)


class NoReleaseError(Exception):
    """There is no such release in this clone; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Release:
    """The app of one commit, in a folder of its own; `name` is how reports call it."""

    name: str
    folder: Path

    @property
    def format(self) -> int:
        """Return the format of the annotation that it writes."""
        found = _FORMAT.search((self.folder / _ANNOTATION).read_text())
        return int(found[1]) if found else 1


CURRENT = Release("this release", ROOT)


def newest_tag() -> str:
    """Return the newest release's tag; raises NoReleaseError."""
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").decode().split()
    if not tags:
        raise NoReleaseError("this clone has no tag v*, so no release before this one")
    return tags[0]


def checked_out(ref: str, folder: Path) -> Release:
    """Write the app of a commit into the folder; raises NoReleaseError."""
    archive = _git("archive", "--format=tar", ref, *APP)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return Release(ref, folder)


def _git(*words: str) -> bytes:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)  # noqa: S603, S607 - our own words
    except OSError as error:
        raise NoReleaseError("git is not on the PATH") from error
    if done.returncode:
        raise NoReleaseError(f"git {words[0]}: {done.stderr.decode().strip()}")
    return done.stdout


@dataclass(slots=True)
class Course:
    """Goes from an older release to a newer one and back, and notes what was seen.

    One vault has its own Secret and, by a tag, another. A step fails with AssertionError.
    """

    stack: Stack
    site: StackSite
    notes: list[str] = field(default_factory=list)

    @classmethod
    def on(cls, stack: Stack) -> "Course":
        """Make the vault, whose secrets are ten minutes old at first."""
        site = StackSite.new(stack, "weu-DS-AKV-upgrade-dev-1", Clock(-600))
        stack.namespace(site.namespace, site.secret, _FURTHER)
        return cls(stack, site)

    def run(self, older: Release, newer: Release) -> list[str]:
        """Upgrade, roll back and upgrade again; return what was seen."""
        with self._app(older) as app:
            self.site.renew("rotated", "disabled", "kept")
            self.site.put("moved", value(), secret="orders")
            self._in_step(app)
        self._note(f"{older.name} has written {self._format()}")
        before = self.site.held()
        with self._app(newer) as app:
            self._in_step(app)
            assert self.site.held() == before
            self._note(f"{newer.name} keeps every key and value, and has written {self._format()}")
            self._change("rotated", "added")
            self.site.vault.disable("disabled")
            self._in_step(app)
            self._note("a rotation, a new secret and a disabled one arrive")
        before = self.site.held()
        self._roll_back(older, newer, before)
        with self._app(newer) as app:
            self._in_step(app)
            assert before.keys() == self.site.held().keys()
            self._note(f"{newer.name}, deployed again, brings what was missing; nothing is lost")
        return self.notes

    def _roll_back(
        self, older: Release, newer: Release, before: dict[str, dict[str, bytes]]
    ) -> None:
        with self._app(older) as app:
            app.fire()
            assert self.site.held() == before
            self._note(f"{older.name}, rolled back to, keeps every key and value")
            self._change("kept")
            if older.format >= newer.format:
                self._in_step(app)
                self._note("it goes on from there: a rotation arrives")
                return
            app.fire()
            self.site.settle()
            assert self.site.held() == before
            assert "StateNewer" in app.log()
            self._note("it cannot read the newer format: it writes nothing, and says StateNewer")

    def _change(self, *names: str) -> None:
        """Set new versions, a minute after what came before."""
        self.site.clock.ahead += 60
        self.site.renew(*names)

    def _in_step(self, app: App) -> None:
        """Let a pass succeed, after which the Secrets hold what the vault serves."""
        self.site.settle()
        assert app.fire() == 202, app.log()
        held = self.site.held().values()
        found = {key: content.decode() for secret in held for key, content in secret.items()}
        assert found == self.site.wanted()
        assert set(self.site.held()[_FURTHER]) == {"moved"}

    def _format(self) -> str:
        found = re.search(r'"v":(\d+)', self.site.state())
        return f"format {found[1] if found else 1}"

    @contextmanager
    def _app(self, release: Release) -> Iterator[App]:
        """Run that release, which gets the events."""
        settings = self.stack.app_environment([self.site.name])
        log = self.stack.folder / "host.log"
        with HostProcess(release.folder, settings, log, timer=False) as host:
            subscribe(self.stack, host)
            yield App(host, log_size(host))
            self.site.settle()

    def _note(self, text: str) -> None:
        self.notes.append(text)
