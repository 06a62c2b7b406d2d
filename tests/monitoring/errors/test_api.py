"""Issues over REST."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.actors import SYSTEM
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorIssue
from monitoring.errors.services.merging import merge_issues
from tests.support.errors import make_issue
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
ISSUES = "/api/v1/issues/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET).token


def ask(client: Client, key: str, path: str = "", **query: str) -> Any:
    return client.get(f"{ISSUES}{path}", query, headers={"Authorization": f"Bearer {key}"})


def tell(client: Client, key: str, issue: ErrorIssue, what: str, /, **body: Any) -> Any:
    answer = client.post(
        f"{ISSUES}{issue.pk}/{what}/", body, "application/json", headers={"Authorization": f"Bearer {key}"}
    )
    issue.refresh_from_db()
    return answer


def test_list__issues__are_those_of_the_key(client: Client, application: Application, key: str) -> None:
    issue = make_issue(application, release="1.0", user={"id": 1})
    make_issue(make_application())
    (found,) = ask(client, key).json()["results"]
    assert (found["id"], found["state"], found["event_count"], found["user_count"]) == (issue.pk, "new", 1, 1)
    assert (found["first_release"], found["culprit"]) == ("1.0", "erp.invoices in post_invoice")


def test_list__narrowed__shows_what_was_asked_for(client: Client, application: Application, key: str) -> None:
    issue, other = make_issue(application), make_issue(application, level="warning")
    tell(client, key, issue, "resolve")

    def ids(**query: str) -> set[int]:
        return {row["id"] for row in ask(client, key, **query).json()["results"]}

    assert ids(state="open") == {other.pk}
    assert ids(state="resolved") == {issue.pk}
    assert ids(level="warning") == {other.pk}
    assert ids(search=issue.type) == {issue.pk}
    assert ask(client, key, state="merged").status_code == 400


@pytest.mark.parametrize("count", [1, 3])
def test_list__rows__take_a_constant_number_of_queries(
    client: Client, application: Application, key: str, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        make_issue(application, release="1.0")
    ask(client, key)
    with django_assert_num_queries(1):
        assert len(ask(client, key).json()["results"]) == count


def test_retrieve__issue__says_why_it_is_one(client: Client, application: Application, key: str) -> None:
    issue = make_issue(application)
    found = ask(client, key, f"{issue.pk}/").json()
    assert found["groups"][0]["kind"] == "stack"
    assert found["groups"][0]["parts"][1:] == ["erp.invoices in post_invoice"]
    assert [step["to_state"] for step in found["transitions"]] == ["new"]
    other = make_issue(make_application())
    assert ask(client, key, f"{other.pk}/").status_code == 404


def test_issue__life__goes_by_rest(client: Client, application: Application, key: str) -> None:
    issue = make_issue(application)
    person = User.objects.create_user("ada", is_staff=True)
    assert tell(client, key, issue, "resolve", resolved_in="next_release").json()["resolved_in"] == "next_release"
    assert tell(client, key, issue, "resolve").status_code == 200
    assert tell(client, key, issue, "reopen").json()["state"] == "ongoing"
    assert tell(client, key, issue, "mute", for_events=5).json()["muted_until_count"] == 6
    tell(client, key, issue, "reopen")
    until = timezone.now() + timedelta(hours=1)
    assert tell(client, key, issue, "mute", until=until.isoformat()).json()["state"] == "muted"
    assert tell(client, key, issue, "assign", assignee="ada").json()["assignee"] == person.username
    assert tell(client, key, issue, "assign", assignee=None).json()["assignee"] is None
    note = tell(client, key, issue, "comments", text="Seen.")
    assert (note.status_code, note.json()["text"]) == (201, "Seen.")


def test_issue__what_makes_no_sense__names_the_field(client: Client, application: Application, key: str) -> None:
    issue = make_issue(application)
    past = (timezone.now() - timedelta(hours=1)).isoformat()
    for what, body, field in (
        ("mute", {"until": past}, "until"),
        ("mute", {"for_events": 0}, "for_events"),
        ("mute", {"for_users": 0}, "for_users"),
        ("resolve", {"resolved_in": "release", "release": "9.9"}, "release"),
        ("resolve", {"resolved_in": "never"}, "resolved_in"),
        ("assign", {"assignee": "nobody-of-that-name"}, "assignee"),
        ("assign", {}, "assignee"),
        ("comments", {"text": ""}, "text"),
    ):
        answer = tell(client, key, issue, what, **body)
        assert answer.status_code == 400
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert issue.state == "new"


def test_issue__merged_meanwhile__is_gone(client: Client, application: Application, key: str) -> None:
    one, two = make_issue(application), make_issue(application)
    merge_issues(into_id=one.pk, issue_ids=[two.pk], by=SYSTEM)
    assert tell(client, key, two, "resolve").status_code == 404


def test_issue__merge__makes_one_of_them_until_they_are_taken_apart(
    client: Client, application: Application, key: str
) -> None:
    one, two = make_issue(application), make_issue(application)
    answer = tell(client, key, one, "merge", issues=[two.pk])
    assert (answer.status_code, one.event_count) == (200, 2)
    assert tell(client, key, one, "merge", issues=[two.pk]).status_code == 400
    (merged,) = ask(client, key, f"{one.pk}/").json()["merged"]
    assert (merged["id"], merged["title"]) == (two.pk, two.title)
    answer = tell(client, key, one, "unmerge", issue=two.pk)
    two.refresh_from_db()
    assert (answer.json()["merged"], one.event_count, two.event_count, two.state) == ([], 1, 1, "ongoing")
    assert tell(client, key, one, "unmerge", issue=two.pk).json()["errors"][0]["field"] == "issue"


@pytest.mark.parametrize("other", ["itself", "foreign", "unknown"])
def test_issue__merge_of_what_is_no_other_issue_of_the_application__changes_nothing(
    client: Client, application: Application, key: str, other: str
) -> None:
    issue = make_issue(application)
    wanted = {"itself": issue.pk, "foreign": make_issue(make_application()).pk, "unknown": 10**9}[other]
    assert tell(client, key, issue, "merge", issues=[wanted]).status_code in {400, 409}
    assert (issue.event_count, issue.state, ErrorIssue.objects.filter(state="merged").count()) == (1, "new", 0)


def test_issue__key_that_may_only_read__changes_nothing(client: Client, application: Application) -> None:
    issue = make_issue(application)
    reader = issue_key(application=application, kind=KeyKind.SECRET, scopes=["read"]).token
    assert ask(client, reader).status_code == 200
    assert tell(client, reader, issue, "resolve").status_code == 403
    assert client.get(ISSUES).status_code == 401
