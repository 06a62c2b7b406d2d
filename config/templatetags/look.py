"""The look every page shares: state chips, relative times, numbers with units, spark lines.

In a template: `{% load look %}`, then `{% chip alert.state %}`, `{% ago alert.fired_at %}`, `{{ n|short }}`,
`{{ size|figure:"bytes" }}`, `{% sparkline values %}`. In a ModelAdmin the same functions are called from Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django import template
from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from config.admin.states import colours_of, state_of
from config.figures import write_ago, write_short, write_value
from config.sparklines import draw_sparkline

register = template.Library()


@register.simple_tag
def chip(state: str, text: object = "", *, title: str = "") -> SafeString:
    """Return a state chip: colour, icon and word. `state` is a word of config/admin/states.py or a room's own."""
    words = text or str(state).replace("_", " ")
    return format_html(
        '<span class="pl-chip pl-chip--{}" title="{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        state_of(str(state)),
        title,
        colours_of(str(state)).icon,
        words,
    )


@register.simple_tag
def ago(moment: datetime | None, never: str = "never") -> SafeString:
    """Return a relative time that stays true while the page is open, with the absolute one in its tooltip."""
    if moment is None:
        return format_html('<span class="pl-quiet">{}</span>', never)
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        local.isoformat(),
        format_date(local, "j M Y H:i:s T"),
        write_ago(moment, now=timezone.now()),
    )


@register.filter
def short(value: float | None) -> SafeString:
    """Return a big number short ("12.4 k") with the exact one on hover."""
    if value is None:
        return mark_safe("–")
    return format_html('<span title="{}">{}</span>', f"{value:,}", write_short(value))


@register.filter
def figure(value: float | None, unit: str) -> str:
    """Return a number with its unit (see monitoring/charts/spec.py); a dash for None."""
    return write_value(value, unit)


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "", width: int = 96, height: int = 24) -> SafeString:
    """Return a small line picture of the values, oldest first."""
    svg = draw_sparkline(values, width=width, height=height, label=label)
    return mark_safe(svg)  # noqa: S308  (numbers formatted by us and an escaped label)


@register.inclusion_tag("components/empty.html")
def empty(title: str, text: str, url: str = "", action: str = "", icon: str = "inbox") -> dict[str, str]:
    """Draw an empty state that names the next step."""
    return {"title": title, "text": text, "url": url, "action": action, "icon": icon}
