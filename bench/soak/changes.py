"""What teams do in their vaults and others in the cluster: new versions, and what has no event."""

import secrets
from collections.abc import Sequence

from bench.soak import shapes
from bench.soak.dice import DICE
from bench.soak.estate import EVENT, TIMER, Plot
from local.kubernetes.status import ApiError

_NOTES = 5
_DISABLED = ("plain-00", "moving-0", "json-0")
"""What goes by being disabled; the others are deleted."""


def new_version(plot: Plot, name: str, *, calm: bool) -> None:
    """Set a secret anew, with the tags that it has; one that is deleted or disabled stays so."""
    content = shapes.value(name)
    with plot.lock:
        if name in plot.out:
            return
        tags = shapes.tags(name, moved=name in plot.moved)
        plot.touch([name], EVENT, calm=calm)
        if name == shapes.SITE:
            plot.vault.set_certificate(name, content, tags=tags)
        else:
            plot.vault.set_secret(name, content, tags=tags)


def unheard_of(plot: Plot, *, calm: bool) -> None:
    """Do one of the things that no event tells of; the timer's pass has to see it."""
    act = DICE.choice((_remove_or_return, _remove_or_return, _move, _note, _tamper, _tamper, _raze))
    with plot.lock:
        try:
            changed = act(plot)
        except ApiError:  # the Secret is not there at the moment
            return
        plot.touch(changed, TIMER, calm=calm)


def _remove_or_return(plot: Plot) -> Sequence[str]:
    name = DICE.choice(shapes.MAY_GO)
    if name in shapes.MOVING and plot.razed:
        return ()
    if name in plot.out:
        (plot.vault.enable if name in _DISABLED else plot.vault.recover)(name)
        plot.out.discard(name)
    elif plot.may_lose():
        (plot.vault.disable if name in _DISABLED else plot.vault.delete)(name)
        plot.out.add(name)
    else:
        return ()
    return (name,)


def _move(plot: Plot) -> Sequence[str]:
    name = DICE.choice(shapes.MOVING)
    if name in plot.out or plot.razed:
        return ()
    plot.moved ^= {name}
    plot.vault.update(name, tags=shapes.tags(name, moved=name in plot.moved))
    return (name,)


def _note(plot: Plot) -> Sequence[str]:
    note = {f"note-{DICE.randrange(_NOTES)}": secrets.token_bytes(8)}
    plot.cluster.patch_data(plot.namespace, plot.own, note, manager="team")
    plot.foreign |= note
    return ()


def _tamper(plot: Plot) -> Sequence[str]:
    key = DICE.choice(shapes.PLAIN)
    if key in plot.out:  # there it would be a key of theirs, which is to stay
        return ()
    content = DICE.choice((b"mallory", None))
    if content is not None or key in plot.data(plot.own):
        plot.cluster.patch_data(plot.namespace, plot.own, {key: content})
    return (key,)


def _raze(plot: Plot) -> Sequence[str]:
    """Delete the vault's own Secret, now and then.

    It alone tells which other Secrets have keys of the vault: what leaves one of these before the
    own one is back stays there (docs/proof.md), and so nothing may leave one meanwhile.
    """
    if DICE.randrange(4) or not plot.stale.keys().isdisjoint(shapes.MOVING):
        return ()
    plot.cluster.delete_secret(plot.namespace, plot.own)
    plot.razed = True
    plot.foreign.clear()
    return shapes.NAMES
