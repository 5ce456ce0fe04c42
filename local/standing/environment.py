"""The file that a shell sources to reach the stack, with a function that undoes it."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

DEACTIVATE = "keyvault_sync_deactivate"
PROMPT = "(keyvault-sync)"


def write_environment(path: Path, environment: Mapping[str, str], programs: Path) -> None:
    """Write the file, for its owner only; `programs` is a folder to put before the PATH.

    It appears at once and whole: it tells others that everything is ready.
    """
    text = "\n".join(
        [
            f"# . this file to reach the local stack; {DEACTIVATE} undoes it.",
            f"if command -v {DEACTIVATE} >/dev/null; then {DEACTIVATE}; fi",
            *(_saved(name) for name in (*environment, "PATH")),
            *(f"export {name}={shlex.quote(value)}" for name, value in environment.items()),
            f'PATH={shlex.quote(str(programs))}:"$PATH"',
            *_undoing((*environment, "PATH")),
            "",
        ]
    )
    written = path.with_suffix(".new")
    written.touch(mode=0o600)
    written.write_text(text, errors="surrogateescape")
    written.rename(path)


def shell_start(env: Path) -> str:
    """Return what a bash of its own reads at its start: the person's, then the stack's."""
    return (
        "if [ -f ~/.bashrc ]; then . ~/.bashrc; fi\n"
        f". {shlex.quote(str(env))}\n"
        f'PS1="{PROMPT} ${{PS1-\\\\$ }}"\n'
    )


def _saved(name: str) -> str:
    return f'_kvs_had_{name}="${{{name}+yes}}" _kvs_old_{name}="${{{name}-}}"'


def _undoing(names: Iterable[str]) -> list[str]:
    return [
        f"{DEACTIVATE}() {{",
        *(
            f'  if [ -n "$_kvs_had_{name}" ]; then {name}="$_kvs_old_{name}"; '
            f"else unset {name}; fi; unset _kvs_had_{name} _kvs_old_{name}"
            for name in names
        ),
        f"  unset -f {DEACTIVATE}",
        "}",
    ]
