"""Steps in words: the same for a stored step and for that of a snapshot."""

from __future__ import annotations

from datetime import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.escalation import Step, StepKind
from alerts.models import Policy
from alerts.selectors import read_policy_steps
from alerts.steps import StepWriter, describe_steps, write_step
from tests.alerts.test_groups import make_policy
from tests.support.alerts import make_channel
from tests.support.rosters import make_person, make_roster

HOURS: dict[str, Any] = {"kind": "if_time", "from_time": time(8), "until_time": time(18), "zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("weekdays", "words"),
    [
        ((), "go on only between 08:00 and 18:00 (UTC)"),
        ((0, 1, 2, 3, 4), "go on only between 08:00 and 18:00 on Mon-Fri (UTC)"),
        ((5, 6), "go on only between 08:00 and 18:00 on Sat,Sun (UTC)"),
        (tuple(range(7)), "go on only between 08:00 and 18:00 (UTC)"),
    ],
)
def test_write_step__only_at_times__names_the_weekdays(weekdays: tuple[int, ...], words: str) -> None:
    assert write_step(Step(StepKind.IF_TIME, start="08:00", end="18:00", weekdays=weekdays), {}) == words


@pytest.mark.parametrize(("count", "words"), [(1, "begin anew, once at most"), (3, "begin anew, 3 times at most")])
def test_write_step__repeats__says_how_often(count: int, words: str) -> None:
    assert write_step(Step(StepKind.REPEAT, count=count), {}) == words


def make_long_policy() -> Policy:
    ada = make_person("ada", first_name="Ada", last_name="Lovelace")
    policy = make_policy(
        {"kind": "channel", "channels": [make_channel(name="Ops")]},
        {"kind": "wait", "seconds": 600},
        {**HOURS, "weekdays": [0, 1, 2, 3, 4]},
        {"kind": "person", "people": [ada]},
        {"kind": "round_robin", "people": [ada]},
        {"kind": "schedule"},
        {"kind": "if_count", "seconds": 300, "count": 3},
        {"kind": "declare_incident"},
        {"kind": "repeat", "count": 2},
    )
    policy.steps.get(kind="schedule").schedules.set([make_roster(ada, name="Night")])
    return policy


@pytest.mark.django_db
def test_describe_steps__every_kind__words_of_the_snapshot_with_a_capital() -> None:
    policy = make_long_policy()
    steps = read_policy_steps(policy)
    writer = StepWriter(steps)

    found = describe_steps(policy)

    assert [words.lower() for words in found] == [writer.write(step).lower() for step in steps]
    assert found == [
        "Tell Ops",
        "Wait 10 min",
        "Go on only between 08:00 and 18:00 on Mon-Fri (Europe/Berlin)",
        "Tell Ada Lovelace",
        "Tell one of Ada Lovelace",
        "Tell whoever is on call in Night",
        "Go on only if more than 3 alerts began within 5 min",
        "Declare an incident",
        "Begin anew, 2 times at most",
    ]


@pytest.mark.django_db
def test_describe_steps__all_prefetched__asks_nothing() -> None:
    make_long_policy()
    names = ("channels", "people", "teams", "schedules")
    policy = Policy.objects.prefetch_related(*(f"steps__{name}" for name in names)).get()
    with CaptureQueriesContext(connection) as queries:
        describe_steps(policy)
    assert len(queries) == 0
