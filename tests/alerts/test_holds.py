"""What holds alerts back together: nobody is held by a ring, and somebody is always told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.holds import Circumstances, Firing, Quiet, Reason, find_reasons
from alerts.routing.components import Component
from alerts.routing.inhibition import InhibitRule
from alerts.routing.matchers import parse_matchers

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LABELS = st.fixed_dictionaries({}, optional={name: st.sampled_from("xy") for name in "abc"})
MATCHERS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), min_size=1, max_size=2).map(
    lambda pairs: parse_matchers(", ".join(f"{name}={value}" for name, value in pairs.items()))
)
INHIBITIONS = st.lists(
    st.builds(InhibitRule, MATCHERS, MATCHERS, st.lists(st.sampled_from("abc"), max_size=1).map(tuple)), max_size=4
)


def firing(alert_id: int, labels: Mapping[str, str], **fields: object) -> Firing:
    return Firing(alert_id, 1, labels, f"Alert {alert_id}", NOW, **fields)  # type: ignore[arg-type]


@st.composite
def draw_components(draw: st.DrawFn) -> list[Component]:
    """Acyclic: each may need those before it."""
    found: list[Component] = []
    for number in range(1, draw(st.integers(0, 5)) + 1):
        parents = draw(st.sets(st.integers(1, number - 1), max_size=2)) if number > 1 else set()
        found.append(Component(number, f"C{number}", draw(MATCHERS), tuple(sorted(parents))))
    return found


def follow(reasons: Mapping[int, Sequence[Reason]], alert_id: int) -> int:
    """Return where the chain of causes ends; AssertionError if it goes round."""
    seen: set[int] = set()
    while True:
        assert alert_id not in seen, "held in a ring"
        seen.add(alert_id)
        causes = [reason.reference for reason in reasons[alert_id] if reason.kind in {"inhibition", "component"}]
        if not causes:
            return alert_id
        alert_id = causes[0]


@given(st.lists(LABELS, max_size=8), INHIBITIONS, draw_components(), st.lists(MATCHERS, max_size=1))
def test_find_reasons__anything_combined__every_chain_of_causes_ends_at_one_that_no_other_holds(
    labels: list[dict[str, str]],
    inhibitions: list[InhibitRule],
    components: list[Component],
    silenced: list[tuple],  # type: ignore[type-arg]
) -> None:
    alerts = [firing(number, each) for number, each in enumerate(labels, start=1)]
    silences = [Quiet(7, matchers, None, "Known") for matchers in silenced]
    circumstances = Circumstances(silences=silences, inhibitions=inhibitions, components=components)

    reasons = find_reasons(alerts, circumstances, now=NOW)

    for alert_id in reasons:
        end = follow(reasons, alert_id)
        assert {reason.kind for reason in reasons[end]} <= {"silence"}
    if alerts and not silences:
        assert any(not held for held in reasons.values()), "nobody goes out"


def test_find_reasons__inhibited_above_what_inhibits_it__only_one_is_held() -> None:
    """The database's alert is inhibited by the host's, and the host needs the database: without an order both are held."""
    database, host = firing(1, {"a": "x"}), firing(2, {"b": "x"})
    circumstances = Circumstances(
        inhibitions=[InhibitRule(parse_matchers("b=x"), parse_matchers("a=x"))],
        components=[Component(1, "Database", parse_matchers("a=x")), Component(2, "Host", parse_matchers("b=x"), (1,))],
    )

    reasons = find_reasons([database, host], circumstances, now=NOW)

    assert [reason.kind for reason in reasons[1]] == ["inhibition"]
    assert reasons[2] == []


def test_find_reasons__window_that_drops__lasts_for_what_began_in_it() -> None:
    window = Quiet(3, (), 1, "Update", until=NOW + timedelta(hours=1), drops_since=NOW)
    earlier = Firing(2, 1, {}, "Earlier", NOW - timedelta(seconds=1))

    reasons = find_reasons([firing(1, {}), earlier], Circumstances(windows=[window]), now=NOW)

    assert reasons[1] == [Reason("maintenance", 3, "Update", lasts=True)]
    assert reasons[2] == [Reason("maintenance", 3, "Update", until=NOW + timedelta(hours=1))]


def test_find_reasons__found_to_last_before__holds_without_its_window() -> None:
    lasting = Reason("maintenance", 3, "Update", lasts=True)

    assert find_reasons([firing(1, {}, lasting=[lasting])], Circumstances(), now=NOW) == {1: [lasting]}
