"""Noting releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from monitoring.releases.models import Release

Key = tuple[int, str]

_ADD_SQL = """
INSERT INTO monitoring_release (application_id, version, first_seen)
SELECT * FROM unnest(%s::int[], %s::text[], %s::timestamptz[])
ON CONFLICT (application_id, version) DO NOTHING
"""


def note_releases(*, seen: Mapping[Key, datetime]) -> dict[Key, Release]:
    """Return the releases of (application id, version), made where they are new; `seen` is when each was seen first."""
    if not seen:
        return {}
    keys = sorted(seen)
    found = _find(keys)
    missing = [key for key in keys if key not in found]
    if not missing:
        return found
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_SQL, [[key[0] for key in missing], [key[1] for key in missing], [seen[key] for key in missing]]
        )
    return {**found, **_find(missing)}


def _find(keys: list[Key]) -> dict[Key, Release]:
    releases = Release.objects.filter(application_id__in={key[0] for key in keys}, version__in={key[1] for key in keys})
    wanted = set(keys)
    return {key: one for one in releases if (key := (one.application_id, one.version)) in wanted}
