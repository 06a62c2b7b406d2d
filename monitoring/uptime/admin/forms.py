"""Forms of checks."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from config.admin.fields import SecondsField
from monitoring.uptime.drafts import MAX_TIMEOUT_SECONDS, CheckDraft, CheckInvalid, check_draft
from monitoring.uptime.expectations import Expectations
from monitoring.uptime.models import EXPECTED_FIELDS, Check
from monitoring.uptime.services.checks import put_back_secrets

#: Draft fields that the form has under the same name.
_PLAIN = (
    "name",
    "kind",
    "address",
    "interval_seconds",
    "timeout_seconds",
    "retries",
    "grace_seconds",
    "tls_days",
    "follow_redirects",
    "verify_certificate",
    "schedule",
    "time_zone",
    "max_runtime_seconds",
    "method",
    "request_headers",
    "request_body",
    "record_type",
    "record_values",
    "record_match",
    "resolver",
)


class CheckForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing a check. Whatever is wrong is found here, by the same test that services make."""

    interval_seconds = SecondsField(
        label="Look every", initial=60, help_text="Like 30 s, 1 min or 1 day. A heartbeat: how often it comes."
    )
    timeout_seconds = SecondsField(
        label="Give up after",
        initial=MAX_TIMEOUT_SECONDS,
        help_text="At most 30 s: a slower answer counts as none.",
        required=False,
    )
    grace_seconds = SecondsField(
        label="Grace",
        initial=300,
        required=False,
        help_text="Heartbeats: how late it may come, and how long its job may run.",
    )

    max_runtime_seconds = SecondsField(
        label="May run for",
        initial=0,
        required=False,
        help_text="Heartbeats: how long the job may run after it said that it began; 0: as long as the grace.",
    )

    class Meta:
        model = Check
        fields = ["application", *_PLAIN, *EXPECTED_FIELDS]
        widgets = {"address": UnfoldAdminTextInputWidget(attrs={"placeholder": "https://erp.example.com/health"})}
        labels = {
            "retries": "Try again",
            "tls_days": "Certificate good for at least (days)",
            "verify_certificate": "Judge the certificate",
            "statuses": "Statuses",
            "body_contains": "Body contains",
            "body_pattern": "Body matches",
            "json_path": "JSON: value at",
            "json_value": "JSON: is",
            "schedule": "Cron line",
            "time_zone": "Time zone of the cron line",
            "request_headers": "Headers that are sent",
            "request_body": "Body that is sent",
            "record_type": "Records",
            "record_values": "Expected values",
            "record_match": "The answer",
            "resolver": "DNS server",
        }
        help_texts = {
            "address": "Web address: https://… Port: host:port. Certificate: host or host:port. Name: erp.example.com. Heartbeat: empty.",
            "schedule": "Like 0 3 * * * (every night at three): when a heartbeat should come. Empty: it comes every interval.",
            "time_zone": "Like Europe/Berlin; summer time is followed.",
            "request_headers": "One a line, like Authorization: Bearer … Values are encrypted and not shown again.",
            "request_body": "Of a POST request. Encrypted and not shown again.",
            "record_values": "One a line; empty: any record will do.",
            "resolver": "Like 9.9.9.9 or dns.example.com:5353; empty: the one that this system asks.",
            "tls_days": "Certificate checks fail when it expires sooner.",
            "statuses": "Like 200-299 or 200, 401.",
            "header_name": "A header that must be there.",
            "header_value": "What it must contain; empty: anything.",
            "body_contains": "Text that must be in the answer's first MiB.",
            "body_pattern": "A regular expression (RE2) that must match somewhere.",
            "json_path": "Like status, checks.database or nodes[0].name.",
            "json_value": "Like ok, true, 3; empty: it only has to be there.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "statuses" in self.fields:
            self.fields["statuses"].required = False
        for name in ("time_zone", "method", "record_type", "record_match"):
            if name in self.fields:
                self.fields[name].required = False
        if self.instance.pk:
            shown = self.instance.shown_request
            self.initial.update(request_headers=shown.headers, request_body=shown.body)
        if self.instance.pk and "application" in self.fields:
            self.fields["application"].disabled = True

    def clean(self) -> dict[str, Any]:
        """Check it as a whole."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            check_draft(self.draft())
        except ValueError as error:
            self.add_error("request_headers", str(error))
        except CheckInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else None, text)
        return data

    def draft(self) -> CheckDraft:
        """Return what was filled in, as far as it is valid."""
        data = self.cleaned_data
        expected = {name: data[name].strip() for name in EXPECTED_FIELDS if data.get(name, "").strip()}
        values = {name: data[name] for name in _PLAIN if data.get(name) is not None}
        for name in ("time_zone", "method", "record_type", "record_match"):
            if not values.get(name):
                values.pop(name, None)
        if not values.get("timeout_seconds"):
            values.pop("timeout_seconds", None)
        application = data.get("application")
        draft = CheckDraft(
            **values, application_id=application.pk if application else 0, expected=Expectations(**expected)
        )
        return put_back_secrets(draft, self.instance if self.instance.pk else None)

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""
