"""When a group tells its people, and what: Alertmanager's scenarios, and where ours differ on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.dispatch import Known, Member, Notice, Reason, find_next_look, find_notice, wants_attention

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
REPEAT = timedelta(hours=4)


def firing(alert_id: int, **fields: bool) -> Member:
    """Return an alert that fires."""
    return Member(alert_id, is_firing=True, **fields)


def over(alert_id: int, *, was_told: bool = True) -> Member:
    """Return an alert that is over."""
    return Member(alert_id, is_firing=False, was_told=was_told)


def look(*members: Member, known: Known | None = None, at: timedelta = timedelta(0)) -> Notice | None:
    """Return what is to be told; `known` is what people knew at NOW."""
    return find_notice(members=members, known=known or Known(), repeat=REPEAT, now=NOW + at)


def knowing(*alert_ids: int) -> Known:
    """Return the knowledge of people who were told at NOW that these fire."""
    return Known(frozenset(alert_ids), NOW)


def test_find_notice__first_alerts__told_together() -> None:
    assert look(firing(1), firing(2)) == Notice(Reason.FIRST, frozenset({1, 2}), frozenset())


def test_find_notice__nothing_new__silent_until_it_repeats() -> None:
    assert look(firing(1), known=knowing(1), at=REPEAT - timedelta(seconds=1)) is None
    assert look(firing(1), known=knowing(1), at=REPEAT) == Notice(Reason.REPEAT, frozenset({1}), frozenset())


def test_find_notice__one_more__told_with_those_known() -> None:
    assert look(firing(1), firing(2), known=knowing(1)) == Notice(Reason.ADDED, frozenset({1, 2}), frozenset())


def test_find_notice__one_over__told_with_those_that_go_on() -> None:
    assert look(firing(1), over(2), known=knowing(1, 2)) == Notice(Reason.RESOLVED, frozenset({1}), frozenset({2}))


def test_find_notice__all_over__told_once() -> None:
    assert look(over(1), known=knowing(1)) == Notice(Reason.RESOLVED, frozenset(), frozenset({1}))
    assert look(known=knowing(1), at=REPEAT * 2) is None


def test_find_notice__over_before_anybody_was_told__nothing() -> None:
    assert look(over(1, was_told=False)) is None
    assert look(firing(1), over(2, was_told=False), known=knowing(1)) is None


def test_find_notice__held__not_told_until_nothing_holds_it() -> None:
    assert look(firing(1, is_held=True)) is None
    assert look(firing(1, is_held=True), firing(2)) == Notice(Reason.FIRST, frozenset({2}), frozenset())
    assert look(firing(1), firing(2), known=knowing(2)) == Notice(Reason.ADDED, frozenset({1, 2}), frozenset())


def test_find_notice__over_while_held__those_told_of_it_hear_all_the_same() -> None:
    member = Member(1, is_firing=False, is_held=True, was_told=True)
    assert look(member, known=knowing(1)) == Notice(Reason.RESOLVED, frozenset(), frozenset({1}))


def test_find_notice__acknowledged__not_repeated_unless_one_is_not() -> None:
    looked_after = firing(1, is_acknowledged=True)
    assert look(looked_after, known=knowing(1), at=REPEAT) is None
    again = look(looked_after, firing(2), known=knowing(1, 2), at=REPEAT)
    assert again == Notice(Reason.REPEAT, frozenset({1, 2}), frozenset())


def test_wants_attention__only_what_fires_unheld_and_unacknowledged() -> None:
    members = [firing(1), firing(2, is_held=True), firing(3, is_acknowledged=True), over(4)]
    assert wants_attention(members) == {1}


@given(st.integers(0, 10**7), st.integers(1, 10**5))
def test_find_next_look__any_delay__next_multiple_that_is_to_come(late: int, interval: int) -> None:
    now, step = NOW + timedelta(seconds=late), timedelta(seconds=interval)
    found = find_next_look(looked_at=NOW, interval=step, now=now)
    assert now < found <= now + step
    assert (found - NOW) % step == timedelta(0)


MEMBERS = st.builds(
    Member,
    alert_id=st.integers(1, 6),
    is_firing=st.booleans(),
    is_held=st.booleans(),
    is_acknowledged=st.booleans(),
    was_told=st.booleans(),
)


@given(st.lists(MEMBERS, unique_by=lambda member: member.alert_id), st.frozensets(st.integers(1, 6)), st.integers(0, 5))
def test_find_notice__anything__tells_only_what_is_true_and_never_the_same_twice(
    members: list[Member], known: frozenset[int], hours: int
) -> None:
    now = NOW + timedelta(hours=hours)
    notice = find_notice(members=members, known=Known(known, NOW), repeat=REPEAT, now=now)
    if notice is None:
        return
    by_id = {member.alert_id: member for member in members}
    assert all(by_id[each].is_firing and not by_id[each].is_held for each in notice.firing)
    assert all(not by_id[each].is_firing and by_id[each].was_told for each in notice.resolved)
    rest = [member for member in members if member.is_firing]
    assert find_notice(members=rest, known=Known(notice.firing, now), repeat=REPEAT, now=now) is None
