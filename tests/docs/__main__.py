"""Writes every made part anew."""

from tests.docs.pages import PAGES, ROOT, rewritten


def main() -> None:
    """Rewrite the pages that are stale."""
    for page in PAGES:
        path = ROOT / page
        path.write_text(rewritten(page), encoding="utf-8")


if __name__ == "__main__":
    main()
