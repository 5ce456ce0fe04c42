"""What tests of applications act on: the deployed app, a vault, a namespace and objects in it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from local.kubernetes.catalogue import custom_kind
from local.kubernetes.documents import Document, Json
from local.kubernetes.kinds import Kind
from local.kubernetes.options import Write
from local.kubernetes.status import ApiError
from local.kubernetes.workloads import DEPLOYMENT
from local.platform import DEFINITION
from local.role import Rights
from local.stack import APP_USER
from tests.functional.world import Place, World

PLATFORM = {
    "group": "meta.p6m.dev",
    "version": "v1alpha1",
    "resource": "platformapplications",
    "names": "spec.secrets[*].name",
    "vault": 1,
}
ANNOTATED = {
    "group": "apps",
    "version": "v1",
    "resource": "deployments",
    "names": "metadata.annotations['keyvault-sync/secrets']",
    "secret": "{name}-env",
}
APPLICATION = custom_kind(DEFINITION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaring:
    """The app with applications, and the vault and the namespace of a test."""

    world: World
    place: Place

    def declare(self, name: str, *secrets: str) -> None:
        """Make an application that lists these, or change it."""
        listed: list[Json] = [{"name": each} for each in secrets]
        body: Document = {"spec": {"secrets": listed}}
        self.apply(APPLICATION, name, body)

    def annotate(self, name: str, secrets: str) -> None:
        """Make a Deployment whose annotation lists these, or change it."""
        container: Document = {"name": "a", "image": "registry.example/a"}
        labels: Document = {"app": name}
        template: Document = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        body: Document = {
            "metadata": {"annotations": {"keyvault-sync/secrets": secrets}},
            "spec": {"selector": {"matchLabels": labels}, "template": template},
        }
        self.apply(DEPLOYMENT, name, body)

    def apply(self, kind: Kind, name: str, body: Document) -> None:
        """Apply an object as its team does."""
        given = body.get("metadata")
        metadata: Document = {**(given if isinstance(given, dict) else {}), "name": name}
        whole: Document = {"apiVersion": kind.api_version, "kind": kind.name, **body}
        self.place.cluster.patch(
            kind,
            self.place.namespace,
            name,
            "apply",
            {**whole, "metadata": metadata},
            Write("team", force=True),
        )

    def delete(self, name: str) -> None:
        """Delete an application."""
        self.place.cluster.delete(APPLICATION, self.place.namespace, name)

    def variables(self, secret: str) -> dict[str, str]:
        """Return the variables that a container gets with `envFrom` on a Secret."""
        try:
            held = self.place.cluster.data(self.place.namespace, secret)
        except ApiError:
            return {}
        return {key: text.decode() for key, text in held.items()}

    def resync(self, status: int = 200, **fields: object) -> Mapping[str, Mapping[str, object]]:
        """Resync the vault; return the outcomes by Secret."""
        answer = self.world.resync(self.place, **fields)
        assert answer.status == status, answer.text
        outcomes = answer.body["outcomes"]
        assert isinstance(outcomes, list)
        return {each["target"]["secret"] if each["target"] else "": each for each in outcomes}

    def tried(self) -> str:
        """Resync the vault; return the reason of what failed, empty if nothing did."""
        answer = self.world.resync(self.place)
        outcomes = answer.body["outcomes"]
        assert isinstance(outcomes, list)
        failed = [each["reason"] for each in outcomes if each["outcome"] == "failed"]
        return failed[0] if failed else ""

    def refused(self) -> dict[str, str]:
        """Resync the vault; return the reason of each secret that an application is refused."""
        outcomes = self.world.resync(self.place).body["outcomes"]
        assert isinstance(outcomes, list)
        return {
            each["secret"]: each["reason"]
            for outcome in outcomes
            if outcome["outcome"] == "failed"
            for each in outcome["refused"]
        }

    def bind(self, *secrets: str, components: tuple[str, ...] = ("applications",)) -> None:
        """Limit the app's Role to the own Secret and these, with the components' rules."""
        named = (self.place.secret, *secrets)
        rights = Rights.shipped(self.place.namespace, APP_USER, named, components=components)
        self.place.cluster.bind(with_deployments(rights.role), rights.binding)


def with_deployments(role: Document) -> Document:
    """Add the rule for the annotated kind to a Role."""
    rules = role.get("rules")
    if not isinstance(rules, list):
        return role
    verbs: list[Json] = ["get", "list"]
    more: Document = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs}
    return {**role, "rules": [*rules, more]}


@contextmanager
def declaring(world: World, *secrets: str, **settings: str) -> Iterator[Declaring]:
    """Run an app with both kinds; the Role names these Secrets of applications."""
    world.stack.cluster.define(DEFINITION)
    place = world.place(age=100)
    found = Declaring(world=world, place=place)
    found.bind(*secrets)
    kinds = json.dumps([PLATFORM, ANNOTATED])
    given = {"SYNC_APPLICATIONS": kinds, "SYNC_STAGE_PREFIXES": "strip", **settings}
    with world.app(place, **given) as app:
        yield Declaring(world=app, place=place)
