"""Describes a wrong value of a setting without quoting it."""


def shape(value: object) -> str:
    """Describe a value by its kind and size only: it may be a misplaced credential."""
    if isinstance(value, str):
        lines = value.count("\n") + 1
        return f"a text of {len(value)} characters" + (f" in {lines} lines" if lines > 1 else "")
    if isinstance(value, dict):
        return f"an object of {len(value)} field(s)"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "null" if value is None else "a bare number, true or false"
