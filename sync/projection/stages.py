"""Which stage the prefix of a vault secret's name means, and which stages are one."""

from enum import StrEnum

COMMON = "common"
"""The prefix of what every stage takes."""
_STAGES = (COMMON, "dev", "stg", "prod")

type Aliases = tuple[tuple[str, str], ...]
"""Pairs of names of one stage; neither their order nor that of the two names means anything."""

USUAL_ALIASES: Aliases = (("prd", "prod"), ("staging", "stg"))


class StagePrefixes(StrEnum):
    """Whether prefixes of names mean stages, and whether keys keep them."""

    NONE = "none"
    KEEP = "keep"
    STRIP = "strip"


def stage_of(name: str, stage: str, aliases: Aliases) -> str | None:
    """Return the stage that a name's prefix means in a vault of `stage`, None if it means none."""
    prefix, dash, rest = name.lower().partition("-")
    known = {*_STAGES, stage, *(each for pair in aliases for each in pair)}
    return prefix if dash and rest and prefix in known else None


def is_one(stage: str, other: str, aliases: Aliases) -> bool:
    """Return whether two names mean the same stage."""
    return stage == other or any({stage, other} == {*pair} for pair in aliases)
