"""Every reason of an outcome, with its meaning and what to do."""

from enum import StrEnum
from typing import Self

from sync.core.groups import Group, Remote


class Reason(StrEnum):
    """A stable CamelCase word for logs, counters and JSON.

    `meaning` says in Markdown what is wrong and what to do. `make docs` writes it to
    `docs/outcomes.md`. `remote` is what cannot be used as a whole, if that is the reason.
    """

    group: Group
    meaning: str
    remote: Remote | None

    def __new__(cls, word: str, group: Group, meaning: str, remote: Remote | None = None) -> Self:
        """Create a reason from its word, its group, its meaning, and what cannot be used."""
        reason = str.__new__(cls, word)
        reason._value_ = word
        reason.group = group
        reason.meaning = meaning
        reason.remote = remote
        return reason

    # fmt: off
    NAMESPACE_MISSING = "NamespaceMissing", Group.TARGET, (
        "The namespace does not exist. Create it. Only an app with rights in every namespace "
        "learns this: with a Role in each, as `infra/kubernetes` has it, the Role is missing as "
        "well, and the reason is [ClusterForbidden](#clusterforbidden).")
    NAMESPACE_TERMINATING = "NamespaceTerminating", Group.TARGET, (
        "The namespace is being deleted. Create it again once it is gone.")
    NAMESPACE_INVALID = "NamespaceInvalid", Group.TARGET, (
        "`SYNC_NAMESPACE` and the vault's name make a namespace that is not an RFC 1123 label. "
        "Correct the setting.")
    NAMESPACE_PROTECTED = "NamespaceProtected", Group.TARGET, (
        "The vault's name leads to `default` or `kube-*`. Rename the vault, or correct "
        "`SYNC_NAMESPACE`; an entry of `SYNC_PLACEMENTS` may name `default`.")
    NO_CLUSTER = "NoCluster", Group.TARGET, (
        "No cluster of `SYNC_CLUSTERS` matches the vault's region and stage. Add one.")
    CLUSTER_CONFIG = "ClusterConfig", Group.TARGET, (
        "The kubeconfig or the `ca` cannot be used. The message says which."), Remote.CLUSTER
    CLUSTER_CREDENTIAL_MISSING = "ClusterCredentialMissing", Group.TARGET, (
        "The vault secret that `token_secret` or `kubeconfig_secret` names is missing, is "
        "disabled, or is not a token. Set it."), Remote.CLUSTER
    CLUSTER_UNAUTHORIZED = "ClusterUnauthorized", Group.TARGET, (
        "The cluster refuses the app's login even after the app has read it again. The message "
        "says how to renew it."), Remote.CLUSTER
    CLUSTER_FORBIDDEN = "ClusterForbidden", Group.TARGET, (
        "The app's Role lacks get, create or patch on this Secret. Add what is missing. Or the "
        "namespace does not exist, and so its Role does not either: create both."), Remote.CLUSTER
    ADMISSION_DENIED = "AdmissionDenied", Group.TARGET, (
        "A ValidatingAdmissionPolicy or an admission webhook of the cluster refuses the Secret. "
        "The message names it. What to do about `keyvault-sync-guard` and "
        "`keyvault-sync-self-service`: docs/operate.md.")
    QUOTA_EXCEEDED = "QuotaExceeded", Group.TARGET, (
        "A ResourceQuota of the namespace has no room for another Secret. Raise it.")
    SECRET_REFUSED = "SecretRefused", Group.TARGET, (
        "The API server refuses the Secret that the app wants to write. The message names the "
        "fields.")
    SECRET_IMMUTABLE = "SecretImmutable", Group.TARGET, (
        "Somebody made the Secret immutable. Delete it, and the app creates it again. Where the "
        "cluster has `components/guard`, its break-glass group deletes it.")
    SECRET_TYPE_MISMATCH = "SecretTypeMismatch", Group.TARGET, (
        "The Secret has another type than its vault secrets ask for. Delete it, and the app "
        "creates it again (where the cluster has `components/guard`, its break-glass group deletes "
        "it); or choose another Secret with `k8s-secret`.")
    SECRET_TOO_LARGE = "SecretTooLarge", Group.TARGET, (
        "One Secret would hold more than 1 MiB of values. Send some vault secrets to another "
        "Secret with `k8s-secret`, or move them to an additional vault.")
    TOO_MANY_KEYS = "TooManyKeys", Group.TARGET, (
        "One Secret would hold more than 4,000 keys, or 256 KiB of annotations. Send some vault "
        "secrets to another Secret with `k8s-secret`, or move them to an additional vault.")
    TARGET_TAKEN = "TargetTaken", Group.TARGET, (
        "Another owner, controller or vault has the Secret. The message names it and says how to "
        "[hand the Secret over](handover.md). Or a tag asks for a Secret that is older than the "
        "tag: choose another name.")
    STATE_NEWER = "StateNewer", Group.TARGET, (
        "A newer release of the app has written the Secret, and this one cannot read its state. "
        "Nothing is written. Deploy that release again.")
    NOTHING_TO_ADOPT = "NothingToAdopt", Group.ADOPTION, (
        "There is no Secret to adopt. `keyvault-sync resync` makes one.")
    ADOPTION_REMOVES = "AdoptionRemoves", Group.ADOPTION, (
        "The adoption would remove keys that the app itself wrote earlier. If that is meant, use "
        "`resync --takeover`.")
    TARGET_CONTESTED = "TargetContested", Group.TARGET, (
        "Two known vaults lead to the same Secret, and neither has it. Rename one of them.")
    APPLICATIONS_FORBIDDEN = "ApplicationsForbidden", Group.TARGET, (
        "The app may not list or get the [applications](applications.md) of a namespace. Add "
        "`components/applications` of `infra/kubernetes`. Nothing is removed meanwhile.")
    APPLICATIONS_UNKNOWN = "ApplicationsUnknown", Group.TARGET, (
        "The cluster does not serve a kind of `SYNC_APPLICATIONS`. Install its definition, or "
        "correct group, version or resource. Nothing is removed meanwhile.")
    APPLICATION_REFUSED = "ApplicationRefused", Group.TARGET, (
        "An [application](applications.md) leads to a Secret that it cannot have: no valid name, a "
        "vault's own Secret, or one that another application leads to as well. The message says "
        "which. Rename the object, or correct `secret` in `SYNC_APPLICATIONS`.")
    SETTINGS_DIFFER = "SettingsDiffer", Group.TARGET, (
        "An app with other settings, such as another `SYNC_KEY_STYLE`, wrote the Secret last. The "
        "next pass writes it anew. If this comes back, two apps write one Secret in turn: give "
        "them the same settings, or each its own vaults, or another `SYNC_NAMESPACE`.")
    UNSAFE_PLAN = "UnsafePlan", Group.TARGET, (
        "The vault lists no secrets, or more than 30 % of ten or more keys would go. They stay. If "
        "they are meant to go, use `resync --removals`.")
    VAULT_NOT_GONE = "VaultNotGone", Group.TARGET, (
        "`takeover_from` names a vault that still exists, or that may still exist. Only a vault "
        "that is gone loses its Secret to another.")
    VAULT_FORBIDDEN = "VaultForbidden", Group.TARGET, (
        "The app may not read the vault's secrets. Where Azure RBAC decides, assign *Key Vault "
        "Secrets User* on the vault; where access policies do, which the message and `doctor` "
        "say, add an entry with get and list, also to the template that deploys the "
        "vault."), Remote.VAULT
    VAULT_UNAUTHORIZED = "VaultUnauthorized", Group.TARGET, (
        "The vault does not accept the app's token: the identity is of another tenant, or the "
        "token was revoked. Restart the app to get a new one."), Remote.VAULT
    VAULT_FIREWALLED = "VaultFirewalled", Group.TARGET, (
        "The vault's network rules refuse the app. Give the vault a private endpoint and its DNS "
        "zone, or the app's subnet a NAT gateway whose address the rules let in. On Flex "
        "Consumption the rules cannot name the app's subnet: it may have no service "
        "endpoint."), Remote.VAULT
    VAULT_REFUSED = "VaultRefused", Group.TARGET, (
        "The vault refuses the request for another reason. The message has the HTTP "
        "status."), Remote.VAULT
    VAULT_TOO_LARGE = "VaultTooLarge", Group.TARGET, (
        "The vault has more than 20,000 secrets, or more than 24 MiB of names and tags. Move some "
        "to an additional vault. Events still work, passes do not."), Remote.VAULT
    VAULT_UNTRUSTED = "VaultUntrusted", Group.TARGET, (
        "What answers is not the vault, or its answer is about something else. No token was sent "
        "elsewhere. Check `SYNC_VAULT_DNS_SUFFIX`, name resolution and proxies."), Remote.VAULT
    CREDENTIAL_REFUSED = "CredentialRefused", Group.TARGET, (
        "The app has no identity, or the identity's secret has expired. Assign one, or renew the "
        "secret."), Remote.IDENTITY
    RESOURCE_MANAGER_FORBIDDEN = "ResourceManagerForbidden", Group.TARGET, (
        "Azure Resource Manager refuses the app's identity. The message names the role to assign.")
    RESOURCE_MANAGER_UNAUTHORIZED = "ResourceManagerUnauthorized", Group.TARGET, (
        "Azure Resource Manager does not accept the token: the identity is of another tenant or "
        "cloud than the subscription.")
    RESOURCE_MISSING = "ResourceMissing", Group.TARGET, (
        "The AKS cluster or the subscription does not exist. Correct the setting.")
    RESOURCE_MANAGER_REFUSED = "ResourceManagerRefused", Group.TARGET, (
        "Azure Resource Manager refuses the request for another reason. The message has the HTTP "
        "status.")
    DISCOVERY_SHRANK = "DiscoveryShrank", Group.TARGET, (
        "The search no longer finds vaults that it found before. The message says which are still "
        "covered. Unless the vaults were deleted, assign *Reader* again.")
    DISCOVERY_INCOMPLETE = "DiscoveryIncomplete", Group.TARGET, (
        "The search finds nothing in a subscription. Assign *Reader* there.")
    DISCOVERY_UNSCOPED = "DiscoveryUnscoped", Group.TARGET, (
        "`SYNC_DISCOVERY` asks for a search, and `SYNC_SUBSCRIPTIONS` is empty. Name the "
        "subscriptions.")
    DISCOVERY_NEEDED = "DiscoveryNeeded", Group.TRANSIENT, (
        "A Secret is made or taken over only once a search has shown that no other vault leads to "
        "it, and no search succeeded within the last ten minutes. The message says why.")
    NOT_WRITTEN_YET = "NotWrittenYet", Group.TARGET, (
        "No event and no pass has written the Secret yet. `keyvault-sync explain VAULT` says what "
        "keeps each secret out.")
    VAULT_LISTED_OFF_PATTERN = "VaultListedOffPattern", Group.TARGET, (
        "`SYNC_VAULTS` has a name that does not match `SYNC_VAULT_PATTERN`. The other vaults go "
        "on. Correct the name, or remove it.")
    EXAMINATION_RUNNING = "ExaminationRunning", Group.TRANSIENT, (
        "The app examines one thing at a time, and another `doctor` is under way. Ask again.")
    NO_SUCH_SECRET = "NoSuchSecret", Group.TARGET, (
        "An operator named a secret that the vault does not serve. Check the name.")
    VALUE_NOT_UNICODE = "ValueNotUnicode", Group.VAULT_SECRET, (
        "The value cannot be encoded in UTF-8, or its tags need text and it is none, or is text in "
        "UTF-16. Set a new version in UTF-8, or correct the tags.")
    LISTED_SECRET_MISSING = "ListedSecretMissing", Group.VAULT_SECRET, (
        "An [application](applications.md) lists a vault secret that the vault does not have. Set "
        "it, or take it off the list.")
    LISTED_SECRET_DISABLED = "ListedSecretDisabled", Group.VAULT_SECRET, (
        "An [application](applications.md) lists a vault secret that is disabled: it waits for its "
        "value. Set a new version of it.")
    VARIABLE_INVALID = "VariableInvalid", Group.VAULT_SECRET, (
        "The secret, or a member of it, would become a variable of an "
        "[application](applications.md) that has no valid name or cannot hold the value. The "
        "message says which rule it breaks: a name is letters, digits and `_`, no digit first; a "
        "value is not null and has no NUL.")
    VARIABLE_RESERVED = "VariableReserved", Group.VAULT_SECRET, (
        "The secret, or a member of it, would become a variable that can take the process of an "
        "[application](applications.md) over, such as `PATH` or `LD_PRELOAD`. Rename it, give it a "
        "prefix, or allow it by `allow` in `SYNC_APPLICATIONS`.")
    ENTRY_UNREADABLE = "EntryUnreadable", Group.VAULT_SECRET, (
        "The vault lists the secret in a form that is not Key Vault's. The message says what is "
        "odd. Set a new version of it.")
    TAGS_LOST = "TagsLost", Group.VAULT_SECRET, (
        "The new version has none of the tags by which the former version was placed. Give it the "
        "same tags, or `k8s-sync: true` if it is meant to be plain.")
    TAG_UNKNOWN = "TagUnknown", Group.VAULT_SECRET, (
        "A tag begins with `k8s-` and is not one of the app's. The message says which tag may be "
        "meant.")
    TAG_WRONG = "TagWrong", Group.VAULT_SECRET, (
        "A tag has a value that it cannot have, or two tags do not go together. The message lists "
        "every fault.")
    KEY_INVALID = "KeyInvalid", Group.VAULT_SECRET, (
        "The secret, or one of its members, would become a key that Kubernetes refuses. The "
        "message says which rule it breaks and what helps: a member must be renamed, or taken "
        "alone by `k8s-path`.")
    KEY_CLASH = "KeyClash", Group.VAULT_SECRET, (
        "Two vault secrets claim one key, and the message names both. Give one of them another "
        "key with `k8s-key`, or remove it. Or the key's holder cannot move to its new Secret yet: "
        "solve that first.")
    KEY_TWICE = "KeyTwice", Group.VAULT_SECRET, (
        "Two members of one secret become the same key. Rename one.")
    TYPES_DIFFER = "TypesDiffer", Group.VAULT_SECRET, (
        "Two vault secrets ask for one Secret as different types. Send one of them to another "
        "Secret with `k8s-secret`.")
    LABELS_DIFFER = "LabelsDiffer", Group.VAULT_SECRET, (
        "Two vault secrets ask for one label of a Secret with different values, and the message "
        "names both. Give them one value of `k8s-label-NAME`, or send one to another Secret.")
    VALUE_NOT_DECODABLE = "ValueNotDecodable", Group.VAULT_SECRET, (
        "The value cannot be decoded by its `k8s-encoding`. Set a new version, or remove the tag.")
    VALUE_NOT_OF_FORMAT = "ValueNotOfFormat", Group.VAULT_SECRET, (
        "The value does not have the format of its `k8s-expand`, or has no members. The message "
        "says what is wrong.")
    MEMBER_TWICE = "MemberTwice", Group.VAULT_SECRET, (
        "An object in the value has one name twice. Set a new version.")
    TOO_MANY_MEMBERS = "TooManyMembers", Group.VAULT_SECRET, (
        "The value has more than 1,000 members. Divide it, or take a part of it with `k8s-path`.")
    TOO_MANY_VERSIONS = "TooManyVersions", Group.VAULT_SECRET, (
        "The newest version may not be used yet, and the secret has more than 2,500 others, among "
        "which the app does not look for one. Set a version that is enabled and valid now.")
    PATH_NOT_FOUND = "PathNotFound", Group.VAULT_SECRET, (
        "`k8s-path` or `k8s-keys` asks for a member that the value does not have. Correct the tag, "
        "or set a new version.")
    VALUE_NOT_MADE = "ValueNotMade", Group.VAULT_SECRET, (
        "What `k8s-keys` asks for cannot be made of this value: a member is null, empty, an object "
        "or a list, has control characters and no filter, or the result is too long. The message "
        "names the member.")
    VALUE_NOT_OF_TYPE = "ValueNotOfType", Group.VAULT_SECRET, (
        "The value does not make a Secret of its `k8s-type`. The message says what that type "
        "takes.")
    CERTIFICATE_ENCRYPTED = "CertificateEncrypted", Group.VAULT_SECRET, (
        "The certificate's bundle has a password, or is damaged. Import it as a certificate, or "
        "without a password.")
    CERTIFICATE_KEY_MISSING = "CertificateKeyMissing", Group.VAULT_SECRET, (
        "The certificate has no private key. Make a version under a policy whose key is "
        "exportable. A trust store has none by nature: remove its tag.")
    CERTIFICATE_KEY_AMBIGUOUS = "CertificateKeyAmbiguous", Group.VAULT_SECRET, (
        "The certificate has several private keys. Import it with its own key alone.")
    CERTIFICATE_MISMATCH = "CertificateMismatch", Group.VAULT_SECRET, (
        "The private key belongs to none of the certificates, by its numbers or by its "
        "algorithm. Import the two that belong together.")
    CERTIFICATE_UNREADABLE = "CertificateUnreadable", Group.VAULT_SECRET, (
        "The value is neither PEM nor PKCS#12, is not what its content type says, is sealed by an "
        "algorithm that is not read, has a key or needs a certificate that is not read, has too "
        "many certificates, or asks for too many rounds of key derivation. The message says "
        "which.")
    CERTIFICATE_POSTPONED = "CertificatePostponed", Group.VAULT_SECRET, (
        "The vault's bundles ask for more rounds of key derivation than one pass does. This one is "
        "tried again within the hour. `openssl pkcs12 -export -iter 2048` makes it cheaper.")
    NOT_VALID_YET = "NotValidYet", Group.WARNING, (
        "The newest version is not valid yet, by its `nbf`. The version in the Secret stays, and "
        "the first pass after that time brings the newest one in. `SYNC_NOT_BEFORE=ignore` does "
        "not wait.")
    CERTIFICATE_PENDING = "CertificatePending", Group.WARNING, (
        "The newest version of a certificate is disabled, as it is while it waits for its "
        "authority. The newest enabled version stays until that one is enabled.")
    LISTED_NAME_INVALID = "ListedNameInvalid", Group.WARNING, (
        "An [application](applications.md) lists entries that are no names of vault secrets. "
        "Correct them there; the others are synced.")
    SECRET_BLANKED = "SecretBlanked", Group.WARNING, (
        "Nothing is left for a Secret with a type of its own, which may not lack its keys: they "
        "are empty now. The changes say why each went. Enable the vault secret, or delete the "
        "Secret.")
    KEY_NOT_ENVIRONMENT_NAME = "KeyNotEnvironmentName", Group.WARNING, (
        "`SYNC_KEY_STYLE` is `env`, and a key is no name of an environment variable: a pod that "
        "takes the whole Secret as its environment does not get it. Name another by `k8s-key`.")
    CERTIFICATE_RARELY_READ = "CertificateRarelyRead", Group.WARNING, (
        "The certificate is written, but its key or a signature in its chain is of a kind that "
        "some programs do not read, and an ingress may serve its own certificate instead. The "
        "message says which: explicit curve parameters, P-256K, Ed448, RSA-PSS or SHA-1, say.")
    CHAIN_NAMES_DIFFER = "ChainNamesDiffer", Group.WARNING, (
        "An issuer in the chain is spelled in another way than the certificate that it signed "
        "spells it. OpenSSL and Java take the two for one, programs in Go do not. Have the issuer "
        "write its name as it is.")
    CHAIN_INCOMPLETE = "ChainIncomplete", Group.WARNING, (
        "The certificate comes without its issuer, or its chain does not reach the root that "
        "comes with it. Clients that do not have the missing issuer refuse it. Add it.")
    CERTIFICATE_LEFT_OUT = "CertificateLeftOut", Group.WARNING, (
        "The value holds certificates that are not in the chain of its key, or that are damaged. "
        "They are not written. Look whether one of them was meant.")
    AUTHORITY_IS_INTERMEDIATE = "AuthorityIsIntermediate", Group.WARNING, (
        "The value has no root, so `ca.crt` is an intermediate, which OpenSSL trusts only as a "
        "partial chain. Add the root, or set `SYNC_CHAIN_CA=root-only`, which leaves it out.")
    FILE_ENCODING_IGNORED = "FileEncodingIgnored", Group.WARNING, (
        "The Azure CLI's tag `file-encoding` says that the value is the base64 or the hexadecimal "
        "digits of a file. It is written so. To have it decoded, set `k8s-encoding` as well.")
    WORKLOADS_FORBIDDEN = "WorkloadsForbidden", Group.WORKLOAD, (
        "`SYNC_RESTART` is on, and the app may not list the workloads of the namespace. Add "
        "`components/restart` to its Role, or switch the setting off. Secrets are synced all the "
        "same.")
    WORKLOAD_REFUSED = "WorkloadRefused", Group.WORKLOAD, (
        "The cluster does not let the app restart the workload: a policy, a webhook, a missing "
        "right, or a workload that does not fit its own rules. The message says which. The app "
        "tries again within an hour, and for the next change.")
    WORKLOAD_OWNED = "WorkloadOwned", Group.WORKLOAD, (
        "The workload belongs to a controller, which would revert its template half-way. Restart "
        "it by its owner. `SYNC_RESTART_OWNERS` names the kinds of owners that leave a changed "
        "template as it is.")
    WORKLOAD_PAUSED = "WorkloadPaused", Group.WORKLOAD, (
        "The Deployment is paused. The app restarts it once somebody resumes it.")
    WORKLOAD_ON_DELETE = "WorkloadOnDelete", Group.WORKLOAD, (
        "The workload's `updateStrategy` is `OnDelete`: a new template reaches no pod by itself. "
        "Delete its pods, one after the other; the app sees that they are new if it may list "
        "pods.")
    WORKLOAD_PARTITIONED = "WorkloadPartitioned", Group.WORKLOAD, (
        "The StatefulSet's `partition` keeps a part of its pods at an older template. The app "
        "restarts it once the partition is 0.")
    WORKLOAD_KEY_MISSING = "WorkloadKeyMissing", Group.WORKLOAD, (
        "A pod of this workload would not start, since it needs a key that its Secret does not "
        "have. Set the vault secret, or mark the use as `optional`; the running pods stay until "
        "then.")
    WORKLOAD_SECRET_IMMUTABLE = "WorkloadSecretImmutable", Group.WORKLOAD, (
        "The Secret is immutable, and a node that runs a pod with it would hand its old values to "
        "new pods as well. Stop the workload's pods on each node first, or make the Secret anew "
        "without `immutable`.")
    WORKLOAD_UNREADABLE = "WorkloadUnreadable", Group.WORKLOAD, (
        "The annotation `keyvault-sync/restart` has another value than `true`, `env` or `false`. "
        "Correct it.")
    WORKLOAD_TOO_LARGE = "WorkloadTooLarge", Group.WORKLOAD, (
        "The workload reads more keys than its annotation has room for. Let it read fewer, by "
        "`items` or by variables of their own.")
    WORKLOAD_WAITS = "WorkloadWaits", Group.WORKLOAD, (
        "The workload is restarted later: the value has just changed, another workload is "
        "restarted first, or a rollout of its own is under way. Nothing needs to be done.")
    WORKLOAD_OUTSIDE_WINDOW = "WorkloadOutsideWindow", Group.WORKLOAD, (
        "`SYNC_RESTART_WINDOWS` lets no restart begin now. The first pass in a window restarts "
        "the workload.")
    WORKLOAD_NOT_READY = "WorkloadNotReady", Group.WORKLOAD, (
        "The app restarted the workload, and it was not ready within `SYNC_RESTART_DEADLINE`. "
        "Look at its pods: the new value may be wrong. Workloads that read the same keys are not "
        "restarted until it is ready, or the value changes again.")
    WORKLOAD_STOPPED = "WorkloadStopped", Group.WORKLOAD, (
        "A workload that was restarted before this one, for the same keys, is not ready. This one "
        "keeps its pods until that one is, or until the value changes again.")
    CONFLICT = "Conflict", Group.TRANSIENT, "Somebody else changed the Secret in each of six turns."
    SECRETS_MOVED = "SecretsMoved", Group.TRANSIENT, (
        "Tags moved keys to another Secret, and after six turns a key is still in its old place "
        "as well.")
    TAGS_CHANGED = "TagsChanged", Group.TRANSIENT, "Tags changed while the app read the vault."
    SECRET_CHANGED = "SecretChanged", Group.ADOPTION, (
        "Somebody changed the Secret between the plan that `adopt` showed and your answer. Run it "
        "again.")
    SECRET_NOT_SERVED_YET = "SecretNotServedYet", Group.TRANSIENT, (
        "The vault does not serve a secret yet that a fresh event names, or that the vault itself "
        "lists.")
    OLDER_VERSION_SERVED = "OlderVersionServed", Group.TRANSIENT, (
        "The vault serves an older version than the event's, or than the Secret's of the last "
        "minute: it lags, or an older backup was restored there. That ends within a minute.")
    VAULT_THROTTLED = "VaultThrottled", Group.TRANSIENT, (
        "The vault answers 429, and the wait it asks for would outlast the call. The app hands its "
        "Retry-After on."), Remote.VAULT
    VAULT_UNAVAILABLE = "VaultUnavailable", Group.TRANSIENT, "The vault answers 5xx.", Remote.VAULT
    VAULT_UNREACHABLE = "VaultUnreachable", Group.TRANSIENT, (
        "The app cannot connect to the vault, or gets no answer in time."), Remote.VAULT
    VAULT_NAME_UNRESOLVED = "VaultNameUnresolved", Group.TRANSIENT, (
        "The vault's name does not resolve: the vault was deleted, or a private DNS zone is "
        "missing. Behind a proxy the reason is "
        "[VaultUnreachable](#vaultunreachable)."), Remote.VAULT
    VAULT_CERTIFICATE_REFUSED = "VaultCertificateRefused", Group.TRANSIENT, (
        "The TLS handshake with the vault failed."), Remote.VAULT
    VAULT_ANSWER_BROKEN = "VaultAnswerBroken", Group.TRANSIENT, (
        "The answer is not Key Vault's, or is not whole."), Remote.VAULT
    CREDENTIAL_UNAVAILABLE = "CredentialUnavailable", Group.TRANSIENT, (
        "The token endpoint is down, or what answers is not one. The app hands its Retry-After "
        "on."), Remote.IDENTITY
    RESOURCE_MANAGER_THROTTLED = "ResourceManagerThrottled", Group.TRANSIENT, (
        "Azure Resource Manager answers 429. The app hands its Retry-After on.")
    RESOURCE_MANAGER_UNAVAILABLE = "ResourceManagerUnavailable", Group.TRANSIENT, (
        "Azure Resource Manager answers 5xx. The app hands its Retry-After on.")
    RESOURCE_MANAGER_UNREACHABLE = "ResourceManagerUnreachable", Group.TRANSIENT, (
        "The app cannot reach Azure Resource Manager. Check DNS, proxy, trust and outbound rules.")
    RESOURCE_MANAGER_ANSWER_BROKEN = "ResourceManagerAnswerBroken", Group.TRANSIENT, (
        "The answer is not Azure Resource Manager's, or is not whole.")
    CLUSTER_UNAVAILABLE = "ClusterUnavailable", Group.TRANSIENT, (
        "The API server answers 5xx or 429."), Remote.CLUSTER
    CLUSTER_UNREACHABLE = "ClusterUnreachable", Group.TRANSIENT, (
        "The API server does not answer. An AKS cluster with authorized IP ranges answers no "
        "other address, and a private one only its own network: "
        "[docs/clusters.md](clusters.md#aks) says what each needs."), Remote.CLUSTER
    CLUSTER_ANSWER_BROKEN = "ClusterAnswerBroken", Group.TRANSIENT, (
        "The answer is not a Kubernetes API server's, or is not about the Secret."), Remote.CLUSTER
    DEADLINE_EXCEEDED = "DeadlineExceeded", Group.TRANSIENT, (
        "The time for this vault ran out. What the app had read is written.")
    EVENT_MALFORMED = "EventMalformed", Group.MALFORMED, (
        "The payload is not a Key Vault event of either schema.")
    EVENT_MISMATCH = "EventMismatch", Group.MALFORMED, (
        "The event's topic and its data name different vaults.")
    REQUEST_MALFORMED = "RequestMalformed", Group.MALFORMED, (
        "The body of a resync, or the query of a status, cannot be read. The message shows the "
        "right form.")
    NOTHING_KNOWN = "NothingKnown", Group.MALFORMED, (
        "Neither `SYNC_SUBSCRIPTIONS` nor `SYNC_VAULTS` names anything. Every event and every pass "
        "fails until one of them does.")
    EVENT_TYPE_IGNORED = "EventTypeIgnored", Group.IGNORED, (
        "The event is of a type that the app does not act on. Filter it out in the event "
        "subscription.")
    SUBSCRIPTIONS_UNSET = "SubscriptionsUnset", Group.IGNORED, (
        "`SYNC_SUBSCRIPTIONS` is empty, so the app refuses every event. Set it.")
    SUBSCRIPTION_NOT_ALLOWED = "SubscriptionNotAllowed", Group.IGNORED, (
        "The event's subscription is not in `SYNC_SUBSCRIPTIONS`.")
    CALLER_UNKNOWN = "CallerUnknown", Group.IGNORED, (
        "The call came through App Service authentication without a Microsoft Entra principal, "
        "and is answered with 401. Send a token; a function key does not do there.")
    VAULT_NAME_OFF_PATTERN = "VaultNameOffPattern", Group.IGNORED, (
        "The vault's name does not match `SYNC_VAULT_PATTERN`.")
    NO_VAULTS = "NoVaults", Group.IGNORED, (
        "All vaults are to be resynced, and no vault is known. Name one, or set `SYNC_VAULTS`.")
    NO_SUCH_PROJECT = "NoSuchProject", Group.IGNORED, "No known vault has this project and stage."
    NO_SUCH_TARGET = "NoSuchTarget", Group.IGNORED, "The vault has no such target."
    SECRET_NEAR_EXPIRY = "SecretNearExpiry", Group.IGNORED, (
        "Key Vault says that the secret expires soon. Its keys stay until then, and after it "
        "unless `SYNC_EXPIRED` is `remove`. Set a new version.")
    SECRET_EXPIRED = "SecretExpired", Group.IGNORED, (
        "Key Vault says that the secret has expired. Its keys stay unless `SYNC_EXPIRED` is "
        "`remove`. Set a new version.")
    CERTIFICATE_NEAR_EXPIRY = "CertificateNearExpiry", Group.IGNORED, (
        "Key Vault says that the certificate expires soon. Its keys stay until then, and after it "
        "unless `SYNC_EXPIRED` is `remove`. Renew it, or merge the one that its authority issues.")
    CERTIFICATE_EXPIRED = "CertificateExpired", Group.IGNORED, (
        "Key Vault says that the certificate has expired. Its keys stay unless `SYNC_EXPIRED` is "
        "`remove`. Renew it, or merge the one that its authority issues.")
    BUG = "Bug", Group.BUG, (
        "The app met a case that it does not handle. The message names the place in the code: "
        "please report it.")
    SETTINGS_WRONG = "SettingsWrong", Group.MALFORMED, (
        "A setting cannot be read. Every fault is listed.")
    # fmt: on
