"""Real clients, unmodified, that report requests, queries, traces, logs and errors: down to the stored row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import ROOT, Product, running_product

pytestmark = [pytest.mark.protocols, pytest.mark.timeout(300)]

WAIT_SECONDS = 30
PROGRAMS = ROOT / "tests" / "clients" / "programs"

DJANGO_PROGRAM = """
import sys
import django, sentry_sdk
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
from sentry_sdk.integrations.django import DjangoIntegration

sentry_sdk.init(dsn=sys.argv[1], release="erp@4.0", environment="staging", traces_sample_rate=1.0, send_default_pii=True,
                integrations=[DjangoIntegration()])

def show_order(request, pk):
    from django.db import connection
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE name = %s", ["private 4711"])
    if pk == 13:
        raise LookupError("order 13 is cursed")
    return HttpResponse("fine")

urlpatterns = [path("orders/<int:pk>/", show_order)]
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="only for a test", ALLOWED_HOSTS=["*"], DEBUG=False,
                   DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from django.core.wsgi import get_wsgi_application
from wsgiref.util import setup_testing_defaults
application = get_wsgi_application()
for address, query in (("/orders/7/", ""), ("/orders/13/", "token=hid" + "den")):
    environ = {"PATH_INFO": address, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    answer = application(environ, lambda status, headers: print(status.split()[0]))
    list(answer)
    answer.close()
sentry_sdk.flush(20)
"""

OTEL_PROGRAM = """
import logging, sys
from opentelemetry import trace
if sys.argv[3] == "json":
    from opentelemetry.exporter.otlp.common.http import Compression
    from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

endpoint, key, kind, name = sys.argv[1:5]
compression = Compression(name)
headers = {"Authorization": f"Bearer {key}"}
resource = Resource.create({"service.name": f"py-{kind}-{name}", "service.version": "6.0"})
traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(
    OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", headers=headers, compression=compression)))
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(SimpleLogRecordProcessor(
    OTLPLogExporter(endpoint=f"{endpoint}/v1/logs", headers=headers, compression=compression)))
logger = logging.getLogger("erp")
logger.addHandler(LoggingHandler(logger_provider=logs))
tracer = traces.get_tracer("erp")
server = {"http.request.method": "POST", "http.route": "/invoices/{id}/post", "http.response.status_code": 200}
with tracer.start_as_current_span("POST", kind=trace.SpanKind.SERVER, attributes=server):
    query = {"db.system.name": "postgresql", "db.query.text": "UPDATE ledger SET note = 'private 4711' WHERE id = 7"}
    with tracer.start_as_current_span("UPDATE ledger", kind=trace.SpanKind.CLIENT, attributes=query):
        pass
    logger.warning("posted slowly (%s)", name)
points = MeterProvider(resource=resource, metric_readers=[PeriodicExportingMetricReader(
    OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics", headers=headers, compression=compression), 60_000)])
meter = points.get_meter("erp")
meter.create_counter("erp.orders.placed", unit="{order}").add(3, {"erp.branch": "north"})
meter.create_up_down_counter("erp.queue.length").add(-2)
meter.create_histogram("erp.order.duration", unit="s", explicit_bucket_boundaries_advisory=[0.5, 5]).record(0.7)
points.shutdown()
traces.shutdown()
logs.shutdown()
"""

READ = """
import json
from monitoring.browser.models import BrowserVital
from monitoring.errors.models import ErrorEvent
from monitoring.logs.models import LogRecord
from monitoring.performance.models import Query, Request, Span
from monitoring.releases.models import ReleaseHour
from monitoring.uptime.models import Check
app = {application_id}
print(json.dumps(dict(
    requests=[dict(endpoint=str(one.endpoint), status=one.status, failed=one.failed, release=one.release, url=one.url,
        environment=one.environment, trace=one.trace_id, known=one.user_key is not None)
        for one in Request.objects.filter(application_id=app).select_related("endpoint").order_by("started_at")],
    queries=[dict(statement=one.statement.statement, system=one.statement.system, endpoint=one.endpoint, trace=one.trace_id)
        for one in Query.objects.filter(application_id=app).select_related("statement").order_by("started_at")],
    spans=[dict(name=one.name, parent=one.parent_id, trace=one.trace_id, attributes=one.attributes, service=one.service)
        for one in Span.objects.filter(application_id=app)],
    errors=[dict(title=one.title, trace=one.trace_id, release=one.release) for one in ErrorEvent.objects.filter(application_id=app)],
    sessions=[dict(release=one.release.version, environment=one.environment, all=one.sessions, errored=one.errored, crashed=one.crashed)
        for one in ReleaseHour.objects.filter(release__application_id=app).select_related("release")],
    checks=[dict(name=one.name, state=one.state, schedule=one.schedule)
        for one in Check.objects.filter(application_id=app).exclude(state="new")],
    logs=[dict(body=one.body, release=one.release) for one in LogRecord.objects.filter(application_id=app)],
)))
"""
MEASURED = {
    "erp_orders_placed_total north": 3.0,
    "erp_queue_length": -2.0,
    "erp_order_duration_seconds_bucket 0.5": 0.0,
    "erp_order_duration_seconds_bucket 5": 1.0,
    "erp_order_duration_seconds_bucket +Inf": 1.0,
    "erp_order_duration_seconds_count": 1.0,
    "erp_order_duration_seconds_sum": 0.7,
}
SECRETS = ("private 4711", "hidden")


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, running."""
    with running_product(tmp_path_factory.mktemp("traces") / "var") as found:
        yield found


def run_python(program: str, directory: Path, *arguments: str) -> str:
    """Run a client program in a process of its own; return what it printed."""
    path = directory / "program.py"
    path.write_text(program)
    return _run([sys.executable, "-W", "ignore", str(path), *arguments], directory)


def run_node(program: str, *arguments: str) -> str:
    """Run a JavaScript client with the environment's own node."""
    node = Path(sys.executable).with_name("node")
    return _run([str(node), str(PROGRAMS / program), *arguments], PROGRAMS)


def _run(command: list[str], directory: Path) -> str:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "SENTRY", "OTEL"))
    }
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


def read_stored(product: Product, application_id: int, **wanted: int) -> dict[str, list[dict[str, Any]]]:
    """Return the stored rows once there are as many as expected; nothing of them may hold a secret."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        text = product.manage("shell", "--no-imports", "-c", READ.format(application_id=application_id))
        found: dict[str, list[dict[str, Any]]] = json.loads(text)
        if all(len(found[name]) >= count for name, count in wanted.items()):
            break
        assert time.monotonic() < deadline, text
        time.sleep(0.5)
    assert [secret for secret in SECRETS if secret in text] == []
    return found


def read_points(product: Product, key: str, job: str) -> dict[str, float]:
    """Return the newest value of each series that a client's meter made, by name and what tells its parts apart."""
    answer = httpx.get(
        f"{product.url}/prometheus/api/v1/query",
        params={"query": f'{{job="{job}", __name__=~"erp_.+"}}'},
        headers={"Authorization": f"Bearer {key}"},
    )
    rows = answer.json()["data"]["result"]
    found = {}
    for row in rows:
        labels = row["metric"]
        marks = [labels[name] for name in ("erp_branch", "le") if name in labels]
        found[" ".join([labels["__name__"], *marks])] = float(row["value"][1])
    return found


def test_sentry_sdk_for_django__requests_queries_and_an_error__are_rows_of_one_trace(
    product: Product, tmp_path: Path
) -> None:
    connection = product.connect("Django ERP")
    assert run_python(DJANGO_PROGRAM, tmp_path, connection["dsn"]).split()[:2] == ["200", "500"]
    found = read_stored(product, connection["application_id"], requests=2, queries=2, errors=1, sessions=1)
    assert found["sessions"] == [{"release": "erp@4.0", "environment": "staging", "all": 2, "errored": 0, "crashed": 1}]
    good, bad = found["requests"]
    assert (good["endpoint"], good["status"], good["failed"]) == ("GET /orders/{pk}/", 200, False)
    assert (bad["endpoint"], bad["status"], bad["failed"]) == ("GET /orders/{pk}/", 500, True)
    assert (bad["release"], bad["environment"]) == ("erp@4.0", "staging")
    assert {query["statement"] for query in found["queries"]} == {"SELECT name FROM sqlite_master WHERE name = ?"}
    assert found["queries"][0]["system"] == "sqlite"
    (error,) = found["errors"]
    assert (error["title"], error["trace"]) == ("LookupError: order 13 is cursed", bad["trace"])


def test_sentry_node__spans_error_session_check_in_and_log__are_rows(product: Product) -> None:
    connection = product.connect("Node ERP")
    run_node("sentry_node.mjs", connection["dsn"])
    wanted = {"requests": 1, "queries": 1, "errors": 1, "logs": 1, "sessions": 1, "checks": 1}
    found = read_stored(product, connection["application_id"], **wanted)
    (request,) = found["requests"]
    assert request["endpoint"] == "GET /orders/{id}"
    # It is an error that the program caught and reported: the session went wrong, but nothing ended.
    assert found["sessions"] == [
        {"release": "web@3.1.0", "environment": "staging", "all": 1, "errored": 1, "crashed": 0}
    ]
    assert found["checks"] == [{"name": "nightly-stock", "state": "up", "schedule": "15 4 * * *"}]
    assert (request["status"], request["failed"], request["release"]) == (503, True, "web@3.1.0")
    assert found["queries"][0]["statement"] == "SELECT * FROM orders WHERE note = ?"
    (error,) = found["errors"]
    assert (error["title"], error["trace"]) == ("TypeError: stock is negative", request["trace"])
    assert found["logs"][0]["body"] == "stock of item-17 is low"


@pytest.mark.parametrize(
    ("kind", "compression"),
    [("json", "none"), ("json", "gzip"), ("proto", "none"), ("proto", "gzip"), ("proto", "deflate")],
)
def test_opentelemetry_for_python__traces_logs_and_metrics__are_rows(
    product: Product, tmp_path: Path, kind: str, compression: str
) -> None:
    connection = product.connect(f"OTel Python {kind} {compression}")
    run_python(OTEL_PROGRAM, tmp_path, connection["otlp_endpoint"], connection["secret_key"], kind, compression)
    found = read_stored(product, connection["application_id"], requests=1, queries=1, spans=2, logs=1)
    (request,) = found["requests"]
    assert (request["endpoint"], request["status"], request["release"]) == ("POST /invoices/{id}/post", 200, "6.0")
    (query,) = found["queries"]
    assert (query["statement"], query["endpoint"]) == ("UPDATE ledger SET note = ? WHERE id = ?", "/invoices/{id}/post")
    assert query["trace"] == request["trace"]
    assert {span["service"] for span in found["spans"]} == {f"py-{kind}-{compression}"}
    assert found["logs"] == [{"body": f"posted slowly ({compression})", "release": "6.0"}]
    assert read_points(product, connection["secret_key"], f"py-{kind}-{compression}") == MEASURED


@pytest.mark.parametrize(
    ("kind", "compression"), [("json", "none"), ("json", "gzip"), ("proto", "none"), ("proto", "gzip")]
)
def test_opentelemetry_for_javascript__traces_logs_and_metrics__are_rows(
    product: Product, kind: str, compression: str
) -> None:
    connection = product.connect(f"OTel JS {kind} {compression}")
    run_node("otel.mjs", connection["otlp_endpoint"], connection["secret_key"], kind, compression)
    found = read_stored(product, connection["application_id"], requests=1, queries=1, spans=2, logs=1, errors=1)
    (request,) = found["requests"]
    assert (request["endpoint"], request["status"], request["failed"]) == ("GET /stock/{sku}", 500, True)
    (query,) = found["queries"]
    assert (query["statement"], query["system"]) == ("SELECT amount FROM stock WHERE sku = ?", "mysql")
    assert found["errors"] == [
        {"title": f"RangeError: no stock in {kind}", "trace": request["trace"], "release": "5.0"}
    ]
    assert found["logs"] == [{"body": f"stock is low ({kind})", "release": "5.0"}]
    assert read_points(product, connection["secret_key"], f"js-{kind}") == MEASURED


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/{application_id}/envelope/", "application/json"),
        ("/v1/traces", "application/x-protobuf"),
        ("/v1/logs", "application/json"),
        ("/api/v1/errors/", "application/problem+json"),
    ],
)
def test_body_in_chunks__without_end__is_refused_in_the_words_of_its_protocol(
    product: Product, path: str, kind: str
) -> None:
    connection = product.connect(f"Endless {path}")
    key = connection["dsn"].partition("://")[2].partition("@")[0]
    is_sentry = "envelope" in path
    answer = httpx.post(
        product.url + path.format(**connection),
        content=(b"x" * 1024 * 1024 for _ in range(22)),
        headers={"X-Sentry-Auth": f"Sentry sentry_key={key}"}
        if is_sentry
        else {"Authorization": f"Bearer {connection['secret_key']}", "Content-Type": kind.replace("problem+", "")},
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, kind)
    counted = product.manage(
        "shell",
        "--no-imports",
        "-c",
        "from monitoring.losses.models import LossAccount; "
        f"print(sum(row.refused for row in LossAccount.objects.filter(application_id={connection['application_id']})))",
    )
    assert int(counted) == 1
