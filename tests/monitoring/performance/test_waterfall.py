"""Traces laid out: every piece once, children below what they are within."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.performance.waterfall import Piece, lay_out

START = datetime(2026, 11, 25, 12, tzinfo=UTC)


def piece(key: str, parent: str = "", *, at: float = 0.0, seconds: float = 1.0) -> Piece:
    return Piece("span", key, START + timedelta(seconds=at), seconds, key=key, parent=parent)


def test_lay_out__children__lie_below_their_parent_in_order() -> None:
    bars, seconds = lay_out(
        [piece("c", "a", at=0.5), piece("a", seconds=2.0), piece("b", "a", at=0.1), piece("d", "b", at=0.2)]
    )
    assert [(bar.piece.key, bar.depth) for bar in bars] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert seconds == 2.0
    assert [round(bar.left) for bar in bars] == [0, 5, 10, 25]


def test_lay_out__parent_that_never_came__puts_the_child_on_top() -> None:
    bars, _ = lay_out([piece("a", "gone")])
    assert [(bar.piece.key, bar.depth) for bar in bars] == [("a", 0)]


def test_lay_out__circle__draws_each_once() -> None:
    bars, _ = lay_out([piece("a", "b"), piece("b", "a")])
    assert sorted(bar.piece.key for bar in bars) == ["a", "b"]


def test_lay_out__nothing__is_nothing() -> None:
    assert lay_out([]) == ([], 0.0)


names = st.sampled_from(["", "a", "b", "c", "d"])


@given(st.lists(st.tuples(names, names, st.floats(0, 100), st.floats(0, 100)), max_size=30))
def test_lay_out__anything__draws_every_piece_once_within_the_trace(parts: list[tuple[str, str, float, float]]) -> None:
    pieces = [piece(key, parent, at=at, seconds=seconds) for key, parent, at, seconds in parts]
    bars, _ = lay_out(pieces)
    assert len(bars) == len(pieces)
    assert all(0 <= bar.left <= 100.001 and bar.depth <= len(pieces) for bar in bars)
