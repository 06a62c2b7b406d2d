"""One run of the product from the first engine to the last."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from config.engines.children import spawn_child, sweep_recorded
from config.engines.engine import START_TIMEOUT_SECONDS, Engine
from config.engines.errors import EngineError
from config.engines.locations import find_log_dir, find_run_dir
from config.engines.lock import DirectoryLock
from config.engines.postgres import EmbeddedPostgres
from config.engines.valkey import EmbeddedValkey
from config.supervisor.banner import show_banner
from config.supervisor.log import Log
from config.supervisor.loop import Loop, MemberFailedError, StopRequestedError, can_listen
from config.supervisor.members import EngineMember, ProcessMember
from config.supervisor.plan import (
    BASE_DIR,
    Plan,
    ProcessSpec,
    build_bootstrap,
    build_environment,
    build_specs,
)

_READY_TIMEOUT_SECONDS = 120.0
_PROBE_TIMEOUT_SECONDS = 3.0
# After every process of the product, and Valkey before PostgreSQL.
_VALKEY_STOP_ORDER = 10
_POSTGRES_STOP_ORDER = 11


class StartError(Exception):
    """The product could not be brought up; the text says what failed and what to do."""


def run_product(plan: Plan, *, environ: Mapping[str, str], only_engines: bool = False) -> int:
    """Bring everything up, keep it up, take it down on a signal; returns the exit code. Raises EngineError."""
    bring_up = _bring_up_engines if only_engines else _bring_up
    address = "the engines alone" if only_engines else plan.address
    with DirectoryLock(plan.data_dir, address=address):
        log = Log(find_log_dir(plan.data_dir))
        loop = Loop(log, longest_delay_seconds=plan.restart_max_seconds)
        try:
            with loop.catch_signals():
                return _run_until_stopped(lambda: bring_up(plan, loop, environ), loop)
        finally:
            log.close()


def _run_until_stopped(bring_up: Callable[[], None], loop: Loop) -> int:
    code = 0
    try:
        bring_up()
        loop.restarts_what_dies = True
        loop.run()
    except StopRequestedError:
        loop.log.say("Stopping; press Ctrl-C again to hurry.")
    except (StartError, MemberFailedError, EngineError) as error:
        loop.log.say(f"Postlaunch cannot start: {error}")
        code = 1
    loop.stop()
    loop.log.say("Stopped; nothing is left running." if code == 0 else "Stopped.")
    return code


def _bring_up(plan: Plan, loop: Loop, environ: Mapping[str, str]) -> None:
    _sweep_leftovers(plan.data_dir)
    if reason := can_listen(plan.host, plan.port):
        raise StartError(
            f"it cannot listen on {plan.host} port {plan.port}: {reason}. "
            "End the program that uses the port, or set PORT to another one."
        )
    env = build_environment(plan, environ)
    _start_engines(plan, loop)
    loop.log.say("Preparing the database.")
    _bootstrap(loop, env)
    specs = _select_specs(plan, build_specs(plan))
    _start_processes(plan, loop, env, [spec for spec in specs if not spec.needs_web])
    if not loop.wait_for(lambda: is_web_ready(plan.local_url), timeout_seconds=_READY_TIMEOUT_SECONDS):
        raise StartError(
            f"{plan.local_url}/health/ready did not say that it is ready within {_READY_TIMEOUT_SECONDS:.0f} s."
        )
    _start_processes(plan, loop, env, [spec for spec in specs if spec.needs_web])
    show_banner(loop.log, plan)


def _start_processes(plan: Plan, loop: Loop, env: Mapping[str, str], specs: Iterable[ProcessSpec]) -> None:
    for spec in specs:
        loop.log.say(f"Starting {spec.name}.")
        loop.start(ProcessMember(spec, data_dir=plan.data_dir, env=env))


def _bring_up_engines(plan: Plan, loop: Loop, _: Mapping[str, str]) -> None:
    _sweep_leftovers(plan.data_dir)
    _start_engines(plan, loop)
    loop.log.say(f"The engines run on {plan.data_dir}; Ctrl-C stops them.")


def _start_engines(plan: Plan, loop: Loop) -> None:
    for engine, order in _choose_engines(plan):
        _start_engine(loop, engine, stop_order=order)


def _sweep_leftovers(data_dir: Path) -> None:
    """End processes of a run whose supervisor was killed; the engines see to their own."""
    engines = {EmbeddedPostgres.name, EmbeddedValkey.name}
    for record_file in sorted(find_run_dir(data_dir).glob("*.pid")):
        if record_file.stem not in engines:
            sweep_recorded(record_file)


def _choose_engines(plan: Plan) -> Iterable[tuple[Engine, int]]:
    if not plan.database_url:
        yield EmbeddedPostgres(plan.data_dir), _POSTGRES_STOP_ORDER
    if not plan.redis_url:
        yield EmbeddedValkey(plan.data_dir), _VALKEY_STOP_ORDER


def _start_engine(loop: Loop, engine: Engine, *, stop_order: int) -> None:
    loop.log.say(f"Starting {engine.name}.")
    loop.start(EngineMember(engine, stop_order=stop_order))
    if not loop.wait_for(engine.is_ready, timeout_seconds=START_TIMEOUT_SECONDS):
        raise StartError(f"{engine.name} was not ready after {START_TIMEOUT_SECONDS:.0f} s.")
    engine.complete_start()


def _bootstrap(loop: Loop, env: Mapping[str, str]) -> None:
    code = loop.run_to_end(
        "bootstrap", lambda output: spawn_child(build_bootstrap(), env=env, output=output, cwd=str(BASE_DIR))
    )
    if code != 0:
        raise StartError("preparing the database failed; the lines of `bootstrap` above say why.")


def _select_specs(plan: Plan, specs: Iterable[ProcessSpec]) -> list[ProcessSpec]:
    """All but the host agent where no key was made for it: this machine is then not to be watched."""
    has_agent_key = (plan.data_dir / "secrets" / "agent.key").exists()
    return [spec for spec in specs if spec.name != "agent" or has_agent_key]


def is_web_ready(url: str) -> bool:
    """Whether /health/ready below `url` answers 200."""
    address = urlsplit(url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_PROBE_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
