"""The form of a maintenance window. Its times are those of a clock in its own time zone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from monitoring.uptime.cron_lines import find_zone
from monitoring.uptime.models import END_ACTION_CHOICES, REPEAT_CHOICES, MaintenanceWindow
from monitoring.uptime.recurrence import LAST, WEEKDAYS, Recurrence, Repeat
from monitoring.uptime.window_drafts import WindowDraft, WindowInvalid, check_window

_DAYS = list(enumerate(WEEKDAYS))
_NTH = [(1, "First"), (2, "Second"), (3, "Third"), (4, "Fourth"), (LAST, "Last")]
#: What is filled in where nothing was sent.
_DEFAULTS: dict[str, Any] = {
    "repeat": Repeat.NONE.value,
    "weekdays": [],
    "month_day": 1,
    "nth": 1,
    "weekday": 0,
    "end_action": "release",
}


class WindowForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Planning a maintenance window. Whatever is wrong is found here, by the same test that services make."""

    starts_at = forms.SplitDateTimeField(
        label="From",
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="On the clock of the time zone below; with a recurrence, the first day and the time of day.",
    )
    ends_at = forms.SplitDateTimeField(label="Until", widget=UnfoldAdminSplitDateTimeWidget)
    weekdays = forms.TypedMultipleChoiceField(
        choices=_DAYS, coerce=int, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    nth = forms.TypedChoiceField(
        label="Which", choices=_NTH, coerce=int, required=False, widget=UnfoldAdminSelectWidget
    )
    weekday = forms.TypedChoiceField(
        label="Weekday", choices=_DAYS, coerce=int, required=False, widget=UnfoldAdminSelectWidget
    )
    repeat = forms.ChoiceField(
        label="Comes again", choices=REPEAT_CHOICES, required=False, widget=UnfoldAdminSelectWidget
    )
    end_action = forms.ChoiceField(
        label="At its end", choices=END_ACTION_CHOICES, required=False, widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = MaintenanceWindow
        fields = [
            "application",
            "check_row",
            "matchers",
            "reason",
            "starts_at",
            "ends_at",
            "time_zone",
            "repeat",
            "weekdays",
            "month_day",
            "nth",
            "weekday",
            "until_date",
            "count",
            "end_action",
        ]
        labels = {
            "month_day": "Day of the month",
            "until_date": "Last day",
            "count": "Times at most",
        }
        help_texts = {
            "month_day": "In months without it, the last day.",
            "until_date": "Empty: it goes on.",
            "time_zone": "Like Europe/Berlin. Summer time is followed: 02:00 stays 02:00.",
        }
        widgets = {
            "matchers": UnfoldAdminTextareaWidget(attrs={"rows": 2, "spellcheck": "false"}),
            "time_zone": UnfoldAdminTextInputWidget(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("time_zone", "month_day"):
            if name in self.fields:
                self.fields[name].required = False
        window = self.instance
        if window.pk:
            zone = find_zone(window.time_zone)
            for name in ("starts_at", "ends_at"):
                self.initial[name] = getattr(window, name).astimezone(zone).replace(tzinfo=None)
        else:
            self.initial["time_zone"] = settings.TIME_ZONE

    def clean_time_zone(self) -> str:
        """Return the zone, the product's own if none is named."""
        return str(self.cleaned_data.get("time_zone") or "").strip() or settings.TIME_ZONE

    def clean(self) -> dict[str, Any]:
        """Check it as a whole."""
        data = super().clean() or {}
        check, application = data.get("check_row"), data.get("application")
        if check is not None and application is not None and check.application_id != application.pk:
            self.add_error("check_row", "This check belongs to another application.")
        if self.errors:
            return data
        try:
            check_window(self.draft(), now=timezone.now())
        except WindowInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else None, text)
        return data

    def draft(self) -> WindowDraft:
        """Return what was filled in."""
        data = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        data = {**_DEFAULTS, **data}
        return WindowDraft(
            application_id=data["application"].pk,
            check_id=data["check_row"].pk if "check_row" in data else None,
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            reason=data.get("reason", ""),
            time_zone=data["time_zone"],
            recurrence=Recurrence(
                repeat=Repeat(data["repeat"]),
                weekdays=tuple(data["weekdays"]),
                month_day=data["month_day"],
                nth=data["nth"],
                weekday=data["weekday"],
                until=data.get("until_date"),
                count=data.get("count"),
            ),
            matchers=data.get("matchers", ""),
            end_action=data["end_action"],
        )

    def _clean_fields(self) -> None:
        """Read what was typed on the clock of the zone that was typed."""
        typed = str(self.data.get(self.add_prefix("time_zone"), "")).strip() or settings.TIME_ZONE
        try:
            zone = find_zone(typed)
        except ValueError as error:
            super()._clean_fields()  # type: ignore[misc]  # the stubs leave it out
            self.add_error("time_zone", str(error))
            return
        with timezone.override(zone):
            super()._clean_fields()  # type: ignore[misc]  # the stubs leave it out

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""
