"""Weeks of telling people on a simulated clock: whatever people, values and clocks do, turn after turn, as in `reference`."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from alerts.dispatch import Reason
from alerts.enums import HoldKind
from config.settings import OPTION
from tests.alerts.weeks.doings import Doings
from tests.alerts.weeks.happenings import Happenings


class Weeks(Happenings, Doings):
    """Everything that can happen, in any order."""


def play(monkeypatch: pytest.MonkeyPatch, *, number: int, **how: Any) -> None:
    """Play the weeks that a number stands for.

    Groups without a policy look every four hours, or there would be turns and little else.
    """
    monkeypatch.setitem(OPTION, "GROUP_INTERVAL_SECONDS", 4 * 3600)
    Weeks.seen.clear()
    run_state_machine_as_test(
        seed(number)(Weeks),
        settings=settings(
            derandomize=False,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **how,
        ),
    )
    missing = {*Reason, *HoldKind.values} - Weeks.seen.keys()
    assert not missing, Weeks.seen


@pytest.mark.timeout(600)
@pytest.mark.django_db
def test_weeks__anything_happens__everybody_hears_what_the_documentation_says(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, number=5, max_examples=6, stateful_step_count=80)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.django_db
def test_weeks__anything_happens_for_long__everybody_hears_what_the_documentation_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play(monkeypatch, number=random.randrange(2**32), max_examples=300, stateful_step_count=200)
