"""The supervisor: what dies is started again, a stop leaves nothing, a failed start says why and ends."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.engines.children import list_session, read_session, wait_until
from config.supervisor.banner import show_banner
from config.supervisor.log import Log
from config.supervisor.loop import Loop, MemberFailedError, StopRequestedError, can_listen, describe_exit
from config.supervisor.members import Backoff, ProcessMember
from config.supervisor.plan import BASE_DIR, PlanError, ProcessSpec, build_specs, read_plan

_PYTHON = sys.executable
_SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
_STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + _SLEEPER
_PARENT = f"import subprocess, sys; print('up', flush=True); subprocess.run([sys.executable, '-c', {_SLEEPER!r}])"


class Stage:
    """A loop with its log in memory, and members made of a few words of Python."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.screen = io.StringIO()
        self.log = Log(data_dir / "log", terminal=self.screen)
        self.loop = Loop(self.log)

    def start(self, name: str, code: str, *, order: int = 0, patience_seconds: float = 5) -> None:
        """Start a member that runs `code`."""
        spec = ProcessSpec(
            name=name,
            argv=(_PYTHON, "-c", code),
            stop_order=order,
            stop_signals=((signal.SIGTERM, patience_seconds),),
        )
        self.loop.start(ProcessMember(spec, data_dir=self.data_dir, env=os.environ))

    def wait_for_lines(self, text: str, count: int = 1) -> None:
        """Go on until `text` was logged `count` times."""
        assert self.loop.wait_for(lambda: self.screen.getvalue().count(text) >= count, timeout_seconds=20), (
            self.screen.getvalue()
        )

    def find_pid(self, name: str) -> int:
        """The recorded process of a member."""
        content = (self.data_dir / "run" / f"{name}.pid").read_text()
        return int(content.split('"pid": ')[1].split(",")[0])


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A stage that is empty again at the end."""
    (tmp_path / "run").mkdir()
    stage = Stage(tmp_path)
    with stage.loop.catch_signals():
        yield stage
        stage.loop.stop()
    stage.log.close()


def test_loop__process_killed__starts_it_again(stage: Stage) -> None:
    """The log says how it ended and when it comes back."""
    stage.start("sleeper", _SLEEPER)
    stage.wait_for_lines(" up")
    stage.loop.restarts_what_dies = True
    first = stage.find_pid("sleeper")
    os.kill(first, signal.SIGKILL)
    stage.wait_for_lines(" up", 2)
    assert stage.find_pid("sleeper") != first
    assert "sleeper was ended by SIGKILL; it is started again in 0.5 s." in stage.screen.getvalue()


def test_loop__leader_killed__its_children_go_too(stage: Stage) -> None:
    """Nothing of the old process holds the port that the new one needs."""
    stage.start("parent", _PARENT)
    stage.wait_for_lines(" up", 2)
    leader = stage.find_pid("parent")
    os.kill(leader, signal.SIGKILL)
    with pytest.raises(MemberFailedError, match="parent was ended by SIGKILL"):
        stage.loop.run()
    assert list_session(leader) == []


def test_loop__process_ends_before_all_is_ready__fails(stage: Stage) -> None:
    """A first start does not try again and again; its last words are in the log."""
    stage.start("broken", "print('no database'); raise SystemExit(3)")
    with pytest.raises(MemberFailedError, match="broken ended with code 3"):
        stage.loop.run()
    assert "no database" in stage.screen.getvalue()


def test_loop__program_missing__fails(stage: Stage) -> None:
    """The reason is the operating system's."""
    spec = ProcessSpec(name="missing", argv=("/nowhere/program",), stop_order=0)
    with pytest.raises(MemberFailedError, match=r"missing cannot be started: .*No such file"):
        stage.loop.start(ProcessMember(spec, data_dir=stage.data_dir, env={}))


def test_loop__signal__asks_to_stop(stage: Stage) -> None:
    """Ctrl-C reaches whoever waits, once."""
    stage.start("sleeper", _SLEEPER)
    stage.wait_for_lines(" up")
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(StopRequestedError):
        stage.loop.run()


def test_stop__several_members__ends_them_in_order_and_forgets_them(stage: Stage) -> None:
    """Lower numbers first; no process and no record stays."""
    words = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye', flush=True)));"
    for name, order in (("last", 2), ("first", 0), ("second", 1)):
        stage.start(name, words + _SLEEPER, order=order)
    stage.wait_for_lines(" up", 3)
    pids = [stage.find_pid(name) for name in ("first", "second", "last")]
    stage.loop.stop()
    said = [line.split()[1] for line in stage.screen.getvalue().splitlines() if line.endswith(" bye")]
    assert said == ["first", "second", "last"]
    assert [read_session(pid) for pid in pids] == [None, None, None]
    assert list((stage.data_dir / "run").iterdir()) == []


def test_stop__process_ignores_the_signal__kills_it(stage: Stage) -> None:
    """And the log says so."""
    stage.start("stubborn", _STUBBORN, patience_seconds=0.1)
    stage.wait_for_lines(" up")
    pid = stage.find_pid("stubborn")
    stage.loop.stop()
    assert read_session(pid) is None
    assert "stubborn does not stop; it is killed." in stage.screen.getvalue()


def test_run_to_end__command__returns_its_code_and_logs_its_words(stage: Stage) -> None:
    """The last line counts even without a newline."""
    argv = [_PYTHON, "-c", "import sys; sys.stdout.write('one\\ntwo'); sys.exit(4)"]
    code = stage.loop.run_to_end("command", lambda output: subprocess.Popen(argv, stdout=output))
    assert code == 4
    assert [line[9:] for line in stage.screen.getvalue().splitlines()] == [
        "command           one",
        "command           two",
    ]


def test_run_to_end__signal_meanwhile__ends_the_command(stage: Stage) -> None:
    """Ctrl-C during migrations does not leave them running."""
    pids = []

    def spawn(output: int) -> subprocess.Popen[bytes]:
        code = f"import os, signal; os.kill({os.getpid()}, signal.SIGTERM); {_SLEEPER}"
        process = subprocess.Popen([_PYTHON, "-c", code], stdout=output)
        pids.append(process.pid)
        return process

    with pytest.raises(StopRequestedError):
        stage.loop.run_to_end("command", spawn)
    assert [read_session(pid) for pid in pids] == [None]


def test_log__odd_bytes__stay_one_line_each(stage: Stage) -> None:
    """Broken UTF-8 and lines without end do not break the log, in the file as on the screen."""
    code = "import os; os.write(1, b'\\xff\\xfe\\n' + b'x' * 100000)"
    assert stage.loop.run_to_end("odd", lambda output: subprocess.Popen([_PYTHON, "-c", code], stdout=output)) == 0
    lines = (stage.data_dir / "log" / "postlaunch.log").read_text().splitlines()
    assert lines[0].endswith(" \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}")
    assert sum(line.count("x") for line in lines) == 100000


@given(st.lists(st.floats(min_value=0, max_value=59), min_size=1, max_size=20), st.integers(1, 3600))
def test_backoff__any_short_runs__doubles_to_its_limit(runs: list[float], longest: int) -> None:
    """From half a second to the longest that was set, and from the beginning after a stable minute."""
    backoff = Backoff(longest)
    delays = [backoff.next_delay(ran_seconds=run) for run in runs]
    assert delays == [min(0.5 * 2**index, longest) for index in range(len(runs))]
    assert backoff.next_delay(ran_seconds=60) == 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "http"), ("PORT", "70000"), ("WEB_WORKERS", "0"), ("WEB_THREADS", "-1"), ("RESTART_MAX_SECONDS", "0")],
)
def test_read_plan__bad_number__names_the_setting(name: str, value: str) -> None:
    """The operator reads which variable is wrong and what it may be."""
    with pytest.raises(PlanError, match=rf"^{name} is '{value}'; it must be a number from "):
        read_plan({name: value})


def test_read_plan__nothing_given__uses_the_documented_defaults() -> None:
    """One table of defaults serves settings and supervisor."""
    plan = read_plan({})
    assert (plan.data_dir, plan.address) == (BASE_DIR / "var", "http://127.0.0.1:8000")
    assert read_plan({"HOST": "::", "PORT": "9"}).local_url == "http://[::1]:9"


def test_specs__all_queues__have_a_worker() -> None:
    """A queue that no worker reads would hold its tasks for ever."""
    from config.celery import QUEUES

    read = [
        spec.argv[spec.argv.index("--queues") + 1] for spec in build_specs(read_plan({})) if "--queues" in spec.argv
    ]
    assert sorted(",".join(read).split(",")) == sorted(QUEUES)


def test_specs__worker_of_several_queues__has_a_thread_for_each() -> None:
    for spec in build_specs(read_plan({})):
        if "--queues" in spec.argv:
            queues = spec.argv[spec.argv.index("--queues") + 1].split(",")
            assert int(spec.argv[spec.argv.index("--concurrency") + 1]) >= len(queues)


def test_can_listen__port_taken__gives_the_reason() -> None:
    """What `make up` says instead of a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert can_listen("127.0.0.1", server.getsockname()[1]) == "Address already in use"
    assert can_listen("127.0.0.1", 0) is None


@pytest.mark.parametrize(
    ("code", "words"), [(0, "ended with code 0"), (-9, "was ended by SIGKILL"), (-99, "was ended by signal 99")]
)
def test_describe_exit__any_code__says_it_in_words(code: int, words: str) -> None:
    """Signals by name where they have one."""
    assert describe_exit(code) == words


def test_banner__first_start__shows_the_password_on_the_screen_only(stage: Stage) -> None:
    """The log file lasts longer than a password should lie about."""
    summary = '{"username": "admin", "password": "correct horse"}'
    (stage.data_dir / "run" / "bootstrap.json").write_text(summary)
    show_banner(stage.log, read_plan({"DATA_DIR": str(stage.data_dir)}))
    assert "correct horse" in stage.screen.getvalue()
    log_text = (stage.data_dir / "log" / "postlaunch.log").read_text()
    assert "ready at http://127.0.0.1:8000" in log_text
    assert "correct horse" not in log_text


def test_command__port_taken__says_so_and_ends(tmp_path: Path) -> None:
    """The whole program, from the outside: plain words and a code that is not zero, and nothing was started."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        env = {**os.environ, "DATA_DIR": str(tmp_path / "var"), "PORT": port}
        done = subprocess.run(
            [_PYTHON, "-m", "config.supervisor"], cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stdout
    assert not (tmp_path / "var" / "postgres").exists()


def test_children__supervisor_killed__die_with_it(tmp_path: Path) -> None:
    """Kill -9 of the one process that looks after the others leaves none of them."""
    (tmp_path / "run").mkdir()
    code = (
        "import os, sys; from pathlib import Path; from config.engines.children import spawn_child;"
        "child = spawn_child([sys.executable, '-c', 'import time; time.sleep(600)']); print(child.pid, flush=True);"
        "child.wait()"
    )
    holder = subprocess.Popen([_PYTHON, "-c", code], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    pid = int(holder.stdout.readline())
    holder.kill()
    holder.communicate()
    assert wait_until(lambda: read_session(pid) is None, timeout_seconds=10)


def _list_session(leader: int) -> list[int]:
    from config.engines.children import list_session

    return list_session(leader)
