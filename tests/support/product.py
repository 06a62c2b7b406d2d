"""The whole product as its users run it: `manage.py up` on a directory of its own, as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Product:
    """A running installation."""

    url: str
    data_dir: Path
    environment: Mapping[str, str]
    supervisor: psutil.Process
    log_path: Path

    def manage(self, *arguments: str) -> str:
        """Run one of its management commands; return what it printed."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{arguments[0]} failed:\n{done.stderr[-4000:]}"
        return done.stdout

    def connect(self, name: str) -> dict[str, Any]:
        """Connect an ERP; return its keys and addresses."""
        connection: dict[str, Any] = json.loads(self.manage("connect", name, "--json"))
        return connection

    def processes(self) -> list[psutil.Process]:
        """Every process of the installation, the supervisor first."""
        return [self.supervisor, *self.supervisor.children(recursive=True)]

    def find_processes(self, *words: str) -> list[psutil.Process]:
        """Processes whose command line holds all of `words`."""
        return [process for process in self.processes() if all(word in _command_of(process) for word in words)]

    def wait_for_processes(self, *words: str, seconds: float = READY_SECONDS) -> list[psutil.Process]:
        """Return the same once there are any: one that was killed is started again after a moment."""
        deadline = time.monotonic() + seconds
        while not (found := self.find_processes(*words)):
            assert time.monotonic() < deadline, f"no process of {words}:\n{self.log_path.read_text()[-4000:]}"
            time.sleep(0.1)
        return found

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return once /health/ready answers 200; raise AssertionError with the log's end when it does not in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.supervisor.is_running() or self.supervisor.status() == psutil.STATUS_ZOMBIE:
                break
            try:
                if httpx.get(f"{self.url}/health/ready", timeout=2).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise AssertionError(f"the product is not ready at {self.url}:\n{self.log_path.read_text()[-4000:]}")


@contextmanager
def running_product(data_dir: Path, **environment: str) -> Iterator[Product]:
    """Start the product on `data_dir` and a free port, stop it as Ctrl-C does, and check that no process is left."""
    port = find_free_port()
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL"}
    }
    env = {**inherited, "DATA_DIR": str(data_dir), "PORT": str(port), "HOST": "127.0.0.1", **environment}
    data_dir.mkdir(parents=True, exist_ok=True)
    log_path = data_dir / "up.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env=env,
            cwd=ROOT,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    supervisor = psutil.Process(process.pid)
    product = Product(f"http://127.0.0.1:{port}", data_dir, env, supervisor, log_path)
    try:
        product.wait_until_ready()
        yield product
    finally:
        _stop(process, product)


def find_free_port() -> int:
    """Return a TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes], product: Product) -> None:
    everyone = product.processes() if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        for left in everyone:
            left.kill()
        process.wait()
        raise AssertionError("the product did not stop in time") from None
    _, alive = psutil.wait_procs(everyone, timeout=10)
    assert alive == [], f"left behind: {[_command_of(left) for left in alive]}"


def _command_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
