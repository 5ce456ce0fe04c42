"""Every reason that an outcome may have, with what it means and what to do."""

from enum import StrEnum
from typing import Self


class Group(StrEnum):
    """Where a reason belongs in `docs/outcomes.md`: what is wrong, and who may act on it."""

    TARGET = "a vault or its target: somebody has to act"
    VAULT_SECRET = "one vault secret: its team has to act"
    TRANSIENT = "it may pass by itself"
    ADOPTION = "adopt, on the command line"
    MALFORMED = "an event, a request or a setting that cannot be read"
    IGNORED = "not the business of this app"
    BUG = "a bug"


class Reason(StrEnum):
    """A stable CamelCase word for logs, counters and JSON.

    `meaning` is a sentence in Markdown, from which `docs/outcomes.md` is made.
    """

    group: Group
    meaning: str

    def __new__(cls, word: str, group: Group, meaning: str) -> Self:
        """Make one of its word, its group and its meaning."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.group = group
        reason.meaning = meaning
        return reason

    # fmt: off
    NAMESPACE_MISSING = "NamespaceMissing", Group.TARGET, "the namespace does not exist: create it"
    NAMESPACE_TERMINATING = "NamespaceTerminating", Group.TARGET, (
        "it is being deleted: create it again once it is gone")
    NAMESPACE_INVALID = "NamespaceInvalid", Group.TARGET, (
        "`SYNC_NAMESPACE` makes no RFC 1123 label of the vault's name")
    NAMESPACE_PROTECTED = "NamespaceProtected", Group.TARGET, (
        "the name leads to `default` or `kube-*`, which are never written")
    NO_CLUSTER = "NoCluster", Group.TARGET, (
        "no cluster of `SYNC_CLUSTERS` matches the vault's region and stage")
    CLUSTER_CONFIG = "ClusterConfig", Group.TARGET, (
        "the kubeconfig or the `ca` cannot be used: the message says which")
    CLUSTER_CREDENTIAL_MISSING = "ClusterCredentialMissing", Group.TARGET, (
        "the Key Vault secret of `token_secret` or `kubeconfig_secret` is missing, disabled or no "
        "token: set it")
    CLUSTER_UNAUTHORIZED = "ClusterUnauthorized", Group.TARGET, (
        "the cluster refuses the login, looked up anew: the message says how to renew it")
    CLUSTER_FORBIDDEN = "ClusterForbidden", Group.TARGET, (
        "the Role lacks get, create or patch on this Secret")
    ADMISSION_DENIED = "AdmissionDenied", Group.TARGET, (
        "a ValidatingAdmissionPolicy or an admission webhook of the cluster does not let the "
        "Secret be written: the message names it")
    QUOTA_EXCEEDED = "QuotaExceeded", Group.TARGET, (
        "a ResourceQuota of the namespace has no room for another Secret: raise it")
    SECRET_REFUSED = "SecretRefused", Group.TARGET, (
        "the API server refuses the Secret as it would become: the message names the fields")
    SECRET_IMMUTABLE = "SecretImmutable", Group.TARGET, (
        "somebody made the Secret immutable: delete it, it is made anew")
    SECRET_TYPE_MISMATCH = "SecretTypeMismatch", Group.TARGET, (
        "the Secret has another type than it should have: delete it, it is made anew; or name "
        "another by `k8s-secret`")
    SECRET_TOO_LARGE = "SecretTooLarge", Group.TARGET, (
        "over 1 MiB of values in one Secret: move secrets to another by `k8s-secret`, or to an "
        "additional vault")
    TOO_MANY_KEYS = "TooManyKeys", Group.TARGET, (
        "over 4,000 keys, or 256 KiB of annotations, on one Secret: likewise")
    TARGET_TAKEN = "TargetTaken", Group.TARGET, (
        "another owner, manager or vault has the Secret: the message says who and how to [hand it "
        "over](handover.md). Or tags ask for one that was there before them: choose another name")
    NOTHING_TO_ADOPT = "NothingToAdopt", Group.ADOPTION, (
        "there is no Secret to adopt: `resync` makes it")
    ADOPTION_REMOVES = "AdoptionRemoves", Group.ADOPTION, (
        "an adoption would take away keys that the sync itself wrote, for another vault or "
        "before: `resync --force` if that is meant")
    TARGET_CONTESTED = "TargetContested", Group.TARGET, (
        "two known vaults lead to the same Secret, and neither has it: rename one")
    UNSAFE_PLAN = "UnsafePlan", Group.TARGET, (
        "the listing is empty or would remove more than 30 % of ten or more keys: force it if "
        "that is meant")
    VAULT_FORBIDDEN = "VaultForbidden", Group.TARGET, (
        "the app lacks *Key Vault Secrets User* on the vault")
    VAULT_UNAUTHORIZED = "VaultUnauthorized", Group.TARGET, (
        "the vault refuses the token: another tenant, or revoked; restart the app for a new one")
    VAULT_FIREWALLED = "VaultFirewalled", Group.TARGET, "the vault's network rules refuse the app"
    VAULT_REFUSED = "VaultRefused", Group.TARGET, (
        "the vault refuses the request for another reason: the message has the status")
    VAULT_TOO_LARGE = "VaultTooLarge", Group.TARGET, (
        "the vault has more than 20,000 secrets, or more than 24 MiB of names and tags: move some "
        "to an additional vault. Events go on, passes do not")
    VAULT_UNTRUSTED = "VaultUntrusted", Group.TARGET, (
        "something else answers in the vault's place, or about something else than was asked; no "
        "token was sent elsewhere")
    CREDENTIAL_REFUSED = "CredentialRefused", Group.TARGET, (
        "no identity is assigned, or its secret has expired")
    RESOURCE_MANAGER_FORBIDDEN = "ResourceManagerForbidden", Group.TARGET, (
        "Azure Resource Manager refuses the app's identity: the message has the role to assign")
    RESOURCE_MANAGER_UNAUTHORIZED = "ResourceManagerUnauthorized", Group.TARGET, (
        "it does not accept the token: the identity is of another tenant or cloud than the "
        "subscription")
    RESOURCE_MISSING = "ResourceMissing", Group.TARGET, (
        "the AKS cluster or the subscription is not there: correct the setting")
    RESOURCE_MANAGER_REFUSED = "ResourceManagerRefused", Group.TARGET, (
        "it refuses the request for another reason: the message has the status")
    DISCOVERY_SHRANK = "DiscoveryShrank", Group.TARGET, (
        "the search no longer shows vaults that it did: the message says which are still covered. "
        "Unless they were deleted, assign *Reader* again")
    DISCOVERY_INCOMPLETE = "DiscoveryIncomplete", Group.TARGET, (
        "the search shows nothing of a subscription: assign *Reader* there")
    DISCOVERY_UNSCOPED = "DiscoveryUnscoped", Group.TARGET, (
        "a search is asked for and `SYNC_SUBSCRIPTIONS` is empty")
    NO_SUCH_SECRET = "NoSuchSecret", Group.TARGET, (
        "an operator named a secret that the vault does not serve")
    VALUE_NOT_UNICODE = "ValueNotUnicode", Group.VAULT_SECRET, (
        "the value cannot be encoded in UTF-8, or is no text where its tags need one: set a new "
        "version, or correct the tags")
    ENTRY_UNREADABLE = "EntryUnreadable", Group.VAULT_SECRET, (
        "the vault lists the secret in a form that is not Key Vault's: the message says what is "
        "odd. Set a new version of it")
    TAGS_LOST = "TagsLost", Group.VAULT_SECRET, (
        "a new version has none of the tags by which the former one was brought over: give it the "
        "same ones, or `k8s-sync` `true` if it is meant to be plain; the last good value stays")
    TAG_UNKNOWN = "TagUnknown", Group.VAULT_SECRET, (
        "a tag begins with `k8s-` and is none of the app's: the message says which may be meant")
    TAG_WRONG = "TagWrong", Group.VAULT_SECRET, (
        "a tag's value cannot be, or two tags do not go together: the message says all that is "
        "wrong")
    KEY_INVALID = "KeyInvalid", Group.VAULT_SECRET, (
        "the secret, or a member of it, would become a key that Kubernetes refuses: rename it, or "
        "set `k8s-key`")
    KEY_CLASH = "KeyClash", Group.VAULT_SECRET, (
        "two vault secrets are for one key, both named: give one another key by `k8s-key`, or "
        "remove it. Or a key stays with one that cannot get to its new Secret: mend that")
    KEY_TWICE = "KeyTwice", Group.VAULT_SECRET, (
        "two members of one secret become the same key: rename one")
    TYPES_DIFFER = "TypesDiffer", Group.VAULT_SECRET, (
        "vault secrets ask for one Secret as different types: name two by `k8s-secret`")
    VALUE_NOT_DECODABLE = "ValueNotDecodable", Group.VAULT_SECRET, (
        "the value is not of its `k8s-encoding`: set a new version, or remove the tag")
    VALUE_NOT_OF_FORMAT = "ValueNotOfFormat", Group.VAULT_SECRET, (
        "the value is not of its `k8s-expand`, or has no members: the message says what is wrong")
    MEMBER_TWICE = "MemberTwice", Group.VAULT_SECRET, (
        "an object in the value has one name twice: set a new version")
    TOO_MANY_MEMBERS = "TooManyMembers", Group.VAULT_SECRET, (
        "over 1,000 members: divide it, or take a part by `k8s-path`")
    PATH_NOT_FOUND = "PathNotFound", Group.VAULT_SECRET, "`k8s-path` leads to nothing in the value"
    VALUE_NOT_OF_TYPE = "ValueNotOfType", Group.VAULT_SECRET, (
        "the value does not make a Secret of its `k8s-type`: the message says what it takes")
    CERTIFICATE_ENCRYPTED = "CertificateEncrypted", Group.VAULT_SECRET, (
        "the bundle has a password, or is damaged: import it as a certificate, or without one")
    CERTIFICATE_KEY_MISSING = "CertificateKeyMissing", Group.VAULT_SECRET, (
        "it has no private key: make a version under a policy whose key is exportable")
    CERTIFICATE_KEY_AMBIGUOUS = "CertificateKeyAmbiguous", Group.VAULT_SECRET, (
        "it has several private keys: import it with its own alone")
    CERTIFICATE_MISMATCH = "CertificateMismatch", Group.VAULT_SECRET, (
        "its key belongs to none of its certificates: import the two that belong together")
    CERTIFICATE_UNREADABLE = "CertificateUnreadable", Group.VAULT_SECRET, (
        "it is neither PEM nor PKCS#12, not what its content type says, has too many "
        "certificates, or asks for too many rounds of key derivation: the message says which")
    CONFLICT = "Conflict", Group.TRANSIENT, "somebody else changed the Secret at each of six turns"
    SECRETS_MOVED = "SecretsMoved", Group.TRANSIENT, (
        "tags moved keys, and after six turns something still stands in its old place as well")
    TAGS_CHANGED = "TagsChanged", Group.TRANSIENT, "tags changed while the vault was read"
    SECRET_CHANGED = "SecretChanged", Group.ADOPTION, (
        "somebody changed it between `adopt`'s plan and the answer: look again")
    KEYS_EVICTED = "KeysEvicted", Group.TRANSIENT, (
        "the same, after keys were taken back from another field manager")
    SECRET_NOT_SERVED_YET = "SecretNotServedYet", Group.TRANSIENT, (
        "the vault does not know the secret of a fresh event, or one that it lists")
    OLDER_VERSION_SERVED = "OlderVersionServed", Group.TRANSIENT, (
        "the vault still serves an older version than the event's, or than the one written")
    VAULT_THROTTLED = "VaultThrottled", Group.TRANSIENT, (
        "429, and the wait would outlast the call; Retry-After is handed on")
    VAULT_UNAVAILABLE = "VaultUnavailable", Group.TRANSIENT, "the vault answers 5xx"
    VAULT_UNREACHABLE = "VaultUnreachable", Group.TRANSIENT, (
        "no connection to the vault, or no answer in time")
    VAULT_NAME_UNRESOLVED = "VaultNameUnresolved", Group.TRANSIENT, (
        "its name does not resolve: the vault was deleted, or a private DNS zone is missing "
        "(behind a proxy: `VaultUnreachable`)")
    VAULT_CERTIFICATE_REFUSED = "VaultCertificateRefused", Group.TRANSIENT, (
        "the TLS handshake with the vault failed")
    VAULT_ANSWER_BROKEN = "VaultAnswerBroken", Group.TRANSIENT, (
        "the answer is not Key Vault's, or not whole")
    CREDENTIAL_UNAVAILABLE = "CredentialUnavailable", Group.TRANSIENT, (
        "the token endpoint is down, or does not answer as one; Retry-After is handed on")
    RESOURCE_MANAGER_THROTTLED = "ResourceManagerThrottled", Group.TRANSIENT, (
        "429; Retry-After is handed on")
    RESOURCE_MANAGER_UNAVAILABLE = "ResourceManagerUnavailable", Group.TRANSIENT, (
        "5xx; Retry-After is handed on")
    RESOURCE_MANAGER_UNREACHABLE = "ResourceManagerUnreachable", Group.TRANSIENT, (
        "Azure Resource Manager cannot be reached: DNS, proxy, trust or outbound rules")
    RESOURCE_MANAGER_ANSWER_BROKEN = "ResourceManagerAnswerBroken", Group.TRANSIENT, (
        "the answer is not Azure Resource Manager's, or not whole")
    CLUSTER_UNAVAILABLE = "ClusterUnavailable", Group.TRANSIENT, "the API server answers 5xx or 429"
    CLUSTER_UNREACHABLE = "ClusterUnreachable", Group.TRANSIENT, "the API server does not answer"
    CLUSTER_ANSWER_BROKEN = "ClusterAnswerBroken", Group.TRANSIENT, (
        "the answer is not a Kubernetes API server's, or not about the Secret")
    DEADLINE_EXCEEDED = "DeadlineExceeded", Group.TRANSIENT, (
        "the time for this vault ran out; what was read by then is written")
    EVENT_MALFORMED = "EventMalformed", Group.MALFORMED, (
        "the payload is not a Key Vault event of either schema")
    EVENT_MISMATCH = "EventMismatch", Group.MALFORMED, (
        "the event's topic and data name different vaults")
    REQUEST_MALFORMED = "RequestMalformed", Group.MALFORMED, (
        "the body of a resync, or the arguments, cannot be read: the message shows the form")
    EVENT_TYPE_IGNORED = "EventTypeIgnored", Group.IGNORED, (
        "another event type: filter it in the event subscription")
    SUBSCRIPTIONS_UNSET = "SubscriptionsUnset", Group.IGNORED, (
        "`SYNC_SUBSCRIPTIONS` is empty, so every event is refused")
    SUBSCRIPTION_NOT_ALLOWED = "SubscriptionNotAllowed", Group.IGNORED, (
        "the event's subscription is not in `SYNC_SUBSCRIPTIONS`")
    CALLER_UNKNOWN = "CallerUnknown", Group.IGNORED, (
        "401: behind App Service authentication the call came without a Microsoft Entra principal")
    VAULT_NAME_OFF_PATTERN = "VaultNameOffPattern", Group.IGNORED, (
        "the vault's name is not of the platform's form")
    NO_VAULTS = "NoVaults", Group.IGNORED, (
        "all vaults are to be resynced, and no vault is known: name it, or set `SYNC_VAULTS`")
    NO_SUCH_PROJECT = "NoSuchProject", Group.IGNORED, "no known vault has this project and stage"
    SECRET_NEAR_EXPIRY = "SecretNearExpiry", Group.IGNORED, (
        "Key Vault says that the secret expires soon; the key stays, set a new version")
    SECRET_EXPIRED = "SecretExpired", Group.IGNORED, (
        "Key Vault says that the secret has expired; the key stays, set a new version")
    BUG = "Bug", Group.BUG, (
        "nobody thought of it: the message names the place in the code, please report it")
    SETTINGS_WRONG = "SettingsWrong", Group.MALFORMED, (
        "a setting cannot be read: every fault is listed")
    # fmt: on
