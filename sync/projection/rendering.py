"""Turns the value of a placed vault secret into keys and bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sync.core.errors import Permanent
from sync.core.model import VaultSecret
from sync.core.outcomes import Notice
from sync.core.reasons import Reason
from sync.projection.budget import ParseBudget
from sync.projection.certificates import Bundle, as_text_of_pkcs12, read_bundle
from sync.projection.formats import ObjectFormat, as_text, decoded, joined, members, parsed
from sync.projection.keys import KeySource, KeyStyle, checked_keys
from sync.projection.made_values import Maker
from sync.projection.placement import Placement, Rendered
from sync.projection.secret_types import build
from sync.projection.tags import CERTIFICATE_MEMBERS, Format, SecretType, TagOptions
from sync.projection.turns import PARSING

_LINE_BREAKS = b"\r\n"
_TLS = "TLS"
_NAMED = 5  # how many keys a warning names


@dataclass(frozen=True, slots=True)
class Renderer:
    """The platform's decisions about values."""

    style: KeyStyle
    keep_root: bool
    root_only: bool
    identity_tokens: bool

    def render(self, placement: Placement, secret: VaultSecret, budget: ParseBudget) -> Rendered:
        """Return the keys and bytes that a value becomes; raises Permanent, which quotes no value.

        `budget` limits the work that the survey spends on opening certificates.
        """
        found = self._rendered(placement, secret, budget)
        odd = self._odd_keys(str(secret.name), found.values)
        return Rendered(found.values, (*found.warnings, *odd))

    def _rendered(self, placement: Placement, secret: VaultSecret, budget: ParseBudget) -> Rendered:
        options, name = placement.options, secret.name
        if placement.key is not None:
            return Rendered({placement.key: _bytes(name, secret.value, options)})
        if placement.type is SecretType.TLS:
            return self._tls(name, secret.value, placement, budget)
        if options.expand is Format.CERTIFICATE:
            return self._certificate(name, secret.value, placement, budget)
        with PARSING:
            if placement.type is not None:
                value = _bytes(name, secret.value, options)
                built = build(name, placement.type, value, identity_tokens=self.identity_tokens)
                return Rendered(built)
            if options.keys:
                return Rendered(_listed(name, secret.value, options))
            return Rendered(self._expanded(name, secret.value, placement))

    def _odd_keys(self, name: str, keys: Iterable[str]) -> Iterator[Notice]:
        """Yield a warning if keys are not what a platform that wants environment names expects."""
        if odd := self.style.odd(keys):
            shown = ", ".join(map(repr, odd[:_NAMED])) + (", …" if len(odd) > _NAMED else "")
            yield Notice(
                Reason.KEY_NOT_ENVIRONMENT_NAME,
                f"Secret {name!r} becomes {shown}, which no environment variable can be named: "
                "name another key by its tag k8s-key.",
                name,
            )

    def _tls(self, name: str, value: str, placement: Placement, budget: ParseBudget) -> Rendered:
        raw = decoded(name, value, placement.options.encoding)
        bundle = self._bundle(name, as_text_of_pkcs12(raw) or as_text(name, raw), placement, budget)
        authority = {} if bundle.authority is None else {"ca.crt": bundle.authority}
        return Rendered(
            {"tls.crt": bundle.certificate, "tls.key": bundle.key, **authority}, bundle.warnings
        )

    def _certificate(
        self, name: str, value: str, placement: Placement, budget: ParseBudget
    ) -> Rendered:
        bundle = self._bundle(name, value, placement, budget)
        if placement.options.keys:
            return Rendered(_of_certificate(name, bundle, placement.options), bundle.warnings)
        base = placement.options.key or self.style.styled(placement.base)
        keys = [(base + self.style.styled(".crt"), bundle.certificate)]
        keys.append((base + self.style.styled(".key"), bundle.key))
        if bundle.authority is not None:
            keys.append((self._authority(base), bundle.authority))
        return Rendered(checked_keys(name, keys), bundle.warnings)

    def _authority(self, base: str) -> str:
        """Return the key of the authority, which beside TLS_CRT and TLS_KEY is CA_CRT."""
        beside_tls = self.style is KeyStyle.ENV and base == _TLS
        return "CA_CRT" if beside_tls else base + self.style.styled(".ca.crt")

    def _bundle(self, name: str, text: str, placement: Placement, budget: ParseBudget) -> Bundle:
        return read_bundle(
            name,
            text,
            placement.content_type,
            budget,
            keep_root=self.keep_root,
            root_only=self.root_only,
        )

    def _expanded(self, name: str, value: str, placement: Placement) -> Mapping[str, bytes]:
        options = placement.options
        form = _object_format(options)
        text = as_text(name, decoded(name, value, options.encoding))
        found = members(name, text, form, options.path)
        if not found:
            raise Permanent(
                Reason.VALUE_NOT_OF_FORMAT,
                f"Secret {name!r}, tagged k8s-expand {form}, has no members: set a new "
                "version of it that has, or leave it out by its tag k8s-sync.",
            )
        trimmed = _trimmed(options)
        if found.keys() == {()}:
            only = options.key or self.style.styled(placement.base)
            return checked_keys(name, [(only, found[()].rstrip(trimmed).encode())])
        has_paths = form is not Format.DOTENV
        return checked_keys(
            name,
            (  # lazily: the names of a thousand members may be long
                (
                    joined(options.key, (self.style.styled(joined(None, parts)),)),
                    leaf.rstrip(trimmed).encode(),
                )
                for parts, leaf in found.items()
            ),
            KeySource.MEMBER_WITH_PATH if has_paths else KeySource.MEMBER,
        )


def _listed(name: str, value: str, options: TagOptions) -> Mapping[str, bytes]:
    """Return the keys that the tags list, of the members or of the whole value."""
    text = as_text(name, decoded(name, value, options.encoding))
    trimmed = _trimmed(options)
    if options.expand is None:
        return Maker(name, {"value": text}, trimmed=trimmed).make(options.keys)
    form = _object_format(options)
    tree = parsed(name, text, form, options.path)
    is_dotenv = form is Format.DOTENV
    maker = Maker(name, tree, dotted=is_dotenv, names_are_told=not is_dotenv, trimmed=trimmed)
    return maker.make(options.keys)


def _of_certificate(name: str, bundle: Bundle, options: TagOptions) -> Mapping[str, bytes]:
    parts = {"crt": bundle.certificate, "key": bundle.key, "ca": bundle.authority}
    maker = Maker(
        name,
        {
            member: part.decode()
            for member, short in CERTIFICATE_MEMBERS.items()
            if (part := parts[short]) is not None
        },
        dotted=True,
    )
    return maker.make(options.keys)


def _object_format(options: TagOptions) -> ObjectFormat:
    if options.expand is None or options.expand is Format.CERTIFICATE:
        raise TypeError("no object to expand")
    return options.expand


def _trimmed(options: TagOptions) -> str:
    return "\r\n" if options.trim else ""


def _bytes(name: str, text: str, options: TagOptions) -> bytes:
    value = decoded(name, text, options.encoding)
    return value.rstrip(_LINE_BREAKS) if options.trim else value
