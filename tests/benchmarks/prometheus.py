"""Debian's Prometheus beside us: the same series and the same rules, in the same run."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

START_SECONDS = 60.0
EVALUATION_SECONDS = 180.0


@contextmanager
def running_prometheus(directory: Path, conditions: Sequence[str], *, hold: str) -> Iterator[str]:
    """Run Prometheus with one group of rules, one for each condition, taking remote write; yield its address."""
    directory.mkdir(parents=True, exist_ok=True)
    rules = [{"alert": f"Bench {number}", "expr": text, "for": hold} for number, text in enumerate(conditions)]
    # JSON is YAML.
    (directory / "rules.yml").write_text(json.dumps({"groups": [{"name": "bench", "rules": rules}]}))
    settings = {"global": {"evaluation_interval": "15s"}, "rule_files": ["rules.yml"]}
    (directory / "prometheus.yml").write_text(json.dumps(settings))
    program = shutil.which("prometheus")
    assert program is not None, "Prometheus is missing; install the package prometheus."
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [
            program,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ]
    )
    try:
        _wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def read_evaluation(url: str) -> tuple[int, float]:
    """Return how many rules the newest evaluation had, and how long it took in seconds; waits for the second one."""
    deadline, seen = time.monotonic() + EVALUATION_SECONDS, set()
    while time.monotonic() < deadline:
        (group,) = httpx.get(f"{url}/api/v1/rules", timeout=60).json()["data"]["groups"]
        if group["evaluationTime"]:
            seen.add(group["lastEvaluation"])
        if len(seen) >= 2:
            assert {rule["health"] for rule in group["rules"]} == {"ok"}
            return len(group["rules"]), float(group["evaluationTime"])
        time.sleep(1)
    raise AssertionError("Prometheus did not evaluate its rules twice")


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "Prometheus ended"
        try:
            if httpx.get(f"{url}/-/ready", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus is not ready")
