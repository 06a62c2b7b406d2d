"""Announcing a deployment by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from monitoring.releases.services.deployments import MAX_DEPLOYED_AHEAD


class DeploymentForm(forms.Form):
    """Where, when and what; an empty time is now."""

    environment = forms.CharField(max_length=64, required=False, strip=True)
    deployed_at = forms.DateTimeField(required=False, input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
    url = forms.URLField(max_length=500, required=False, assume_scheme="https")
    commit = forms.CharField(max_length=64, required=False, strip=True)

    def clean_deployed_at(self) -> Any:
        """A deployment has happened."""
        moment = self.cleaned_data["deployed_at"]
        if moment is not None and moment > timezone.now() + MAX_DEPLOYED_AHEAD:
            raise forms.ValidationError("It lies in the future. Announce a deployment once it is done.")
        return moment
