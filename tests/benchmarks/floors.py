"""What the machine itself allows, measured in the same run as the product."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import httpx
import numpy as np
import psycopg

from tests.benchmarks.load import run_threads
from tests.support.product import ROOT, find_free_port

#: A row of binary COPY: three fields, each with its length. Big-endian, as the wire wants it.
ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("l1", ">i4"),
        ("time", ">i8"),
        ("l2", ">i4"),
        ("series", ">i4"),
        ("l3", ">i4"),
        ("value", ">f8"),
    ]
)
HEADER = b"PGCOPY\n\xff\r\n\x00" + b"\x00" * 8
TRAILER = b"\xff\xff"


def measure_copy(conninfo: str, *, rows: int, rows_per_commit: int, connections: int) -> float:
    """Return rows per second of binary COPY into a bare table without an index, committed every `rows_per_commit` rows."""
    block = np.zeros(rows_per_commit, dtype=ROW)
    block["fields"], block["l1"], block["l2"], block["l3"] = 3, 8, 4, 8
    block["time"] = np.arange(rows_per_commit)
    block["value"] = np.random.default_rng(1).normal(size=rows_per_commit)
    body = HEADER + block.tobytes() + TRAILER
    commits = rows // rows_per_commit // connections
    with psycopg.connect(conninfo, autocommit=True) as admin:
        admin.execute("DROP TABLE IF EXISTS bench_floor")
        admin.execute("CREATE TABLE bench_floor (time timestamptz, series int, value float8)")
        sessions = [psycopg.connect(conninfo, autocommit=True) for _ in range(connections)]

        def work(session: psycopg.Connection[tuple[object, ...]]) -> None:
            for _ in range(commits):
                with session.cursor() as cursor, cursor.copy("COPY bench_floor FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(body)

        started = time.perf_counter()
        run_threads(lambda session=session: work(session) for session in sessions)
        seconds = time.perf_counter() - started
        for session in sessions:
            session.close()
        admin.execute("DROP TABLE bench_floor")
    return commits * connections * rows_per_commit / seconds


def measure_copy_of(conninfo: str, payloads: Sequence[bytes], *, rows_per_commit: int) -> float:
    """Return rows per second of COPY of payloads into a bare table, committed every `rows_per_commit` rows, by one connection."""
    with psycopg.connect(conninfo, autocommit=True) as session:
        session.execute("DROP TABLE IF EXISTS bench_floor")
        session.execute("CREATE TABLE bench_floor (time timestamptz DEFAULT now(), payload bytea)")
        session.execute("ALTER TABLE bench_floor ALTER COLUMN payload SET STORAGE EXTERNAL")
        started = time.perf_counter()
        for first in range(0, len(payloads), rows_per_commit):
            with (
                session.cursor() as cursor,
                cursor.copy("COPY bench_floor (payload) FROM STDIN (FORMAT BINARY)") as copy,
            ):
                for payload in payloads[first : first + rows_per_commit]:
                    copy.write_row((payload,))
        seconds = time.perf_counter() - started
        session.execute("DROP TABLE bench_floor")
    return len(payloads) / seconds


@contextmanager
def running_empty_endpoint(*, workers: int, threads: int) -> Iterator[str]:
    """Serve a Django view that reads the body and answers 204, on the server and with the processes of the product."""
    port = find_free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
    ]
    command += [
        "--workers",
        str(workers),
        "--blocking-threads",
        str(threads),
        "tests.benchmarks.empty_site:application",
    ]
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    server = subprocess.Popen(command, cwd=ROOT, env=env)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(200):
            try:
                httpx.get(url, timeout=1)
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield url
    finally:
        server.terminate()
        server.wait()
