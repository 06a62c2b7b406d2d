"""The right half of a channel's form: what its messages look like, on the newest alert, renewed while one types."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_POST

from alerts.channel_parts import BY_APPRISE
from alerts.drafts import describe_place
from alerts.enums import ChannelKind
from alerts.message_previews import preview_message
from alerts.messages import NAMES, TITLE_NAMES, find_template_error
from config.admin.pages import admin_page

FIELDS = {"title_template": "Title", "body_template": "Text"}
KNOWN = {"title_template": TITLE_NAMES, "body_template": NAMES}
MAX_TEMPLATE = 8_000


@admin_page("alerts/channel/preview/", name="alerts_channel_preview", permission="alerts.view_channel")
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return the preview of a filled-in form; nothing is saved."""
    kind = request.POST.get("kind", "")
    texts = {name: request.POST.get(name, "")[:MAX_TEMPLATE].strip() for name in FIELDS}
    context: dict[str, Any] = {"errors": _list_errors(texts), "kind": kind}
    if kind in BY_APPRISE or kind == ChannelKind.EMAIL:
        if not context["errors"]:
            context["found"] = preview_message(kind=kind, title=texts["title_template"], body=texts["body_template"])
    else:
        context["is_fixed"] = True
    return render(request, "alerts/channel_preview.html", context)


def _list_errors(texts: dict[str, str]) -> list[tuple[str, str]]:
    found = [(FIELDS[name], text, find_template_error(text, KNOWN[name])) for name, text in texts.items() if text]
    return [(label, f"{wrong[0]} ({describe_place(text, wrong[1])})") for label, text, wrong in found if wrong]
