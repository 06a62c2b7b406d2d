"""What REST shows of uploads."""

from __future__ import annotations

from rest_framework import serializers

from monitoring.sourcemaps.models import MissingMap, SourceBundle


class SourceBundleOutput(serializers.ModelSerializer[SourceBundle]):
    """One upload of a build. `size` is that of all its files, inflated; `used_at` null: it explained no error yet."""

    class Meta:
        model = SourceBundle
        fields = ["id", "release", "dist", "file_count", "size", "uploaded_by", "uploaded_at", "used_at"]
        read_only_fields = fields


class MissingMapOutput(serializers.ModelSerializer[MissingMap]):
    """Events of a release that a source map would have helped; `file` and `reason` are those of the newest."""

    class Meta:
        model = MissingMap
        fields = ["release", "event_count", "reason", "file", "last_seen"]
        read_only_fields = fields
