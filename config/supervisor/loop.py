"""The supervisor's only loop: output of the processes, their ends, their restarts, and signals to stop.

One thread: parent-death signals are tied to the thread that starts a process, and nothing can interleave.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from config.engines.children import kill_session, send_signal
from config.engines.errors import EngineError
from config.supervisor.log import LineReader, Log
from config.supervisor.members import LONGEST_DELAY_SECONDS, Backoff, Member

_TICK_SECONDS = 0.25
# After a second Ctrl-C each stage of stopping gets this long: enough for the databases, which have nothing to wait for.
_IMPATIENT_SECONDS = 1.0
_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequestedError(Exception):
    """Ctrl-C or another signal asked for an orderly end."""


class MemberFailedError(Exception):
    """A process ended, or could not be started, before everything was ready; the text says which and how."""


@dataclass(slots=True)
class _Running:
    """A member with what it is doing now."""

    member: Member
    backoff: Backoff
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    #: When to start it again (monotonic seconds); None: not waiting for that.
    due_at: float | None = None


class Loop:
    """Keeps members running until told to stop. Use from the main thread, inside `with loop.catch_signals()`."""

    def __init__(self, log: Log, *, longest_delay_seconds: float = LONGEST_DELAY_SECONDS) -> None:
        self.log = log
        self._longest_delay_seconds = longest_delay_seconds
        self.restarts_what_dies = False
        self._runnings: list[_Running] = []
        self._selector = selectors.DefaultSelector()
        self._stop_signals_seen = 0
        self._is_stopping = False

    @contextmanager
    def catch_signals(self) -> Iterator[None]:
        """Turn SIGINT, SIGTERM and SIGHUP into StopRequestedError out of `wait_for` and `run`."""
        receiver, sender = socket.socketpair()
        receiver.setblocking(False)
        sender.setblocking(False)
        before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        # Under nohup a hangup is ignored, and that stays so.
        wanted = [number for number in _STOPPING_SIGNALS if number is not signal.SIGHUP or not _ignores_hangup()]
        handlers = {number: signal.signal(number, self._note_stop) for number in wanted}
        # Any handler will do: it is the byte in the socket that ends the loop's sleep.
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(receiver, selectors.EVENT_READ, None)
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            self._selector.unregister(receiver)
            receiver.close()
            sender.close()

    def start(self, member: Member) -> None:
        """Start a member and keep it from now on. Raises MemberFailedError."""
        running = _Running(member, Backoff(self._longest_delay_seconds))
        self._runnings.append(running)
        self._spawn(running)

    def run_to_end(self, name: str, spawn: Callable[[int], subprocess.Popen[bytes]]) -> int:
        """Run a process that ends by itself, with its output in the log; returns its exit code."""
        process = self._attach(name, spawn)
        try:
            while process.poll() is None:
                self.step()
        finally:
            if process.poll() is None:
                send_signal(process.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=5)
            kill_session(process.pid)
            process.wait()
        self._read_output(timeout_seconds=0)
        return process.returncode

    def wait_for(self, condition: Callable[[], bool], *, timeout_seconds: float) -> bool:
        """Keep going until `condition` holds (True) or the time is over (False)."""
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.step()
        return True

    def run(self) -> None:
        """Keep going until a signal asks to stop: StopRequestedError."""
        while True:
            self.step()

    def step(self) -> None:
        """Wait a moment for something to happen and deal with it. Raises StopRequestedError, MemberFailedError."""
        self._read_output(timeout_seconds=_TICK_SECONDS)
        if self._stop_signals_seen and not self._is_stopping:
            self._is_stopping = True
            raise StopRequestedError
        for running in self._runnings:
            self._look_after(running)

    def stop(self) -> None:
        """End all members in their order, gently first; a further Ctrl-C cuts that short."""
        self._is_stopping = True
        self._stop_signals_seen = 0
        for order in sorted({running.member.stop_order for running in self._runnings}):
            self._stop_together([running for running in self._runnings if running.member.stop_order == order])
        self._read_output(timeout_seconds=0)
        self._runnings.clear()

    def _stop_together(self, runnings: list[_Running]) -> None:
        alive = [running for running in runnings if running.process is not None]
        stages = max((len(running.member.stop_signals) for running in alive), default=0)
        for stage in range(stages):
            patience_seconds = 0.0
            for running in alive:
                if running.process is not None and running.process.poll() is None:
                    number, seconds = running.member.stop_signals[min(stage, len(running.member.stop_signals) - 1)]
                    send_signal(running.process.pid, number)
                    patience_seconds = max(patience_seconds, seconds)
            if self._await_ends(alive, timeout_seconds=patience_seconds):
                break
        for running in alive:
            assert running.process is not None
            if running.process.poll() is None:
                self.log.say(f"{running.member.name} does not stop; it is killed.")
            kill_session(running.process.pid)
            running.process.wait()
            running.process = None
        # Their last words stand in the log before those of the ones that are stopped next.
        self._read_output(timeout_seconds=0)
        for running in runnings:
            self._clear_up(running)

    def _clear_up(self, running: _Running) -> None:
        try:
            running.member.clear_up()
        except (EngineError, OSError) as error:
            self.log.say(str(error))

    def _await_ends(self, runnings: list[_Running], *, timeout_seconds: float) -> bool:
        start = time.monotonic()
        while any(running.process is not None and running.process.poll() is None for running in runnings):
            patience_seconds = min(timeout_seconds, _IMPATIENT_SECONDS) if self._stop_signals_seen else timeout_seconds
            if time.monotonic() > start + patience_seconds:
                return False
            self._read_output(timeout_seconds=0.05)
        return True

    def _look_after(self, running: _Running) -> None:
        if running.process is not None and running.process.poll() is not None:
            self._note_end(running)
        elif running.due_at is not None and time.monotonic() >= running.due_at:
            running.due_at = None
            self._spawn(running)

    def _note_end(self, running: _Running) -> None:
        assert running.process is not None
        how = describe_exit(running.process.returncode)
        # Children of a process that died without its farewells would hold its port or its tasks.
        kill_session(running.process.pid)
        running.process = None
        self._read_output(timeout_seconds=0)
        self._plan_restart(running, f"{running.member.name} {how}")

    def _spawn(self, running: _Running) -> None:
        running.started_at = time.monotonic()
        try:
            running.process = self._attach(
                running.member.name, lambda output: running.member.spawn(output=output), noise=running.member.noise
            )
        except (EngineError, OSError) as error:
            self._plan_restart(running, f"{running.member.name} cannot be started: {error}")

    def _plan_restart(self, running: _Running, what: str) -> None:
        if not self.restarts_what_dies:
            raise MemberFailedError(what)
        delay_seconds = running.backoff.next_delay(ran_seconds=time.monotonic() - running.started_at)
        running.due_at = time.monotonic() + delay_seconds
        self.log.say(f"{what}; it is started again in {delay_seconds:g} s.")

    def _attach(
        self, name: str, spawn: Callable[[int], subprocess.Popen[bytes]], *, noise: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        reader = LineReader(self.log, name, noise=noise)
        try:
            process = spawn(reader.write_end)
        except BaseException:
            reader.close()
            raise
        finally:
            reader.close_write_end()
        self._selector.register(reader.descriptor, selectors.EVENT_READ, reader)
        return process

    def _read_output(self, *, timeout_seconds: float) -> None:
        for key, _ in self._selector.select(timeout_seconds):
            if isinstance(key.data, LineReader):
                if not key.data.read():
                    self._selector.unregister(key.fd)
                    key.data.close()
            else:
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(BlockingIOError):
                    key.fileobj.recv(4096)

    def _note_stop(self, *_: object) -> None:
        self._stop_signals_seen += 1


def _ignores_hangup() -> bool:
    return signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def describe_exit(code: int) -> str:
    """How a process ended, in words: "ended with code 1", "was ended by SIGKILL"."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def can_listen(host: str, port: int) -> str | None:
    """None when a server could listen there; otherwise the operating system's reason."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return None
