"""Finding errors by what their events carry."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorIssue
from monitoring.errors.search import Search, parse_search
from tests.support.admin import sign_in
from tests.support.errors import make_event, make_issue, report
from tests.support.metrics import make_application


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("", Search()),
        ("no account", Search(words=("no", "account"))),
        ('"no account" company:main', Search(words=("no account",), tags=(("company", "main"),))),
        ('company:"Main Street" a.b:c', Search(tags=(("company", "Main Street"), ("a.b", "c")))),
        ("release:erp@2.1 env:prod user:ada@example.org", Search(release="erp@2.1", environment="prod", user="ada@example.org")),
        ("ValueError: no https://x.test/y", Search(words=("ValueError:", "no", "https://x.test/y"))),
        ('"SQLSTATE:23000" :x x:', Search(words=("SQLSTATE:23000", ":x", "x:"))),
    ],
)  # fmt: skip
def test_search__text__is_read_as_people_mean_it(text: str, search: Search) -> None:
    assert parse_search(text) == search


@given(st.text(max_size=60))
def test_search__any_text__loses_no_word(text: str) -> None:
    found = parse_search(text)
    said = "".join(
        [*found.words, *(f"{name}{value}" for name, value in found.tags), found.release, found.environment, found.user]
    )
    assert all(letter in text for letter in said)


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def issues(application: Application) -> dict[str, ErrorIssue]:
    return {
        "main": make_issue(application, tags={"company": "main", "plan": "pro"}, release="1.0", environment="prod", user={"id": 7}),
        "other": make_issue(application, tags={"company": "other"}, release="1.1", environment="test", user={"email": "ada@example.org"}),
        "plain": make_issue(application),
    }  # fmt: skip


SEARCHES = [
    ("company:main", {"main"}),
    ("company:main plan:free", set()),
    ("company:main plan:pro release:1.0", {"main"}),
    ("release:1.1", {"other"}),
    ("environment:prod", {"main"}),
    ("user:7", {"main"}),
    ("user:ada@example.org", {"other"}),
    ("post_invoice", {"main", "other", "plain"}),
    ("post_invoice env:test", {"other"}),
    ("nothing like it", set()),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("text", "names"), SEARCHES)
def test_queue_and_rest__search__find_the_same(
    client: Client, application: Application, issues: dict[str, ErrorIssue], text: str, names: set[str]
) -> None:
    wanted = {issues[name].pk for name in names}
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    answer = client.get("/api/v1/issues/", {"search": text}, headers={"Authorization": f"Bearer {key}"})
    assert {found["id"] for found in answer.json()["results"]} == wanted
    sign_in(client, "monitoring.view_errorissue")
    page: Any = client.get("/admin/monitoring/errorissue/", {"q": text})
    assert {issue.pk for issue in page.context["cl"].result_list} == wanted


@pytest.mark.django_db
def test_rest__parameters_and_events__are_narrowed_and_whole(
    client: Client, application: Application, issues: dict[str, ErrorIssue]
) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET).token

    def ask(path: str = "", **query: str) -> Any:
        return client.get(f"/api/v1/issues/{path}", query, headers={"Authorization": f"Bearer {key}"})

    assert [found["id"] for found in ask(release="1.0", environment="prod", user="7").json()["results"]] == [
        issues["main"].pk
    ]
    assert ask(release="1.0", environment="test").json()["results"] == []
    event = make_event("Twice")
    report(application, event, make_event("Twice"))
    issue = ErrorIssue.objects.get(type="Twice")
    events = ask(f"{issue.pk}/events/").json()["results"]
    assert len(events) == 2
    assert events[1]["event_id"].replace("-", "") == event["event_id"]
    whole = ask(f"{issue.pk}/events/{event['event_id']}/").json()
    assert whole["exception"]["values"][0]["type"] == "Twice"
    assert ask(f"{issues['main'].pk}/events/{event['event_id']}/").status_code == 404
    assert ask(f"{issue.pk}/events/{'-' * 32}/").status_code == 404
