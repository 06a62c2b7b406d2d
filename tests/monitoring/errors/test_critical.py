"""Critical patterns: what they meet, what they mark, whom they are announced to and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.actors import Actor
from config.outbox.models import Event
from monitoring.applications.models import Application
from monitoring.errors.critical import SHIPPED, Candidate, PatternInvalid, Rule, check_pattern, find_rule
from monitoring.errors.models import CriticalPattern, ErrorIssue
from monitoring.errors.services.critical import install_patterns, record_critical_counts
from monitoring.errors.services.issues import mute_issue
from tests.support.admin import sign_in
from tests.support.errors import make_event, report
from tests.support.metrics import make_application

RULES = [Rule(place, each.kind, each.pattern, each.where, each.platform) for place, each in enumerate(SHIPPED)]
KEYS = [each.key for each in SHIPPED]


def judge(type: str, value: str, platform: str, level: str = "error") -> str:  # noqa: A002  (the protocol's word)
    """Return the key of the shipped pattern that an error meets."""
    found = find_rule(RULES, Candidate(1, platform, level, [type], [f"{type}: {value}"]))
    return KEYS[found.id] if found else ""


@pytest.mark.parametrize(
    ("type", "value", "platform", "key"),
    [
        ("TypeError", "Cannot read property 'x' of undefined", "javascript", "undefined-property"),
        ("TypeError", "Cannot read properties of undefined (reading 'x')", "javascript", "undefined-property"),
        ("TypeError", 'can\'t access property "x", y is undefined', "javascript", "undefined-property"),
        ("TypeError", "undefined is not an object (evaluating 'a.b')", "javascript", "undefined-property"),
        ("TypeError", "a is undefined", "javascript", "undefined-property"),
        ("ReferenceError", "invoice is not defined", "javascript", "undefined-reference"),
        ("ReferenceError", "Can't find variable: invoice", "javascript", "undefined-reference"),
        ("TypeError", "NetworkError when attempting to fetch resource.", "javascript", "network"),
        ("TypeError", "Failed to fetch", "javascript", "network"),
        ("TypeError", "Load failed", "javascript", "network"),
        ("AxiosError", "Network Error", "javascript", "network"),
        ("SecurityError", "The operation is insecure.", "javascript", "security"),
        ("PDOException", "SQLSTATE[HY000]", "php", "database"),
        (r"Illuminate\Database\QueryException", "SQLSTATE[42S02]", "php", "database"),
        ("OperationalError", "server closed the connection", "python", "database"),
        ("java.sql.SQLException", "gone", "java", "database"),
        ("RuntimeException", "no such state", "php", "runtime"),
        ("java.lang.RuntimeException", "no such state", "java", "runtime"),
        ("RuntimeError", "no such state", "python", "runtime"),
        ("Error", "Call to undefined method", "php", "php-error"),
        ("java.lang.OutOfMemoryError", "Java heap space", "java", "java-error"),
        ("MemoryError", "", "python", "python-error"),
        ("ValueError", "no such account", "python", ""),
        ("Error", "nothing special", "node", ""),
        ("PDOException", "in a page", "javascript", ""),
        ("TypeError", "x.map is not a function", "javascript", ""),
    ],
)
def test_shipped_patterns__error_of_some_language__is_judged(type: str, value: str, platform: str, key: str) -> None:  # noqa: A002
    assert judge(type, value, platform) == key


def test_shipped_patterns__fatal__is_critical_whatever_it_is() -> None:
    assert judge("Anything", "at all", "ruby", level="fatal") == "fatal"


@pytest.mark.parametrize(
    ("kind", "pattern", "reason"),
    [
        ("message", "(", "no regular expression"),
        ("message", "x*", "every message"),
        ("message", r"(?=a)b", "no regular expression"),
        ("message", " ", "Say what"),
        ("class", "no comma here", "class names"),
        ("level", "horrible", "A level is one of"),
        ("message", "x" * 1001, "characters at most"),
    ],
)
def test_check_pattern__makes_no_sense__says_why(kind: str, pattern: str, reason: str) -> None:
    with pytest.raises(PatternInvalid, match=reason):
        check_pattern(kind=kind, pattern=pattern)


@given(st.text(max_size=300), st.text(max_size=60), st.sampled_from(["php", "javascript", "", "x"]))
def test_find_rule__any_text__is_judged_without_an_error(text: str, name: str, platform: str) -> None:
    judge(name, text, platform)


# From here on with the database.


@pytest.fixture
def application() -> Application:
    install_patterns()
    return make_application()


def announced() -> int:
    return Event.objects.filter(type="issue.critical").count()


@pytest.mark.django_db
def test_digest__critical_error__marks_the_issue_and_announces_it_once(application: Application) -> None:
    report(application, *[make_event("OperationalError", "gone") for _ in range(3)], make_event("ValueError"))
    report(application, make_event("OperationalError", "gone"))
    issue = ErrorIssue.objects.get(type="OperationalError")
    assert (issue.critical_count, issue.critical_pattern and issue.critical_pattern.name) == (4, "Database error")
    assert ErrorIssue.objects.get(type="ValueError").critical_at is None
    assert announced() == 1


@pytest.mark.django_db
def test_digest__cause_is_critical__the_issue_is(application: Application) -> None:
    event = make_event("InvoiceFailed", "no")
    event["exception"]["values"].insert(0, {"type": "PDOException", "value": "gone"})
    report(application, {**event, "platform": "php"})
    assert ErrorIssue.objects.get().critical_count == 1


@pytest.mark.django_db
def test_digest__critical_again_after_quiet__is_announced_again(application: Application) -> None:
    now = timezone.now()
    report(application, make_event("RuntimeError"), at=now - timedelta(minutes=61))
    report(application, make_event("RuntimeError"), at=now - timedelta(minutes=40))
    assert announced() == 1
    report(application, make_event("RuntimeError"), at=now)
    assert announced() == 2


@pytest.mark.django_db
def test_digest__muted__asks_nobody(application: Application) -> None:
    report(application, make_event("RuntimeError"))
    issue = ErrorIssue.objects.get()
    mute_issue(issue_id=issue.pk, by=Actor("Ada"))
    report(application, make_event("RuntimeError"), at=timezone.now() + timedelta(hours=2))
    issue.refresh_from_db()
    assert (issue.event_count, issue.critical_count, announced()) == (2, 1, 1)


@pytest.mark.django_db
def test_digest__pattern_of_another_application_or_off__is_not_met(application: Application) -> None:
    CriticalPattern.objects.update(enabled=False)
    CriticalPattern.objects.create(application=make_application(), name="Mine", kind="class", pattern="KeyError")
    report(application, make_event("KeyError"), make_event("RuntimeError"))
    assert not ErrorIssue.objects.exclude(critical_at=None).exists()


@pytest.mark.django_db
def test_record_critical_counts__nothing_new__records_nothing(application: Application) -> None:
    report(application, make_event("RuntimeError"))
    assert record_critical_counts(now=timezone.now()) == 1
    assert record_critical_counts(now=timezone.now()) == 0


@pytest.mark.django_db
def test_install_patterns__edited_by_an_operator__stays(application: Application) -> None:
    pattern = CriticalPattern.objects.get(builtin_key="runtime")
    CriticalPattern.objects.filter(pk=pattern.pk).update(
        name="Ours",
        note="old words",
        builtin_version=0,
        builtin_shipped={**pattern.builtin_shipped, "note": "old words"},
    )
    assert install_patterns() == 1
    pattern.refresh_from_db()
    assert (pattern.name, pattern.note) == ("Ours", SHIPPED[5].note)
    assert install_patterns() == 0


@pytest.mark.django_db
def test_editor__pattern_filled_in__shows_what_it_would_have_found(client: Client, application: Application) -> None:
    sign_in(client, "monitoring.view_criticalpattern", "monitoring.add_criticalpattern")
    report(application, make_event("InvoiceError", "no account 4711"), make_event("ValueError", "x"))
    address = "/admin/monitoring/criticalpattern/try/"
    page = client.post(address, {"kind": "message", "pattern": r"no account \d+", "where": "any"}).content.decode()
    assert "InvoiceError: no account 4711" in page
    assert "ValueError" not in page
    page = client.post(address, {"kind": "message", "pattern": "(", "where": "any"}).content.decode()
    assert "no regular expression" in page
    assert CriticalPattern.objects.filter(pattern="(").count() == 0


@pytest.mark.django_db
def test_admin__shipped_pattern_deleted__is_switched_off(client: Client, application: Application) -> None:
    verbs = ("view", "add", "change", "delete")
    sign_in(client, *(f"monitoring.{verb}_criticalpattern" for verb in verbs))
    pattern = CriticalPattern.objects.get(builtin_key="fatal")
    assert "Fatal" in client.get("/admin/monitoring/criticalpattern/").content.decode()
    client.post(f"/admin/monitoring/criticalpattern/{pattern.pk}/delete/", {"post": "yes"})
    pattern.refresh_from_db()
    assert not pattern.enabled
    form = {"name": "Ledger", "kind": "class", "pattern": "LedgerError", "where": "server", "enabled": "on"}
    assert client.post("/admin/monitoring/criticalpattern/add/", form).status_code == 302
    assert CriticalPattern.objects.get(name="Ledger").pattern == "LedgerError"
