"""Finding series and what they are called: by PromQL's matchers."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from django.db import connection

from monitoring.metrics.bulk import bounded_statement
from monitoring.metrics.labels import NAME_LABEL
from monitoring.metrics.promql.data import Labels, Matcher

_FIND_SQL = "SELECT id, name, labels FROM monitoring_metricseries WHERE application_id = %s"


def find_series(*, application_id: int, matchers: Sequence[Matcher]) -> list[tuple[int, Labels]]:
    """Return (id, labels with ``__name__``) of the series that every matcher selects.

    The database narrows down by name and by equal labels, which have indexes; matchers themselves decide the rest.
    """
    conditions, values, rest = _translate(matchers)
    with bounded_statement(), connection.cursor() as cursor:
        cursor.execute(" ".join([_FIND_SQL, *conditions]), [application_id, *values])
        found = [_with_name(*row) for row in cursor.fetchall()]
    return [(series, labels) for series, labels in found if selects(rest, labels)] if rest else found


def find_named_series(*, application_id: int, names: Sequence[str] | None) -> list[tuple[int, Labels]]:
    """Return (id, labels with ``__name__``) of all series of some metrics; None: of all metrics."""
    with bounded_statement(), connection.cursor() as cursor:
        if names is None:
            cursor.execute(_FIND_SQL, [application_id])
        else:
            cursor.execute(f"{_FIND_SQL} AND name = ANY(%s)", [application_id, list(names)])
        return [_with_name(*row) for row in cursor.fetchall()]


def _with_name(series: int, name: str, labels: str) -> tuple[int, Labels]:
    return series, {NAME_LABEL: name, **msgspec.json.decode(labels)}


def selects(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Return whether every matcher selects the labels."""
    return all(matcher.matches(labels.get(matcher.name, "")) for matcher in matchers)


def _translate(matchers: Sequence[Matcher]) -> tuple[list[str], list[str], list[Matcher]]:
    """Return SQL conditions with their values, and the matchers that SQL can't decide."""
    conditions: list[str] = []
    values: list[str] = []
    rest: list[Matcher] = []
    equal: dict[str, str] = {}
    for matcher in matchers:
        if matcher.op != "=" or not matcher.value or equal.get(matcher.name, matcher.value) != matcher.value:
            rest.append(matcher)
        elif "\x00" in matcher.value:
            # PostgreSQL refuses zero bytes in a text. No series has one either, so this selects nothing.
            conditions.append("AND false")
        elif matcher.name == NAME_LABEL:
            conditions.append("AND name = %s")
            values.append(matcher.value)
        else:
            equal[matcher.name] = matcher.value
    if equal:
        conditions.append("AND labels @> %s::jsonb")
        values.append(msgspec.json.encode(equal).decode())
    return conditions, values, rest


def list_series(*, application_id: int, selectors: Sequence[Sequence[Matcher]]) -> list[Labels]:
    """Return the labels of every series that any of the selectors (each a list of matchers) selects, once each."""
    found: dict[int, Labels] = {}
    for matchers in selectors:
        found.update(find_series(application_id=application_id, matchers=matchers))
    return list(found.values())


def list_labels(*, application_id: int, selectors: Sequence[Sequence[Matcher]] = ()) -> list[str]:
    """Return the names of the labels that series carry, ascending; of the selected ones only where selectors are given."""
    if selectors:
        series = list_series(application_id=application_id, selectors=selectors)
        return sorted({name for labels in series for name in labels})
    with bounded_statement(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT jsonb_object_keys(labels) FROM monitoring_metricseries WHERE application_id = %s",
            [application_id],
        )
        names = {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT EXISTS (SELECT FROM monitoring_metricseries WHERE application_id = %s)", [application_id]
        )
        if cursor.fetchone()[0]:
            names.add(NAME_LABEL)
    return sorted(names)


def list_label_values(*, application_id: int, label: str, selectors: Sequence[Sequence[Matcher]] = ()) -> list[str]:
    """Return the values of a label, ascending; of the selected series only where selectors are given."""
    if selectors:
        series = list_series(application_id=application_id, selectors=selectors)
        return sorted({labels[label] for labels in series if label in labels})
    column = "name" if label == NAME_LABEL else "labels ->> %s"
    values = [] if label == NAME_LABEL else [label]
    with bounded_statement(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT {column} FROM monitoring_metricseries WHERE application_id = %s",  # noqa: S608  (two fixed texts)
            [*values, application_id],
        )
        return sorted(value for (value,) in cursor.fetchall() if value is not None)
