"""What `make up` prints: commands to type, one after the other."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from local.platform import PLATFORM
from local.standing.environment import DEACTIVATE
from local.standing.folder import Folder, shown

_WHAT_TO_TYPE = """\
The local stack is running: Key Vault, a Kubernetes API server, Event Grid and the app.
{settings}
Enter a shell with its environment; `exit` leaves it:
  make shell
Or, in a script or in your own shell ({undo} undoes it):
  . {env}

Set a secret with curl, or with the Python client:
  TOKEN=$(curl -sS -H "X-IDENTITY-HEADER: $IDENTITY_HEADER" \\
    "$IDENTITY_ENDPOINT?api-version=2019-08-01&resource=https://vault.azure.net" | cut -d'"' -f4)
  curl -sS -X PUT "$VAULT_URL/secrets/db-password?api-version=7.4" \\
    -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
    -d '{{"value": "hunter2"}}'
  {python} -c 'import os; from azure.identity import DefaultAzureCredential as Me; \\
    from azure.keyvault.secrets import SecretClient as Vault; \\
    Vault(os.environ["VAULT_URL"], Me()).set_secret("api-key", "from-python")'

See it arrive, change it, and see the change undone {undone}:
{kubectl}  kubectl get secret keyvault-project -n {namespace} -o yaml
  kubectl edit secret keyvault-project -n {namespace}

Apply two Deployments, of which `web` reads db-password, and an application that lists secrets. What
uses them is off until the app has the settings, as with `SYNC_RESTART=annotated make up`:
  kubectl apply -n {namespace} -f {platform}/workloads.yaml
  kubectl apply -n {namespace} -k {platform}/kubernetes/dev
  kubectl get deployments,platformapplications -n {namespace}

Request a resync over HTTP, and the status from the command line:
  curl -sS -X POST "$KEYVAULT_SYNC_APP/api/resync" \\
    -H "x-functions-key: $KEYVAULT_SYNC_KEY" -d '{{"all": true}}'
  keyvault-sync status

Then try the tags of docs/secrets.md: the app's Role covers the Secrets of its examples.
The app's log is {log}. Stop it all:  make down
"""
_NO_KUBECTL = """\
  (kubectl is not on the PATH: https://kubernetes.io/docs/tasks/tools/#kubectl has it. Without it,
  `keyvault-sync explain {vault}` shows what arrived.)
"""


def what_to_type(folder: Folder, settings: Iterable[str], vault: str, namespace: str) -> str:
    """Return the text for a stack with those settings of the caller's environment."""
    named = ", ".join(sorted(settings))
    return _WHAT_TO_TYPE.format(
        settings=f"It has these settings of your environment: {named}.\n" if named else "",
        undo=DEACTIVATE,
        env=shown(folder.env),
        python=shown(Path(sys.executable)),
        undone="when the timer runs" if "SYNC_SCHEDULE" in named else "within ten seconds",
        kubectl="" if shutil.which("kubectl") else _NO_KUBECTL.format(vault=vault),
        namespace=namespace,
        platform=shown(PLATFORM),
        log=shown(folder.host_log),
    )
