"""The kernel's own addresses."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.test import Client, RequestFactory, override_settings
from prometheus_client.parser import text_string_to_metric_families

from config import heartbeats
from config.api.catalogue import describe_error, list_errors
from config.api.errors import ApiError, NotFound
from config.deliveries.enums import Channel
from config.deliveries.services import queue_delivery
from config.health import selectors
from config.health.judgement import Check, Health, judge_heartbeat, judge_together
from config.own_metrics.registry import registered_metrics
from config.pages.failures import show_server_error
from config.pages.views import mark_code
from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.services import create_application, issue_key

ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.mark.django_db
def test_front_door__staff__leads_to_the_admin(client: Client) -> None:
    client.force_login(get_user_model().objects.create_superuser("ann", password="x"))
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/admin/")


@pytest.mark.django_db
def test_front_door__stranger__leads_to_the_login(client: Client) -> None:
    assert client.get("/", follow=True).redirect_chain[-1][0].startswith("/admin/login/")


def test_live__always__answers_without_the_database(client: Client) -> None:
    assert client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.django_db
def test_ready__all_there_and_workers_alive__is_ok(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_noted", {})
    for queue in selectors.WATCHED_QUEUES:
        heartbeats.note_heartbeat(queue, now=selectors.time.time())
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "ok")
    assert set(response.json()["checks"]) == {"database", "migrations", "cache", "workers"}


@pytest.mark.django_db
def test_ready__no_worker_ever__is_degraded_and_still_serves(client: Client) -> None:
    response = client.get("/health/ready")
    assert (response.status_code, response.json()["status"]) == (200, "degraded")
    assert response.json()["checks"]["workers"]["status"] == "degraded"


@pytest.mark.django_db
def test_ready__database_away__is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("gone\nDETAIL")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["checks"]["database"]["detail"] == "The database does not answer: gone"


def test_judge_together__any_failing__fails() -> None:
    checks = [Check("a", Health.OK, ""), Check("b", Health.FAILING, ""), Check("c", Health.DEGRADED, "")]
    assert judge_together(checks) == Health.FAILING
    assert judge_together(checks[:1]) == Health.OK
    assert judge_together([]) == Health.OK


def test_judge_heartbeat__old_or_none__degrades() -> None:
    assert judge_heartbeat(age_seconds=None, limit_seconds=60)[0] == Health.DEGRADED
    assert judge_heartbeat(age_seconds=61, limit_seconds=60)[0] == Health.DEGRADED
    assert judge_heartbeat(age_seconds=59, limit_seconds=60)[0] == Health.OK


@pytest.mark.django_db
def test_metrics__this_machine__shows_every_kernel_metric(client: Client) -> None:
    queue_delivery(channel=Channel.EMAIL, recipient="a@example.com", idempotency_key="k")
    response = client.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(response.content.decode())}
    states = {sample.labels["state"]: sample.value for sample in families["postlaunch_deliveries"].samples}
    assert states == {"queued": 1, "sending": 0, "failed": 0}
    assert {sample.labels["queue"] for sample in families["postlaunch_queue_length"].samples} >= {"deliver", "default"}
    assert families["postlaunch_outbox_oldest_seconds"].samples[0].value == 0
    known = {metric.name for metric in registered_metrics()}
    assert {"postlaunch_outbox_pending", "postlaunch_deliveries", "postlaunch_queue_length"} <= known


@pytest.mark.django_db
def test_metrics__elsewhere__needs_a_key_that_may_read(client: Client) -> None:
    application = create_application(name="ERP")
    reading = issue_key(application=application, kind=KeyKind.SECRET, scopes=[Scope.READ]).token
    sending = issue_key(application=application, kind=KeyKind.SECRET, scopes=[Scope.INGEST]).token
    assert client.get("/metrics", **ELSEWHERE).status_code == 401
    for header in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"):
        assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"Bearer {sending}"}, **ELSEWHERE).status_code == 403
    assert client.get("/metrics", headers={"Authorization": f"Bearer {reading}"}, **ELSEWHERE).status_code == 200


def test_not_found__person__gets_a_page(client: Client) -> None:
    response = client.get("/nothing/here/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "script-src 'self'" in response["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/api/v1/nothing/", "/prometheus/nothing", "/otlp/v1/nothing"])
def test_not_found__program__gets_a_problem_document(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert response.json()["type"] == "/api/docs/errors/#not-found"


def test_server_error__bug__tells_nothing_of_it(rf: RequestFactory) -> None:
    for path, content_type in (("/admin/", "text/html; charset=utf-8"), ("/api/v1/x/", "application/problem+json")):
        try:
            raise RuntimeError("secret detail")
        except RuntimeError:
            response = show_server_error(rf.get(path))
        assert (response.status_code, response["Content-Type"]) == (500, content_type)
        assert b"secret detail" not in response.content


def test_server_error__database_away__asks_to_come_back(rf: RequestFactory) -> None:
    for path in ("/admin/", "/api/v1/x/"):
        try:
            raise OperationalError
        except OperationalError:
            response = show_server_error(rf.get(path))
        assert (response.status_code, response["Retry-After"]) == (503, "5")


@pytest.mark.django_db
def test_csrf__form_without_token__says_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "x", "password": "y"})
    assert response.status_code == 403
    assert "This form was open for too long" in response.content.decode()


def test_https__wanted__leads_people_there_and_lets_programs_be() -> None:
    exempt = [r"^health/", r"^metrics$", r"^(api/v1|prometheus|otlp)/"]
    with override_settings(SECURE_SSL_REDIRECT=True, SECURE_REDIRECT_EXEMPT=exempt):
        client = Client()
        assert client.get("/api/docs/errors/")["Location"] == "https://testserver/api/docs/errors/"
        assert client.get("/health/live").status_code == 200
        assert client.post("/api/v1/nothing/").status_code == 404


def test_mark_code__backticks__become_code_and_the_rest_is_escaped() -> None:
    assert mark_code("use `<key>` & go") == "use <code>&lt;key&gt;</code> &amp; go"


def test_errors_page__every_error__has_its_anchor(client: Client) -> None:
    content = client.get("/api/docs/errors/").content.decode()
    for kind in list_errors():
        assert f'id="{kind.slug}"' in content
        assert describe_error(kind)
    assert NotFound in list_errors()
    assert len({kind.slug for kind in list_errors()}) == len(list_errors())
    assert ApiError not in list_errors()


def test_documentation__page_and_script__come_from_ourselves(client: Client) -> None:
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert "<script>" not in page.content.decode()
    assert "//cdn" not in page.content.decode()
    assert client.get("/api/docs/?script=").status_code == 200


def test_schema__every_operation__names_its_problems(client: Client) -> None:
    response = client.get("/api/schema/", headers={"Accept": "application/json"})
    document = response.json()
    operations = [each for path in document["paths"].values() for each in path.values()]
    assert operations
    for operation in operations:
        assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
