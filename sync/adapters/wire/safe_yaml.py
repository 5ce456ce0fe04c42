"""Parses untrusted YAML, at a cost proportional to its length."""

import yaml

_MOST_LEVELS = 32


def read_yaml(text: str | bytes) -> object:
    """Return the only document; raises yaml.YAMLError or ValueError.

    Refuses aliases, which can expand a short text to a huge one, and deep nesting, which overflows
    the stack. No tool writes either into a kubeconfig.
    """
    levels = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        levels += isinstance(event, yaml.CollectionStartEvent)
        levels -= isinstance(event, yaml.CollectionEndEvent)
        if levels > _MOST_LEVELS or isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("an alias, or too deep")
    document: object = yaml.load(text, Loader=yaml.CSafeLoader)
    return document
