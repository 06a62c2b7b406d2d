"""What is to run: read from the environment, written down as data."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.deliveries.lanes import THREADS
from config.options import OPTIONS

BASE_DIR = Path(__file__).resolve().parents[2]

StopSignals = tuple[tuple[signal.Signals, float], ...]
_TERMINATE: StopSignals = ((signal.SIGTERM, 8),)
# The first signal lets a worker finish its tasks; the second drops them, and the broker hands them out again.
_TERMINATE_WORKER: StopSignals = ((signal.SIGTERM, 10), (signal.SIGQUIT, 3))
# Celery warns of pickled messages when root runs it; our settings accept JSON alone.
_CELERY_WARNINGS = "ignore:You're running the worker with superuser privileges"


class PlanError(ValueError):
    """A setting has a value that nothing can be started with; the text names it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings that the supervisor itself needs; all others are read by the processes it starts."""

    data_dir: Path
    host: str
    port: int
    public_url: str
    database_url: str
    redis_url: str
    web_workers: int
    web_threads: int
    restart_max_seconds: int
    log_level: str

    @property
    def local_url(self) -> str:
        """How processes on this machine reach the web process, whatever addresses it listens on."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def address(self) -> str:
        """The address that people are told."""
        return self.public_url or self.local_url


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One process of the product: its name in the log, its command line, how and when it is stopped."""

    name: str
    argv: tuple[str, ...]
    #: Those with the lowest number are stopped first; equal numbers together.
    stop_order: int
    stop_signals: StopSignals = _TERMINATE
    env: Mapping[str, str] = field(default_factory=dict)
    #: Whether it is started only when the web process answers, because it talks to it.
    needs_web: bool = False


def read_plan(environ: Mapping[str, str]) -> Plan:
    """The plan that the environment asks for, with the defaults of config/options.py. Raises PlanError."""
    defaults = {option.name: option.default for option in OPTIONS}

    def read_text(name: str) -> str:
        return environ.get(name) or str(defaults[name])

    def read_number(name: str, lowest: int, highest: int) -> int:
        text = read_text(name)
        if not (text.isdecimal() and lowest <= int(text) <= highest):
            raise PlanError(f"{name} is {text!r}; it must be a number from {lowest} to {highest}.")
        return int(text)

    return Plan(
        data_dir=(BASE_DIR / read_text("DATA_DIR")).resolve(),
        host=read_text("HOST"),
        port=read_number("PORT", 1, 65535),
        public_url=read_text("PUBLIC_URL").rstrip("/"),
        database_url=read_text("DATABASE_URL"),
        redis_url=read_text("REDIS_URL"),
        web_workers=read_number("WEB_WORKERS", 1, 64),
        web_threads=read_number("WEB_THREADS", 1, 256),
        restart_max_seconds=read_number("RESTART_MAX_SECONDS", 1, 3600),
        log_level=read_text("LOG_LEVEL").upper(),
    )


def build_environment(plan: Plan, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of every process: what the operator gave, made explicit."""
    return {
        **environ,
        "DATA_DIR": str(plan.data_dir),
        "HOST": plan.host,
        "PORT": str(plan.port),
        "DJANGO_SETTINGS_MODULE": environ.get("DJANGO_SETTINGS_MODULE", "config.settings"),
        # A line is in the log when it is written, not when a buffer is full.
        "PYTHONUNBUFFERED": "1",
        # Each thread with its own heap costs tens of MiB in processes with a pool.
        "MALLOC_ARENA_MAX": environ.get("MALLOC_ARENA_MAX", "2"),
    }


def build_bootstrap() -> tuple[str, ...]:
    """The command that brings database and first objects up to date; it ends by itself."""
    return (sys.executable, str(BASE_DIR / "manage.py"), "bootstrap")


def build_specs(plan: Plan) -> tuple[ProcessSpec, ...]:
    """All processes that run for as long as the product does, engines aside, in the order they are started."""
    return (
        ProcessSpec(name="web", argv=_build_web(plan), stop_order=1, stop_signals=((signal.SIGTERM, 12),)),
        _build_worker(plan, name="worker-evaluate", queues="evaluate", threads=2),
        _build_worker(plan, name="worker-deliver", queues="deliver", threads=THREADS),
        _build_worker(plan, name="worker-background", queues="digest,maintain,reports,default", threads=4),
        ProcessSpec(
            name="beat",
            argv=(*_build_celery("beat"), "--loglevel", plan.log_level, "--pidfile="),
            stop_order=0,
        ),
        ProcessSpec(
            name="agent",
            argv=(
                sys.executable,
                str(BASE_DIR / "manage.py"),
                "agent",
                "--url",
                plan.local_url,
                "--key-file",
                str(plan.data_dir / "secrets" / "agent.key"),
            ),
            stop_order=0,
            needs_web=True,
        ),
    )


def _build_web(plan: Plan) -> tuple[str, ...]:
    return (
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        plan.host,
        "--port",
        str(plan.port),
        "--workers",
        str(plan.web_workers),
        "--blocking-threads",
        str(plan.web_threads),
        "--no-ws",
        # A dead worker process is replaced by granian; a dead granian by the supervisor.
        "--respawn-failed-workers",
        "--respawn-interval",
        "0.5",
        "--workers-kill-timeout",
        "8",
        "--log-level",
        "warning",
        "config.wsgi:application",
    )


def _build_worker(plan: Plan, *, name: str, queues: str, threads: int) -> ProcessSpec:
    argv = (
        *_build_celery("worker"),
        "--pool",
        "threads",
        "--concurrency",
        str(threads),
        "--queues",
        queues,
        "--hostname",
        f"{name}@%h",
        "--loglevel",
        plan.log_level,
        # Workers of one machine have nothing to tell each other.
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    )
    return ProcessSpec(
        name=name, argv=argv, stop_order=2, stop_signals=_TERMINATE_WORKER, env={"PYTHONWARNINGS": _CELERY_WARNINGS}
    )


def _build_celery(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "--quiet", "--no-color", "-A", "config", command)
