"""The form by which a person declares an incident."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.lengths import describe_seconds
from incidents.drafts import IncidentDraft, IncidentInvalid, check_draft
from incidents.enums import IncidentLevel
from incidents.levels import REQUIREMENTS
from incidents.models import Incident
from incidents.selectors import find_open_incident


def describe_level(level: str) -> str:
    """Return a level with what it means and asks for."""
    asked = REQUIREMENTS[level]
    respond, resolve = (describe_seconds(each.total_seconds()) for each in (asked.respond_within, asked.resolve_within))
    return f"{IncidentLevel(level).label}: {asked.meaning}. Respond within {respond}, resolve within {resolve}."


LEVEL_CHOICES = [(level, describe_level(level)) for level in REQUIREMENTS]


class IncidentForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Declaring an incident; `alert` is the id of the alert whose page led here."""

    level = forms.ChoiceField(choices=LEVEL_CHOICES, widget=UnfoldAdminRadioSelectWidget)
    alert = forms.IntegerField(required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput)

    class Meta:
        model = Incident
        fields = ["title", "level", "description", "application"]
        widgets = {
            "title": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        }

    def clean(self) -> dict[str, Any]:
        """Check it as a whole; an alert has one open incident at most."""
        data = super().clean() or {}
        if self.errors:
            return data
        draft = self.draft()
        try:
            check_draft(draft)
        except IncidentInvalid as error:
            for name, text in error.errors.items():
                self.add_error(name if name in self.fields else None, text)
        found = find_open_incident(draft.alert_ids)
        if found is not None:
            self.add_error(None, f"Incident {found.number} is open for this alert. Add what you know to it.")
        return data

    def draft(self) -> IncidentDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        application, alert = data.get("application"), data.get("alert")
        return IncidentDraft(
            title=data.get("title", ""),
            level=data.get("level", ""),
            description=data.get("description", ""),
            application_id=application.pk if application else None,
            alert_ids=(alert,) if alert else (),
        )

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""
