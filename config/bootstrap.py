"""What the first start must create, and every later one bring up to date: steps that rooms register.

A room declares its steps in `<room>/bootstrapping.py`. A step is idempotent: it runs at every start, on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class BootstrapContext:
    """What steps share. `summary` is shown to the operator; `say` prints one line of progress."""

    say: Callable[[str], None]
    summary: dict[str, Any] = field(default_factory=dict)


Run = Callable[[BootstrapContext], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One registered step; those with the lowest `order` run first."""

    name: str
    order: int
    run: Run


_steps: dict[str, Step] = {}


def step(name: str, *, order: int) -> Callable[[Run], Run]:
    """Register a step under a unique name. Raises ValueError for a name that is taken.

    Usual orders: 10 partitions, 30 applications and keys, 50 built-in objects.
    """

    def register(run: Run) -> Run:
        if name in _steps and _steps[name].run is not run:
            raise ValueError(f"two bootstrap steps are named {name!r}")
        _steps[name] = Step(name=name, order=order, run=run)
        return run

    return register


def registered_steps() -> tuple[Step, ...]:
    """Return every step in the order they run."""
    return tuple(sorted(_steps.values(), key=lambda each: (each.order, each.name)))


def run_steps(context: BootstrapContext) -> None:
    """Run every step; the first that raises ends the start, because nothing after it could be relied on."""
    for each in registered_steps():
        context.say(each.name)
        each.run(context)
