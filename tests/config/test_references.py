"""Reference pages say what the code says."""

from __future__ import annotations

import pytest

from config.options import OPTIONS
from config.reference_pages import NOTICE, finish_page, reference, render_references, write_table


def test_references__every_page__is_current() -> None:
    pages = render_references()
    behind = [path.name for path, text in pages.items() if not path.exists() or path.read_text() != text]
    assert behind == [], "run `python manage.py references` and commit what it writes"
    assert {"settings.md", "errors.md", "events.md", "own-metrics.md"} <= {path.name for path in pages}


def test_settings_page__every_option__is_named() -> None:
    text = next(text for path, text in render_references().items() if path.name == "settings.md")
    assert all(f"`{option.name}`" in text for option in OPTIONS)


def test_write_table__bars_and_lines_in_cells__stay_cells() -> None:
    assert write_table(("a", "b"), [("x|y", "1\n2")]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 2 |\n"


def test_finish_page__any__has_the_notice_below_the_title() -> None:
    assert finish_page("# T\n\nText\n\n") == f"# T\n\n{NOTICE}\n\nText\n"


def test_reference__page_taken__is_refused() -> None:
    render_references()
    with pytest.raises(ValueError, match="two functions write"):
        reference("docs/settings.md")(lambda: "")
