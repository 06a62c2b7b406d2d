"""The form of a silence: matchers, and an end that is chosen or named."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSplitDateTimeWidget, UnfoldAdminTextareaWidget

from alerts.models import Silence
from alerts.silencing import CHOICES, SilenceDraft, SilenceInvalid, check_silence, find_end

OTHER = "other"


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Beginning a silence. Mornings are those of the reader, whose zone the page fills in."""

    lasts = forms.ChoiceField(
        label="Lasts",
        choices=[*CHOICES.items(), (OTHER, "Until a time of my own")],
        initial="1h",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )
    starts_at = forms.SplitDateTimeField(
        label="From", required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text="Empty: from now on."
    )
    ends_at = forms.SplitDateTimeField(label="Until", required=False, widget=UnfoldAdminSplitDateTimeWidget)
    reader_zone = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Silence
        fields = ["matchers", "application", "reason", "starts_at", "ends_at"]
        widgets = {
            "matchers": UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
            "reason": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        }
        labels = {"matchers": "Which alerts"}
        help_texts = {"reason": "Others read it at every alert that it holds."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # With an application chosen, none are needed: all of its alerts are meant.
        self.fields["matchers"].required = False

    def clean(self) -> dict[str, Any]:
        """Check it as a whole."""
        data = super().clean() or {}
        if data.get("lasts") == OTHER and not data.get("ends_at") and "ends_at" not in self.errors:
            self.add_error("ends_at", "Say until when.")
        if self.errors:
            return data
        now = timezone.now()
        try:
            check_silence(self.draft(now=now), now=now)
        except SilenceInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name, text)
        return data

    def draft(self, *, now: datetime) -> SilenceDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        starts_at = max(data.get("starts_at") or now, now)
        lasts = data.get("lasts") or ("other" if data.get("ends_at") else "1h")
        ends_at = data["ends_at"] if lasts == OTHER else find_end(lasts, now=starts_at, zone=self.find_zone())
        application = data.get("application")
        return SilenceDraft(
            matchers=data.get("matchers", ""),
            starts_at=starts_at,
            ends_at=ends_at,
            reason=data.get("reason", ""),
            application_id=application.pk if application else None,
        )

    def find_zone(self) -> ZoneInfo:
        """Return the reader's zone, or the product's if the page said none."""
        return read_zone(self.cleaned_data.get("reader_zone", ""))

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""


def read_zone(name: str) -> ZoneInfo:
    """Return a zone that a browser named; the product's own if there is none such."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo(timezone.get_default_timezone_name())
