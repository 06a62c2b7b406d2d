"""Remote write requests made ahead of time, and threads that send them over kept connections.

Encoded by hand from the protocol's definition, so that making them costs little and shares no code with what is measured.
"""

from __future__ import annotations

import http.client
import itertools
import struct
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import cramjam
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Outcome:
    """What sending took."""

    requests: int
    seconds: float
    latencies: NDArray[np.float64]
    statuses: dict[int, int]


def make_series(count: int) -> list[bytes]:
    """Return the encoded labels of `count` series, eight labels each, as an exporter's would be; half are counters."""
    return [
        _encode_labels(
            {
                "__name__": "bench_requests_total" if number % 2 else "bench_temperature_celsius",
                "cluster": "eu-west-1",
                "code": str(200 + number % 5),
                "handler": f"/api/v1/resource/{number % 50}",
                "instance": f"10.0.{number // 250}.{number % 250}:9100",
                "job": "erp",
                "method": ("GET", "POST", "PUT")[number % 3],
                "shard": str(number),
            }
        )
        for number in range(count)
    ]


def make_values(series: int, steps: int, *, seed: int = 7) -> NDArray[np.float64]:
    """Return noisy values, shape (steps, series): odd series count up by whole numbers, even ones walk at full precision."""
    random = np.random.default_rng(seed)
    values = 20 + np.cumsum(random.normal(size=(steps, series)), axis=0)
    values[:, 1::2] = np.cumsum(random.integers(0, 40, size=(steps, series // 2)), axis=0)
    return values


def make_requests(
    series: Sequence[bytes], times: NDArray[np.int64], values: NDArray[np.float64], *, per_request: int
) -> list[bytes]:
    """Return compressed requests of `per_request` one-sample series each, in order of time."""
    pieces = (
        _encode_sample(labels, float(values[step, index]), int(moment))
        for step, moment in enumerate(times)
        for index, labels in enumerate(series)
    )
    requests = []
    while batch := b"".join(itertools.islice(pieces, per_request)):
        requests.append(bytes(cramjam.snappy.compress_raw(batch)))
    return requests


def send_all(url: str, requests: Sequence[bytes], *, key: str, connections: int) -> Outcome:
    """POST every request once over `connections` kept connections; return when all are answered."""
    queue = iter(requests)
    lock = threading.Lock()
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }

    def work() -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        client = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)
        mine: list[tuple[int, float]] = []
        while True:
            with lock:
                body = next(queue, None)
            if body is None:
                break
            started = time.perf_counter()
            client.request("POST", parts.path, body, headers)
            answer = client.getresponse()
            answer.read()
            mine.append((answer.status, time.perf_counter() - started))
        client.close()
        with lock:
            for status, latency in mine:
                statuses[status] = statuses.get(status, 0) + 1
                latencies.append(latency)

    started = time.perf_counter()
    run_threads(work for _ in range(connections))
    return Outcome(len(latencies), time.perf_counter() - started, np.array(latencies), statuses)


def run_threads(targets: Iterable[object]) -> None:
    """Run callables at once, each in a thread, and wait for all."""
    threads = [threading.Thread(target=target) for target in targets]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _encode_labels(labels: dict[str, str]) -> bytes:
    return b"".join(
        _field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in sorted(labels.items())
    )


def _encode_sample(labels: bytes, value: float, time_ms: int) -> bytes:
    return _field(1, labels + _field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(time_ms)))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
