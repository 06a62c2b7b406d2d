"""What REST shows of the loss account."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.losses.enums import Signal


class LossFilter(serializers.Serializer[Any]):
    """Which hours: without `since` the last 24."""

    signal = serializers.ChoiceField(Signal.choices, required=False)
    since = serializers.DateTimeField(required=False)


class LossOutput(serializers.Serializer[Any]):
    """One hour of one signal: received = stored + refused + limited + dropped.

    `sampled` and `lost` never arrived: clients report them.
    """

    hour = serializers.DateTimeField()
    signal = serializers.ChoiceField(Signal.choices)
    received = serializers.IntegerField()
    stored = serializers.IntegerField()
    refused = serializers.IntegerField()
    limited = serializers.IntegerField()
    dropped = serializers.IntegerField()
    sampled = serializers.IntegerField()
    lost = serializers.IntegerField()


class LossesOutput(serializers.Serializer[Any]):
    """The account of some hours, the newest first."""

    results = LossOutput(many=True)
