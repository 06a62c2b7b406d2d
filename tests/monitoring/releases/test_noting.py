"""Releases as their names come in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.releases import services
from monitoring.releases.models import Release
from monitoring.releases.services import OTHER, note_releases
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


def test_note_releases__more_new_ones_than_may_be__shares_one_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_NEW", 3)
    now = timezone.now()
    flooded, quiet = make_application(), make_application()
    seen = {(flooded.pk, f"v{number}"): now + timedelta(seconds=9 - number) for number in range(10)}
    found = note_releases(seen={**seen, (quiet.pk, "v1"): now})
    versions = {version: one.version for (pk, version), one in found.items() if pk == flooded.pk}
    assert {version for version, kept in versions.items() if kept == version} == {"v9", "v8", "v7"}
    assert set(versions.values()) == {"v9", "v8", "v7", OTHER}
    assert found[quiet.pk, "v1"].version == "v1"
    again = note_releases(seen={(flooded.pk, "v9"): now, (flooded.pk, "v77"): now})
    assert {key[1]: one.version for key, one in again.items()} == {"v9": "v9", "v77": OTHER}
    assert Release.objects.filter(application=flooded).count() == 4


def test_note_releases__somebody_trusted_or_days_later__notes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_NEW", 1)
    now = timezone.now()
    application = make_application()
    note_releases(seen={(application.pk, "old"): now - timedelta(days=9)})
    note_releases(seen={(application.pk, "1"): now})
    (announced,) = note_releases(seen={(application.pk, "2"): now}, is_trusted=True).values()
    assert announced.version == "2"
    assert sorted(Release.objects.values_list("version", flat=True)) == ["1", "2", "old"]
