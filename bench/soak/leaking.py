"""The same app with a leak built in, by which to see that the soak finds one."""

import shutil
from pathlib import Path

from local.stack import ROOT

KINDS = {
    "memory": 'KEPT.append(payload + "x" * 8192)',
    "descriptors": "KEPT.append(socket.socket())",
    "threads": "threading.Thread(target=threading.Event().wait, daemon=True).start()",
}
"""What happens with each tenth event, in the first case with each."""

_APP = """
import importlib.util
import itertools
import socket
import sys
import threading

sys.path.append({root!r})
import sync.app.use_cases

KEPT = []
TURNS = itertools.count()
parse = sync.app.use_cases.parse


def leaking(payload, subscriptions):
    if next(TURNS) % {every} == 0:
        {leak}
    return parse(payload, subscriptions)


sync.app.use_cases.parse = leaking
spec = importlib.util.spec_from_file_location("real_function_app", {path!r})
real = importlib.util.module_from_spec(spec)
spec.loader.exec_module(real)
app = real.app
"""


def leaking_app(kind: str, folder: Path) -> Path:
    """Write the app with that leak; return its folder."""
    app = folder / "leaking"
    app.mkdir()
    shutil.copy(ROOT / "host.json", app)
    path = str(ROOT / "function_app.py")
    every = 1 if kind == "memory" else 10
    text = _APP.format(root=str(ROOT), path=path, leak=KINDS[kind], every=every)
    (app / "function_app.py").write_text(text)
    return app
