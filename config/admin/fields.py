"""Form fields that several rooms share."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from config.lengths import parse_seconds, write_seconds


class SecondsField(forms.CharField):
    """A length of time as people write it; its value is in seconds."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        """Write stored seconds in words; leave what was typed as it is."""
        return write_seconds(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Return the seconds; raise ValidationError with an example."""
        try:
            return parse_seconds(super().to_python(value) or "")
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class Checklist(forms.CheckboxSelectMultiple):
    """Several of a list, to be ticked; a long list gets a filter above it (forms.js)."""

    def __init__(self, attrs: dict[str, Any] | None = None, choices: Any = ()) -> None:
        super().__init__({"class": "pl-checklist", **(attrs or {})}, choices)


def describe_person(person: Any) -> str:
    """Return a person as lists to choose from have them: the whole name, and what tells namesakes apart."""
    username, name = person.get_username(), person.get_full_name()
    known = f"{name} ({username})" if name else username
    return known if person.is_active else f"{known}, may not sign in"
