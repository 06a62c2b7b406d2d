"""Shapes of releases and deployments in REST."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from monitoring.releases.enums import Reason, Verdict
from monitoring.releases.models import Release
from monitoring.releases.services.deployments import MAX_DEPLOYED_AHEAD


class ReleaseOutput(serializers.ModelSerializer[Release]):
    """One release in a list."""

    class Meta:
        model = Release
        fields = ["id", "version", "first_seen"]


class IntervalOutput(serializers.Serializer[Any]):
    """A share with its 95 % interval and how many it is measured on."""

    ratio = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()
    total = serializers.IntegerField()


class HealthOutput(serializers.Serializer[Any]):
    """Sessions of the last 24 hours and how they went; shares are null without any."""

    sessions = serializers.IntegerField()
    errored = serializers.IntegerField()
    crashed = serializers.IntegerField()
    crash_free_sessions = IntervalOutput(allow_null=True)
    crash_free_users = IntervalOutput(allow_null=True)


class ReleaseDetailOutput(serializers.Serializer[Any]):
    """One release with its health and what the comparison with the one before it says."""

    id = serializers.IntegerField()
    version = serializers.CharField()
    first_seen = serializers.DateTimeField()
    environments = serializers.ListField(child=serializers.CharField())
    deployed_at = serializers.DateTimeField(allow_null=True)
    adoption = serializers.FloatField(allow_null=True, help_text="Share of the application's sessions, last 24 hours.")
    new_issues = serializers.IntegerField()
    verdict = serializers.ChoiceField(choices=Verdict.choices)
    reasons = serializers.ListField(child=serializers.ChoiceField(choices=Reason.choices))
    health = HealthOutput()


class ReleaseFilter(serializers.Serializer[Any]):
    """What narrows the list."""

    version = serializers.CharField(required=False, max_length=200, help_text="Exactly this one.")


class DeploymentInput(serializers.Serializer[Any]):
    """A deployment to announce."""

    version = serializers.CharField(max_length=200, help_text="As clients name it in `release`.")
    environment = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")
    deployed_at = serializers.DateTimeField(required=False, allow_null=True, default=None, help_text="Left out: now.")
    url = serializers.URLField(max_length=500, required=False, allow_blank=True, default="")
    commit = serializers.CharField(max_length=64, required=False, allow_blank=True, default="")

    def validate_deployed_at(self, moment: Any) -> Any:
        """A deployment has happened."""
        if moment is not None and moment > timezone.now() + MAX_DEPLOYED_AHEAD:
            raise serializers.ValidationError("It lies in the future. Announce a deployment once it is done.")
        return moment


class DeploymentOutput(serializers.Serializer[Any]):
    """One announced deployment."""

    id = serializers.IntegerField()
    release_id = serializers.IntegerField()
    version = serializers.CharField(source="release.version")
    environment = serializers.CharField()
    deployed_at = serializers.DateTimeField()
    url = serializers.CharField()
    commit = serializers.CharField()
    announced_by = serializers.CharField()
