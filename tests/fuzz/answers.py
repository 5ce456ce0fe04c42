"""Targets that take what servers answer, and what anybody may write on a Secret."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from tempfile import NamedTemporaryFile

from azure.identity import ManagedIdentityCredential

from sync.adapters.azure.aks import managed_cluster_endpoint
from sync.adapters.azure.credential_errors import Credential
from sync.adapters.azure.resource_graph import ResourceGraph
from sync.adapters.kubernetes.cluster_config import CredentialRef
from sync.adapters.kubernetes.login.kubeconfig import Kubeconfig, kubeconfig_endpoint
from sync.adapters.kubernetes.login.local_kubeconfig import local_kubeconfig
from sync.adapters.kubernetes.login.tokens import StoredSecret, StoredToken
from sync.adapters.kubernetes.secrets import KubernetesSecrets
from sync.app.status import SecretStatus, VaultStatus
from sync.core.annotation import decode, encode
from sync.core.errors import SyncError
from sync.core.model import (
    Actual,
    Desired,
    ListedSecret,
    ListedVersion,
    SecretName,
    Unserved,
    VaultName,
    VaultSecret,
)
from sync.core.outcomes import Failed
from sync.core.ports import Deadline
from sync.http_api.convert import outcome_of, status_of
from sync.http_api.dataclass_json import to_json
from sync.http_api.http_status import http_status, retry_after
from sync.projection.rules import DEFAULT_RULES
from sync.reconcile.observed import ObservedSecret
from sync.reconcile.ownership import claim, taken
from tests.fuzz.canned import CannedClusters, canned_transport, canned_vaults, resource_manager
from tests.fuzz.channels import NAMING, SUBSCRIPTION
from tests.fuzz.target import Target, fields_of, text_of, written
from tests.kit.fakes import target_of, vault_name
from tests.kit.scripted import soon
from tests.leaks.dye import PLANTED

PLACE = target_of(vault_name())
RECORDS = {
    "vault": PLACE.vault.text,
    "written": "2025-01-01T00:00:00+00:00",
    "secrets": {"db-url": ["v1", 1_700_000_000], "json": ["v2", 1, 0, "t0a1b2c3d", "A", "B"]},
    "overruled": ["uid"],
    "others": {"keyvault-project-web": ["json"]},
    "counts": {"1700000000": ["db-url"], "1700000001+": ["A", "B"]},
}
METADATA = {
    "name": PLACE.secret,
    "namespace": PLACE.namespace,
    "uid": "u",
    "resourceVersion": "7",
    "labels": {"app.kubernetes.io/managed-by": "keyvault-sync"},
    "annotations": {"keyvault-sync/state": json.dumps(RECORDS)},
    "managedFields": [
        {
            "manager": "keyvault-sync",
            "operation": "Apply",
            "time": "2026-01-01T12:00:00Z",
            "fieldsV1": {
                "f:data": {"f:db-url": {}},
                "f:metadata": {"f:annotations": {"f:keyvault-sync/state": {}}},
            },
        },
        {"manager": "helm", "operation": "Update", "fieldsV1": {"f:data": {"f:A": {}}}},
        {
            "manager": "flux",
            "operation": "Apply",
            "time": "2026-01-01T12:30:00Z",
            "fieldsV1": {"f:stringData": {"f:db-url": {}}},
        },
    ],
}
SECRET = {
    "kind": "Secret",
    "apiVersion": "v1",
    "metadata": METADATA,
    "data": {"db-url": b64encode(PLANTED.encode()).decode(), "A": ""},
    "type": "Opaque",
}
MARKS = {
    "meta.helm.sh/release-name": "$(reboot)",
    "argocd.argoproj.io/tracking-id": "a:/Secret:shop-dev/keyvault-project",
}
LABELS = {
    "reconcile.external-secrets.io/managed": "true",
    "kustomize.toolkit.fluxcd.io/name": "apps",
}
OWNERS = [{"kind": "ExternalSecret", "name": "; reboot", "uid": "x"}]
STATUS = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Invalid",
    "message": PLANTED,
    "details": {"kind": "secrets", "causes": [{"reason": "FieldValueInvalid", "field": "data"}]},
}
URL = f"https://{PLACE.vault}.vault.azure.net"
ATTRIBUTES = {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_001}
ITEM = {
    "id": f"{URL}/secrets/db-url/0a1b",
    "attributes": ATTRIBUTES,
    "tags": {"k8s-key": "DB"},
    "contentType": "text/plain",
}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.4:6443"}}],
    "users": [{"name": "u", "user": {"token": PLANTED}}],
}
CLUSTER = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers"
    "/Microsoft.ContainerService/managedClusters/main"
)
STORED = CredentialRef("weu-ds-akv-shop-dev-1", "kubeconfig")


def _answered(given: bytes) -> tuple[int, dict[str, str], bytes]:
    fields, body = fields_of(given)
    status = fields.pop("status", "200")
    code = int(status) if status.isdecimal() and len(status) == 3 else 200
    return code, fields, body.encode("utf-8", "surrogateescape")


def _told(error: SyncError) -> object:
    """Return what an operator is told of a failure, as HTTP and the timer put it."""
    return to_json(outcome_of(Failed("v", error))), http_status([error]), retry_after([error])


def _state(given: bytes) -> object:
    """Read the annotation, which anybody can write; what is read is written and read again."""
    state = decode(text_of(given))
    if state is not None:
        again = decode(encode(state))
        assert again == state
        return _status(ObservedSecret(PLACE, _actual(text_of(given)), state))
    return None


def _status(own: ObservedSecret) -> object:
    return to_json(status_of(VaultStatus(SecretStatus.of(own, DEFAULT_RULES.digest), {})))


def _actual(annotation: str) -> Actual:
    return Actual(
        "7",
        "Opaque",
        immutable=False,
        data={},
        labels={},
        annotations={"keyvault-sync/state": annotation},
        owns_state=True,
    )


def _secret(given: bytes) -> object:
    """Read a Secret, then say who has it and where it stands."""
    found = KubernetesSecrets(CannedClusters(200, {}, given)).read(PLACE, soon())
    assert found is not None
    standing = ObservedSecret.of(PLACE, found)
    told = _status(standing), sorted(standing.ours), sorted(found.holders.items())
    json.dumps(told)
    claimed = claim(PLACE, found)
    return told, taken(PLACE, claimed).message if claimed else None


def _refusal(given: bytes) -> object:
    """Read what the API server says to a read and to a write."""
    status, headers, body = _answered(given)
    cluster = KubernetesSecrets(CannedClusters(status, headers, body))
    told: list[object] = []
    try:
        cluster.read(PLACE, soon())
    except SyncError as error:
        told.append(_told(error))
    try:
        cluster.apply(PLACE, Desired({}, {}, {}), "1", soon())
    except SyncError as error:
        told.append(_told(error))
    return told


def _listing(given: bytes) -> object:
    listed = canned_vaults(*_answered(given)).list(PLACE.vault, soon())
    for secret in listed:
        assert all(isinstance(text, str) for text in (*secret.tags, *secret.tags.values()))
        assert isinstance(secret.content_type, str)
        assert secret.name.isprintable()
    faults = [each.fault and (each.name, _told(each.fault)) for each in listed]
    return [(each.enabled, each.updated, each.expires) for each in listed], faults


def _versions(given: bytes) -> object:
    found = canned_vaults(*_answered(given)).versions(PLACE.vault, "db-url", soon())
    for each in found:
        assert each.version.isalnum() or not each.enabled
        assert isinstance(each.created, int)
    return [(each.enabled, each.created, each.not_before, each.expires) for each in found]


def _gotten(given: bytes) -> object:
    found = canned_vaults(*_answered(given)).get(PLACE.vault, "db-url", soon())
    if isinstance(found, VaultSecret):
        assert isinstance(found.read_at, float)
        assert all(isinstance(text, str) for text in (*found.tags, *found.tags.values()))
        assert isinstance(found.content_type, str)
        assert isinstance(found.value, str)
    return None


def _managed(given: bytes) -> object:
    endpoint = managed_cluster_endpoint(resource_manager(*_answered(given)), CLUSTER, soon())
    return endpoint.server.startswith("https://")


def _rows(given: bytes) -> object:
    graph = ResourceGraph(resource_manager(*_answered(given)), NAMING, [SUBSCRIPTION])
    known = graph.known(soon())
    return known.vaults, known.fault and _told(known.fault)


def _token(given: bytes) -> None:
    credential = ManagedIdentityCredential(
        transport=canned_transport(*_answered(given)), retry_total=0
    )
    Credential(credential).get_token("https://vault.azure.net/.default")


class _Stored:
    """The port Vaults with one value for every secret."""

    def __init__(self, value: str) -> None:
        self._value = value

    def list(self, _vault: VaultName, _deadline: Deadline) -> Sequence[ListedSecret]:
        """Return nothing."""
        return ()

    def versions(
        self, _vault: VaultName, _name: str, _deadline: Deadline
    ) -> Sequence[ListedVersion]:
        """Return nothing."""
        return ()

    def get(
        self, _vault: VaultName, _name: str, _deadline: Deadline, _version: str | None = None
    ) -> VaultSecret | Unserved:
        """Return it."""
        return VaultSecret(SecretName("kubeconfig"), "v1", self._value, 1, 2, 3.0)


def _stored_token(given: bytes) -> object:
    secret = StoredSecret(_Stored(text_of(given)), STORED)
    token = StoredToken(secret, lambda: 1_700_000_000.0).fetch(soon())
    assert isinstance(token.renew_at, int | float)
    assert isinstance(token.expires_at, int | float)
    return token


def _kubeconfig(given: bytes) -> object:
    config = Kubeconfig.in_settings("main", None, text_of(given))
    return kubeconfig_endpoint(config).fetch(soon())


def _oidc(given: bytes) -> object:
    """Log in by an OpenID token of those claims, on the command line; its issuer is not there."""
    token = f"h.{urlsafe_b64encode(given).decode().rstrip('=')}.s"
    issuer = {"idp-issuer-url": "https://127.0.0.1:9", "client-id": "c", "client-secret": "s"}
    user = {"auth-provider": {"name": "oidc", "config": issuer | {"id-token": token}}}
    with NamedTemporaryFile("w", suffix=".kubeconfig") as file:
        json.dump(KUBECONFIG | {"users": [{"name": "u", "user": user}]}, file)
        file.flush()
        config = Kubeconfig.in_file("main", None, file.name)
        return local_kubeconfig(config).fetch(soon())


def _json(document: object) -> str:
    return json.dumps(document)


def _jwt(claims: object, signature: str = "s") -> bytes:
    return f"h.{b64encode(_json(claims).encode()).decode().rstrip('=')}.{signature}".encode()


def _secret_with(**metadata: object) -> bytes:
    return json.dumps(SECRET | {"metadata": METADATA | metadata}).encode()


TARGETS = (
    Target(
        "state",
        _state,
        (
            _json(RECORDS).encode(),
            _json(RECORDS | {"data": {"db-url": PLANTED}}).encode(),
            b'{"vault":"v","written":"w","secrets":{"\\ud800":["v",1]}}',
        ),
        refusals=(),
        quotes=True,
    ),
    Target(
        "secret",
        _secret,
        (
            _json(SECRET).encode(),
            _json(SECRET | {"data": {"db-url": f"{PLANTED}x"}}).encode(),
            _secret_with(labels=LABELS, annotations=MARKS, ownerReferences=OWNERS),
            _secret_with(labels=LABELS, annotations=MARKS),
            _secret_with(labels=None, annotations={"meta.helm.sh/release-name": PLANTED}),
            _secret_with(annotations=[PLANTED]),
            _secret_with(labels={"app.kubernetes.io/managed-by": 1}, resourceVersion=7),
        ),
        longest=65_536,
        quotes=True,
    ),
    Target(
        "refusal",
        _refusal,
        (
            written(_json(STATUS), status="422"),
            written(_json(STATUS | {"reason": "Forbidden"}), status="403"),
            written(_json(STATUS | {"reason": "NotFound"}), status="404"),
            written(PLANTED, status="503", **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
            written(_json(STATUS), status="429", **{"Retry-After": "9" * 400}),
        ),
        longest=65_536,
    ),
    Target(
        "versions",
        _versions,
        (
            written(_json({"value": [ITEM], "nextLink": None})),
            written(_json({"value": [ITEM | {"id": f"{URL}/secrets/db-url"}], "nextLink": ""})),
            written(_json({"value": [ITEM | {"id": f"{URL}/secrets/other/0a1b"}]})),
            written(_json({"value": [ITEM | {"attributes": {"created": 1, "nbf": PLANTED}}]})),
            written(_json({"value": [PLANTED, ITEM | {"attributes": PLANTED}, {"id": PLANTED}]})),
        ),
        longest=65_536,
    ),
    Target(
        "listing",
        _listing,
        (
            written(_json({"value": [ITEM], "nextLink": None})),
            written(_json({"value": [ITEM | {"tags": PLANTED}], "nextLink": f"{URL}/secrets?x"})),
            written(_json({"value": [ITEM | {"tags": {"k8s-key": None}}]})),
            written(_json({"value": [PLANTED, {"id": PLANTED}, ITEM | {"attributes": PLANTED}]})),
            written(_json({"value": [ITEM | {"contentType": [PLANTED], "id": f"{URL}/secrets/"}]})),
            written(_json({"value": None, "nextLink": [PLANTED]})),
            written(
                _json({"error": {"code": "Forbidden", "message": PLANTED}}),
                status="403",
            ),
            written("", status="401", **{"WWW-Authenticate": f'Bearer authorization="{PLANTED}"'}),
            written("", status="401", **{"WWW-Authenticate": PLANTED}),
            written(PLANTED, status="429", **{"Retry-After": PLANTED}),
        ),
        longest=65_536,
        quotes=True,
    ),
    Target(
        "gotten",
        _gotten,
        (
            written(_json(ITEM | {"value": PLANTED})),
            written(_json(ITEM | {"value": PLANTED, "attributes": {"created": 10**30}})),
            written(
                _json(ITEM | {"value": PLANTED, "attributes": ATTRIBUTES | {"enabled": False}})
            ),
            written(_json(ITEM | {"value": PLANTED}), Date="Fri, 15 Jan 2027 08:00:09 GMT"),
            written(_json(ITEM | {"value": PLANTED}), Date=PLANTED),
            written(_json({"error": {"code": "SecretNotFound"}}), status="404"),
        ),
        longest=65_536,
    ),
    Target(
        "managed-cluster",
        _managed,
        (
            written(
                _json({"kubeconfigs": [{"value": b64encode(_json(KUBECONFIG).encode()).decode()}]})
            ),
            written(_json({"error": {"code": "C", "details": [{"code": "D"}]}}), status="400"),
            *(
                written(PLANTED, status="429", **{"x-ms-user-quota-resets-after": wait})
                for wait in ("00:00:05", "::5", "9" * 5000 + ":0:0")
            ),
        ),
        longest=65_536,
    ),
    Target(
        "rows",
        _rows,
        (
            written(
                _json(
                    {
                        "data": [
                            {
                                "id": PLACE.vault.text,
                                "name": PLACE.vault.text,
                                "subscriptionId": SUBSCRIPTION,
                            }
                        ],
                        "resultTruncated": "false",
                    }
                )
            ),
            written(_json({"data": [{"name": PLANTED}], "$skipToken": "x"})),
        ),
        longest=65_536,
    ),
    Target(
        "token",
        _token,
        (
            written(_json({"access_token": PLANTED, "expires_in": "3600", "resource": "r"})),
            written(_json({"access_token": PLANTED, "expires_on": 10**400})),
            written(_json({"error": "e", "error_description": PLANTED}), status="400"),
        ),
        longest=16_384,
    ),
    Target(
        "stored-token",
        _stored_token,
        (
            _jwt({"exp": 1_800_000_000, "iat": 1_700_000_000, "sub": PLANTED}, PLANTED),
            _jwt({"exp": PLANTED}),
            _jwt({"exp": 10**400}),
            PLANTED.encode(),
            f"{PLANTED} {PLANTED}".encode(),
        ),
    ),
    Target("kubeconfig", _kubeconfig, (_json(KUBECONFIG).encode(),)),
    Target(
        "oidc",
        _oidc,
        (b'{"exp": 4102444800}', b'{"exp": 1e300}   ', f'{{"exp":"{PLANTED}"}}'.encode(), b"[1]"),
    ),
)
