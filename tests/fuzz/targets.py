"""All targets, by name."""

from tests.fuzz import answers, applications, channels, made, manifests, values
from tests.fuzz.target import Target

TARGETS = {
    each.name: each
    for each in (
        *channels.TARGETS,
        *values.TARGETS,
        *made.TARGETS,
        *manifests.TARGETS,
        *answers.TARGETS,
        *applications.TARGETS,
    )
}


def ids(target: Target) -> str:
    """Name a test's parameter."""
    return target.name
