"""Chips, times, numbers and pictures in templates."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.template import Context, Template

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def render(text: str, **values: Any) -> str:
    return Template("{% load look %}" + text).render(Context(values))


def test_chip__state_and_words__have_colour_icon_and_text() -> None:
    html = render('{% chip "firing" "3 firing" %}')

    assert "pl-chip--bad" in html
    assert ">error</span>3 firing</span>" in html


def test_chip__word_alone__is_its_own_text() -> None:
    assert "set aside</span>" in render('{% chip "set_aside" %}')


def test_chip__hostile_words__are_only_text() -> None:
    html = render("{% chip state words title=words %}", state='x"><b>', words="<script>alert(1)</script>")

    assert "<script>" not in html
    assert "<b>" not in html


@time_machine.travel(NOW, tick=False)
def test_ago__moment__is_relative_with_the_absolute_in_its_tooltip() -> None:
    html = render("{% ago at %}", at=datetime(2026, 3, 1, 11, 57, tzinfo=UTC))

    assert ">3 min. ago</time>" in html
    assert 'datetime="2026-03-01T11:57:00+00:00"' in html
    assert 'title="1 Mar 2026 11:57:00 UTC"' in html


@pytest.mark.parametrize(("text", "words"), [("{% ago None %}", "never"), ('{% ago None "not yet" %}', "not yet")])
def test_ago__no_moment__says_so(text: str, words: str) -> None:
    assert f">{words}<" in render(text)


def test_short__big_number__keeps_the_exact_one_on_hover() -> None:
    assert render("{{ n|short }}", n=12_400) == '<span title="12,400">12.4 k</span>'


def test_figure__unit__is_written() -> None:
    assert render('{{ n|figure:"bytes" }} {{ none|figure:"ratio" }}', n=2048, none=None) == "2 KiB –"


def test_sparkline__values__are_a_picture() -> None:
    assert render('{% sparkline values label="Load <1 h>" %}', values=[1, 2]).startswith('<svg class="pl-spark"')


def test_empty__next_step__is_a_button() -> None:
    html = render('{% empty "No rule" "Rules wake people." "/add" "Add a rule" %}')

    assert '<a class="pl-button pl-button--primary" href="/add">Add a rule</a>' in html
