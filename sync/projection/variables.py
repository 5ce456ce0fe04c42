"""Turns the vault secrets that an application lists into environment variables."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256

from sync.core.errors import Permanent, excerpt
from sync.core.model import Application, VaultSecret
from sync.core.reasons import Reason
from sync.projection.budget import ParseBudget
from sync.projection.certificate_faults import PEM, PKCS12
from sync.projection.certificates import read_bundle
from sync.projection.formats import MAX_MEMBERS, as_text, decoded, read_json
from sync.projection.keys import KeyStyle
from sync.projection.pem import BEGIN
from sync.projection.placement import Naming, Placement, Rendered
from sync.projection.tags import TagOptions
from sync.projection.text_marks import without_mark
from sync.projection.trees import Node, compact
from sync.projection.turns import PARSING

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,252}", re.ASCII)
"""The names of variables. Kubernetes allows more, which shells and most programs cannot read."""

PROCESS_VARIABLES = (
    *("PATH", "HOME", "SHELL", "IFS", "ENV", "BASH_*", "BASHOPTS", "SHELLOPTS", "PS4", "ZDOTDIR"),
    *("PROMPT_COMMAND", "LD_*", "DYLD_*", "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "MALLOC_*"),
    *("HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_*", "KUBERNETES_*", "KUBECONFIG"),
    *("NODE_OPTIONS", "NODE_PATH", "NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED"),
    *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "JAVA_OPTS", "CLASSPATH"),
    *("CATALINA_OPTS", "MAVEN_OPTS", "GRADLE_OPTS", "PYTHON*", "RUBYOPT", "RUBYLIB", "PERL5*"),
    *("PERLLIB", "PHPRC", "PHP_INI_SCAN_DIR", "LUA_PATH*", "LUA_CPATH*", "LUA_INIT*"),
    *("ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ERL_LIBS", "ELIXIR_ERL_OPTIONS"),
    *("DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "DOTNET_SHARED_STORE", "DOTNET_ROOT*"),
    *("CORECLR_*", "COR_*", "COMPLUS_*", "ASPNETCORE_HOSTINGSTARTUPASSEMBLIES"),
    *("OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("SSLKEYLOGFILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSH*", "GIT_EXEC_PATH"),
    *("GIT_ASKPASS", "GIT_CONFIG*", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_TEMPLATE_DIR"),
)
"""Variables that load code, choose programs or what they trust, or hide the cluster's own."""

_REMEDY = "give its variables a prefix by `prefix` in SYNC_APPLICATIONS"
_CERTIFICATE = re.compile(rf"{BEGIN}(?:X509 )?CERTIFICATE-")
_KEY = re.compile(rf"{BEGIN}[A-Z ]{{0,20}}PRIVATE KEY-")


def naming_of(application: Application, name: str, base: str) -> Naming:
    """Return how the variables of a vault secret are named.

    `base` is its name without a stage prefix that the rules strip: `{name}` in a prefix.
    """
    asked = application.variables
    for pattern, prefix in asked.prefixes:
        if fnmatchcase(name.lower(), pattern.lower()):
            return Naming(prefix.replace("{name}", KeyStyle.ENV.styled(base)), asked.allowed)
    return Naming("", asked.allowed)


@dataclass(frozen=True, slots=True)
class VariableRules:
    """The platform's decisions about variables."""

    keep_root: bool
    root_only: bool

    def place(
        self, secret: str, base: str, content_type: str, naming: Naming, options: TagOptions
    ) -> Placement:
        """Return the placement of a vault secret in an application's Secret of that name.

        `options` are the tags that count in every place.
        """
        shape = ("variables", base, content_type, naming, self.keep_root, self.root_only)
        return Placement(
            secrets=(secret,),
            type=None,
            key=None,
            base=base,
            options=options,
            content_type=content_type,
            fingerprint=sha256(repr(shape).encode()).hexdigest()[:8],
            tagged=False,
            variables=naming,
        )

    def render(
        self, placement: Placement, naming: Naming, secret: VaultSecret, budget: ParseBudget
    ) -> Rendered:
        """Return the variables that a value becomes; raises Permanent, which quotes no value."""
        name = str(secret.name)
        if _is_certificate(secret.value, placement.content_type):
            bundle = read_bundle(
                name,
                secret.value,
                placement.content_type,
                budget,
                keep_root=self.keep_root,
                root_only=self.root_only,
            )
            parts = {"TLS_CRT": bundle.certificate, "TLS_KEY": bundle.key}
            parts |= {} if bundle.authority is None else {"CA_CRT": bundle.authority}
            return Rendered(_named(name, parts, naming), bundle.warnings)
        with PARSING:
            text = as_text(name, decoded(name, secret.value, None))
            if not _is_object(text):
                parts = {KeyStyle.ENV.styled(placement.base): text.encode()}
            else:
                parts = {member: value.encode() for member, value in _members(name, text)}
            return Rendered(_named(name, parts, naming))


def _is_certificate(text: str, content_type: str) -> bool:
    """Return whether a value is a certificate: by its content type, or as PEM with its key."""
    if content_type == PKCS12:
        return True
    has_certificate = _CERTIFICATE.search(text) is not None
    return has_certificate and (content_type == PEM or _KEY.search(text) is not None)


def _is_object(text: str) -> bool:
    """Return whether a value is meant to be a JSON object: passwords may begin with a brace."""
    stripped = without_mark(text).strip()
    return stripped.startswith("{") and stripped.endswith("}")


def _members(name: str, text: str) -> Iterator[tuple[str, str]]:
    subject = f"Secret {name!r}, which looks like a JSON object,"
    tree = read_json(subject, without_mark(text))
    if not isinstance(tree, dict) or not tree:
        raise Permanent(
            Reason.VALUE_NOT_OF_FORMAT,
            f"{subject} has no members: set a new version of it that has.",
        )
    if len(tree) > MAX_MEMBERS:
        raise Permanent(
            Reason.TOO_MANY_MEMBERS,
            f"{subject} has more than {MAX_MEMBERS} members: divide it into several secrets.",
        )
    for member, node in tree.items():
        yield member, _text(name, member, node)


def _text(name: str, member: str, node: Node) -> str:
    if node is None:
        raise Permanent(
            Reason.VARIABLE_INVALID,
            f"Secret {name!r}: its member {excerpt(member)} is null, which no variable can be: "
            "give it a value, or leave it out.",
        )
    return node if isinstance(node, str) else compact(node)


def _named(name: str, parts: Mapping[str, bytes], naming: Naming) -> Mapping[str, bytes]:
    """Return the variables; raises Permanent for one that no process may or can have."""
    found = {naming.prefix + part: value for part, value in parts.items()}
    for variable, value in found.items():
        if not NAME.fullmatch(variable):
            raise Permanent(
                Reason.VARIABLE_INVALID,
                f"Secret {name!r} would become the variable {excerpt(variable)}, which must be at "
                "most 253 of a-z, A-Z, 0-9 and '_' and not begin with a digit: rename it, or "
                f"{_REMEDY}.",
            )
        if is_reserved(variable, naming.allowed):
            raise Permanent(
                Reason.VARIABLE_RESERVED,
                f"Secret {name!r} would become the variable {variable!r}, which can take a process "
                f"over: rename it, {_REMEDY}, or allow it by `allow` there.",
            )
        if b"\0" in value:
            raise Permanent(
                Reason.VARIABLE_INVALID,
                f"Secret {name!r}: variable {variable!r} would hold a NUL, where every variable "
                "ends: set a new version of it without one.",
            )
    return found


def is_reserved(variable: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a variable is refused: Windows reads names in any case, so all are."""
    upper = variable.upper()
    if any(fnmatchcase(upper, pattern.upper()) for pattern in allowed):
        return False
    return any(fnmatchcase(upper, pattern) for pattern in PROCESS_VARIABLES)
