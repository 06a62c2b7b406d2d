"""Reference pages that are written from tables in the code, so that they cannot fall behind.

A room registers its pages in `<room>/references.py`; `manage.py references` writes them, and a test compares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

Render = Callable[[], str]
_pages: dict[str, Render] = {}

NOTICE = "<!-- Written by `python manage.py references` from the code; edit it there. -->"


def reference(path: str) -> Callable[[Render], Render]:
    """Register the function that writes one page, such as docs/settings.md; raise ValueError if it has another already."""

    def register(render: Render) -> Render:
        if _pages.setdefault(path, render) is not render:
            raise ValueError(f"two functions write {path}")
        return render

    return register


def render_references() -> dict[Path, str]:
    """Return every reference page's text by its file."""
    autodiscover_modules("references")
    return {settings.BASE_DIR / path: finish_page(_pages[path]()) for path in sorted(_pages)}


def finish_page(text: str) -> str:
    """Return a page's text with the notice below its title and one line end at its end."""
    title, _, rest = text.strip().partition("\n")
    return f"{title}\n\n{NOTICE}\n\n{rest.strip()}\n"


def write_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; bars and line ends in cells are made harmless."""
    lines = [_write_row(head), _write_row(["---"] * len(head)), *(_write_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _write_row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"
