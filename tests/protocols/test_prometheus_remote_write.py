"""Debian's Prometheus, scraping Debian's node_exporter, writes to us; then both are asked the same and must answer the same."""

from __future__ import annotations

import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Product, find_free_port, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

#: Enough scrapes for every query below to have a full window.
COLLECT_SECONDS = 25
CATCH_UP_SECONDS = 60

INSTANT_QUERIES = (
    "up",
    "node_memory_MemTotal_bytes",
    "node_load1",
    "count({__name__=~'node_.+'})",
    "sum by (mode) (rate(node_cpu_seconds_total[10s]))",
    "irate(node_cpu_seconds_total{mode!='idle'}[10s])",
    "increase(node_context_switches_total[15s])",
    "1 - avg without (cpu, mode) (rate(node_cpu_seconds_total{mode='idle'}[10s]))",
    "max_over_time(node_load1[15s]) - min_over_time(node_load1[15s])",
    "avg_over_time(node_memory_MemAvailable_bytes[15s]) / node_memory_MemTotal_bytes",
    "quantile_over_time(0.9, node_procs_running[15s])",
    "stddev_over_time(node_memory_MemFree_bytes[15s])",
    "count_over_time(up[10s])",
    "delta(node_memory_MemFree_bytes[15s])",
    "node_memory_MemTotal_bytes offset 5s",
    "node_filesystem_avail_bytes / on (device, mountpoint, fstype, instance, job) node_filesystem_size_bytes > bool 0.5",
    "topk(3, node_cpu_seconds_total)",
    "node_load1 and on (instance) up == 1",
    "node_scrape_collector_success unless node_scrape_collector_success == 1",
    "node_uname_info or up",
    "42 * 2 ^ 3",
)
RANGE_QUERIES = (
    "up",
    "rate(node_cpu_seconds_total{mode='user'}[5s])",
    "sum by (mode) (increase(node_cpu_seconds_total[10s]))",
    "avg_over_time(node_load1[5s])",
    "node_memory_MemFree_bytes / node_memory_MemTotal_bytes * 100",
    "max by (job) (node_procs_running)",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two servers that were given the same data, and the time up to which both have it (epoch seconds)."""

    prometheus: str
    postlaunch: str
    key: str
    until: int


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Collect for a while, then wait until the remote side has what the local side has."""
    directory = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        product = stack.enter_context(running_product(directory / "var"))
        key = str(product.connect("Prometheus ERP")["secret_key"])
        exporter = stack.enter_context(_running_node_exporter())
        prometheus = stack.enter_context(_running_prometheus(directory, product, key, exporter))
        time.sleep(COLLECT_SECONDS)
        until = int(time.time()) - 2
        _wait_for_catch_up(product, key, until)
        yield Pair(prometheus, f"{product.url}/prometheus", key, until)


@pytest.mark.parametrize("query", INSTANT_QUERIES)
def test_instant_query__same_data__same_answer(pair: Pair, query: str) -> None:
    ours, theirs = _ask_both(pair, "query", query=query, time=pair.until)
    assert ours["resultType"] == theirs["resultType"]
    if theirs["resultType"] == "scalar":
        assert float(ours["result"][1]) == float(theirs["result"][1])
        return
    _assert_same_samples(_by_labels(ours, "value"), _by_labels(theirs, "value"))


@pytest.mark.parametrize("query", RANGE_QUERIES)
def test_range_query__same_data__same_answer(pair: Pair, query: str) -> None:
    ours, theirs = _ask_both(pair, "query_range", query=query, start=pair.until - 10, end=pair.until, step=2)
    _assert_same_samples(_by_labels(ours, "values"), _by_labels(theirs, "values"))


def test_range_selector__same_data__same_points_bit_for_bit(pair: Pair) -> None:
    ours, theirs = _ask_both(pair, "query", query="node_memory_MemFree_bytes[15s]", time=pair.until)
    assert ours == theirs


def test_label_names__same_data__same_answer(pair: Pair) -> None:
    window = {"start": pair.until - 15, "end": pair.until}
    ours = _get(f"{pair.postlaunch}/api/v1/label/mode/values", pair.key, window)
    assert ours == _get(f"{pair.prometheus}/api/v1/label/mode/values", "", window)


def _assert_same_samples(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    assert theirs, "an empty answer shows nothing"
    assert ours.keys() == theirs.keys()
    for labels, samples in theirs.items():
        assert [moment for moment, _ in ours[labels]] == [moment for moment, _ in samples], labels
        for (_, mine), (_, other) in zip(ours[labels], samples, strict=True):
            assert float(mine) == pytest.approx(float(other), rel=1e-12, abs=1e-300, nan_ok=True), labels


def _by_labels(data: dict[str, Any], member: str) -> dict[frozenset[tuple[str, str]], list[list[Any]]]:
    rows = {}
    for row in data["result"]:
        samples = row[member] if member == "values" else [row[member]]
        # What Prometheus computes from an instant is undefined only for empty windows; those it leaves out.
        rows[frozenset(row["metric"].items())] = [
            [moment, value] for moment, value in samples if not math.isinf(moment)
        ]
    return rows


def _ask_both(pair: Pair, endpoint: str, **parameters: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    ours = _get(f"{pair.postlaunch}/api/v1/{endpoint}", pair.key, parameters)
    theirs = _get(f"{pair.prometheus}/api/v1/{endpoint}", "", parameters)
    return ours, theirs


def _get(url: str, key: str, parameters: dict[str, Any]) -> Any:
    answer = httpx.get(url, params=parameters, headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=30)
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()["data"]


def _wait_for_catch_up(product: Product, key: str, until: int) -> None:
    deadline = time.monotonic() + CATCH_UP_SECONDS
    while time.monotonic() < deadline:
        data = _get(
            f"{product.url}/prometheus/api/v1/query", key, {"query": "min(timestamp(up))", "time": int(time.time())}
        )
        if data["result"] and float(data["result"][0]["value"][1]) > until + 1:
            return
        time.sleep(0.5)
    raise AssertionError("what Prometheus sent did not arrive")


@contextmanager
def _running_node_exporter() -> Iterator[int]:
    port = find_free_port()
    command = [
        _find("prometheus-node-exporter"),
        f"--web.listen-address=127.0.0.1:{port}",
        "--no-collector.systemd",
        "--log.level=error",
    ]
    with _running(command, f"http://127.0.0.1:{port}/metrics"):
        yield port


@contextmanager
def _running_prometheus(directory: Path, product: Product, key: str, exporter: int) -> Iterator[str]:
    port = find_free_port()
    configuration = directory / "prometheus.yml"
    configuration.write_text(
        f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: node
    static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]
remote_write:
  - url: {product.url}/prometheus/api/v1/write
    authorization: {{credentials: {key}}}
"""
    )
    url = f"http://127.0.0.1:{port}"
    command = [
        _find("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with _running(command, f"{url}/-/ready"):
        yield url


@contextmanager
def _running(command: list[str], probe: str) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                if httpx.get(probe, timeout=1).status_code == httpx.codes.OK:
                    break
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        else:
            raise AssertionError(f"{command[0]} does not answer at {probe}")
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _find(program: str) -> str:
    path = shutil.which(program)
    assert path is not None, f"{program} is missing: apt-get install {program}"
    return path
