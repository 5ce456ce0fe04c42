"""The folder of a standing stack: its lock, its logs, and the file that clients source."""

import fcntl
import os
import shlex
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TextIO

_POLL_SECONDS = 0.05
_TAIL = 15
_GLANCE_SECONDS = 1.0  # for which `runner` may hold the lock


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one standing stack keeps its files.

    The running stack locks `lock`, which has its process id: the lock ends however it ends. `env`
    exists once everything is ready, until the stack is stopped.
    """

    path: Path

    @property
    def env(self) -> Path:
        """What a shell sources."""
        return self.path / "env"

    @property
    def lock(self) -> Path:
        """The running stack's lock."""
        return self.path / "lock"

    @property
    def stack_log(self) -> Path:
        """What the stack's process prints."""
        return self.path / "stack.log"

    @property
    def host_log(self) -> Path:
        """The app's log."""
        return self.path / "host.log"

    def make(self) -> None:
        """Create the folder, for its owner only."""
        self.path.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock with this process's id; raises BlockingIOError if a stack is running."""
        with self.lock.open("a+") as lock:
            if not wait(lambda: _locks(lock, fcntl.LOCK_EX), _GLANCE_SECONDS):
                raise BlockingIOError
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def runner(self) -> int | None:
        """Return the running stack's process id, None if no stack is running."""
        if not self.lock.exists():
            return None
        with self.lock.open() as lock:
            while not _locks(lock, fcntl.LOCK_SH):
                lock.seek(0)
                if told := lock.read():
                    return int(told)
                time.sleep(_POLL_SECONDS)  # it has not written its id yet
        return None

    def end(self, pid: int, seconds: float) -> bool:
        """Stop the running stack and show its progress; return False if it had to be killed."""
        with self.stack_log.open() as log:
            log.seek(0, os.SEEK_END)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            if self.follow(log, lambda: self.runner() != pid, seconds):
                return True
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait(lambda: self.runner() != pid, seconds)
        return False

    @staticmethod
    def follow(log: TextIO, done: Callable[[], bool], seconds: float) -> bool:
        """Print the progress that the log tells until it is done; False if that takes longer."""
        until = time.monotonic() + seconds
        while True:
            finished = done()
            for line in log:
                if line.endswith("…\n"):
                    print(line, end="", flush=True)
            if finished or time.monotonic() > until:
                return finished
            time.sleep(_POLL_SECONDS)

    def exported(self) -> Mapping[str, str]:
        """Return the variables that `env` exports."""
        words = shlex.split(self.env.read_text(errors="surrogateescape"), comments=True)
        exported = (word.partition("=") for before, word in pairwise(words) if before == "export")
        return {name: value for name, _, value in exported}

    def tails(self) -> str:
        """Return the last lines of both logs."""
        parts = []
        for log in (self.stack_log, self.host_log):
            lines = log.read_text(errors="replace").splitlines() if log.exists() else []
            if lines:
                parts += [f"The end of {shown(log)}:", *(f"  {line}" for line in lines[-_TAIL:])]
        return "\n".join(parts)


def _locks(file: TextIO, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def shown(path: Path) -> str:
    """Return the path as a person in the working directory types it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def wait(done: Callable[[], bool], seconds: float) -> bool:
    """Wait until it is done; False if that takes longer."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_SECONDS)
    return True
