"""What Bicep makes of a deployment, evaluated offline by the compiler."""

import re
from collections.abc import Iterable
from pathlib import Path

from tests.infra.bicep_files import MAIN, Value
from tests.infra.deployments import Deployment, Parameters, Role
from tests.infra.deployments.compiler import Predicted, literal, predicted

ROLES = "Microsoft.Authorization/roleAssignments"
DEFINITIONS = "Microsoft.Authorization/roleDefinitions"
_OF_NAMESPACES = "Microsoft.ContainerService/managedClusters/namespaces/providers/roleAssignments"
_EXPRESSION = re.compile(r"\[\w+\(")
_REFERENCE = re.compile(r"reference\('([^']+)', '[^']+'(?:, 'full')?\)\.([\w.]+)")
_FORMAT = re.compile(r"format\('([^']*)', (.*)\)")


def by_bicep(folder: Path, parameters: Parameters) -> Deployment:
    """Evaluate the deployment."""
    given = "\n".join(f"param {name} = {literal(value)}" for name, value in parameters.items())
    made = predicted(MAIN, folder, given)
    identity = _only(made, "Microsoft.ManagedIdentity/userAssignedIdentities")
    told = _Telling(identity, _ids(made, DEFINITIONS))
    return Deployment(
        {each.id: told.body(each) for each in made if "roleAssignments" not in each.type},
        frozenset(told.role(each) for each in made if "roleAssignments" in each.type),
    )


def _ids(made: Iterable[Predicted], kind: str) -> list[str]:
    return [each.id for each in made if each.type == kind]


def _only(made: Iterable[Predicted], kind: str) -> str:
    (found,) = _ids(made, kind)
    return found


class _Telling:
    """Tells of resources; what only Azure knows is told as `<what of which resource>`."""

    def __init__(self, identity: str, definitions: list[str]) -> None:
        self._identity = identity
        self._definitions = {each.rpartition("/")[2] for each in definitions}

    def body(self, made: Predicted) -> Value:
        return self._known(made.body)

    def role(self, made: Predicted) -> Role:
        properties = made.properties
        role = str(properties["roleDefinitionId"]).rpartition("/")[2]
        return Role(
            _scope(made),
            "namespace-secrets" if role in self._definitions else role,
            str(self._known(properties["principalId"])),
            str(properties["principalType"]),
        )

    def _known(self, value: Value) -> Value:
        match value:
            case str() if _EXPRESSION.match(value):
                return self._told(value[1:-1])
            case list():
                return [self._known(each) for each in value]
            case dict():
                return {name: self._known(each) for name, each in value.items()}
            case _:
                return value

    def _told(self, expression: str) -> str:
        """Return what an expression means; raises ValueError at one of another form."""
        if "fail(" in expression and "parameters('principalId')" in expression:
            return f"<principalId of {self._identity}>"
        found = _REFERENCE.findall(expression)
        if "fail(" in expression and len(found) == 1:
            return "<{1} of {0}>".format(*found[0])
        told = _REFERENCE.sub(r"<\2 of \1>", expression)
        if formatted := _FORMAT.fullmatch(told):
            words = [word.strip("'") for word in formatted[2].split(", ")]
            return formatted[1].format(*words)
        if len(found) != 1 or not told.startswith("<"):
            raise ValueError(f"this test does not know what this means: {expression}")
        return told


def _scope(made: Predicted) -> str:
    """Return where a role is assigned."""
    if made.type == _OF_NAMESPACES:
        (scope,) = set(re.findall(r"guid\('([^']+)'", made.id))
        return str(scope)
    if found := re.match(rf"\[extensionResourceId\('([^']+)', '{ROLES}'", made.id):
        return found[1]
    if found := re.match(rf"\[subscriptionResourceId\('([^']+)', '{ROLES}'", made.id):
        return f"/subscriptions/{found[1]}"
    return made.id.partition(f"/providers/{ROLES}/")[0]
