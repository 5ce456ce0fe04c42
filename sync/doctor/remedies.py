"""The commands that fix what the doctor finds, ready to paste into a shell."""

from collections.abc import Iterable

from sync.core.errors import SyncError
from sync.core.model import Target, VaultName
from sync.core.reasons import Reason

_SERVICE_ACCOUNT = "system:serviceaccount:"

LOGIN = "az login   # in Azure: az functionapp identity assign --name APP --resource-group GROUP"

SEARCH = "az graph query --graph-query \"resources | where type =~ 'microsoft.keyvault/vaults'\""


def setting(name: str, value: str) -> str:
    """Return the command that sets an app setting."""
    return (
        "az functionapp config appsettings set --name APP --resource-group GROUP "
        f"--settings {name}={value}"
    )


def of_login(error: SyncError) -> str:
    """Return the remedy for an identity without a token."""
    if error.reason == Reason.CREDENTIAL_REFUSED:
        return LOGIN
    return "az account get-access-token --query expiresOn"  # does not show the token itself


def of_vault(vault: VaultName, error: SyncError) -> str:
    """Return the remedy for a vault that cannot be listed or read."""
    match error.reason:
        case Reason.VAULT_FORBIDDEN:
            return (
                'az role assignment create --role "Key Vault Secrets User" --assignee IDENTITY '
                f'--scope "$(az keyvault show --name {vault} --query id --output tsv)"'
            )
        case Reason.VAULT_FIREWALLED:
            return f"az keyvault network-rule add --name {vault} --subnet SUBNET-ID"
        case Reason.CREDENTIAL_REFUSED | Reason.CREDENTIAL_UNAVAILABLE:
            return of_login(error)
        case _:
            return f"az keyvault show --name {vault}"


def empty_vault(vault: VaultName) -> str:
    """Return the command that sets a vault's first secret."""
    return f"az keyvault secret set --vault-name {vault} --name NAME --file FILE"


def of_server(error: SyncError) -> str:
    """Return the command that shows why an API server does not answer."""
    if error.reason == Reason.CLUSTER_UNAUTHORIZED:
        return "kubectl auth whoami"
    return "kubectl get --raw /version"


def of_target(target: Target, error: SyncError) -> str:
    """Return the remedy if a Secret's cluster does not answer a request about it."""
    if error.reason == Reason.NAMESPACE_TERMINATING:
        return namespace(target)
    return of_server(error)


def role(target: Target, user: str, secrets: Iterable[str] = ()) -> str:
    """Return the commands that grant the user the three verbs on this Secret and on others."""
    names = dict.fromkeys((target.secret, *secrets))
    name = f"keyvault-sync --namespace {target.namespace}"
    apply = "--dry-run=client --output=yaml | kubectl auth reconcile --filename=-"
    return (
        f"kubectl create role {name} --verb=get,create,patch --resource=secrets "
        f"{' '.join(f'--resource-name={secret}' for secret in names)} {apply} && "
        f"kubectl create rolebinding {name} --role=keyvault-sync {_subject(user)} {apply}"
    )


def bindings(user: str) -> str:
    """Return the command that lists the user's role bindings."""
    return (
        "kubectl get rolebindings,clusterrolebindings --all-namespaces --output=wide "
        f"| grep --fixed-strings '{_account(user)}'"
    )


def namespace(target: Target) -> str:
    """Return the command that creates the namespace."""
    return f"kubectl create namespace {target.namespace}"


def look_for_namespace(target: Target) -> str:
    """Return the command by which somebody with more permissions can look for the namespace."""
    return f"kubectl get namespace {target.namespace}"


def delete(target: Target) -> str:
    """Return the command that deletes the Secret, so that the app creates it again."""
    return f"kubectl delete secret {target.secret} --namespace {target.namespace}"


def describe(target: Target) -> str:
    """Return the command that shows the Secret's owner, but no value."""
    return f"kubectl describe secret {target.secret} --namespace {target.namespace}"


def adopt(target: Target) -> str:
    """Return the command that takes over the Secret once its owner has released it."""
    return f"keyvault-sync adopt {target.vault}"


def _subject(user: str) -> str:
    account = user.removeprefix(_SERVICE_ACCOUNT)
    return f"--serviceaccount={account}" if account != user else f"--user='{user or 'USER'}'"


def _account(user: str) -> str:
    return user.removeprefix(_SERVICE_ACCOUNT).replace(":", "/") or "USER"
