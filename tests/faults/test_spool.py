"""PostgreSQL is away for a while: what clients send meanwhile is there once it is back, each once.

What clients send that never repeat is kept on disk; those that repeat are told to.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.engines.lock import DirectoryLock
from config.engines.postgres import EmbeddedPostgres
from tests.support.errors import make_envelope, make_event
from tests.support.product import Product, running_product

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

BACK_SECONDS = 60
SENT = 20

SDK_PROGRAM = """
import sys
import sentry_sdk

sentry_sdk.init(dsn=sys.argv[1], release="erp@1.2.3", traces_sample_rate=1.0)
with sentry_sdk.start_transaction(op="http.server", name="GET /invoices/{id}"):
    try:
        raise KeyError("no ledger")
    except KeyError as error:
        sentry_sdk.capture_exception(error)
sentry_sdk.flush(20)
"""

OTEL_PROGRAM = """
import sys
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

exporter = OTLPSpanExporter(endpoint=sys.argv[1] + "/v1/traces", headers={"Authorization": "Bearer " + sys.argv[2]}, timeout=90)
traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(exporter))
server = {"http.request.method": "GET", "http.route": "/stock", "http.response.status_code": 200}
with traces.get_tracer("erp").start_as_current_span("GET", kind=trace.SpanKind.SERVER, attributes=server):
    pass
traces.force_flush(90_000)
traces.shutdown()
"""

READ = """
import json
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.losses.models import LossAccount
from monitoring.metrics.models import MetricSeries
from monitoring.performance.models import Request, Span
from django.db.models import Sum
app = {application_id}
issues = ErrorIssue.objects.filter(application_id=app)
sums = LossAccount.objects.filter(application_id=app).values("signal").annotate(n=Sum("stored"))
print(json.dumps(dict(
    events=[one.hex for one in ErrorEvent.objects.filter(application_id=app).values_list("event_id", flat=True)],
    counts={{issue.title: issue.event_count for issue in issues}},
    requests=Request.objects.filter(application_id=app).count(),
    stored={{row["signal"]: row["n"] for row in sums}},
    series=list(MetricSeries.objects.filter(application_id=app).values_list("name", flat=True)),
)))
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """A database of its own, which the product's supervisor does not start again."""
    directory = tmp_path / "database"
    engine = EmbeddedPostgres(directory, overrides={"fsync": "off"})
    with DirectoryLock(directory, address="a test"), (tmp_path / "postgres.log").open("wb") as log:
        engine.start(output=log)
        yield engine
        engine.stop()


def read(product: Product, application_id: int) -> dict[str, Any]:
    """Return what is stored."""
    program = READ.format(application_id=application_id)
    found: dict[str, Any] = json.loads(product.manage("shell", "--no-imports", "-c", program))
    return found


def _wait_for(condition: Callable[[], bool], log_path: Path) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not condition():
        assert time.monotonic() < deadline, log_path.read_text()[-4000:]
        time.sleep(0.3)


class Sender:
    """Sends each thing once, as a page of PHP or a client without a queue does."""

    def __init__(self, product: Product, connection: dict[str, Any]) -> None:
        self._url = product.url
        self._key = str(connection["dsn"]).partition("://")[2].partition("@")[0]
        self._secret = {"Authorization": f"Bearer {connection['secret_key']}"}
        self._application_id = connection["application_id"]

    def send_event(self) -> str:
        """Send one error as an envelope; return its id."""
        event = make_event()
        path = f"/api/{self._application_id}/envelope/?sentry_key={self._key}"
        body = make_envelope(("event", event), event_id=event["event_id"])
        answer = httpx.post(f"{self._url}{path}", content=body, timeout=20)
        assert (answer.status_code, answer.json()) == (200, {"id": event["event_id"]}), answer.text
        return str(event["event_id"])

    def send_native(self, name: str) -> None:
        """Send a metric, a request, and an error as JSON."""
        for path, body in (
            ("metrics", {"name": name, "value": 1}),
            ("requests", {"endpoint": "/orders/{id}", "method": "GET", "status": 200, "duration": 0.2}),
            ("errors", {"message": name, "type": "PhpError"}),
        ):
            answer = httpx.post(f"{self._url}/api/v1/{path}/", json=body, headers=self._secret, timeout=20)
            assert (answer.status_code, answer.json()["stored"]) == (200, 1), answer.text


def test_spool__database_away_and_processes_killed__everything_acknowledged_is_there_once(
    tmp_path: Path, database: EmbeddedPostgres
) -> None:
    url = f"postgres://postlaunch@/{database.socket_dir}/postlaunch"
    with running_product(tmp_path / "var", DATABASE_URL=url, WEB_WORKERS="1") as product:
        connection = product.connect("Spooled ERP")
        sender = Sender(product, connection)
        ids = {sender.send_event()}
        sender.send_native("before")

        database.stop()
        ids |= {sender.send_event() for _ in range(SENT)}
        sender.send_native("during")
        sdk = [sys.executable, "-c", SDK_PROGRAM, connection["dsn"]]
        subprocess.run(sdk, check=True, timeout=60)
        exporter = [sys.executable, "-c", OTEL_PROGRAM, connection["otlp_endpoint"], connection["secret_key"]]
        with (tmp_path / "exporter.log").open("wb") as log:
            repeating = subprocess.Popen(exporter, stdout=log, stderr=log)
        _wait_for(lambda: "Service Unavailable" in (tmp_path / "exporter.log").read_text(), tmp_path / "exporter.log")
        segments = list((tmp_path / "var" / "spool").glob("*.spool"))
        assert segments, "nothing was kept"
        for process in product.wait_for_processes("granian"):
            process.send_signal(signal.SIGKILL)

        with (tmp_path / "postgres.log").open("ab") as log:
            database.start(output=log)
            product.wait_until_ready()
            assert repeating.wait(timeout=90) == 0

            def is_there() -> bool:
                found = read(product, connection["application_id"])
                return len(found["events"]) >= len(ids) + 3 and found["requests"] >= 4 and "during" in found["series"]

            _wait_for(is_there, product.log_path)
            found = read(product, connection["application_id"])
            assert ids <= set(found["events"])
            assert len(found["events"]) == len(set(found["events"])) == sum(found["counts"].values())
            # The SDK's error and its transaction, which is a request, came through too.
            assert any("no ledger" in title for title in found["counts"])
            assert found["requests"] == 4
            assert found["stored"]["errors"] == len(ids) + 3
            assert list((tmp_path / "var" / "spool").glob("*.spool")) == []
