"""Web vitals in the admin, on the home board, as CSV and in REST."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.exports import guard
from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.browser.admin.board import compare_releases
from monitoring.browser.services.rolling_up import roll_up_vitals
from monitoring.browser.summaries import Summary, Tally
from monitoring.browser.targets import TARGETS
from monitoring.errors.models import ErrorIssue
from monitoring.releases.models import Release
from monitoring.usage.records import UsageEvent
from monitoring.usage.services.recording import write_usage_events
from tests.support.admin import sign_in
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.vitals import measure, view_pages

pytestmark = pytest.mark.django_db
BOARD, PAGE = "/admin/monitoring/web-vitals/", "/admin/monitoring/web-vitals/page/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def reader(client: Client) -> Client:
    sign_in(client, "monitoring.view_application", "monitoring.view_errorissue")
    return client


def read(client: Client, address: str, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return " ".join(unescape(response.content.decode()).split())


def roll_up() -> None:
    roll_up_vitals(now=timezone.now())


def test_board__no_application__leads_to_adding_one(reader: Client) -> None:
    assert reverse("admin:monitoring_application_add") in read(reader, BOARD)


def test_board__nothing_measured__leads_to_the_script_tag(reader: Client, application: Application) -> None:
    text = read(reader, BOARD)
    assert "No page has been measured yet" in text
    assert reverse("admin:monitoring_application_connect", args=[application.pk]) in text


def test_board__nothing_in_this_time__says_so_and_offers_more(reader: Client, application: Application) -> None:
    view_pages(application, timezone.now() - timedelta(days=3), "/orders")
    roll_up()
    assert "Nobody opened a page in this time" in read(reader, BOARD)
    assert "Pages feel fast: all 6 vitals meet their targets." in read(reader, BOARD, range="7d")


def test_board__slow_page__answers_first_and_lists_it_on_top(reader: Client, application: Application) -> None:
    now = timezone.now()
    view_pages(application, now, "/fast", views=40)
    view_pages(application, now, "/slow", views=60, slow=3, device="mobile", browser="Firefox", connection="3g")
    measure(application, now, "asset_failed", 0.0, 0.0, page="/slow")
    roll_up()
    text = read(reader, BOARD)
    assert "6 of 6 vitals miss their targets" in text
    assert ">100</span> page views in 24 hours" in text
    assert ">2</span> files did not load" in text
    assert text.index(">/slow</a>") < text.index(">/fast</a>")
    assert all(f'row">{word}' in text for word in ("mobile", "desktop", "Firefox", "3g"))
    assert text.count("data-chart=") == 6
    assert "40 % good" in text
    fastest = read(reader, BOARD, sort="name")
    assert fastest.index(">/fast</a>") < fastest.index(">/slow</a>")
    found = read(reader, BOARD, q="fas")
    assert ">/slow</a>" not in found
    assert "No page's address contains “nothing”" in read(reader, BOARD, q="nothing")


def test_board__more_pages_and_members__take_no_more_queries(reader: Client, application: Application) -> None:
    counts = []
    for number in range(3):
        view_pages(application, timezone.now(), f"/page/{number}", browser=f"B{number}", release=f"{number}.0")
        Release.objects.create(application=application, version=f"{number}.0", first_seen=timezone.now())
        roll_up()
        read(reader, BOARD)
        with CaptureQueriesContext(connection) as captured:
            assert f">/page/{number}</a>" in read(reader, BOARD)
        counts.append(len(captured))
    assert counts[0] == counts[-1] <= 26


def test_board__new_release_slower__says_by_how_much(reader: Client, application: Application) -> None:
    now = timezone.now()
    for days, version, slow in ((2, "1.0", 1.0), (1, "1.1", 1.5)):
        Release.objects.create(application=application, version=version, first_seen=now - timedelta(days=days))
        view_pages(application, now, "/orders", views=60, slow=slow, release=version)
    roll_up()
    text = read(reader, BOARD)
    assert text.index(">1.1</a></th>") < text.index(">1.0</a></th>")
    assert re.search(r"(4[7-9]|5[0-3]) % (slower|more)", text)


def test_compare_releases__few_measurements_or_no_change__says_little() -> None:
    def summaries(p75: float, count: int) -> dict[str, Summary]:
        return {"lcp": Summary(TARGETS["lcp"], Tally(count, count, 0), p75)}

    assert compare_releases(summaries(3.0, 49), summaries(1.0, 100))[0] == ""
    assert compare_releases(summaries(1.05, 100), summaries(1.0, 100))[0] == "as before"
    assert compare_releases(summaries(0.5, 100), summaries(1.0, 100))[0] == "Largest content: 50 % faster"


def test_page__its_story__is_told_with_links(reader: Client, application: Application) -> None:
    now = timezone.now()
    view_pages(application, now, "/orders/{id}", slow=3, detail="button#save", session_key="abcdef123456")
    measure(application, now, "asset", 0.2, 1.5, page="/orders/{id}", detail="/js/report.js")
    measure(application, now, "asset_failed", 0.0, page="/orders/{id}", detail="/img/gone.png")
    measure(application, now, "longtask", 0.4, page="/orders/{id}", detail="/js/grid.js")
    write_usage_events([UsageEvent(application.pk, now, "rage_click", page="/orders/{id}", target="button.pay")] * 1)
    report(application, make_event(request={"url": "https://erp.example.com/orders/4711?x=1"}))
    report(application, make_event("KeyError", request={"url": "https://erp.example.com/invoices"}))
    roll_up()
    text = read(reader, PAGE, page="/orders/{id}")
    for words in ("button#save", "/js/report.js", "/img/gone.png", "/js/grid.js", "button.pay", "visit", "abcdef12"):
        assert words in text
    here, elsewhere = ErrorIssue.objects.order_by("title")[1], ErrorIssue.objects.order_by("title")[0]
    assert here.get_absolute_url() in text
    assert elsewhere.get_absolute_url() not in text
    assert text.count('class="pl-drawn"') == 8
    assert text.count("Show as table") == 8
    assert "6 of 6 vitals miss" in text


def test_page__slow_on_phones_alone__shows_it_by_device_and_connection(
    reader: Client, application: Application
) -> None:
    now = timezone.now()
    view_pages(application, now, "/orders", views=3)
    view_pages(application, now, "/orders", views=2, slow=4, device="mobile", connection="3g", browser="Safari")
    view_pages(application, now, "/other", views=9, device="tablet")
    roll_up()
    page = read(reader, PAGE, page="/orders")
    for heading, members in (
        ("By device", ["desktop", "mobile"]),
        ("By connection", ["4g", "3g"]),
        ("By browser", ["Chrome", "Safari"]),
    ):
        table = page.partition(f">{heading}</h2>")[2].partition("</table>")[0]
        assert re.findall(r'<th scope="row">(\w+)</th> <td><span title="(\d+)">', table) == [
            (members[0], "3"),
            (members[1], "2"),
        ]
        quick, slow = table.partition(f">{members[1]}<")[::2]
        assert "pl-rated--bad" in slow
        assert "pl-rated--bad" not in quick


def test_page__nobody_was_there__says_so(reader: Client, application: Application) -> None:
    assert "Nobody opened this page in this time" in read(reader, PAGE, page="/nowhere")
    assert reader.get(PAGE).status_code == 404


def test_page__reader_may_not_see_errors__is_not_shown_them(client: Client, application: Application) -> None:
    sign_in(client, "monitoring.view_application")
    view_pages(application, timezone.now(), "/orders/{id}")
    report(application, make_event(request={"url": "https://erp.example.com/orders/4711"}))
    roll_up()
    text = read(client, PAGE, page="/orders/{id}")
    assert "You may not see errors." in text
    assert ErrorIssue.objects.get().title not in text


def test_pages__measurements_that_hold_markup__are_escaped(reader: Client, application: Application) -> None:
    evil = "/<script>alert(1)</script>"
    view_pages(application, timezone.now(), evil, detail="<b onclick=x>", browser="<i>", release="<u>")
    roll_up()
    for address in (BOARD, PAGE):
        body = reader.get(address, {"page": evil}).content.decode()
        assert "<script>alert" not in body
        assert "<b onclick" not in body
        assert "<i>" not in body


@pytest.mark.parametrize("address", [BOARD, PAGE, f"{BOARD}pages.csv"])
def test_pages__reader_without_permission__are_closed(client: Client, address: str) -> None:
    sign_in(client)
    assert client.get(address).status_code == 403


def test_export__pages__as_the_table_lists_them(reader: Client, application: Application) -> None:
    view_pages(application, timezone.now(), "/fast")
    view_pages(application, timezone.now(), "=cmd()", slow=3)
    roll_up()
    rows = list(csv.DictReader(reader.get(f"{BOARD}pages.csv").content.decode().splitlines()))
    assert [row["page"] for row in rows] == ["'=cmd()", "/fast"]
    assert (rows[1]["views"], rows[1]["lcp_count"], rows[1]["lcp_good"]) == ("4", "4", "4")
    assert float(rows[1]["lcp_p75"]) == pytest.approx(1.25, rel=0.01)
    assert guard("/a") == "/a"


def test_panel__core_vitals__with_their_states(reader: Client, application: Application) -> None:
    text = read(reader, reverse("admin:home_panel", args=["browsers"]))
    assert "No page was measured in the last 24 hours" in text
    view_pages(application, timezone.now(), "/orders", slow=2.5)
    roll_up()
    text = read(reader, reverse("admin:home_panel", args=["browsers"]))
    assert 'pl-figure--watch"><dt>Largest content' in text
    assert 'pl-figure--watch"><dt>Answer to a click' in text
    assert "could be faster" in text
    assert BOARD in text


def headers(application: Application, *scopes: Scope) -> dict[str, str]:
    key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(scopes))
    return {"Authorization": f"Bearer {key.token}"}


def test_rest__summary__whole_and_of_one_member(client: Client, application: Application) -> None:
    view_pages(application, timezone.now(), "/fast", views=3)
    view_pages(application, timezone.now(), "/slow", views=1, slow=10, device="mobile")
    view_pages(make_application(), timezone.now(), "/fast", views=50)
    roll_up()
    key = headers(application, Scope.READ)
    whole = client.get("/api/v1/vitals/summary/", headers=key).json()
    assert whole["views"] == 4
    lcp = whole["vitals"][0]
    assert (lcp["name"], lcp["count"], lcp["good"], lcp["needs_work"], lcp["poor"]) == ("lcp", 4, 3, 0, 1)
    assert (lcp["target"], lcp["poor_limit"]) == (2.5, 4.0)
    mobile = client.get("/api/v1/vitals/summary/?device=mobile", headers=key).json()
    assert {vital["rating"] for vital in mobile["vitals"]} == {"poor"}
    assert client.get("/api/v1/vitals/summary/?page=/none", headers=key).json()["vitals"] == []
    refused = client.get("/api/v1/vitals/summary/?device=mobile&page=/x", headers=key)
    assert refused.status_code == 400
    assert "one of them at a time" in refused.content.decode()
    assert client.get("/api/v1/vitals/summary/?range=1y", headers=key).status_code == 400


def test_rest__pages__ordered_searched_and_cut(client: Client, application: Application) -> None:
    for number in range(3):
        view_pages(application, timezone.now(), f"/page/{number}", views=number + 1, slow=3 - number)
    roll_up()
    key = headers(application, Scope.READ)
    found = client.get("/api/v1/vitals/pages/?order=views&limit=2", headers=key).json()
    assert (found["count"], [page["page"] for page in found["results"]]) == (3, ["/page/2", "/page/1"])
    found = client.get("/api/v1/vitals/pages/?search=page/0", headers=key).json()
    assert [(page["page"], page["views"], len(page["vitals"])) for page in found["results"]] == [("/page/0", 1, 6)]
    assert client.get("/api/v1/vitals/pages/?limit=0", headers=key).status_code == 400


@pytest.mark.parametrize("address", ["/api/v1/vitals/summary/", "/api/v1/vitals/pages/"])
def test_rest__more_pages__take_no_more_queries(client: Client, application: Application, address: str) -> None:
    key = headers(application, Scope.READ)
    counts = []
    for number in range(3):
        view_pages(application, timezone.now(), f"/page/{number}")
        roll_up()
        client.get(address, headers=key)
        with CaptureQueriesContext(connection) as captured:
            client.get(address, headers=key)
        counts.append(len(captured))
    assert counts[0] == counts[-1]


def test_rest__key_that_may_only_send__is_refused(client: Client, application: Application) -> None:
    answer = client.get("/api/v1/vitals/summary/", headers=headers(application, Scope.INGEST))
    assert answer.status_code == 403
    assert client.get("/api/v1/vitals/pages/").status_code == 401


def test_board__release_next_to_pages_that_name_none__is_not_compared_with_them(
    reader: Client, application: Application
) -> None:
    now = timezone.now()
    view_pages(application, now, "/orders", views=60, release="")
    view_pages(application, now, "/orders", views=60, release="2.0", slow=1.5)
    roll_up()
    text = read(reader, BOARD)
    assert "not said" in text
    assert re.search(r"\d % (slower|more)", text) is None


def test_board__of_an_application__leads_to_its_pages(reader: Client, application: Application) -> None:
    view_pages(application, timezone.now(), "/orders")
    roll_up()
    assert f"{PAGE}?application={application.pk}&page=%2Forders" in read(reader, BOARD)
