"""Examines one Secret: its namespace, our permissions on it, its owner, who wrote it last."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sync.core.errors import Permanent, SyncError
from sync.core.model import SECRET_TYPE, Actual, Target
from sync.core.ports import Cluster, Deadline
from sync.core.reasons import Reason
from sync.doctor import remedies
from sync.doctor.checks import Check, Subject
from sync.reconcile.guards import refuse_foreign, refuse_unmarked
from sync.reconcile.observed import ObservedSecret

NEEDED = ("get", "create", "patch")

_RIGHTS = tuple(f"may {verb}" for verb in NEEDED)
_EXCESS, _RESTART, _OWNER, _SETTINGS = "no more rights", "may restart", "owner", "settings"
_NAMES = ("namespace", *_RIGHTS, _EXCESS, _OWNER, _SETTINGS)
_WORKLOADS = ("deployments", "statefulsets", "daemonsets")


@dataclass(frozen=True, slots=True)
class Right:
    """A verb on Secrets, or on another resource of an API group.

    Without a name it is on all of them, without a namespace in all namespaces.
    """

    verb: str
    namespace: str = ""
    name: str = ""
    resource: str = "secrets"
    group: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """An API server's version, and the user that it sees us as, empty if it does not say."""

    version: str
    user: str


class Access(Protocol):
    """What the clusters allow us. Every method raises Permanent or Transient."""

    def server(self, cluster: str, deadline: Deadline) -> Server:
        """Return the API server's version and our user."""
        ...

    def allows(self, cluster: str, right: Right, deadline: Deadline) -> bool:
        """Return whether we have the permission."""
        ...

    def has_namespace(self, target: Target, deadline: Deadline) -> bool | None:
        """Return whether the target's namespace exists; None if we may not know."""
        ...


@dataclass(frozen=True, slots=True)
class ManagedSecret:
    """A Secret that a vault is synced to; `secrets` are all of that vault's, its own first.

    `type` is what tags ask for, empty if they ask for none.
    """

    target: Target
    secrets: tuple[str, ...]
    type: str = ""

    @property
    def is_own(self) -> bool:
        """Whether it is the vault's own Secret."""
        return self.target.secret == self.secrets[0]


@dataclass(frozen=True, slots=True)
class SecretExamination:
    """The examination of a Secret with the permissions of `user`.

    `rules` is the digest of the settings, and `restarts` says whether they restart workloads.
    """

    kept: ManagedSecret
    user: str
    access: Access
    cluster: Cluster
    rules: str
    restarts: bool = False

    def checks(self, deadline: Deadline) -> Sequence[Check]:
        """Run all checks; skips those that an earlier failure makes pointless."""
        done: list[Check] = []
        try:
            done.append(self._namespace(deadline))
            if not done[0].well:
                because = f"namespace {self.target.namespace} does not exist"
                return [*done, *self._subject.skipped(because, *self._names[1:])]
            for verb in NEEDED:
                done.append(self._may(verb, deadline))  # noqa: PERF401 - keeps the checks before an error
            done.append(self._excess(deadline))
            if _RESTART in self._names:
                done.append(self._may_restart(deadline))
            if not done[1].well:
                because = "the Secret may not be read"
                return [*done, *self._subject.skipped(because, _OWNER, _SETTINGS)]
            actual = self.cluster.read(self.target, deadline)
            done.append(self._owner(actual))
            if not done[-1].well:
                return [*done, *self._subject.skipped("the app cannot write the Secret", _SETTINGS)]
            done.append(self._settings(actual))
        except SyncError as error:
            failed, *rest = self._names[len(done) :]
            remedy = remedies.of_target(self.target, error)
            done.append(self._subject.refused(failed, error, remedy))
            done += self._subject.skipped("the cluster could not be asked", *rest)
        return done

    @property
    def _names(self) -> Sequence[str]:
        """The checks in their order; the right to restart is looked at once a namespace."""
        if not self.restarts or not self.kept.is_own:
            return _NAMES
        return [
            each for name in _NAMES for each in ((_RESTART, name) if name == _OWNER else (name,))
        ]

    @property
    def target(self) -> Target:
        """The Secret."""
        return self.kept.target

    @staticmethod
    def skipped(target: Target) -> Sequence[Check]:
        """Report all checks as skipped, since the cluster does not answer."""
        because = f"cluster {target.cluster} does not answer"
        return Subject(f"Secret {target}").skipped(because, *_NAMES)

    @property
    def _subject(self) -> Subject:
        return Subject(f"Secret {self.target}")

    def _namespace(self, deadline: Deadline) -> Check:
        name, namespace = "namespace", self.target.namespace
        match self.access.has_namespace(self.target, deadline):
            case True:
                return self._subject.ok(name, f"Namespace {namespace} exists.")
            case False:
                missing = f"Namespace {namespace} does not exist; the sync never creates one."
                return self._subject.failed(name, missing, remedies.namespace(self.target))
            case None:
                unknown = f"These permissions do not show whether namespace {namespace} exists."
                return self._subject.warning(name, unknown)

    def _may(self, verb: str, deadline: Deadline) -> Check:
        name = f"may {verb}"
        right = Right(verb, self.target.namespace, self.target.secret)
        if self.access.allows(self.target.cluster, right, deadline):
            return self._subject.ok(name, f"Verb {verb} is granted on this Secret.")
        whom = f"user {self.user!r}" if self.user else "our user"
        denied = f"Verb {verb} on this Secret is not granted to {whom}."
        return self._subject.failed(
            name, denied, remedies.role(self.target, self.user, self.kept.secrets)
        )

    def _excess(self, deadline: Deadline) -> Check:
        target = self.target
        probes = {
            "list the namespace's Secrets": Right("list", target.namespace),
            "get any Secret of the namespace": Right("get", target.namespace),
            "get any Secret of any namespace": Right("get"),
            "update this Secret": Right("update", target.namespace, target.secret),
            "delete this Secret": Right("delete", target.namespace, target.secret),
        }
        excess = [
            what
            for what, right in probes.items()
            if self.access.allows(target.cluster, right, deadline)
        ]
        if not excess:
            return self._subject.ok(_EXCESS, "None is granted of those that were tried.")
        more = f"Granted though the sync never needs it: {', '.join(excess)}."
        return self._subject.warning(_EXCESS, more)

    def _may_restart(self, deadline: Deadline) -> Check:
        namespace = self.target.namespace
        lacking = [
            f"{verb} {resource}"
            for resource in _WORKLOADS
            for verb in ("get", "list", "patch")
            if not self.access.allows(
                self.target.cluster, Right(verb, namespace, "", resource, "apps"), deadline
            )
        ]
        if not lacking:
            return self._subject.ok(_RESTART, "Its readers may be listed and restarted.")
        sentence = f"WorkloadsForbidden: not granted in {namespace}: {', '.join(lacking)}."
        remedy = remedies.restart_role(self.target, self.user)
        reason = Reason.WORKLOADS_FORBIDDEN
        return self._subject.warning(_RESTART, sentence, remedy, reason)

    def _owner(self, actual: Actual | None) -> Check:
        if actual is None:
            return self._subject.ok(_OWNER, "The Secret does not exist yet; the sync creates it.")
        observed = ObservedSecret.of(self.target, actual)
        try:
            if self.kept.is_own:
                refuse_foreign(self.target, actual)
            else:
                refuse_unmarked(observed)
        except Permanent as error:
            remedy = remedies.adopt(self.target) if self.kept.is_own else ""
            return self._subject.refused(_OWNER, error, remedy)
        kind = self.kept.type or (SECRET_TYPE if self.kept.is_own else actual.type)
        wrong = ""
        if actual.immutable:
            wrong = "SecretImmutable: it is marked immutable"
        elif actual.type != kind:
            wrong = f"SecretTypeMismatch: it is of type {actual.type!r}, not {kind}"
        if wrong:
            sentence = f"{wrong}. Delete it, and the app creates it again."
            return self._subject.failed(_OWNER, sentence, remedies.delete(self.target))
        if observed.state is None:
            return self._subject.ok(_OWNER, "It is nobody's; the sync adds its keys to it.")
        return self._subject.ok(_OWNER, "It is kept by this sync.")

    def _settings(self, actual: Actual | None) -> Check:
        error = ObservedSecret.of(self.target, actual).settings_differ(self.rules)
        if error is None:
            return self._subject.ok(_SETTINGS, "No other settings than this app's wrote it last.")
        sentence = f"{error.reason}: {error.message}"
        return self._subject.warning(_SETTINGS, sentence, reason=error.reason)
