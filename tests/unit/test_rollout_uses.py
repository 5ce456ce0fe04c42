"""Which keys of which Secrets a pod takes, by its spec."""

import pytest

from sync.rollout.uses import PodSpec, Use, uses_of


def _volume(**source: object) -> dict[str, object]:
    return {"name": "files", **source}


def _mounting(*mounts: dict[str, str]) -> dict[str, object]:
    return {"volumeMounts": [{"name": "files", "mountPath": "/files", **each} for each in mounts]}


_WHOLE = _volume(secret={"secretName": "orders"})
_ITEMS = _volume(
    secret={
        "secretName": "orders",
        "items": [{"key": "a", "path": "x/a"}, {"key": "b", "path": "b"}],
    }
)
_PROJECTED = _volume(
    projected={
        "sources": [
            {"secret": {"name": "orders", "items": [{"key": "a", "path": "a"}], "optional": True}},
            {"configMap": {"name": "other"}},
        ]
    }
)
_FROM_KEY = {"env": [{"valueFrom": {"secretKeyRef": {"name": "orders", "key": "a"}}}]}


@pytest.mark.parametrize(
    ("spec", "uses"),
    [
        ({}, []),
        ({"containers": [_FROM_KEY]}, [Use("orders", "a")]),
        ({"initContainers": [_FROM_KEY]}, [Use("orders", "a")]),
        ({"initContainers": [{**_FROM_KEY, "restartPolicy": "Always"}]}, [Use("orders", "a")]),
        (
            {"containers": [{"env": [{"name": "A", "value": "1"}, *_FROM_KEY["env"]]}, _FROM_KEY]},
            [Use("orders", "a")],
        ),
        (
            {"containers": [{"envFrom": [{"secretRef": {"name": "orders", "optional": True}}]}]},
            [Use("orders", None, optional=True)],
        ),
        ({"containers": [{"envFrom": [{"configMapRef": {"name": "orders"}}]}]}, []),
        ({"imagePullSecrets": [{"name": "orders"}]}, []),
        ({"containers": [{}], "volumes": [_WHOLE]}, [Use("orders", None, live=True)]),
        (
            {"containers": [_mounting({})], "volumes": [_ITEMS]},
            [Use("orders", "a", live=True), Use("orders", "b", live=True)],
        ),
        (
            {"containers": [_mounting({})], "volumes": [_PROJECTED]},
            [Use("orders", "a", optional=True, live=True)],
        ),
        (
            {"containers": [_mounting({"subPath": "a"})], "volumes": [_WHOLE]},
            [Use("orders", "a", optional=True)],
        ),
        (
            {"containers": [_mounting({"subPath": "x"})], "volumes": [_ITEMS]},
            [Use("orders", "a")],
        ),
        (
            {"containers": [_mounting({"subPathExpr": "$(POD)"})], "volumes": [_WHOLE]},
            [Use("orders", None)],
        ),
        (
            {"containers": [_mounting({}, {"subPath": "b"})], "volumes": [_ITEMS]},
            [
                Use("orders", "a", live=True),
                Use("orders", "b", live=True),
                Use("orders", "b"),
            ],
        ),
    ],
)
def test_a_pod_uses_what_its_containers_take(spec: PodSpec, uses: list[Use]) -> None:
    """Variables, files and what is mounted by subPath, whole or by key; no pull secrets."""
    assert list(uses_of(spec)) == uses
