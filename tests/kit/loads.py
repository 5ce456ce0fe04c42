"""Notes when authorities are loaded, by whichever library: it is what a TLS connection costs."""

import ssl

import pytest


def noted_loads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the list of loads from now on: the options of each."""
    noted: list[object] = []
    load = ssl.SSLContext.load_verify_locations
    default = ssl.SSLContext.load_default_certs

    def counted(context: ssl.SSLContext, *args: object, **options: object) -> None:
        noted.append(options)
        load(context, *args, **options)  # type: ignore[arg-type]  # handed on as they came

    def counted_default(context: ssl.SSLContext, *args: object) -> None:
        noted.append("default")
        default(context, *args)  # type: ignore[arg-type]  # likewise

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", counted_default)
    return noted
