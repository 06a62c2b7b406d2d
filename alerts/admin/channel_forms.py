"""The form of a channel: what each kind needs, kept secret where it is one."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
)

from alerts.channel_limits import DAYS
from alerts.channel_parts import PARTS
from alerts.enums import ChannelKind, Severity
from alerts.models import Channel
from alerts.services.channels import ChannelInvalid, check_channel, check_parts, find_channel_errors

#: The model’s own fields; those of the secret parts stand beside them on the form.
FIELDS = [
    "name",
    "kind",
    "address",
    "application",
    "enabled",
    "is_default",
    "title_template",
    "body_template",
    "limit_count",
    "limit_minutes",
    "limit_critical",
    "quiet_from",
    "quiet_until",
    "quiet_weekdays",
    "quiet_zone",
    "quiet_below",
]
PART_NAMES = ("url", "account_sid", "auth_token", "from_number")


def _secret(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=help_text,
    )


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing a channel."""

    signing_secret = _secret(
        "Signing secret",
        "Webhook. Signs every call (X-Postlaunch-Signature), so that the receiver can tell it is from here. "
        "Kept encrypted and never shown again; leave empty to keep the one there is.",
    )
    url = _secret(
        "Secret address",
        "Slack: the URL of an incoming webhook. Teams: the URL that the workflow “Post to a channel when a webhook request is "
        "received” shows. Other service: an Apprise address, like discord://… or ntfys://…. "
        "Kept encrypted and never shown again; leave empty to keep the one there is.",
    )
    account_sid = _secret("Account SID", "SMS, telephone: of your account at Twilio. Begins with AC.")
    auth_token = _secret("Auth token", "Twilio’s console shows it beside the account SID.")
    from_number = _secret("From number", "A number of your account, like +15005550006.")
    quiet_weekdays = forms.TypedMultipleChoiceField(
        label="On",
        required=False,
        coerce=int,
        choices=list(enumerate(DAYS)),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="The days on which they begin. None chosen: every day.",
    )

    class Meta:
        model = Channel
        fields = FIELDS
        # Never read into the form: it is not shown, and one that can't be decrypted must not lock the page.
        exclude = ["signing_secret"]  # noqa: DJ006  (the admin fills `fields` from its fieldsets, where it stands)
        widgets = {
            "address": UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"}),
            "title_template": UnfoldAdminTextareaWidget(attrs={"rows": 1, "spellcheck": "false"}),
            "body_template": UnfoldAdminTextareaWidget(attrs={"rows": 4, "spellcheck": "false"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "quiet_below" in self.fields:
            self.fields["quiet_below"].required = False

    def clean_quiet_below(self) -> str:
        """Hold what is below critical, unless something else is chosen."""
        return self.cleaned_data.get("quiet_below") or Severity.CRITICAL.value

    def clean_quiet_zone(self) -> str:
        """Return the zone; UTC without one."""
        return self.cleaned_data.get("quiet_zone") or "UTC"

    def parts(self) -> dict[str, str]:
        """Return the secret parts that were typed."""
        return {name: self.cleaned_data.get(name, "") for name in PARTS.get(self.cleaned_data.get("kind", ""), ())}

    def clean(self) -> dict[str, Any]:
        """Check the address and the secret parts as those of its kind."""
        data = super().clean() or {}
        kind = data.get("kind", ChannelKind.EMAIL)
        try:
            data["address"] = check_channel(kind=kind, address=data.get("address", ""))
        except ChannelInvalid as error:
            self._add(error.errors)
        try:
            check_parts(Channel(pk=self.instance.pk, kind=kind), self.parts())
        except ChannelInvalid as error:
            self._add(error.errors)
        known = {name: data[name] for name in FIELDS if name in data}
        self._add(find_channel_errors(Channel(pk=self.instance.pk, **known)))
        return data

    def _add(self, errors: dict[str, str]) -> None:
        for name, words in errors.items():
            self.add_error(name if name in self.fields else None, words)
