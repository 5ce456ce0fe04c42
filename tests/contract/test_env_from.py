"""The component `env-from` on a real API server: which pods get which Secret as variables."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.kubernetes.documents import Document, Json, child, items, text
from local.kubernetes.workloads import POD
from tests.contract.api_servers import ApiServer
from tests.contract.policies import installed
from tests.kit.waiting import wait_until

APPLICATION = "keyvault-sync/application"


@dataclass(frozen=True, slots=True)
class Admitting:
    """A server with the policy, a namespace for pods, and the name of the application's Secret."""

    server: ApiServer
    namespace: str
    secret: str

    @property
    def ours(self) -> Document:
        """What the policy adds."""
        return {"secretRef": {"name": self.secret, "optional": True}}

    def pod(
        self, metadata: Document, *containers: Document, init: list[Json] | None = None
    ) -> Document:
        """Create a pod; return it as the server stored it."""
        spec: Document = {"containers": [*containers]}
        if init:
            spec["initContainers"] = init
        whole: Document = {"metadata": {"generateName": "p-", **metadata}, "spec": spec}
        made = self.server.call("POST", POD.path(self.namespace), whole)
        assert made.status == 201, made.message
        return made.body


def container(name: str, *sources: Document) -> Document:
    """Return a container with these sources of variables."""
    image: Document = {"name": name, "image": "registry.example/a"}
    return {**image, "envFrom": [*sources]} if sources else image


def sources(pod: Document, where: str = "containers") -> list[Json]:
    """Return the sources of variables of each container."""
    return [each.get("envFrom") for each in items(child(pod, "spec"), where)]


@pytest.fixture(
    scope="module",
    params=[("variables.application", "orders"), ("variables.application + '-env'", "orders-env")],
    ids=["name", "derived"],
)
def admitting(request: pytest.FixtureRequest, actual_server: ApiServer) -> Iterator[Admitting]:
    """Install the policy with either name of the Secret, and wait until it has an effect."""
    expression, secret = request.param
    admitting = Admitting(actual_server, actual_server.create_namespace(), secret)
    marked: Document = {"labels": {APPLICATION: "orders"}}

    def adds() -> bool:
        return sources(admitting.pod(marked, container("a"))) == [[admitting.ours]]

    with installed(actual_server, "env-from", {"secret": expression}):
        wait_until(adds)
        yield admitting
    wait_until(lambda: not adds())


@pytest.mark.parametrize("mark", ["labels", "annotations"])
def test_every_container_gets_the_secret(admitting: Admitting, mark: str) -> None:
    """By a label or an annotation each container, init containers too, gets it as the last."""
    config: Document = {"configMapRef": {"name": "c"}}
    other: Document = {"secretRef": {"name": "billing"}}
    pod = admitting.pod(
        {mark: {APPLICATION: "orders"}},
        container("a"),
        container("b", config),
        container("c", config, other),
        init=[container("d"), container("e", other)],
    )
    ours = admitting.ours
    assert sources(pod) == [[ours], [config, ours], [config, other, ours]]
    assert sources(pod, "initContainers") == [[ours], [other, ours]]


def test_it_is_never_twice(admitting: Admitting) -> None:
    """A container that names the Secret as a source keeps what it says, with a prefix too."""
    plain: Document = {"secretRef": {"name": admitting.secret}}
    prefixed: Document = {"prefix": "ORDERS_", "secretRef": {"name": admitting.secret}}
    marked: Document = {"labels": {APPLICATION: "orders"}}
    pod = admitting.pod(marked, container("a", plain), container("b", prefixed), container("c"))
    assert sources(pod) == [[plain], [prefixed], [admitting.ours]]


def test_a_pod_without_the_mark_is_left(admitting: Admitting) -> None:
    """Neither an absent mark nor an empty one adds anything."""
    empty: Document = {"labels": {APPLICATION: ""}}
    other: Document = {"annotations": {"application": "orders"}}
    for metadata in ({}, empty, other):
        assert sources(admitting.pod(metadata, container("a"))) == [None]


def test_the_label_goes_before_the_annotation(admitting: Admitting) -> None:
    """A pod gets one Secret, that of the label."""
    both: Document = {
        "labels": {APPLICATION: "orders"},
        "annotations": {APPLICATION: "billing"},
    }
    assert sources(admitting.pod(both, container("a"))) == [[admitting.ours]]


def test_a_change_of_a_pod_is_left(admitting: Admitting) -> None:
    """Only the creation of a pod is changed: a label that comes later does nothing."""
    pod = admitting.pod({}, container("a"))
    path = POD.path(admitting.namespace, text(child(pod, "metadata"), "name"))
    labelled: Document = {"metadata": {"labels": {APPLICATION: "orders"}}}
    media = "application/merge-patch+json"
    changed = admitting.server.call("PATCH", path, labelled, media=media)
    assert (changed.status, sources(changed.body)) == (200, [None])
