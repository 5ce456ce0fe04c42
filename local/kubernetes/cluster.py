"""The cluster: its users, its faults, and direct ways to plant and look at Secrets."""

import base64
from collections.abc import Callable, Mapping

from local.kubernetes.authorization import ANY, Rule
from local.kubernetes.documents import Document, strings
from local.kubernetes.faults import Faults, Requests
from local.kubernetes.kinds import NAMESPACE, SECRET
from local.kubernetes.objects import decoded_data
from local.kubernetes.registry import Registry, Write

_SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_ADMIN = "admin"
_EVERYTHING = Rule(verbs=(ANY,), resources=(ANY,))


class Cluster(Registry):
    """The state of one cluster: it outlives the servers that serve it.

    `tokens` are bearer tokens and the users they stand for; `identify` is asked for any other.
    """

    def __init__(
        self,
        tokens: Mapping[str, str] | None = None,
        identify: Callable[[str], str | None] | None = None,
    ) -> None:
        super().__init__()
        self._tokens = dict(tokens or {})
        self._identify = identify
        self.faults = Faults()
        self.requests = Requests()
        self.access.grant(_ADMIN, [_EVERYTHING])
        for name in _SYSTEM_NAMESPACES:
            self.create_namespace(name)

    def authenticate(self, token: str) -> str | None:
        """Return the user a bearer token stands for."""
        user = self._tokens.get(token)
        if user is None and self._identify is not None and token:
            return self._identify(token)
        return user

    def add_token(self, token: str, user: str) -> None:
        """Let the token stand for the user; user `admin` may do everything."""
        self._tokens[token] = user

    def remove_token(self, token: str) -> None:
        """Let the token stand for nobody."""
        self._tokens.pop(token, None)

    def grant(self, user: str, *rules: Rule) -> None:
        """Give the user these rules besides what they have."""
        self.access.grant(user, rules)

    def deny(self, user: str, rule: Rule) -> None:
        """Refuse the user what the rule covers."""
        self.access.deny(user, rule)

    def create_namespace(self, name: str) -> None:
        """Make a namespace."""
        self.create(NAMESPACE, "", {"metadata": {"name": name}}, Write())

    def delete_namespace(self, name: str) -> None:
        """Remove a namespace with its Secrets."""
        self.delete(NAMESPACE, "", name, {})

    def secret(self, namespace: str, name: str) -> Document:
        """Return the whole Secret, as a GET would."""
        return self.read(SECRET, namespace, name).document

    def data(self, namespace: str, name: str) -> dict[str, bytes]:
        """Return the Secret's data, decoded."""
        return decoded_data(self.read(SECRET, namespace, name).bare)

    def put_secret(  # noqa: PLR0913 - what a test may want to plant
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes],
        *,
        manager: str = "somebody",
        metadata: Document | None = None,
        immutable: bool = False,
    ) -> None:
        """Create or replace a Secret as that manager."""
        body: Document = {
            "metadata": {**(metadata or {}), "name": name},
            "data": _encoded(data),
            "immutable": immutable,
        }
        with self._lock:
            if self._store.get(SECRET, namespace, name) is None:
                self.create(SECRET, namespace, body, Write(manager))
            else:
                self.replace(SECRET, namespace, name, body, Write(manager))

    def patch_data(
        self,
        namespace: str,
        name: str,
        data: Mapping[str, bytes | None],
        *,
        manager: str = "somebody",
    ) -> None:
        """Set keys of a Secret as that manager; None removes a key."""
        kept = _encoded({key: value for key, value in data.items() if value is not None})
        gone = dict.fromkeys(key for key, value in data.items() if value is None)
        patch: Document = {"data": {**kept, **gone}}
        self.patch(SECRET, namespace, name, "merge", patch, Write(manager))

    def delete_secret(self, namespace: str, name: str) -> None:
        """Remove a Secret."""
        self.delete(SECRET, namespace, name, {})


def _encoded(data: Mapping[str, bytes]) -> Document:
    return strings({key: base64.b64encode(value).decode() for key, value in data.items()})
