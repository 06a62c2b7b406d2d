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
