"""One vault: its secrets, its access rules, and the events it sends to Event Grid."""

import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Unpack

from local.key_vault.access import Access
from local.key_vault.certificates import period
from local.key_vault.events import EventSource
from local.key_vault.faults import Faults
from local.key_vault.paging import PAGE_SIZE, Page, Quirks, cut
from local.key_vault.refusals import (
    deleted_secret_not_found,
    in_transition,
    name_taken,
    secret_disabled,
    secret_not_found,
)
from local.key_vault.secret import (
    Attributes,
    Secret,
    Version,
    check_attributes,
    check_name,
    check_value,
)


@dataclass(slots=True)
class Vault:
    """A vault, used by the HTTP server and by tests; every method may raise `Refused`.

    `transition_seconds` is how long a delete or a recovery takes to become visible. New versions
    are published after they can be read, on the thread that created them.
    """

    name: str
    tenant: str
    access: Access
    faults: Faults
    _events: EventSource
    _clock: Callable[[], float]
    quirks: Quirks = field(default_factory=Quirks)
    transition_seconds: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _secrets: dict[str, Secret] = field(default_factory=dict)
    _requests: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        """The URL that clients take, without a trailing slash."""
        return self._events.url

    @property
    def resource_id(self) -> str:
        """The id that Azure Resource Manager and the events' topic know the vault by."""
        return self._events.topic

    def set_secret(self, name: str, value: str, **attributes: Unpack[Attributes]) -> Version:
        """Create a new version, and the secret if it does not exist; publish it."""
        version = self._add(name, value, None, attributes)
        self._events.tell("NewVersionCreated", "Secret", version)
        return version

    def set_certificate(  # noqa: PLR0913 - a certificate has this many parts
        self,
        name: str,
        value: str,
        content_type: str = "application/x-pkcs12",
        *,
        tags: Mapping[str, str] | None = None,
        secret_event: bool = False,
        enabled: bool = True,
    ) -> Version:
        """Create a new version of a certificate and of the managed secret behind it; publish it.

        Its period of validity shows as the secret's `nbf` and `exp`, and a disabled certificate, as
        one that waits for its authority, as a disabled secret. The secret has the certificate's
        tags, as recordings of the service show; whether a renewal keeps them is not known. Nothing
        says whether it has its own event: `secret_event`.
        """
        key = f"{self.url}/keys/{name}"
        attributes = Attributes(content_type=content_type, tags=tags, enabled=enabled)
        if validity := period(value):
            attributes["nbf"], attributes["exp"] = validity
        version = self._add(name, value, key, attributes)
        self._events.tell("NewVersionCreated", "Certificate", version)
        if secret_event:
            self._events.tell("NewVersionCreated", "Secret", version)
        return version

    def get_secret(self, name: str, version: str | None = None) -> Version:
        """Return that version, or the newest that reads can see."""
        check_name(name)
        with self._lock:
            versions = self._live(name).versions
        for candidate in reversed(versions):
            if version in (None, candidate.version) and not self.faults.hides(candidate.version):
                if not candidate.enabled:
                    raise secret_disabled()
                return candidate
        raise secret_not_found(f"{name}/{version}" if version else name)

    def list_secrets(
        self, maxresults: int = PAGE_SIZE, skiptoken: str | None = None
    ) -> Page[Version]:
        """Return a page of the current versions of all secrets, including disabled ones."""
        with self._lock:
            rows = [
                (key, known[-1])
                for key, secret in self._shown(deleted=False)
                if (known := [v for v in secret.versions if self.faults.lists(v.version)])
            ]
        if self.quirks.repeated_entry and rows:
            key, first = min(rows, key=lambda row: row[0])
            rows.append((f"~{key}", replace(first, name=first.name.swapcase())))
        return cut(rows, maxresults, skiptoken, self.quirks)

    def list_versions(
        self, name: str, maxresults: int = PAGE_SIZE, skiptoken: str | None = None
    ) -> Page[Version]:
        """Return a page of a secret's versions, unordered; an unknown secret has none."""
        check_name(name)
        with self._lock:
            rows = [
                (version.version, version)
                for key, secret in self._shown(deleted=False)
                if key == name.lower()
                for version in secret.versions
            ]
        return cut(rows, maxresults, skiptoken, self.quirks)

    def update(
        self, name: str, version: str | None = None, **attributes: Unpack[Attributes]
    ) -> Version:
        """Change the given attributes of that version, or of the newest; updates `updated`."""
        check_name(name)
        check_attributes(attributes)
        with self._lock:
            secret = self._live(name)
            wanted = version or secret.current.version
            place = next((i for i, v in enumerate(secret.versions) if v.version == wanted), None)
            if place is None:
                raise secret_not_found(f"{name}/{wanted}")
            changed = replace(secret.versions[place], updated=self._now(), **attributes)
            versions = (*secret.versions[:place], changed, *secret.versions[place + 1 :])
            self._secrets[name.lower()] = replace(secret, versions=versions)
            return changed

    def disable(self, name: str, version: str | None = None) -> Version:
        """Disable that version, or the newest."""
        return self.update(name, version, enabled=False)

    def enable(self, name: str, version: str | None = None) -> Version:
        """Enable that version, or the newest."""
        return self.update(name, version, enabled=True)

    def delete(self, name: str) -> Secret:
        """Soft-delete the secret: gone at once, listed as deleted after the transition."""
        check_name(name)
        with self._lock:
            return self._move(self._live(name), deleted_on=self._now())

    def recover(self, name: str) -> Secret:
        """Recover a deleted secret: it can be read after the transition."""
        check_name(name)
        with self._lock:
            return self._move(self._deleted(name), deleted_on=None)

    def purge(self, name: str) -> None:
        """Remove a deleted secret for good."""
        check_name(name)
        with self._lock:
            self._deleted(name)
            del self._secrets[name.lower()]

    def get_deleted(self, name: str) -> Secret:
        """Return a deleted secret."""
        check_name(name)
        with self._lock:
            return self._deleted(name)

    def list_deleted(
        self, maxresults: int = PAGE_SIZE, skiptoken: str | None = None
    ) -> Page[Secret]:
        """Return a page of the deleted secrets."""
        with self._lock:
            rows = list(self._shown(deleted=True))
        return cut(rows, maxresults, skiptoken, self.quirks)

    def names(self) -> list[str]:
        """Return the names of the secrets that are not deleted, sorted case-insensitively."""
        with self._lock:
            return [secret.name for _, secret in sorted(self._shown(deleted=False))]

    def versions(self, name: str) -> tuple[Version, ...]:
        """Return a secret's versions, oldest first."""
        with self._lock:
            return self._live(name).versions

    def publish_near_expiry(self, name: str) -> None:
        """Publish that the secret or its certificate expires soon, as 30 days ahead."""
        self._tell_of_expiry("NearExpiry", name)

    def publish_expired(self, name: str) -> None:
        """Publish that the secret, or its certificate, has expired."""
        self._tell_of_expiry("Expired", name)

    def _tell_of_expiry(self, happening: Literal["NearExpiry", "Expired"], name: str) -> None:
        version = self._current(name)
        self._events.tell(happening, "Secret" if version.kid is None else "Certificate", version)

    def count(self, kind: str) -> None:
        """Count one HTTP request."""
        with self._lock:
            self._requests[kind] += 1

    def requests(self) -> Counter[str]:
        """Return the HTTP requests so far by kind; `unauthorized` are those answered 401."""
        with self._lock:
            return self._requests.copy()

    def reset_requests(self) -> None:
        """Count from zero again."""
        with self._lock:
            self._requests.clear()

    def _add(self, name: str, value: str, key: str | None, attributes: Attributes) -> Version:
        check_name(name)
        check_value(value)
        check_attributes(attributes)
        with self._lock:
            secret = self._secrets.get(name.lower())
            if secret is not None and self._clock() < secret.shows_from:
                raise in_transition(name, "deleted" if secret.deleted_on else "recovered")
            if secret is not None and secret.deleted_on is not None:
                raise name_taken(name)
            identifier, now = uuid.uuid4().hex, self._now()
            version = Version(
                secret.name if secret else name,
                identifier,
                value,
                now,
                now,
                kid=f"{key}/{identifier}" if key else None,
                **attributes,
            )
            self.faults.made(identifier)
            older = secret.versions if secret else ()
            self._secrets[name.lower()] = Secret((*older, version))
            return version

    def _current(self, name: str) -> Version:
        with self._lock:
            return self._live(name).current

    def _shown(self, *, deleted: bool) -> Iterable[tuple[str, Secret]]:
        now = self._clock()
        return [
            (key, secret)
            for key, secret in self._secrets.items()
            if (secret.deleted_on is not None) == deleted and now >= secret.shows_from
        ]

    def _live(self, name: str) -> Secret:
        secret = self._secrets.get(name.lower())
        if secret is None or secret.deleted_on is not None or self._clock() < secret.shows_from:
            raise secret_not_found(name)
        return secret

    def _deleted(self, name: str) -> Secret:
        secret = self._secrets.get(name.lower())
        if secret is None or secret.deleted_on is None or self._clock() < secret.shows_from:
            raise deleted_secret_not_found(name)
        return secret

    def _move(self, secret: Secret, deleted_on: int | None) -> Secret:
        moved = Secret(secret.versions, deleted_on, self._clock() + self.transition_seconds)
        self._secrets[secret.name.lower()] = moved
        return moved

    def _now(self) -> int:
        return int(self._clock())
