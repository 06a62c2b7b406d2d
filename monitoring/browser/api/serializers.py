"""What REST shows of web vitals, and how it is asked."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.browser.enums import Dimension
from monitoring.browser.selectors.hours import DEFAULT_RANGE, RANGES
from monitoring.browser.targets import Rating

ONE_OF = tuple(dimension.value for dimension in Dimension if dimension is not Dimension.ALL)
MAX_LIMIT = 200


class RangeFilter(serializers.Serializer[Any]):
    """The stretch of time: the last hours or days, in whole hours, the current one included."""

    range = serializers.ChoiceField(list(RANGES), default=DEFAULT_RANGE)


class SummaryFilter(RangeFilter):
    """At most one of the others: hours are kept by one of them at a time."""

    page = serializers.CharField(required=False, max_length=250, help_text="Templated path, such as /orders/{id}.")
    device = serializers.CharField(required=False, max_length=250, help_text="desktop, mobile or tablet.")
    browser = serializers.CharField(required=False, max_length=250)
    connection = serializers.CharField(required=False, max_length=250, help_text="Effective type, such as 4g.")
    release = serializers.CharField(required=False, max_length=250)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two of them together."""
        named = [name for name in ONE_OF if name in attrs]
        if len(named) > 1:
            raise serializers.ValidationError(
                {named[1]: f"Leave out {named[0]} or {named[1]}: ask by one of them at a time."}
            )
        return attrs


class PageFilter(RangeFilter):
    """Which pages, and in what order."""

    search = serializers.CharField(required=False, max_length=250, help_text="Part of the path.")
    order = serializers.ChoiceField(
        ["worst", "views", "name"],
        default="worst",
        help_text="worst: by the share that misses a target, as far as the number of measurements proves it.",
    )
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MAX_LIMIT)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=1_000_000)


class VitalOutput(serializers.Serializer[Any]):
    """One vital. `p75`, `target` and `poor_limit` in seconds, for cls without unit; p75 within 1 % of the exact one."""

    name = serializers.CharField()
    p75 = serializers.FloatField()
    rating = serializers.ChoiceField([rating.value for rating in Rating])
    target = serializers.FloatField(source="target.good")
    poor_limit = serializers.FloatField(source="target.poor")
    count = serializers.IntegerField(source="tally.count")
    good = serializers.IntegerField(source="tally.good")
    needs_work = serializers.IntegerField(source="tally.needs_work")
    poor = serializers.IntegerField(source="tally.poor")


class SummaryOutput(serializers.Serializer[Any]):
    """How pages did from `since` until now, whole or those asked for."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    views = serializers.IntegerField()
    vitals = VitalOutput(many=True)


class PageOutput(serializers.Serializer[Any]):
    """One page. `page` empty: clients did not say which; `other`: those beyond the 200 most viewed of an hour."""

    page = serializers.CharField(allow_blank=True)
    views = serializers.IntegerField()
    vitals = VitalOutput(many=True)


class PagesOutput(serializers.Serializer[Any]):
    """Some of the pages; `count` of all that match."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    count = serializers.IntegerField()
    results = PageOutput(many=True)
