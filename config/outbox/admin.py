"""Events in the admin: what rooms told each other, and what was set aside."""

from __future__ import annotations

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from config.admin.base import ReadOnlyAdmin
from config.outbox import services
from config.outbox.models import Event
from config.templatetags.look import ago, chip


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """Events between rooms. Those set aside failed too often and wait for somebody to decide."""

    list_display = ["show_state", "type", "application_id", "show_age", "attempts", "show_error"]
    list_filter = ["state", "type"]
    search_fields = ["type", "last_error"]
    search_help_text = "Type or error"
    actions = ["try_again"]
    fields = [
        "type",
        "show_state",
        "application_id",
        "show_age",
        "finished_at",
        "attempts",
        "due_at",
        "show_done_by",
        "last_error",
        "show_payload",
    ]
    readonly_fields = ["show_state", "show_age", "show_done_by", "show_payload", "finished_at", "due_at"]
    empty_title = "No events"
    empty_text = "When something happens that other parts act on, such as an alert that fires, it is listed here."

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Trying again needs more than looking."""
        return request.user.has_perm("config.change_event")

    @admin.display(description="State", ordering="state")
    def show_state(self, event: Event) -> SafeString:
        """State chip with the error in its tooltip."""
        return chip(event.state, event.get_state_display(), title=event.last_error)

    @admin.display(description="Happened", ordering="created_at")
    def show_age(self, event: Event) -> SafeString:
        """When it happened."""
        return ago(event.created_at)

    @admin.display(description="Error")
    def show_error(self, event: Event) -> str:
        """First line of what went wrong last."""
        return event.last_error.partition("\n")[0][:120]

    @admin.display(description="Done by")
    def show_done_by(self, event: Event) -> SafeString | str:
        """Subscribers that have done their work."""
        names = event.receipts.order_by("id").values_list("subscriber", flat=True)
        return format_html_join(", ", "{}", ((name,) for name in names)) or "nobody yet"

    @admin.display(description="Payload")
    def show_payload(self, event: Event) -> SafeString:
        """What the event says."""
        return format_html('<pre class="pl-mono">{}</pre>', json.dumps(event.payload, indent=2, ensure_ascii=False))

    @admin.action(description="Try again", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Event]) -> None:
        """Give what was set aside its attempts again."""
        tried = sum(services.retry_event(event=event) for event in queryset)
        level = messages.SUCCESS if tried else messages.WARNING
        self.message_user(request, f"{tried} are tried again; only those set aside can be.", level)
