"""Forms of the admin's application pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.utils.text import slugify
from unfold.widgets import UnfoldAdminTextInputWidget

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.quantities import parse_bandwidth, parse_storage, write_bandwidth, write_storage


class QuantityField(forms.CharField):
    """An amount with its unit, as people write it; its value is a whole number in the base unit, None when empty."""

    widget = UnfoldAdminTextInputWidget

    def __init__(self, *, parse: Callable[[str], int], write: Callable[[int], str], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.parse, self.write = parse, write

    def prepare_value(self, value: Any) -> Any:
        """Write a stored number with a unit; leave what the user typed as it is."""
        return self.write(value) if isinstance(value, int) else value

    def to_python(self, value: Any) -> Any:
        """Return the number; raise ValidationError with an example."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return self.parse(text)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class ApplicationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing an application, in words."""

    allocated_bandwidth = QuantityField(
        label="Network it may use",
        parse=parse_bandwidth,
        write=write_bandwidth,
        help_text="For example 100 Mbit/s. Network alerts compare with it; empty: with the speed of the network card.",
    )
    allocated_storage = QuantityField(
        label="Database size it may reach",
        parse=parse_storage,
        write=write_storage,
        help_text="For example 50 GB. Storage alerts compare with it; empty: with the size of the disk it is on.",
    )

    class Meta:
        model = Application
        fields = [
            "name",
            "environment",
            "time_zone",
            "expected_throughput",
            "allocated_bandwidth",
            "allocated_storage",
            "max_series",
        ]

    def clean(self) -> dict[str, Any]:
        """Refuse a name that is taken in its environment; a new application gets its short name here."""
        data = super().clean() or {}
        if not self.instance.slug:
            self.instance.slug = slugify(data.get("name", "")) or "application"
        taken = Application.objects.filter(slug=self.instance.slug, environment=data.get("environment", ""))
        if taken.exclude(pk=self.instance.pk).exists():
            self.add_error("name", "There already is an application of this name in this environment.")
        return data


class KeyForm(forms.Form):
    """Making a key."""

    kind = forms.ChoiceField(choices=KeyKind.choices, initial=KeyKind.SECRET)
    label = forms.CharField(max_length=100, required=False)
    scopes = forms.MultipleChoiceField(choices=Scope.choices, required=False)
    origins = forms.CharField(required=False)

    def clean_origins(self) -> list[str]:
        """Return the origins, one per line or separated by spaces or commas; refuse what is none."""
        words = self.cleaned_data["origins"].replace(",", " ").split()
        for word in words:
            parts = urlsplit(word)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
                raise forms.ValidationError(f"“{word}” is not an address like https://erp.example.com.")
        return [word.rstrip("/") for word in words]

    def clean(self) -> dict[str, Any]:
        """Give a secret key that names no scope the one to send."""
        data = super().clean() or {}
        if data.get("kind") == KeyKind.SECRET and not data.get("scopes"):
            data["scopes"] = [Scope.INGEST.value]
        return data
