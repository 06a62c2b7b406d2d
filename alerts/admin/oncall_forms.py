"""Forms of on-call schedules: the schedule with its layers, and overrides. Times are typed on the clock of a zone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from alerts.enums import OnCallRotation
from alerts.models import OnCallSchedule
from alerts.oncall.drafts import FIRST_YEAR, LAST_YEAR, MAX_INTERVAL, ScheduleInvalid
from alerts.oncall.hours import parse_hours, write_hours
from alerts.oncall.rotations import Layer, People, Restriction, Rotation, find_instant
from alerts.oncall.weeks import find_monday
from alerts.rosters import list_people, read_people
from alerts.services.oncall import (
    MAX_REASON_CHARACTERS,
    OverrideDraft,
    ScheduleDraft,
    check_draft,
    draft_of,
    list_members,
)
from alerts.services.oncall_calendars import make_finder
from config.admin.fields import describe_person
from monitoring.applications.selectors import list_applications
from monitoring.uptime.cron_lines import find_zone

PREFIX = "layers"
MAX_FORMS = 50


class WallClockField(forms.Field):
    """A time on a clock on the wall, as the browser's own control gives it."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"})

    def prepare_value(self, value: Any) -> Any:
        """Write a time as the control takes it, with seconds if it has any."""
        if not isinstance(value, datetime):
            return value
        return value.isoformat(timespec="seconds" if value.second else "minutes")

    def to_python(self, value: Any) -> datetime | None:
        """Return a naive time; None for nothing."""
        if value in self.empty_values:
            return None
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
        except ValueError as error:
            raise forms.ValidationError("Write it like 2026-01-05T09:00.") from error
        if moment.tzinfo is not None:
            raise forms.ValidationError("Leave the offset out.")
        if not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise forms.ValidationError(f"Choose a day of the years {FIRST_YEAR} to {LAST_YEAR}.")
        return moment


class TurnsField(forms.CharField):
    """Who takes turns: a turn on each line, people of one turn separated by commas.

    `members` are in the schedule already: they are found also if their account was switched off.
    """

    members: frozenset[int] = frozenset()
    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def to_python(self, value: Any) -> tuple[People, ...]:  # type: ignore[override]  # a text becomes turns
        """Return the turns; ValidationError names the line and the name that is nobody's."""
        find = make_finder(self.members)
        turns = []
        for number, line in enumerate((super().to_python(value) or "").splitlines(), start=1):
            names = [name.strip() for name in line.split(",") if name.strip()]
            people = [find(name) for name in names]
            if None in people:
                unknown = names[people.index(None)]
                raise forms.ValidationError(f"Line {number}: “{unknown}” is nobody here, or could be several people.")
            turns += [tuple(person for person in people if person is not None)] if names else []
        return tuple(turns)


class HoursField(forms.CharField):
    """Windows of hours, one on each line; none: always."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "placeholder": "Mon-Fri 18:00-08:00"})

    def to_python(self, value: Any) -> tuple[Restriction, ...]:  # type: ignore[override]  # a text becomes windows
        """Return the windows; ValidationError names the line that is none."""
        try:
            return parse_hours(super().to_python(value) or "")
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class LayerForm(forms.Form):
    """One layer."""

    layer_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=100, required=False)
    people = TurnsField(required=False)
    interval = forms.IntegerField(min_value=1, max_value=MAX_INTERVAL, initial=1)
    rotation = forms.ChoiceField(choices=OnCallRotation.choices, initial=OnCallRotation.WEEKLY)
    starts_at = WallClockField(required=True)
    ends_at = WallClockField(required=False)
    hours = HoursField(required=False)
    zone = forms.CharField(max_length=64, required=False)

    def __init__(self, *args: Any, members: frozenset[int] = frozenset(), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["people"].members = members  # type: ignore[attr-defined]  # of this field's class

    def make_layer(self, zone: str) -> Layer:
        """Return what was filled in; `zone` is the schedule's."""
        data = self.cleaned_data
        return Layer(
            layer_id=data.get("layer_id") or 0,
            name=data["name"],
            zone=data["zone"].strip() or zone,
            starts_at=data["starts_at"],
            ends_at=data["ends_at"],
            rotation=Rotation(data["rotation"]),
            interval=data["interval"],
            participants=data["people"],
            restrictions=data["hours"],
        )


LayerForms = forms.formset_factory(
    LayerForm, extra=0, can_delete=True, can_order=True, max_num=MAX_FORMS, absolute_max=MAX_FORMS
)
#: Where the errors of the check stand in the form.
_PLACES = {"participants": "people", "restrictions": "hours"}


class ScheduleForm(forms.Form):
    """A schedule; its layers are `layers`, forms of their own. Whatever is wrong is found by the check that services make."""

    name = forms.CharField(max_length=100, required=False)
    zone = forms.CharField(max_length=64, initial="UTC")
    application: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, required=False, empty_label="All applications"
    )
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, data: QueryDict | None = None, *, schedule: OnCallSchedule | None = None, now: datetime) -> None:
        self.schedule = schedule
        draft = draft_of(schedule) if schedule else None
        initial = _list_initial(draft) if draft else {}
        super().__init__(data, initial=initial)
        self.fields["application"].queryset = list_applications()  # type: ignore[attr-defined]  # of this field's class
        layers = (
            _list_layers_initial(draft)
            if draft
            else [{"name": "First line", "starts_at": datetime.combine(find_monday(now, "UTC"), time(9))}]
        )
        members = list_members(schedule) if schedule else frozenset()
        self.layers = LayerForms(data, initial=layers, prefix=PREFIX, form_kwargs={"members": members})

    def check(self) -> ScheduleDraft | None:
        """Return the draft if it can be saved; else None, and every error stands at its field."""
        are_fine = [self.is_valid(), self.layers.is_valid()]
        if not all(are_fine):
            return None
        draft = self.draft()
        try:
            check_draft(draft, schedule=self.schedule)
        except ScheduleInvalid as error:
            self.place(error)
            return None
        return draft

    def draft(self) -> ScheduleDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        zone = data["zone"].strip()
        return ScheduleDraft(
            name=data["name"],
            zone=zone,
            description=data["description"],
            application_id=data["application"].pk if data["application"] else None,
            layers=tuple(form.make_layer(zone) for form in self.layers.ordered_forms),
        )

    def place(self, error: ScheduleInvalid) -> None:
        """Put the errors of the check where they belong."""
        # Read now: with its first error, a form set forgets its order.
        layers = self.layers.ordered_forms
        for field, message in error.errors.items():
            prefix, _, rest = field.partition(".")
            number, _, name = rest.partition(".")
            if prefix == PREFIX and name:
                layers[int(number)].add_error(_PLACES.get(name, name), message)
            else:
                self.add_error(field if field in self.fields else None, message)


class OverrideForm(forms.Form):
    """Who takes over, when, and from whom; times on the clock of the schedule's zone."""

    starts_at = WallClockField()
    ends_at = WallClockField()
    person = forms.TypedChoiceField(coerce=int)
    also = forms.TypedChoiceField(coerce=int, required=False, empty_value=None)
    replaces = forms.TypedChoiceField(coerce=int, required=False, empty_value=None)
    reason = forms.CharField(max_length=MAX_REASON_CHARACTERS, required=False)

    def __init__(self, data: QueryDict | None = None, *, zone: str, is_swap: bool, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        self.zone = zone
        people = [(person.pk, describe_person(person)) for person in list_people()]
        nobody = [("", "Nobody else")]
        everybody = [("", "Choose" if is_swap else "Everybody on call then")]
        for name, choices in {
            "person": [("", "Choose"), *people],
            "also": nobody + people,
            "replaces": everybody + people,
        }.items():
            self.fields[name].choices = choices  # type: ignore[attr-defined]  # of a field with choices
        self.fields["replaces"].required = is_swap

    def draft(self) -> OverrideDraft:
        """Return what was filled in."""
        data = self.cleaned_data
        people = [data["person"], data["also"]]
        return OverrideDraft(
            starts_at=find_instant(data["starts_at"], self.zone),
            ends_at=find_instant(data["ends_at"], self.zone),
            people=tuple(dict.fromkeys(person for person in people if person is not None)),
            replaces=data["replaces"],
            reason=data["reason"],
        )

    def place(self, error: ScheduleInvalid) -> None:
        """Put the errors of the check where they belong."""
        for field, message in error.errors.items():
            name = {"people": "person"}.get(field, field)
            self.add_error(name if name in self.fields else None, message)


def write_wall(moment: datetime, zone: str) -> datetime:
    """Return what a clock of a zone shows at a moment, to the minute."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0, fold=0)


def read_zone(text: str) -> str:
    """Return a zone's name, UTC for one that is none."""
    try:
        find_zone(text)
    except ValueError:
        return "UTC"
    return text


def _list_initial(draft: ScheduleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "zone": draft.zone,
        "application": draft.application_id,
        "description": draft.description,
    }


def _list_layers_initial(draft: ScheduleDraft) -> list[dict[str, Any]]:
    people = read_people(person for layer in draft.layers for turn in layer.participants for person in turn)
    return [
        {
            "layer_id": layer.layer_id,
            "name": layer.name,
            "people": _write_turns(layer.participants, people),
            "interval": layer.interval,
            "rotation": layer.rotation.value,
            "starts_at": layer.starts_at,
            "ends_at": layer.ends_at,
            "hours": write_hours(layer.restrictions),
            "zone": "" if layer.zone == draft.zone else layer.zone,
        }
        for layer in draft.layers
    ]


def _write_turns(turns: Iterable[People], people: Mapping[int, Any]) -> str:
    return "\n".join(", ".join(people[person].get_username() for person in turn) for turn in turns)
