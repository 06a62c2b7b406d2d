"""A load tool in a process of its own: ready-made HTTP requests over kept connections, on bare sockets so that it stays light.

    python -m tests.benchmarks.sender HOST PORT CONNECTIONS PER_SECOND < requests > answers

The requests come in one by one, each behind its length (four bytes). PER_SECOND 0: as fast as they are answered.
"""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from tests.support.product import ROOT

_LENGTH = struct.Struct(">I")
TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Sent:
    """What sending took: `latencies` in seconds from when a request was due, `cpu_seconds` of the load tool itself."""

    seconds: float
    latencies: NDArray[np.float64]
    statuses: dict[int, int]
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return float(np.percentile(self.latencies, percent)) * 1000


def build_request(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the bytes of a POST."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send_apart(url: str, requests: Sequence[bytes], *, connections: int, per_second: float = 0) -> Sent:
    """Send requests from another process; return what that took."""
    parts = urlsplit(url)
    command = [sys.executable, "-m", "tests.benchmarks.sender", str(parts.hostname), str(parts.port)]
    command += [str(connections), str(per_second)]
    stdin = b"".join(_LENGTH.pack(len(request)) + request for request in requests)
    done = subprocess.run(command, cwd=ROOT, input=stdin, stdout=subprocess.PIPE, check=True)
    answer = json.loads(done.stdout)
    statuses = {int(status): count for status, count in answer["statuses"].items()}
    return Sent(answer["seconds"], np.array(answer["latencies"]), statuses, answer["cpu_seconds"])


def _read_requests(source: BinaryIO) -> list[bytes]:
    data, place, found = memoryview(source.read()), 0, []
    while place < len(data):
        (length,) = _LENGTH.unpack_from(data, place)
        found.append(bytes(data[place + 4 : place + 4 + length]))
        place += 4 + length
    return found


class _Load:
    """The requests still to be sent, and what became of the others."""

    def __init__(self, address: tuple[str, int], requests: list[bytes], per_second: float) -> None:
        self.address, self.requests, self.per_second = address, requests, per_second
        self.lock = threading.Lock()
        self.next = 0
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}
        self.started = time.perf_counter()

    def work(self) -> None:
        """Send over one connection until nothing is left."""
        client = socket.create_connection(self.address, timeout=TIMEOUT_SECONDS)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while (number := self._take()) is not None:
            due = time.perf_counter()
            if self.per_second:
                due = self.started + number / self.per_second
                time.sleep(max(0.0, due - time.perf_counter()))
            client.sendall(self.requests[number])
            status = _read_answer(client)
            self.latencies.append(time.perf_counter() - due)
            with self.lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
        client.close()

    def _take(self) -> int | None:
        with self.lock:
            number, self.next = self.next, self.next + 1
        return number if number < len(self.requests) else None


def _read_answer(client: socket.socket) -> int:
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _receive(client)
    head = data[:end].lower()
    length = 0
    if (place := head.find(b"content-length:")) >= 0:
        length = int(head[place + 15 :].split(b"\r\n", 1)[0])
    missing = end + 4 + length - len(data)
    while missing > 0:
        missing -= len(_receive(client))
    return int(head[9:12])


def _receive(client: socket.socket) -> bytes:
    part = client.recv(65536)
    if not part:
        raise ConnectionError("the server closed the connection")
    return part


def main() -> None:
    """Send what comes in, print what became of it."""
    host, port, connections, per_second = sys.argv[1:]
    load = _Load((host, int(port)), _read_requests(sys.stdin.buffer), float(per_second))
    before = time.process_time()
    threads = [threading.Thread(target=load.work) for _ in range(int(connections))]
    load.started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - load.started
    answer = {
        "seconds": seconds,
        "latencies": load.latencies,
        "statuses": load.statuses,
        "cpu_seconds": time.process_time() - before,
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
