"""Forms of the room's pages."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from alerts.drafts import RuleDraft, RuleInvalid
from alerts.models import Rule
from alerts.services.rules import check_rule
from config.admin.fields import SecondsField

#: Annotations that have a field of their own.
ANNOTATIONS = ("summary", "description", "runbook")


class LabelsField(forms.CharField):
    """Labels, one `name=value` on each line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """Write stored labels in lines; leave what was typed as it is."""
        return "\n".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        """Return the labels; raise ValidationError naming the line."""
        labels: dict[str, str] = {}
        for number, line in enumerate((super().to_python(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            name, separator, text = line.partition("=")
            if not separator or not name.strip():
                raise forms.ValidationError(f"Line {number} must be like team=erp.")
            labels[name.strip()] = text.strip()
        return labels


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """Adding and changing a rule. Whatever is wrong is found here, by the same check that services make."""

    for_seconds = SecondsField(
        label="For", required=False, help_text="How long the condition must hold before anyone is told, like 5 min."
    )
    keep_firing_for_seconds = SecondsField(
        label="Keep firing for",
        required=False,
        help_text="How long the condition must be gone before the alert counts as resolved, like 1 min.",
    )
    no_data_after_seconds = SecondsField(
        label="No data after",
        required=False,
        help_text="How long a series must be missing before people are told that no data comes, like 10 min. An alert that "
        "fires goes on then. Empty: nobody is told, and it ends. A value counts for 5 min after it came.",
    )
    labels = LabelsField(
        required=False, help_text="Added to its alerts, one on each line, like team=erp. Values may be templates."
    )
    summary = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="What is wrong in one line; becomes the subject of mails. {{ $labels.host }} and "
        "{{ $value | humanize }} are filled in.",
    )
    description = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}), help_text="The details."
    )
    runbook = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="What to do first, or a link to it.",
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "enabled",
            "application",
            "severity",
            "condition",
            "for_seconds",
            "keep_firing_for_seconds",
            "no_data_after_seconds",
            "clear_condition",
            "policy",
            "channels",
            "owner",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rule = self.instance
        self.initial["labels"] = rule.labels
        self.initial.update({name: rule.annotations.get(name, "") for name in ANNOTATIONS})
        for name in ("condition", "clear_condition"):
            if name in self.fields:
                self.fields[name].widget.attrs |= {"rows": 3, "spellcheck": "false", "class": _mono(self, name)}

    def clean(self) -> dict[str, Any]:
        """Check the rule as a whole."""
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            check_rule(self.draft(), rule=self.instance if self.instance.pk else None)
        except RuleInvalid as error:
            for name, message in error.errors.items():
                field, text = self._place(name, message)
                self.add_error(field, text)
        return data

    def draft(self) -> RuleDraft:
        """Return what was filled in, as far as it is valid."""
        data = self.cleaned_data
        others = {name: text for name, text in self.instance.annotations.items() if name not in ANNOTATIONS}
        own = {name: data[name].strip() for name in ANNOTATIONS if data.get(name, "").strip()}
        application, owner, policy = data.get("application"), data.get("owner"), data.get("policy")
        return RuleDraft(
            name=data.get("name", ""),
            condition=data.get("condition", ""),
            clear_condition=data.get("clear_condition", ""),
            severity=data.get("severity", ""),
            for_seconds=data.get("for_seconds") or 0,
            keep_firing_for_seconds=data.get("keep_firing_for_seconds") or 0,
            no_data_after_seconds=data.get("no_data_after_seconds") or 0,
            labels=data.get("labels") or {},
            annotations=own | others,
            channel_ids=tuple(channel.pk for channel in data.get("channels") or ()),
            application_id=application.pk if application else None,
            enabled=bool(data.get("enabled")),
            owner_id=owner.pk if owner else None,
            policy_id=policy.pk if policy else None,
        )

    def _place(self, name: str, message: str) -> tuple[str | None, str]:
        """Return the field that an error of the check belongs to, and its words there."""
        if name == "annotations":
            annotation, _, text = message.partition(": ")
            return (annotation, text) if annotation in ANNOTATIONS else (None, message)
        return (name if name in self.fields else None), message

    def _post_clean(self) -> None:
        """Leave the instance alone: the service writes it, from the draft."""


def _mono(form: forms.BaseForm, name: str) -> str:
    return f"{form.fields[name].widget.attrs.get('class', '')} pl-mono".strip()
