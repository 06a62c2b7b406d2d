"""Hours of measurements: exact whatever arrives when, made once whoever makes them."""

from __future__ import annotations

import threading
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.models import Application
from monitoring.browser.hours import MAX_PAGES, OTHER, Bundle, make_hour
from monitoring.browser.models import BrowserVital, VitalHour
from monitoring.browser.records import VitalRecord
from monitoring.browser.services.recording import write_vitals
from monitoring.browser.services.rolling_up import prune_vital_hours, roll_up_hour, roll_up_vitals
from monitoring.browser.targets import TARGETS
from monitoring.metrics.sketch import Sketch
from monitoring.partitions import BROWSER_VITALS
from tests.support.metrics import make_application
from tests.support.vitals import measure

Row = tuple[str, str, str]
DIMENSIONS = ("page", "device", "browser", "connection", "release")


@pytest.fixture
def now() -> datetime:
    """Half past the hour, so that an hour's measurements are kept at the times they name."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2) + timedelta(minutes=30)


def count_marks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM monitoring_vital_mark")
        return int(cursor.fetchone()[0])


def make_records(application: Application, at: datetime, size: int, seed: int = 1) -> list[VitalRecord]:
    """Return measurements of everything, spread over an hour and the next."""
    chance = np.random.default_rng(seed)
    return [
        VitalRecord(
            application.pk,
            at + timedelta(seconds=int(chance.integers(0, 3600))),
            str(chance.choice(["lcp", "inp", "cls", "asset", "asset_failed", "route"])),
            float(chance.lognormal(-1, 1.5)),
            page=f"/page/{chance.integers(0, 6)}",
            device=str(chance.choice(["desktop", "mobile", ""])),
            browser=str(chance.choice(["Chrome", "Firefox"])),
            connection=str(chance.choice(["4g", ""])),
            release=str(chance.choice(["1.0", "1.1"])),
        )
        for _ in range(size)
    ]


def brute_force() -> dict[tuple[int, datetime, Row], tuple[int, int, int, bytes]]:
    """Return what hours have to be, from the kept measurements one by one."""
    values: dict[tuple[int, datetime, Row], list[float]] = defaultdict(list)
    for vital in BrowserVital.objects.all():
        hour = vital.at.replace(minute=0, second=0, microsecond=0)
        places = [("all", ""), *((dimension, getattr(vital, dimension)) for dimension in DIMENSIONS)]
        for dimension, member in places:
            values[vital.application_id, hour, (vital.name, dimension, member)].append(vital.value)
    found = {}
    for key, some in values.items():
        target = TARGETS.get(key[2][0])
        good = sum(value < target.good for value in some) if target else 0
        poor = sum(value > target.poor for value in some) if target else 0
        found[key] = (len(some), good, poor, Sketch.of(np.array(some)).to_bytes())
    return found


def read_hours() -> dict[tuple[int, datetime, Row], tuple[int, int, int, bytes]]:
    return {
        (row.application_id, row.hour, (row.name, row.dimension, row.member)): (
            row.count,
            row.good,
            row.poor,
            bytes(row.sketch),
        )
        for row in VitalHour.objects.all()
    }


@pytest.mark.django_db
def test_roll_up__measurements_of_two_applications__equals_brute_force(now: datetime) -> None:
    write_vitals(make_records(make_application(), now, 400))
    write_vitals(make_records(make_application(), now, 300, seed=2))
    assert roll_up_vitals(now=now) == 4
    assert read_hours() == brute_force()
    assert count_marks() == 0


@pytest.mark.django_db
def test_roll_up__late_and_grown_measurements__make_the_hour_anew(now: datetime) -> None:
    application = make_application()
    records = make_records(application, now, 100)
    write_vitals(records)
    roll_up_vitals(now=now)
    write_vitals(make_records(application, now, 50, seed=3))
    BrowserVital.objects.filter(name="lcp").update(value=9.0)
    roll_up_vitals(now=now)
    assert read_hours() == brute_force()


@pytest.mark.django_db
def test_roll_up__again_without_news__writes_nothing(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0, 2.0, 3.0)
    roll_up_vitals(now=now)
    before = list(VitalHour.objects.order_by("pk").values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM monitoring_vitalhour ORDER BY id")
        versions = cursor.fetchall()
        assert roll_up_vitals(now=now) == 0
        measure(application, now, "inp", 0.1)
        assert roll_up_vitals(now=now) == 1
        cursor.execute("SELECT xmin::text FROM monitoring_vitalhour WHERE name = 'lcp' ORDER BY id")
        assert cursor.fetchall() == versions
    assert list(VitalHour.objects.filter(name="lcp").order_by("pk").values()) == before


@pytest.mark.django_db
def test_roll_up__day_that_was_dropped__leaves_the_hour_as_it_was(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)
    roll_up_vitals(now=now)
    before = read_hours()
    later = now + timedelta(days=40)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO monitoring_vital_mark (application_id, hour) VALUES (%s, %s)",
            [application.pk, now.replace(minute=0)],
        )
        assert roll_up_vitals(now=later) == 0  # its day is past: what is left of it says nothing
        cursor.execute(
            "INSERT INTO monitoring_vital_mark (application_id, hour) VALUES (%s, %s)",
            [application.pk, now.replace(minute=0)],
        )
    BROWSER_VITALS.drop_expired(now=later)
    assert roll_up_vitals(now=now) == 0
    assert read_hours() == before
    assert count_marks() == 0


@pytest.mark.django_db
def test_roll_up__application_deleted_meanwhile__forgets_its_marks(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)
    application.delete()
    assert roll_up_vitals(now=now) == 0
    assert count_marks() == 0


@pytest.mark.django_db
def test_roll_up__fails_halfway__keeps_marks_and_hour(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)
    roll_up_vitals(now=now)
    before = read_hours()
    measure(application, now, "lcp", 9.0)

    def break_down(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("monitoring.browser.services.rolling_up._write", break_down)
        with pytest.raises(RuntimeError):
            roll_up_vitals(now=now)
    assert read_hours() == before
    assert count_marks() == 1
    roll_up_vitals(now=now)
    assert read_hours() == brute_force()


@pytest.mark.django_db(transaction=True)
def test_roll_up__two_workers__leave_each_others_hours_alone(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)
    measure(application, now + timedelta(hours=1), "lcp", 2.0)
    hour = now.replace(minute=0)
    found: list[object] = []

    def work() -> None:
        try:
            found.append(roll_up_vitals(now=now))
        finally:
            connection.close()

    with transaction.atomic():
        assert roll_up_hour(application_id=application.pk, hour=hour, now=now)
        other = threading.Thread(target=work)
        other.start()
        other.join()
    assert found == [1]
    assert roll_up_vitals(now=now) == 0
    assert read_hours() == brute_force()


@pytest.mark.django_db(transaction=True)
def test_roll_up__reported_while_it_is_made__is_made_again(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)

    def report() -> None:
        try:
            measure(application, now, "lcp", 3.0)
        finally:
            connection.close()

    with transaction.atomic():
        roll_up_hour(application_id=application.pk, hour=now.replace(minute=0), now=now)
        other = threading.Thread(target=report)
        other.start()
        other.join()
    assert roll_up_vitals(now=now) == 1
    assert read_hours() == brute_force()


@pytest.mark.django_db
def test_roll_up__more_pages_than_are_kept__puts_the_rest_together(now: datetime) -> None:
    application = make_application()
    records = [VitalRecord(application.pk, now, "lcp", 1.0, page=f"/{number}") for number in range(MAX_PAGES + 5)]
    write_vitals([*records, VitalRecord(application.pk, now, "lcp", 1.0, page="/204")])
    roll_up_vitals(now=now)
    pages = dict(VitalHour.objects.filter(dimension="page").values_list("member", "count"))
    assert len(pages) == MAX_PAGES + 1
    assert (pages["/204"], pages[OTHER]) == (2, 5)
    # The next arrivals make another page one of the busiest.
    write_vitals([VitalRecord(application.pk, now, "lcp", 1.0, page="/99999")] * 3)
    roll_up_vitals(now=now)
    pages = dict(VitalHour.objects.filter(dimension="page").values_list("member", "count"))
    assert len(pages) == MAX_PAGES + 1
    assert (pages["/99999"], pages[OTHER], sum(pages.values())) == (3, 6, MAX_PAGES + 9)


@pytest.mark.django_db
def test_prune__hours_past_their_retention__are_removed(now: datetime) -> None:
    application = make_application()
    measure(application, now, "lcp", 1.0)
    roll_up_vitals(now=now)
    assert prune_vital_hours(now=now + timedelta(days=729)) == 0
    assert prune_vital_hours(now=now + timedelta(days=731)) == 6
    assert not VitalHour.objects.exists()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["lcp", "cls", "asset_failed"]),
            st.sampled_from(["/a", "/b", ""]),
            st.lists(st.floats(0, 600), min_size=1, max_size=5),
        ),
        max_size=8,
    )
)
def test_make_hour__any_bundles__every_dimension_has_every_measurement(
    found: list[tuple[str, str, list[float]]],
) -> None:
    bundles = [Bundle(name, (page, "", "", "", ""), np.array(values)) for name, page, values in found]
    rows = make_hour(bundles)
    total = sum(len(values) for _, _, values in found)
    for dimension in ("all", *DIMENSIONS):
        assert sum(row.count for row in rows if row.dimension == dimension) == total
    assert all(row.count >= row.good + row.poor for row in rows)
