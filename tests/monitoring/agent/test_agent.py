"""The host agent: what it measures, and that a report survives a server that is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psutil
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from monitoring.agent.catalogue import METRICS, METRICS_BY_NAME, Sample, make_sample
from monitoring.agent.host import collect_host
from monitoring.agent.limits import Allocation
from monitoring.agent.loop import run_agent
from monitoring.agent.postgres import PostgresCollector
from monitoring.agent.reporting import BACKLOG_REPORTS, KeyRefused, Reporter


class Receiver(HTTPServer):
    """An HTTP server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.page = json.dumps({"allocated_bandwidth": 1_000_000, "allocated_storage": 5_000_000_000}).encode()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self._answer(200, self.server.page)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.bodies.append(body)
            self.server.keys.append(self.headers["Authorization"])
        self._answer(self.server.status, b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reporter(receiver: Receiver) -> Iterator[Reporter]:
    made = Reporter(url=receiver.url, key="sk_test", host="erp1")
    yield made
    made.close()


def _own_conninfo() -> str:
    parameters = connection.get_connection_params()
    return make_conninfo(
        "",
        **{name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)},
    )


def _values(samples: list[Sample]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for sample in samples:
        values.setdefault(sample.name, []).append(sample.value)
    return values


def test_collect_host__on_this_machine__agrees_with_the_system() -> None:
    values = _values(collect_host(Allocation(bandwidth_bytes_per_second=125_000)))
    assert values["system_memory_limit_bytes"] == [psutil.virtual_memory().total]
    assert values["system_boot_time_seconds"] == [psutil.boot_time()]
    assert values["system_cpu_count"] == [psutil.cpu_count()]
    assert values["system_network_limit_bytes_per_second"] == [125_000]
    assert all(0 <= share <= 1 for name in values if name.endswith("_ratio") for share in values[name])


def test_collect_host__every_sample__is_in_the_catalogue() -> None:
    samples = collect_host(Allocation())
    assert {sample.name for sample in samples} <= set(METRICS_BY_NAME)
    assert len({(sample.name, *sorted(sample.labels.items())) for sample in samples}) == len(samples)


def test_make_sample__wrong_labels__is_refused() -> None:
    with pytest.raises(ValueError, match="system_cpu_count has the labels"):
        make_sample("system_cpu_count", 2, core="0")


def test_catalogue__names__say_their_unit() -> None:
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric.name
        if metric.unit == "bytes" and metric.kind == "gauge":
            assert metric.name.endswith("_bytes"), metric.name


@pytest.mark.django_db(transaction=True)
def test_postgres_collector__on_a_real_server__sends_every_row() -> None:
    collector = PostgresCollector(_own_conninfo())
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int")
        connection_max = cursor.fetchone()[0]
    values = _values(collector.collect(Allocation(storage_bytes=10**12)))
    collector.close()
    assert values["postgresql_connection_max"] == [connection_max]
    assert values["postgresql_up"] == [1]
    assert values["postgresql_backends"][0] >= 2
    assert values["postgresql_storage_limit_bytes"] == [10**12]
    assert {"postgresql_database_size_bytes", "postgresql_commits_total", "postgresql_longest_query_seconds"} <= set(
        values
    )


@pytest.mark.django_db(transaction=True)
def test_postgres_collector__a_query_running_for_long__shows_its_age() -> None:
    import psycopg

    collector = PostgresCollector(_own_conninfo())
    with psycopg.connect(_own_conninfo(), autocommit=True) as slow:
        running = threading.Thread(target=slow.execute, args=("SELECT pg_sleep(0.5)",))
        running.start()
        while (
            connection.cursor()
            .execute("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'")
            .rowcount
            < 1
        ):
            pass
        values = _values(collector.collect(Allocation()))
        running.join()
    collector.close()
    assert 0 < values["postgresql_longest_query_seconds"][0] < 30
    assert values["postgresql_slow_queries"] == [0]


def test_postgres_collector__server_away__reports_down() -> None:
    collector = PostgresCollector("postgresql://nobody@127.0.0.1:1/none")
    assert collector.collect(Allocation()) == [Sample("postgresql_up", 0.0, {})]


def test_reporter__server_well__sends_samples_with_host_and_key(receiver: Receiver, reporter: Reporter) -> None:
    assert reporter.report([make_sample("system_cpu_count", 2)], now=1_000.5)
    point = {"name": "system_cpu_count", "value": 2.0, "timestamp": 1_000.5, "labels": {"host": "erp1"}}
    assert receiver.bodies == [{"points": [point]}]
    assert receiver.keys == ["Bearer sk_test"]


def test_reporter__server_away_for_a_while__sends_everything_in_order_later(
    receiver: Receiver, reporter: Reporter
) -> None:
    receiver.status = 503
    assert not reporter.report([make_sample("system_cpu_count", 1)], now=1.0)
    assert not reporter.report([make_sample("system_cpu_count", 2)], now=2.0)
    receiver.status = 200
    assert reporter.report([make_sample("system_cpu_count", 3)], now=3.0)
    assert [body["points"][0]["value"] for body in receiver.bodies] == [1.0, 2.0, 3.0]


def test_reporter__away_for_longer_than_the_backlog__drops_the_oldest(receiver: Receiver, reporter: Reporter) -> None:
    receiver.status = 503
    for second in range(BACKLOG_REPORTS + 5):
        reporter.report([], now=float(second))
    assert reporter.backlog == BACKLOG_REPORTS


def test_reporter__refused_for_good__drops_that_report_only(receiver: Receiver, reporter: Reporter) -> None:
    receiver.status = 400
    assert reporter.report([make_sample("system_cpu_count", 1)], now=1.0)
    assert reporter.backlog == 0


def test_reporter__wrong_key__says_so(receiver: Receiver, reporter: Reporter) -> None:
    receiver.status = 401
    with pytest.raises(KeyRefused):
        reporter.report([], now=1.0)


def test_reporter__allocation__is_read_from_the_server(reporter: Reporter) -> None:
    assert reporter.fetch_allocation() == Allocation(1_000_000, 5_000_000_000)


@pytest.mark.parametrize("page", [b"<html>Welcome</html>", b"[]", b"null", b"\xff"])
def test_fetch_allocation__page_of_something_else__says_nothing(
    receiver: Receiver, reporter: Reporter, page: bytes
) -> None:
    receiver.page = page
    assert reporter.fetch_allocation() is None


def test_run_agent__until_stopped__reports_every_interval(receiver: Receiver, reporter: Reporter) -> None:
    stop = threading.Event()
    running = threading.Thread(
        target=run_agent, kwargs={"reporter": reporter, "postgres": None, "interval_seconds": 0.05, "stop": stop}
    )
    running.start()
    while len(receiver.bodies) < 3 and running.is_alive():
        stop.wait(0.01)
    stop.set()
    running.join()
    assert len(receiver.bodies) >= 3
