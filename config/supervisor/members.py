"""The processes in the supervisor's care: what each is, how it is started, when it is started again."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from config.engines.children import spawn_child, sweep_recorded, write_record
from config.engines.engine import Engine
from config.engines.locations import find_run_dir
from config.supervisor.plan import BASE_DIR, ProcessSpec, StopSignals

_FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
_STABLE_SECONDS = 60.0


class Member(Protocol):
    """Something that runs as one process and is kept running."""

    @property
    def name(self) -> str:
        """What its lines in the log begin with."""

    @property
    def stop_order(self) -> int:
        """Those with the lowest number are stopped first; equal numbers together."""

    @property
    def stop_signals(self) -> StopSignals:
        """Signals that end it, each with the seconds it is given."""

    @property
    def noise(self) -> tuple[str, ...]:
        """Words of lines that are left out of the log."""

    def spawn(self, *, output: int) -> subprocess.Popen[bytes]:
        """Start it; may raise EngineError or OSError."""

    def clear_up(self) -> None:
        """End and forget what is left of an earlier process of it."""


class EngineMember:
    """An embedded engine."""

    def __init__(self, engine: Engine, *, stop_order: int) -> None:
        self.engine = engine
        self.name = engine.name
        self.stop_order = stop_order
        self.stop_signals: StopSignals = engine.stop_signals
        self.noise = engine.noise

    def spawn(self, *, output: int) -> subprocess.Popen[bytes]:
        """See `Member.spawn`; repairs first what a crash left."""
        self.engine.prepare()
        return self.engine.spawn(output=output)

    def clear_up(self) -> None:
        """See `Member.clear_up`."""
        self.engine.clear_up()


class ProcessMember:
    """A process of the product."""

    def __init__(self, spec: ProcessSpec, *, data_dir: Path, env: Mapping[str, str]) -> None:
        self.spec = spec
        self.name = spec.name
        self.stop_order = spec.stop_order
        self.stop_signals = spec.stop_signals
        self.noise: tuple[str, ...] = ()
        self._env = {**env, **spec.env}
        self._record_file = find_run_dir(data_dir) / f"{spec.name}.pid"

    def spawn(self, *, output: int) -> subprocess.Popen[bytes]:
        """See `Member.spawn`."""
        process = spawn_child(self.spec.argv, env=self._env, output=output, cwd=str(BASE_DIR))
        write_record(self._record_file, process.pid)
        return process

    def clear_up(self) -> None:
        """See `Member.clear_up`."""
        sweep_recorded(self._record_file)


@dataclass(slots=True)
class Backoff:
    """How long to wait before the next start: longer after each failure, from the beginning after a stable run."""

    longest_seconds: float = LONGEST_DELAY_SECONDS
    delay_seconds: float = field(default=_FIRST_DELAY_SECONDS)

    def next_delay(self, *, ran_seconds: float) -> float:
        """The seconds to wait, given how long the process had run when it ended."""
        if ran_seconds >= _STABLE_SECONDS:
            self.delay_seconds = _FIRST_DELAY_SECONDS
        delay = self.delay_seconds
        self.delay_seconds = min(delay * 2, self.longest_seconds)
        return delay
