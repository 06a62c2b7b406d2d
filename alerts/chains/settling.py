"""Which steps can't stay where they are, once it is known which of a chain's steps have a counterpart here. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.escalation import Step, StepKind


def find_misplaced(steps: Sequence[Step]) -> dict[int, str]:
    """Return the places of steps that have to be left out, with the reason and what to do.

    Only “repeat” can be one: OnCall goes on after it, and waits by itself between two rounds; here it is the last step and
    needs a wait. Whoever follows it is kept rather than the repetition.
    """
    repeats = [place for place, step in enumerate(steps) if step.kind is StepKind.REPEAT]
    found = {
        place: "Steps follow “repeat”, which can only be the last one here, so it is left out: they come sooner, and nothing "
        "is repeated. Put a “repeat” at the end if that is what you want."
        for place in repeats
        if place != len(steps) - 1
    }
    waits = any(step.kind is StepKind.WAIT for step in steps)
    if repeats and repeats[-1] == len(steps) - 1 and not waits:
        found[repeats[-1]] = (
            "Nothing waits before “repeat”, so everybody would be told again at once; it is left out. Add a wait and a "
            "“repeat” to the policy."
        )
    return found
