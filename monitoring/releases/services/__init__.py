"""Noting releases."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from monitoring.releases.models import Release

Key = tuple[int, str]

OTHER = "(other)"
"""Version of the release that stands for those beyond the limit."""
MAX_NEW = 2_000
NEW_FOR = timedelta(days=8)
"""So many releases of an application may be new within this time: names come from whoever holds a public key. Longer than a
client may date back what it reports, or it would get around the limit."""

_ADD_SQL = """
INSERT INTO monitoring_release (application_id, version, first_seen)
SELECT * FROM unnest(%s::int[], %s::text[], %s::timestamptz[])
ON CONFLICT (application_id, version) DO NOTHING
"""


def note_releases(*, seen: Mapping[Key, datetime], is_trusted: bool = False) -> dict[Key, Release]:
    """Return the releases of (application id, version), made where they are new; `seen` is when each was seen first.

    New ones beyond MAX_NEW are not noted, and get the release OTHER; `is_trusted`: who names them may name any number.
    """
    if not seen:
        return {}
    keys = sorted(seen)
    found = _find(keys)
    missing = {key: seen[key] for key in keys if key not in found}
    if not missing:
        return found
    rest = {} if is_trusted else _choose_rest(missing)
    fresh = {key: at for key, at in missing.items() if key not in rest}
    for other in sorted(set(rest.values())):
        fresh.setdefault(other, min(missing[key] for key in rest if rest[key] == other))
    ordered = sorted(fresh)
    with connection.cursor() as cursor:
        cursor.execute(
            _ADD_SQL, [[key[0] for key in ordered], [key[1] for key in ordered], [fresh[key] for key in ordered]]
        )
    found |= _find(ordered)
    return {key: found[rest.get(key, key)] for key in keys if rest.get(key, key) in found}


def _choose_rest(missing: Mapping[Key, datetime]) -> dict[Key, Key]:
    """Return what stands for those of the missing that there is no room for; the first seen go first."""
    applications = {key[0] for key in missing}
    recent = Release.objects.filter(application_id__in=applications, first_seen__gt=timezone.now() - NEW_FOR)
    counts = dict(recent.order_by().values_list("application_id").annotate(Count("pk")))
    rest: dict[Key, Key] = {}
    for key in sorted(missing, key=lambda key: (missing[key], key)):
        taken = counts.get(key[0], 0)
        if taken >= MAX_NEW:
            rest[key] = key[0], OTHER
        counts[key[0]] = taken + 1
    return rest


def _find(keys: list[Key]) -> dict[Key, Release]:
    releases = Release.objects.filter(application_id__in={key[0] for key in keys}, version__in={key[1] for key in keys})
    wanted = set(keys)
    return {key: one for one in releases if (key := (one.application_id, one.version)) in wanted}
