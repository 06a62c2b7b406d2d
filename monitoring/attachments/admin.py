"""Downloading files of events."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import content_disposition_header

from config.admin.pages import admin_page
from monitoring.attachments.models import Attachment
from monitoring.attachments.selectors import find_attachment

VIEW = "monitoring.view_attachment"
ADDRESS = "monitoring/attachments/<int:application_id>/<uuid:event_id>/<int:pk>"


@admin_page(f"{ADDRESS}/", name="monitoring_attachment_download", permission=VIEW)
def download(request: HttpRequest, application_id: int, event_id: UUID, pk: int) -> HttpResponse:
    """Send a file to be saved: whatever it claims to be, no browser runs it as a page of this site."""
    attachment = _find(application_id, event_id, pk)
    response = HttpResponse(attachment.read(), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, attachment.name) or "attachment"
    return _lock_up(response)


@admin_page(f"{ADDRESS}/picture/", name="monitoring_attachment_picture", permission=VIEW)
def show_picture(request: HttpRequest, application_id: int, event_id: UUID, pk: int) -> HttpResponse:
    """Send a picture for the page to show; what is none by its own bytes is not sent this way."""
    attachment = _find(application_id, event_id, pk)
    kind = attachment.find_picture_type()
    if not kind:
        raise Http404("This file is no picture.")
    return _lock_up(HttpResponse(attachment.read(), content_type=kind))


def _lock_up(response: HttpResponse) -> HttpResponse:
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _find(application_id: int, event_id: UUID, pk: int) -> Attachment:
    found = find_attachment(application_id=application_id, event_id=event_id, pk=pk)
    if found is None:
        raise Http404("This file is not kept (any more).")
    return found
