"""Deliveries in the admin: what was told to whom, what came of it, and telling it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from config.admin.base import ReadOnlyAdmin
from config.deliveries import services
from config.deliveries.email import message_id_of
from config.deliveries.enums import Channel, State
from config.deliveries.models import Delivery
from config.deliveries.sources import find_source_url, name_source
from config.deliveries.webhook import headers_of
from config.templatetags.look import ago, chip


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The ledger of outgoing messages."""

    list_display = ["show_state", "channel", "recipient", "show_subject", "show_source", "show_age", "attempt_count"]
    list_display_links = ["show_state", "show_subject"]
    list_filter = ["state", "channel", "source", "created_at"]
    search_fields = ["recipient", "subject", "source_id", "idempotency_key"]
    search_help_text = "Recipient, subject or id of what it tells of"
    date_hierarchy = None
    actions = ["send_again", "try_now"]
    change_form_template = "config/delivery.html"
    empty_title = "Nothing was sent yet"
    empty_text = (
        "Mails, webhooks and messages show up here the moment something asks for them, for example an alert that fires."
    )

    class Media:
        css = {"all": ["config/deliveries.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        """Read the original of a copy along."""
        queryset: QuerySet[Delivery] = super().get_queryset(request).select_related("resend_of")
        return queryset

    def get_urls(self) -> list[URLPattern]:
        """Add the two buttons of the detail page; they change something, so they are POSTs."""
        protect = self.admin_site.admin_view
        own = [
            path("<int:pk>/send-again/", protect(self.answer_send_again), name="config_delivery_send_again"),
            path("<int:pk>/try-now/", protect(self.answer_try_now), name="config_delivery_try_now"),
        ]
        return [*own, *super().get_urls()]

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Sending needs more than looking."""
        return request.user.has_perm("config.change_delivery")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one delivery as its recipient sees it, and every attempt."""
        delivery = self.get_object(request, object_id)
        extra = {} if delivery is None else describe_delivery(delivery, may_send=self.has_send_permission(request))
        response: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **extra})
        return response

    @admin.display(description="State", ordering="state")
    def show_state(self, delivery: Delivery) -> SafeString:
        """State chip; why it was not sent, or what went wrong, in its tooltip."""
        return chip(
            delivery.state, delivery.get_state_display(), title=delivery.suppressed_because or delivery.last_error
        )

    @admin.display(description="Subject", ordering="subject")
    def show_subject(self, delivery: Delivery) -> str:
        """Subject; what has none is named after its way."""
        return delivery.subject or f"({delivery.get_channel_display().lower()})"

    @admin.display(description="Because of")
    def show_source(self, delivery: Delivery) -> SafeString | str:
        """What it tells of, as a link where that has a page."""
        words = name_source(delivery.source, delivery.source_id)
        url = find_source_url(delivery.source, delivery.source_id)
        return format_html('<a class="pl-link" href="{}">{}</a>', url, words) if url else words

    @admin.display(description="Asked for", ordering="created_at")
    def show_age(self, delivery: Delivery) -> SafeString:
        """When it was asked for."""
        return ago(delivery.created_at)

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Queue copies of what was chosen."""
        resent, busy = 0, 0
        for delivery in queryset:
            try:
                services.resend_delivery(delivery=delivery, by=request.user.get_username())
                resent += 1
            except services.NotResendable:
                busy += 1
        self.message_user(request, f"{resent} will be sent again.", messages.SUCCESS if resent else messages.WARNING)
        if busy:
            self.message_user(request, f"{busy} can't be sent again now and were left alone.", messages.WARNING)

    @admin.action(description="Try now", permissions=["send"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Make what waits or has failed due at once."""
        tried = sum(services.try_delivery_now(delivery=delivery) for delivery in queryset)
        level = messages.SUCCESS if tried else messages.WARNING
        self.message_user(
            request,
            f"{tried} are tried now; only waiting and failed ones can be, and none that a newer message replaced.",
            level,
        )

    def answer_send_again(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Send the shown delivery again and show the copy."""

        def send(delivery: Delivery) -> Delivery:
            copy = services.resend_delivery(delivery=delivery, by=request.user.get_username())
            self.message_user(request, "It will be sent again; this is the new delivery.", messages.SUCCESS)
            return copy

        return self._answer(request, pk, send)

    def answer_try_now(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make the shown delivery due at once."""

        def send(delivery: Delivery) -> Delivery:
            if services.try_delivery_now(delivery=delivery):
                self.message_user(request, "It is tried now.", messages.SUCCESS)
            else:
                self.message_user(
                    request,
                    "It is neither waiting nor failed, or a newer message said what is true by now, so nothing was done.",
                    messages.WARNING,
                )
            return delivery

        return self._answer(request, pk, send)

    def _answer(self, request: HttpRequest, pk: int, send: Callable[[Delivery], Delivery]) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_send_permission(request):
            raise PermissionDenied
        delivery = get_object_or_404(Delivery, pk=pk)
        try:
            delivery = send(delivery)
        except services.NotResendable as error:
            self.message_user(request, f"Nothing was done. {error}", messages.WARNING)
        return redirect("admin:config_delivery_change", delivery.pk)


def describe_delivery(delivery: Delivery, *, may_send: bool) -> dict[str, Any]:
    """Return what the detail page shows beyond the row itself."""
    state = State(delivery.state)
    return {
        "title": delivery.subject or str(delivery),
        "delivery": delivery,
        "attempts": list(delivery.attempts.all()),
        "headers": list_headers(delivery),
        "payload_text": ""
        if delivery.channel != Channel.WEBHOOK
        else json.dumps(delivery.payload, indent=2, ensure_ascii=False),
        "source_words": name_source(delivery.source, delivery.source_id),
        "source_url": find_source_url(delivery.source, delivery.source_id),
        "can_send_again": may_send and state in {State.SENT, State.FAILED, State.SUPPRESSED},
        "can_try_now": may_send and state in {State.QUEUED, State.FAILED},
        "resends": list(delivery.resends.order_by("id")),
    }


def list_headers(delivery: Delivery) -> list[tuple[str, str]]:
    """Return the headers that tell receivers what it is; the signature is made anew for every attempt and left out."""
    if delivery.channel == Channel.EMAIL:
        return [
            ("Message-ID", message_id_of(delivery)),
            ("Auto-Submitted", "auto-generated"),
            ("X-Postlaunch-Delivery", str(delivery.pk)),
        ]
    if delivery.channel == Channel.APPRISE:
        return []
    return list(headers_of(delivery).items())
