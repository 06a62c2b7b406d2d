"""What the first start must create, and every later one bring up to date: steps that rooms register.

A room declares its steps in `<room>/bootstrapping.py`. A step is idempotent: it runs at every start, on every machine.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.options import OPTIONS
from config.settings import BASE_DIR, DATA_DIR, OPTION


@dataclass(slots=True)
class BootstrapContext:
    """What steps share. `summary` is shown to the operator; `say` prints one line of progress."""

    say: Callable[[str], None]
    summary: dict[str, Any] = field(default_factory=dict)


#: Options that a command in another shell must be given too, in order to mean the same installation. None is secret.
_PLACES = ("DATA_DIR", "HOST", "PORT", "PUBLIC_URL")


def write_command(words: str) -> str:
    """Return a `manage.py` command as one can paste it in the project's directory: this Python, this installation."""
    program = Path(sys.executable)
    shown = program.relative_to(BASE_DIR) if program.is_relative_to(BASE_DIR) else program
    return " ".join([*_write_environment(), shlex.quote(str(shown)), "manage.py", words])


def _write_environment() -> list[str]:
    given = {option.name: str(OPTION[option.name]) for option in OPTIONS if option.name in _PLACES}
    usual = {option.name: str(option.default) for option in OPTIONS if option.name in _PLACES}
    usual["DATA_DIR"], given["DATA_DIR"] = str(BASE_DIR / usual["DATA_DIR"]), str(DATA_DIR)
    return [f"{name}={shlex.quote(given[name])}" for name in _PLACES if given[name] != usual[name]]


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
