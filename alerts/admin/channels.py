"""Channels: who can be reached, and a button to try it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from alerts.admin.forms import ChannelForm
from alerts.enums import ChannelKind
from alerts.models import Channel
from alerts.services.channels import save_channel, send_test
from config.actors import actor_of_user
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.templatetags.look import chip


@admin.register(Channel)
class ChannelAdmin(BaseAdmin):
    """Ways to reach people."""

    form = ChannelForm
    list_display = ["name", "show_kind", "show_address", "show_state", "show_rules"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name", "address"]
    search_help_text = "Name or address"
    change_form_template = "alerts/channel_form.html"

    class Media:
        css = {"all": ["alerts/alerts.css"]}

    empty_title = "No channels yet"
    empty_text = "A channel is some mail addresses or a webhook. Without one, alerts fire and nobody hears of it."
    fieldsets = [
        (None, {"fields": ["name", "kind", "address", "signing_secret"]}),
        ("Use", {"fields": ["enabled", "is_default"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Read each channel with the number of rules that name it."""
        return Channel.objects.annotate(rule_count=Count("rules"))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Let the service write it; a secret that was not typed again stays."""
        if typed := form.cleaned_data["signing_secret"]:
            obj.signing_secret = typed
        save_channel(channel=obj)

    @admin.display(description="Kind", ordering="kind")
    def show_kind(self, channel: Channel) -> str:
        """E-mail or webhook."""
        return str(ChannelKind(channel.kind).label)

    @admin.display(description="Reaches")
    def show_address(self, channel: Channel) -> SafeString:
        """Its addresses, or whom it falls back to."""
        if channel.address:
            return format_html("{}", channel.address)
        return format_html('<span class="pl-quiet">ALERT_EMAILS, or else all administrators</span>')

    @admin.display(description="State")
    def show_state(self, channel: Channel) -> SafeString:
        """Whether rules may use it."""
        if not channel.enabled:
            return chip("disabled", "Off")
        return chip("enabled", "On, default" if channel.is_default else "On")

    @admin.display(description="Rules", ordering="rule_count")
    def show_rules(self, channel: Any) -> int:
        """How many rules name it."""
        return int(channel.rule_count)


@admin_page("alerts/channel/<int:pk>/try-out/", name="alerts_channel_try_out", permission="alerts.change_channel")
@require_POST
def try_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a test message and lead to what becomes of it."""
    channel = get_object_or_404(Channel, pk=pk)
    sent = send_test(channel=channel, by=actor_of_user(request.user))
    if not sent:
        messages.error(request, "It reaches nobody: give it an address, or an administrator an e-mail address.")
        return redirect("admin:alerts_channel_change", pk)
    messages.success(
        request,
        f"A test to {sent} recipient{'' if sent == 1 else 's'} is on its way. See below whether it arrived.",
    )
    return redirect("admin:config_delivery_changelist")
