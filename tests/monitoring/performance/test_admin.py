"""Pages of performance, in every state they can be in."""

from __future__ import annotations

import csv
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorIssue
from monitoring.ingestion.batches import Batch
from monitoring.ingestion.storing import store_batch
from monitoring.performance.models import Endpoint, Statement
from monitoring.performance.services.dictionaries import forget_dictionaries
from monitoring.performance.services.rolling_up import KINDS, roll_up
from monitoring.releases.records import make_user_key
from tests.support.admin import sign_in
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.performance import make_query, make_request, make_span

pytestmark = pytest.mark.django_db
BOARD, REQUESTS = "/admin/monitoring/performance/", "/admin/monitoring/requests/"
TRACE = "ab" * 16


@pytest.fixture
def application() -> Application:
    forget_dictionaries()
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(client, "monitoring.view_application", "monitoring.view_errorissue")
    return client


def read(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def keep(application: Application, *records: object) -> None:
    """Store and sum up."""
    batch = Batch(application.pk)
    for record in records:
        batch.add(record, signal="transactions")
    store_batch(batch)
    for kind in KINDS:
        roll_up(kind, now=timezone.now())


def test_board__no_application__leads_to_adding_one(reader: Client) -> None:
    assert reverse("admin:monitoring_application_add") in read(reader, BOARD)


def test_board__nothing_reported__leads_to_connecting(reader: Client, application: Application) -> None:
    page = read(reader, BOARD)
    assert "No request has been reported yet" in page
    assert reverse("admin:monitoring_application_connect", args=[application.pk]) in page


def test_board__quick_answers__says_so_and_lists_endpoints(reader: Client, application: Application) -> None:
    now = timezone.now()
    keep(application, *(make_request(application.pk, started_at=now, duration=0.1, release="1") for _ in range(30)))
    page = read(reader, BOARD)
    assert "The application answers quickly: 100 ms on average" in page
    assert reverse("admin:monitoring_endpoint", args=[Endpoint.objects.get().pk]) in page
    assert 'title="30">30</span> requests' in page


def test_board__slow_and_failing__says_what_is_wrong(reader: Client, application: Application) -> None:
    now = timezone.now()
    keep(
        application,
        *(make_request(application.pk, started_at=now, duration=3.0, status=500, failed=True) for _ in range(5)),
        *(make_request(application.pk, started_at=now, duration=3.0) for _ in range(5)),
    )
    assert "50.0 % of the answers fail and an answer takes 3.0 s on average" in read(reader, BOARD)


@pytest.mark.parametrize(
    ("tab", "search", "expected", "missing"),
    [
        ("queries", "", "SELECT * FROM orders WHERE id = ?", "/orders/{id}"),
        ("queries", "nothing", "Nothing contains “nothing”", "SELECT"),
        ("jobs", "", "app.tasks.Nightly", "/orders/{id}"),
        ("endpoints", "ORDERS", "/orders/{id}", "Nightly"),
    ],
)
def test_board__each_table__shows_its_own(
    reader: Client, application: Application, tab: str, search: str, expected: str, missing: str
) -> None:
    now = timezone.now()
    keep(
        application,
        make_request(application.pk, started_at=now),
        make_request(application.pk, started_at=now, method="", status=0, endpoint="app.tasks.Nightly"),
        make_query(application.pk, started_at=now),
    )
    page = read(reader, BOARD, tab=tab, q=search)
    assert expected in page
    assert missing not in page


def test_board__one_endpoint_or_three__asks_the_same_number_of_queries(
    reader: Client, application: Application
) -> None:
    counts = []
    for number in range(3):
        keep(application, make_request(application.pk, started_at=timezone.now(), endpoint=f"/{number}"))
        if number != 1:
            with CaptureQueriesContext(
                connection,
            ) as asked:
                read(reader, BOARD)
            counts.append(len(asked))
    assert counts[0] == counts[1]


def test_endpoint__with_everything_around_it__links_to_all_of_it(reader: Client, application: Application) -> None:
    now = timezone.now()
    user = make_user_key("u7")
    keep(
        application,
        *(
            make_request(
                application.pk,
                started_at=now,
                duration=0.2,
                release="1.0",
                trace_id=TRACE,
                user_key=user,
                url="/orders/7",
            )
            for _ in range(25)
        ),
        *(make_request(application.pk, started_at=now, duration=0.4, release="2.0") for _ in range(25)),
        make_query(application.pk, started_at=now, endpoint="/orders/{id}", trace_id=TRACE),
    )
    page = read(reader, reverse("admin:monitoring_endpoint", args=[Endpoint.objects.get().pk]))
    assert reverse("admin:monitoring_trace", args=[TRACE]) in page
    assert reverse("admin:monitoring_statement", args=[Statement.objects.get().pk]) in page
    assert "p95 100 % slower" in page or "p95 50 % faster" in page
    assert user is not None
    assert reverse("admin:monitoring_person", args=[user.hex()]) in page


def test_statement__with_runs__says_who_runs_it(reader: Client, application: Application) -> None:
    now = timezone.now()
    keep(
        application,
        make_request(application.pk, started_at=now),
        make_query(application.pk, started_at=now, duration=1.5, endpoint="/orders/{id}", parameter_count=2),
    )
    page = read(reader, reverse("admin:monitoring_statement", args=[Statement.objects.get().pk]))
    assert "SELECT * FROM orders WHERE id = ?" in page
    assert "2 parameters" in page
    assert reverse("admin:monitoring_endpoint", args=[Endpoint.objects.get().pk]) in page


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3),
        ({"status": "5xx"}, 1),
        ({"status": "404"}, 1),
        ({"slower": "1"}, 1),
        ({"failed": "1"}, 1),
        ({"user": "u7"}, 1),
        ({"release": "2.0"}, 1),
        ({"trace": TRACE}, 1),
        ({"endpoint": "x", "status": "\x00", "p": "abc", "slower": "nan", "user": "z" * 32}, 0),
    ],
)
def test_requests__looked_for_by_anything__shows_what_is_like_that(
    reader: Client, application: Application, query: dict[str, str], count: int
) -> None:
    now = timezone.now()
    keep(
        application,
        make_request(application.pk, started_at=now, status=500, failed=True, release="2.0"),
        make_request(application.pk, started_at=now, status=404, duration=2.0, trace_id=TRACE),
        make_request(application.pk, started_at=now, user_key=make_user_key("u7")),
    )
    page = read(reader, REQUESTS, **query)
    assert page.count('<li class="pl-row">') == count


def test_trace__of_spans_queries_errors__shows_how_they_hang_together(reader: Client, application: Application) -> None:
    now = timezone.now()
    keep(
        application,
        make_span(application.pk, trace_id=TRACE, span_id="1" * 16, started_at=now, duration=1.0, name="GET /orders"),
        make_span(application.pk, trace_id=TRACE, span_id="2" * 16, parent_id="1" * 16, started_at=now, name="render"),
        make_request(application.pk, started_at=now, trace_id=TRACE, span_id="1" * 16),
        make_query(application.pk, started_at=now, trace_id=TRACE, span_id="3" * 16),
    )
    event = make_event("KeyError", "unit") | {"contexts": {"trace": {"trace_id": TRACE, "span_id": "2" * 16}}}
    report(application, event)
    page = read(reader, reverse("admin:monitoring_trace", args=[TRACE.upper()]))
    assert page.count("pl-waterfall__row pl-depth-") == 3
    assert "pl-depth-1" in page
    assert "KeyError: unit" in page


def test_trace__unknown__says_why_it_may_be_gone(reader: Client, application: Application) -> None:
    assert "Nothing of this trace is kept" in read(reader, "/admin/monitoring/traces/zz/")


def test_export__of_endpoints__is_a_table_without_formulas(reader: Client, application: Application) -> None:
    keep(application, make_request(application.pk, started_at=timezone.now(), endpoint="=1+1"))
    response = reader.get("/admin/monitoring/performance/table.csv")
    rows = list(csv.DictReader(response.content.decode().splitlines()))
    assert [(row["name"], row["count"], row["longest"]) for row in rows] == [("'=1+1", "1", "0.1")]


def test_pages__without_permission__are_refused(client: Client, application: Application) -> None:
    sign_in(client)
    assert {client.get(address).status_code for address in (BOARD, REQUESTS)} == {403}


def test_pages__of_what_is_not_there__are_not_found(reader: Client, application: Application) -> None:
    for name in ("admin:monitoring_endpoint", "admin:monitoring_statement"):
        assert reader.get(reverse(name, args=[4711])).status_code == 404


def test_board__hours_of_long_ago__are_in_longer_ranges_only(reader: Client, application: Application) -> None:
    old = timezone.now() - timedelta(days=5)
    keep(application, make_request(application.pk, started_at=old, record_id=uuid4()))
    assert "Nothing was asked of the application" in read(reader, BOARD)
    assert "The application answers quickly" in read(reader, BOARD, range="7d")


def break_in(application: Application, type: str, transaction: str = "", trace_id: str = "") -> None:  # noqa: A002  (the protocol's word)
    """Have an error of a type happen in a transaction and a trace."""
    event = make_event(type, "broken", **({"transaction": transaction} if transaction else {}))
    report(application, event | ({"contexts": {"trace": {"trace_id": trace_id}}} if trace_id else {}))


def address_of(**fields: str) -> str:
    return reverse("admin:monitoring_endpoint", args=[Endpoint.objects.get(**fields).pk])


def test_endpoint__errors__are_those_that_happened_there(reader: Client, application: Application) -> None:
    now = timezone.now()
    post = "cd" * 16
    keep(
        application,
        make_request(application.pk, started_at=now, endpoint="/"),
        make_request(application.pk, started_at=now, endpoint="/orders/{id}", trace_id=TRACE),
        make_request(application.pk, started_at=now, endpoint="/orders/{id}", method="POST", trace_id=post),
    )
    break_in(application, "Home", "GET /")
    break_in(application, "Deeper", "/orders/{id}/lines")
    break_in(application, "Anyhow", "/orders/7")
    break_in(application, "Reading", "/orders/{id}", TRACE)
    break_in(application, "Writing", "/orders/{id}", post)
    break_in(application, "Putting", "POST /orders/{id}")
    break_in(application, "Traced", "", TRACE)
    break_in(application, "Resolved", "GET /")
    ErrorIssue.objects.filter(type="Resolved").update(state="resolved", resolved_at=now)

    def list_types(**fields: str) -> set[str]:
        page = read(reader, address_of(**fields))
        return {issue.type for issue in ErrorIssue.objects.all() if f'{issue.get_absolute_url()}"' in page}

    assert list_types(endpoint="/") == {"Home"}
    assert list_types(endpoint="/orders/{id}", method="GET") == {"Anyhow", "Reading", "Traced"}
    assert list_types(endpoint="/orders/{id}", method="POST") == {"Anyhow", "Writing", "Putting"}


def test_endpoint__queries__are_those_of_its_method(reader: Client, application: Application) -> None:
    now = timezone.now()
    keep(
        application,
        make_request(application.pk, started_at=now, trace_id=TRACE),
        make_request(application.pk, started_at=now, method="POST", trace_id="cd" * 16),
        *(
            make_query(
                application.pk,
                started_at=now,
                endpoint="/orders/{id}",
                trace_id=trace_id,
                statement=f"SELECT {table} FROM {table}",
            )
            for table, trace_id in (("reading", TRACE), ("writing", "cd" * 16), ("unknown", ""))
        ),
    )
    page = read(reader, address_of(method="GET"))
    assert ["reading" in page, "writing" in page, "unknown" in page] == [True, False, True]
    page = read(reader, address_of(method="POST"))
    assert ["reading" in page, "writing" in page, "unknown" in page] == [False, True, True]
    statement = read(reader, reverse("admin:monitoring_statement", args=[Statement.objects.all()[0].pk]))
    assert address_of(method="GET") in statement
    assert address_of(method="POST") in statement


def test_endpoint_and_trace__reader_may_not_see_errors__show_none(client: Client, application: Application) -> None:
    keep(application, make_request(application.pk, started_at=timezone.now(), trace_id=TRACE))
    break_in(application, "KeyError", "GET /orders/{id}", TRACE)
    addresses = (address_of(), reverse("admin:monitoring_trace", args=[TRACE]))
    sign_in(client, "monitoring.view_application")
    assert ["KeyError" in read(client, address) for address in addresses] == [False, False]
    sign_in(client, "monitoring.view_application", "monitoring.view_errorissue")
    assert ["KeyError" in read(client, address) for address in addresses] == [True, True]


def test_cases__of_another_application_than_the_chosen__lead_to_its_own_pages(
    reader: Client, application: Application
) -> None:
    other = make_application()
    now, user = timezone.now(), make_user_key("u7")
    assert user is not None
    keep(
        other,
        make_request(other.pk, started_at=now, trace_id=TRACE, user_key=user),
        make_query(other.pk, started_at=now, endpoint="/orders/{id}", trace_id=TRACE),
    )
    endpoint, statement = Endpoint.objects.get(), Statement.objects.get()
    trace = f"{reverse('admin:monitoring_trace', args=[TRACE])}?application={other.pk}"
    person = f"{reverse('admin:monitoring_person', args=[user.hex()])}?application={other.pk}"
    page = read(reader, reverse("admin:monitoring_endpoint", args=[endpoint.pk]))
    for address in (trace, person, f"{REQUESTS}?application={other.pk}&endpoint={endpoint.pk}"):
        assert f'href="{address}' in page
    assert f'href="{BOARD}?application={other.pk}&' in page
    page = read(reader, reverse("admin:monitoring_statement", args=[statement.pk]))
    assert f'href="{trace}"' in page
    assert f'href="{BOARD}?application={other.pk}&' in page
    assert f'href="{person}"' in read(reader, trace)


def test_board__of_one_environment__says_that_charts_show_all(reader: Client, application: Application) -> None:
    words = "Charts show all environments together; the figures and the table are those of staging."
    keep(application, make_request(application.pk, started_at=timezone.now(), environment="staging"))
    assert words in read(reader, BOARD, environment="staging")
    assert "all environments together" not in read(reader, BOARD)
