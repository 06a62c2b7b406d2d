"""Mails out of templates: a subject line, a text and an HTML part from one context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template import Context, Engine, TemplateDoesNotExist


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A mail ready to be queued."""

    subject: str
    text: str
    html: str


def render_mail(template: str, context: Mapping[str, Any]) -> RenderedMail:
    """Render `<room>/mail/<name>.subject.txt`, `.txt` and `.html` for a template named "<room>/<name>".

    `public_url` is added to the context. Only the HTML part is escaped. A mail without an HTML file is text only.
    """
    room, _, name = template.partition("/")
    base = f"{room}/mail/{name.removeprefix('mail/')}"
    values = {"public_url": settings.PUBLIC_URL, **context}
    return RenderedMail(
        subject=" ".join(_render(f"{base}.subject.txt", values, autoescape=False).split()),
        text=_tidy(_render(f"{base}.txt", values, autoescape=False)),
        html=_render_html(f"{base}.html", values),
    )


def _render(name: str, values: Mapping[str, Any], *, autoescape: bool) -> str:
    return str(Engine.get_default().get_template(name).render(Context(dict(values), autoescape=autoescape)))


def _render_html(name: str, values: Mapping[str, Any]) -> str:
    try:
        return _render(name, values, autoescape=True).strip() + "\n"
    except TemplateDoesNotExist as missing:
        if str(missing) != name:
            raise
        return ""


def _tidy(text: str) -> str:
    """Return text without the blank lines that template tags leave behind: at most one between paragraphs."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"
