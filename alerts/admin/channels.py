"""Channels: who can be reached, and a button to try it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from alerts.admin.channel_forms import PART_NAMES, ChannelForm
from alerts.channel_parts import BY_APPRISE, NUMBERED
from alerts.enums import ChannelKind
from alerts.models import Channel
from alerts.services.channels import TooManyTests, save_channel, send_test
from config.actors import actor_of_user
from config.admin.base import BaseAdmin
from config.admin.pages import admin_page
from config.templatetags.look import chip


@admin.register(Channel)
class ChannelAdmin(BaseAdmin):
    """Ways to reach people."""

    form = ChannelForm
    list_display = ["name", "show_kind", "show_address", "show_state", "show_bounds", "show_rules"]
    list_filter = ["kind", "enabled", "application"]
    list_select_related = ["application"]
    search_fields = ["name", "address"]
    search_help_text = "Name or address"
    change_form_template = "alerts/channel_form.html"
    actions = ["send_tests"]
    secret_fields = PART_NAMES

    class Media:
        css = {"all": ["alerts/alerts.css"]}
        js = [Script("alerts/channel.js", type="module")]

    empty_title = "No channels yet"
    empty_text = (
        "A channel is some mail addresses, a room of a chat, telephones or a webhook. Without one, alerts fire and nobody "
        "hears of it."
    )
    fieldsets = [
        (None, {"fields": ["name", "kind"]}),
        ("Where to", {"fields": ["address", "signing_secret", *PART_NAMES]}),
        ("Use", {"fields": ["enabled", "is_default", "application"]}),
        (
            "Words",
            {
                "fields": ["title_template", "body_template"],
                "description": "Your own title and text. In double braces: $summary, $severity, $application, $link, $firing and "
                "$resolved (how many), $labels.host, $value; with the functions of rules. In the text also $act_link, which "
                "acknowledges without logging in while something fires.",
            },
        ),
        ("Rate limit", {"fields": ["limit_count", "limit_minutes", "limit_critical"]}),
        (
            "Quiet hours",
            {
                "fields": ["quiet_from", "quiet_until", "quiet_weekdays", "quiet_zone", "quiet_below"],
                "description": "What is held is told at their end, if it still fires. News that something is over always goes out.",
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """Read each channel with the number of rules that name it."""
        return Channel.objects.annotate(rule_count=Count("rules"))

    def has_try_permission(self, request: HttpRequest) -> bool:
        """Sending a test needs more than looking."""
        return bool(request.user.has_perm("alerts.change_channel"))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Let the service write it; a secret that was not typed again stays."""
        if typed := form.cleaned_data["signing_secret"]:
            obj.signing_secret = typed
        save_channel(channel=obj, parts=form.parts())

    @admin.action(description="Send a test", permissions=["try"])
    def send_tests(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        """Queue a test of each selected channel."""
        sent = 0
        for channel in queryset:
            try:
                sent += send_test(channel=channel, by=actor_of_user(request.user))
            except TooManyTests as error:
                self.message_user(request, f"“{channel.name}”: {error}", messages.WARNING)
        words = f"Tests to {sent} recipients are on their way. Deliveries shows whether they arrived."
        self.message_user(request, words, messages.SUCCESS if sent else messages.WARNING)

    @admin.display(description="Kind", ordering="kind")
    def show_kind(self, channel: Channel) -> str:
        """By which way it reaches people."""
        return str(ChannelKind(channel.kind).label)

    @admin.display(description="Reaches")
    def show_address(self, channel: Channel) -> SafeString:
        """Its addresses, or whom it falls back to."""
        if channel.kind in BY_APPRISE:
            rooms = "people who chose it" if channel.kind in NUMBERED else "its room"
            return (
                format_html("{}", channel.address)
                if channel.address
                else format_html('<span class="pl-quiet">{}</span>', rooms)
            )
        if channel.address:
            return format_html("{}", channel.address)
        return format_html('<span class="pl-quiet">ALERT_EMAILS, or else all administrators</span>')

    @admin.display(description="State")
    def show_state(self, channel: Channel) -> SafeString:
        """Whether rules may use it."""
        if not channel.enabled:
            return chip("disabled", "Off")
        return chip("enabled", "On, default" if channel.is_default else "On")

    @admin.display(description="Held back")
    def show_bounds(self, channel: Channel) -> str:
        """Rate limit and quiet hours in words."""
        bounds = []
        if channel.limit_count and channel.limit_minutes:
            bounds.append(f"{channel.limit_count} in {channel.limit_minutes} min")
        if channel.quiet_from and channel.quiet_until:
            bounds.append(f"quiet {channel.quiet_from:%H:%M}–{channel.quiet_until:%H:%M}")
        return ", ".join(bounds) or "–"

    @admin.display(description="Rules", ordering="rule_count")
    def show_rules(self, channel: Any) -> int:
        """How many rules name it."""
        return int(channel.rule_count)


@admin_page("alerts/channel/<int:pk>/try-out/", name="alerts_channel_try_out", permission="alerts.change_channel")
@require_POST
def try_out(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a test message and lead to what becomes of it."""
    channel = get_object_or_404(Channel, pk=pk)
    try:
        sent = send_test(channel=channel, by=actor_of_user(request.user))
    except TooManyTests as error:
        messages.error(request, str(error))
        return redirect("admin:alerts_channel_change", pk)
    if not sent:
        messages.error(
            request, "It reaches nobody: give it an address or a number, or an administrator an e-mail address."
        )
        return redirect("admin:alerts_channel_change", pk)
    messages.success(
        request,
        f"A test to {sent} recipient{'' if sent == 1 else 's'} is on its way. See below whether it arrived.",
    )
    return redirect("admin:config_delivery_changelist")
