"""The commands that fix what the doctor finds, ready to paste into a shell."""

from collections.abc import Iterable

from sync.core.errors import SyncError
from sync.core.model import Target, VaultName
from sync.core.reasons import Reason

_SERVICE_ACCOUNT = "system:serviceaccount:"

LOGIN = "az login   # in Azure: az functionapp identity assign --name APP --resource-group GROUP"


def setting(name: str, value: str) -> str:
    """Return the command that sets an app setting."""
    return (
        "az functionapp config appsettings set --name APP --resource-group GROUP "
        f"--settings {name}={value}"
    )


def of_login(error: SyncError) -> str:
    """Return the remedy for an identity without a token; empty if the endpoint is down."""
    return LOGIN if error.reason == Reason.CREDENTIAL_REFUSED else ""


def of_vault(vault: VaultName, error: SyncError) -> str:
    """Return the remedy for a vault that cannot be listed or read."""
    match error.reason:
        case Reason.VAULT_FORBIDDEN:
            entry = access_policy(vault)
            if entry in error.message:  # the vault itself says that access policies decide
                return entry
            role = 'az role assignment create --role "Key Vault Secrets User" --assignee IDENTITY'
            return f"{role} --scope {_id_of(vault)}"
        case Reason.VAULT_FIREWALLED:
            return f"az keyvault network-rule add --name {vault} --ip-address NAT-ADDRESS"
        case Reason.CREDENTIAL_REFUSED | Reason.CREDENTIAL_UNAVAILABLE:
            return of_login(error)
        case _:
            return ""


def access_policy(vault: VaultName) -> str:
    """Return the command that lets the identity read a vault with access policies."""
    return (
        f"az keyvault set-policy --name {vault} --object-id IDENTITY --secret-permissions get list"
    )


def soft_delete(vault: VaultName) -> str:
    """Return the command that switches soft delete on, which cannot be undone."""
    return f"az resource update --ids {_id_of(vault)} --set properties.enableSoftDelete=true"


def purge_protection(vault: VaultName) -> str:
    """Return the command that switches purge protection on, which cannot be undone."""
    return f"az keyvault update --name {vault} --enable-purge-protection true"


def audit_events(vault: VaultName) -> str:
    """Return the command that sends a vault's audit events to a workspace."""
    return (
        f"az monitor diagnostic-settings create --name audit --resource {_id_of(vault)} "
        """--workspace WORKSPACE-ID --logs '[{"categoryGroup": "audit", "enabled": true}]'"""
    )


def event_subscription(vault: VaultName) -> str:
    """Return the command that sends a vault's events to the app, by the topic of its deployment."""
    return (
        "python3 -m infra.subscribe --app APP-ID --storage STORAGE-ID "
        f"""--topics '{{"{vault}": "TOPIC-ID"}}'   # in a clone of the project, with the ids """
        "of the deployment's outputs; a vault without a topic has to be deployed"
    )


def of_target(target: Target, error: SyncError) -> str:
    """Return the remedy if a Secret's cluster does not answer a request about it."""
    return namespace(target) if error.reason == Reason.NAMESPACE_TERMINATING else ""


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


def restart_role(target: Target, user: str) -> str:
    """Return the commands that let the user list and restart a namespace's workloads.

    `infra/kubernetes/components/restart` is the same for who keeps Roles in Git.
    """
    name = f"keyvault-sync-restart --namespace {target.namespace}"
    apply = "--dry-run=client --output=yaml | kubectl auth reconcile --filename=-"
    return (
        f"kubectl create role {name} --verb=get,list,patch "
        f"--resource=deployments.apps,statefulsets.apps,daemonsets.apps {apply} && "
        f"kubectl create rolebinding {name} --role=keyvault-sync-restart {_subject(user)} {apply}"
    )


def namespace(target: Target) -> str:
    """Return the command that creates the namespace."""
    return f"kubectl create namespace {target.namespace}"


def delete(target: Target) -> str:
    """Return the command that deletes the Secret, so that the app creates it again."""
    return f"kubectl delete secret {target.secret} --namespace {target.namespace}"


def adopt(target: Target) -> str:
    """Return the command that takes over the Secret once its owner has released it."""
    return f"keyvault-sync adopt {target.vault}"


def _id_of(vault: VaultName) -> str:
    return f'"$(az keyvault show --name {vault} --query id --output tsv)"'


def _subject(user: str) -> str:
    account = user.removeprefix(_SERVICE_ACCOUNT)
    return f"--serviceaccount={account}" if account != user else f"--user='{user or 'USER'}'"
