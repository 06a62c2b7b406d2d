"""What to paste where."""

from __future__ import annotations

import json
import subprocess

import pytest
from pytest_django.live_server_helper import LiveServer

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from monitoring.applications.snippets import (
    PUBLIC_PLACEHOLDER,
    SECRET_PLACEHOLDER,
    is_reachable_only_here,
    list_snippets,
)
from monitoring.uptime.models import Check
from tests.support.errors import make_public_key
from tests.support.metrics import make_application

BASE = "https://post.example"


def test_snippets__keys_given__are_filled_in() -> None:
    snippets = {
        one.key: one.code
        for one in list_snippets(base_url=BASE, application_id=7, secret_key="sk_1", public_key="pk_1")
    }

    secret = {"agent", "prometheus", "alerts", "opentelemetry", "source-maps", "curl", "php"}
    public = {"sentry", "browser", "jobs", "javascript"}
    assert set(snippets) == secret | public
    assert {key for key, code in snippets.items() if "sk_1" in code} == secret
    assert {key for key, code in snippets.items() if "pk_1" in code} == public
    assert "https://pk_1@post.example/7" in snippets["sentry"]
    assert all(BASE in code for key, code in snippets.items() if key != "sentry")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("job", ["true", "false"])
def test_snippets__job__makes_a_heartbeat_and_says_how_it_ended(live_server: LiveServer, job: str) -> None:
    application = make_application()
    (script,) = [
        one.code
        for one in list_snippets(
            base_url=live_server.url, application_id=application.pk, public_key=make_public_key(application)
        )
        if one.key == "jobs"
    ]
    done = subprocess.run(["bash", "-c", script.replace("/srv/erp/nightly.sh", job)], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    check = Check.objects.get()
    assert (check.name, check.schedule) == ("nightly", "30 2 * * *")
    assert (check.state == "up") == (job == "true")


@pytest.mark.django_db(transaction=True)
def test_snippets__alert_of_a_script__is_taken(live_server: LiveServer) -> None:
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    snippets = list_snippets(base_url=live_server.url, application_id=application.pk, secret_key=key)
    (script,) = [part.code for one in snippets for part in one.more if part.key == "script"]
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["stored"] == 1


@pytest.mark.django_db(transaction=True)
def test_snippets__curl__stores_a_metric(live_server: LiveServer) -> None:
    application = make_application()
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    snippets = list_snippets(base_url=live_server.url, application_id=application.pk, secret_key=key)
    (script,) = [one.code for one in snippets if one.key == "curl"]
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert json.loads(done.stdout)["stored"] == 1


def test_snippets__no_keys__say_where_they_go() -> None:
    snippets = {one.key: one.code for one in list_snippets(base_url=BASE, application_id=7)}

    assert SECRET_PLACEHOLDER in snippets["curl"]
    assert PUBLIC_PLACEHOLDER in snippets["javascript"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:8000", True),
        (BASE, False),
        ("http://10.0.0.5:8000", False),
    ],
)
def test_is_reachable_only_here__loopback__is(url: str, expected: bool) -> None:
    assert is_reachable_only_here(url) is expected
