"""The command that takes over a Secret, with the caller's own rights alone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

import click

from sync.cli.choice import APP, app_of
from sync.cli.documents import Document, child, is_refusal, items, place, text
from sync.cli.exits import Exit
from sync.cli.options import request, vault
from sync.cli.outcomes import OUTCOMES
from sync.cli.session import PROGRAM, WRITES, Blocks, Session, View
from sync.cli.sources import Fields
from sync.cli.tables import Style, Table, total

if TYPE_CHECKING:
    from sync.app.requests import Resync
    from sync.app.takeover import Adoption
    from sync.app.use_cases import App
    from sync.cli.own_rights import OwnRights
    from sync.core.ports import Known


@click.command()
@vault(required=True)
@click.option("--yes", is_flag=True, help="do not ask")
@click.option(
    "--takeover", is_flag=True, help="even if the former owner still exists and may write it back"
)
@click.option(
    "--external-secret",
    "manifest",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="write nothing, and propose the tags of this vault's secrets that make what the "
    "ExternalSecrets in a file make; - is stdin",
)
@click.pass_obj
def adopt(
    session: Session, /, *, yes: bool, manifest: TextIO | None = None, **given: object
) -> Exit:
    """Take over a Secret that its former owner has released.

    Shows what happens to each key of a vault's Secret that External Secrets Operator, Helm or
    another had, asks, and writes; resync --takeover makes the same write without asking. It
    removes no key: those that the vault does not have stay as they are. It uses your own rights;
    with an app chosen it needs --no-app. How to release a Secret: docs/handover.md.
    """
    fields = request(given)
    if app_of(session.given):
        raise click.UsageError(
            "An app adopts nothing for you: adopt works with your own Azure login and kubeconfig. "
            f"Say --no-app if that is meant (--app or {APP} has chosen an app)."
        )
    if manifest is None:
        session.parting = WRITES
    elif yes or given["takeover"]:
        raise click.UsageError("--external-secret writes nothing: leave out --yes and --takeover.")
    from sync.cli.own_rights import OwnRights  # noqa: PLC0415 - --help does without

    own = session.source
    assert isinstance(own, OwnRights)  # no app is chosen
    if manifest is not None:
        return _proposed(session, own, _asked(fields), manifest)
    return _Adopting(session, own, _asked(fields)).run(yes=yes)


def _asked(fields: Fields) -> "Resync":
    """Return the request for the vault, or for its target that is named."""
    from sync.app.requests import Resync  # noqa: PLC0415 - --help does without

    target = fields.get("target")
    return Resync(
        str(fields["vault"]),
        None if target is None else str(target),
        takeover=bool(fields.get("takeover")),
    )


def _proposed(session: Session, own: "OwnRights", asked: "Resync", manifest: TextIO) -> Exit:
    """Show the tags for a file of ExternalSecrets, by the settings; no vault is read."""
    from sync.app.takeover import only_target  # noqa: PLC0415 - --help does without
    from sync.cli.proposed import PROPOSALS, manifests, proposals_json  # noqa: PLC0415 - likewise

    file = str(getattr(manifest, "name", "stdin"))
    try:
        objects = manifests(file, manifest.read())
    except UnicodeDecodeError as wrong:
        raise click.UsageError(f"--external-secret: {file} is not in UTF-8.") from wrong

    def told() -> Document:
        app = own.app()
        target = only_target(app, app.select(asked), asked)
        return proposals_json(objects, app.reconciler.rules, target)

    return session.show(own.document(told), PROPOSALS)


class _Adopting:
    """One adoption, from the look to the write."""

    def __init__(self, session: Session, own: "OwnRights", asked: "Resync") -> None:
        self._session, self._own, self._asked = session, own, asked

    def run(self, *, yes: bool) -> Exit:
        from sync.app.takeover import adopt as write  # noqa: PLC0415 - --help does without
        from sync.app.takeover import look  # noqa: PLC0415 - likewise
        from sync.cli.own_rights import unlimited  # noqa: PLC0415 - likewise
        from sync.http_api.convert import outcomes_of  # noqa: PLC0415 - likewise

        held: list[tuple[App, Known, Adoption]] = []

        def looked() -> Document:
            app = self._own.app()
            known = app.select(self._asked)
            found = look(app, known, self._asked, unlimited())
            held.append((app, known, found))
            return adoption_json(found)

        shown = self._own.document(looked)
        session = self._session
        if is_refusal(shown):
            return session.show(shown, OUTCOMES)
        ((app, known, found),) = held
        if session.tables:
            session.blocks(_blocks(shown, session.style))
        code = self._permission(found, yes=yes) if found else Exit.IN_STEP
        done: Document = {"outcomes": []}
        if found and code is Exit.IN_STEP:
            done = self._own.document(lambda: outcomes_of([write(app, known, found, unlimited())]))
            if is_refusal(done):
                return session.show(done, OUTCOMES)
            code = OUTCOMES.code(done)
            if session.tables:
                session.screen.answer("\n")
                session.show(done, OUTCOMES)
        if not session.tables:
            whole = {"adoption": shown, "outcomes": done["outcomes"]}
            session.show(whole, View(lambda _: code, OUTCOMES.blocks, _names, OUTCOMES.complaints))
        return code

    def _permission(self, found: "Adoption", *, yes: bool) -> Exit:
        """Return IN_STEP if the adoption may continue."""
        screen = self._session.screen
        if yes:
            return Exit.IN_STEP
        if screen.typed is None or not self._session.tables:
            screen.say(f"{PROGRAM}: nothing was written: confirm it with --yes")
            return Exit.FAILED
        if screen.confirmed(f"Take over Secret {found.target}?"):
            return Exit.IN_STEP
        screen.say("Nothing was written.")
        return Exit.OUT_OF_STEP


def adoption_json(adoption: "Adoption") -> Mapping[str, object]:
    """Return the Secret's former owner and what happens to each key."""
    from sync.http_api.convert import target_of  # noqa: PLC0415 - --help does without

    former = adoption.former
    return {
        "vault": adoption.target.vault.text,
        "target": target_of(adoption.target),
        "former": {"holder": former.holder, "sign": former.sign} if former else None,
        "keys": [
            {"key": key, "fate": fate.value, "version": adoption.versions.get(key)}
            for key, fate in adoption.fates.items()
        ],
    }


def _blocks(adoption: Document, style: Style) -> Blocks:
    del style
    former = child(adoption, "former")
    had = f"{text(former, 'holder')} ({text(former, 'sign')})" if former else "nobody"
    yield Table(("VAULT", "SECRET", "HELD BY"), [(text(adoption, "vault"), place(adoption), had)])
    keys = items(adoption, "keys")
    rows = [[text(key, name) for name in ("key", "fate", "version")] for key in keys]
    yield Table(("KEY", "BECOMES", "VERSION"), rows, folds=False)
    yield total("key", (text(key, "fate") for key in keys))


def _names(document: Document) -> Sequence[str]:
    return [text(key, "key") for key in items(child(document, "adoption"), "keys")]
