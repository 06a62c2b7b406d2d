"""A trace as a waterfall: what happened within what, in the order it began. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MAX_BARS = 500


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of work, error or line of a trace. `key` is its span id (empty: none), `parent` that of what it is within."""

    kind: str
    name: str
    started_at: datetime
    duration: float
    key: str = ""
    parent: str = ""
    detail: str = ""
    failed: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece with its place: how deep it lies, and where it begins and how wide it is, in percent of the trace."""

    piece: Piece
    depth: int
    left: float
    width: float


def lay_out(pieces: Sequence[Piece]) -> tuple[list[Bar], float]:
    """Return the bars from the top, and the trace's seconds. A piece whose parent is not there lies at the top.

    Pieces that name each other in a circle are laid at the top too: each is drawn once.
    """
    if not pieces:
        return [], 0.0
    ordered = sorted(pieces, key=lambda piece: (piece.started_at, -piece.duration))
    start = ordered[0].started_at
    end = max((piece.started_at - start).total_seconds() + piece.duration for piece in ordered)
    whole = max(end, 1e-9)
    keys = {piece.key for piece in ordered if piece.key}
    within: dict[str, list[int]] = {}
    for place, piece in enumerate(ordered):
        parent = piece.parent if piece.parent in keys and piece.parent != piece.key else ""
        within.setdefault(parent, []).append(place)
    bars: list[Bar] = []
    drawn: set[int] = set()

    def draw(roots: Sequence[int]) -> None:
        waiting = [(place, 0) for place in reversed(roots)]
        while waiting:
            place, depth = waiting.pop()
            if place in drawn:
                continue
            drawn.add(place)
            piece = ordered[place]
            left = 100 * (piece.started_at - start).total_seconds() / whole
            bars.append(Bar(piece, depth, left, max(100 * piece.duration / whole, 0.15)))
            if piece.key:
                waiting += [(child, depth + 1) for child in reversed(within.get(piece.key, []))]

    draw(within.get("", []))
    draw([place for place in range(len(ordered)) if place not in drawn])
    return bars[:MAX_BARS], end
