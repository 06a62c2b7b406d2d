"""What REST shows of an application, and what it takes."""

from __future__ import annotations

from rest_framework import serializers

from monitoring.applications.models import Application, validate_time_zone


class ApplicationOutput(serializers.ModelSerializer[Application]):
    """One deployment of an ERP, as its keys may see it. Rates are per second, sizes in bytes."""

    class Meta:
        model = Application
        fields = [
            "id",
            "name",
            "slug",
            "environment",
            "time_zone",
            "expected_throughput",
            "allocated_bandwidth",
            "allocated_storage",
            "max_series",
            "created_at",
        ]
        read_only_fields = fields


class ApplicationInput(serializers.Serializer[Application]):
    """What a key with the scope `write` may change: all of it optional, null where nothing is allocated or expected."""

    name = serializers.CharField(max_length=100, required=False)
    time_zone = serializers.CharField(max_length=64, required=False, validators=[validate_time_zone])
    expected_throughput = serializers.FloatField(min_value=0, max_value=1e12, required=False, allow_null=True)
    allocated_bandwidth = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)
    allocated_storage = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True)
