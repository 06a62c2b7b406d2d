"""Debian's Prometheus as the judge of our answers: the same samples, the same queries, over its own HTTP API.

Samples go in by remote write, the only way by which stale markers keep their bits.
"""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import numpy as np

from monitoring.metrics.promql import SeriesData

SLICE_MS = 600_000


def encode_varint(number: int) -> bytes:
    """A protobuf varint."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def encode_field(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return encode_varint(number << 3 | 2) + encode_varint(len(body)) + body


def encode_series(labels: dict[str, str], times: np.ndarray, values: np.ndarray) -> bytes:
    """A `TimeSeries` of remote write 1.0 as a field of `WriteRequest`."""
    parts = [
        encode_field(1, encode_field(1, k.encode()) + encode_field(2, v.encode())) for k, v in sorted(labels.items())
    ]
    for time_ms, value in zip(times.tolist(), values, strict=True):
        parts.append(encode_field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + encode_varint(time_ms)))
    return encode_field(1, b"".join(parts))


class Prometheus:
    """A running Prometheus on loopback."""

    def __init__(self, address: str) -> None:
        self.address = address

    def write(self, series: Sequence[SeriesData]) -> None:
        """Send everything, oldest first: its head takes nothing an hour older than the newest sample."""
        first = min(int(item.times[0]) for item in series)
        last = max(int(item.times[-1]) for item in series)
        for start in range(first, last + 1, SLICE_MS):
            body = b""
            for item in series:
                low, high = np.searchsorted(item.times, (start, start + SLICE_MS))
                if high > low:
                    body += encode_series(item.labels, item.times[low:high], item.values[low:high])
            self.post_samples(body)

    def post_samples(self, body: bytes) -> None:
        """One remote-write request."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        compressed = bytes(cramjam.snappy.compress_raw(body))
        request = urllib.request.Request(f"{self.address}/api/v1/write", data=compressed, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert answer.status == 204

    def ask(self, endpoint: str, **parameters: str) -> dict[str, Any] | None:
        """The `data` of an answer, or None if the query was refused."""
        body = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"{self.address}/api/v1/{endpoint}", data=body)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in {400, 422}:
                raise
            return None


@contextmanager
def run_prometheus(directory: Path) -> Iterator[Prometheus]:
    """A Prometheus of its own on a free port of loopback, its data in the directory, ended with the context."""
    program = shutil.which("prometheus")
    assert program, "this test compares with a real Prometheus: apt-get install --no-install-recommends prometheus"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (directory / "prometheus.yml").write_text("global: {}\n")
    process = subprocess.Popen(
        [
            program,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--storage.tsdb.retention.time=100y",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        log = wait_until_ready(process)
        yield Prometheus(f"http://127.0.0.1:{port}")
        assert process.poll() is None, f"prometheus ended: {log}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    """Read its log up to the line that says it serves."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "Server is ready" in line:
            return "".join(lines)
    raise AssertionError("prometheus did not start: " + "".join(lines))
