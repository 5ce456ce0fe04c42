"""Reads YAML that somebody else wrote, at a cost that its length bounds."""

import yaml

_MOST_LEVELS = 32


def read_yaml(text: str | bytes) -> object:
    """Return the only document; raises yaml.YAMLError or ValueError.

    Aliases are refused, by which (as in merges) a short text becomes a long one, and so is depth,
    which overflows the stack. No tool writes either into a kubeconfig.
    """
    levels = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        levels += isinstance(event, yaml.CollectionStartEvent)
        levels -= isinstance(event, yaml.CollectionEndEvent)
        if levels > _MOST_LEVELS or isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("an alias, or too deep")
    document: object = yaml.load(text, Loader=yaml.CSafeLoader)
    return document
