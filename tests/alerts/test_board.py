"""The board of alerts: each that fires in one part, what comes next, and taking a whole group."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.board import count_by_hour, list_unattended, read_board
from alerts.models import Alert, AlertGroup, Route, Silence
from alerts.services.alerts import acknowledge_alert
from config.actors import Actor
from monitoring.applications.models import Application
from tests.alerts.test_groups import make_policy, silence, use
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, report, tell
from tests.support.metrics import NOW, make_application

pytestmark = pytest.mark.django_db
BOARD = "admin:alerts_board"


@pytest.fixture
def application() -> Application:
    return make_application(name="Acme")


def escalate(application: Application, *hosts: str) -> None:
    """Have alerts of hosts told to the first of two channels, the second to follow after 10 min."""
    policy = make_policy(
        {"kind": "channel", "channels": [make_channel(name="First")]},
        {"kind": "wait", "seconds": 600},
        {"kind": "channel", "channels": [make_channel("boss@example.com", name="Boss")]},
    )
    use(policy, make_rule(name="Load", annotations={"summary": "Load of {{ $labels.host }}"}))
    for host in hosts:
        report(application, 3, host=host)
    evaluate(0)


def test_board__group_still_collects__whom_it_tells_first_and_when(application: Application) -> None:
    escalate(application, "erp1")
    (found,) = read_board().waiting
    assert (found.next_words, found.next_at, list(found.told)) == ("tell First", NOW + timedelta(seconds=30), [])


def test_board__group_was_told_of__next_step_after_its_wait(application: Application) -> None:
    escalate(application, "erp1", "erp2")
    tell(30)
    (found,) = read_board().waiting
    assert (found.count, list(found.told), found.next_words) == (2, ["First"], "tell Boss")
    assert found.next_at == NOW + timedelta(seconds=630)


def test_board__every_step_taken__says_so(application: Application) -> None:
    escalate(application, "erp1")
    tell(30)
    tell(630)
    (found,) = read_board().waiting
    assert (list(found.told), found.next_words, found.next_at) == (["First", "Boss"], "", None)


def test_board__silenced_and_looked_after__each_in_its_part(application: Application) -> None:
    escalate(application, "erp1", "erp2", "erp3")
    silence('{host="erp2"}')
    acknowledge_alert(alert_id=Alert.objects.get(labels__host="erp3").pk, by=Actor(name="Ada"))
    tell(30)
    board = read_board()
    assert [one.alert.labels["host"] for one in board.waiting] == ["erp1"]
    assert [(one.name, [alert.labels["host"] for alert in one.alerts]) for one in board.kept] == [("Ada", ["erp3"])]
    assert [(one.label, [alert.labels["host"] for alert in one.alerts]) for one in board.held] == [
        ("Silenced", ["erp2"])
    ]


def test_board__alert_in_two_groups__counts_once(application: Application) -> None:
    for number, continues in enumerate((True, False)):
        policy = make_policy({"kind": "channel", "channels": [make_channel()]}, name=f"Policy {number}")
        Route.objects.create(matchers='{host="erp1"}', position=number, continues=continues, policy=policy)
    make_rule()
    report(application, 3)
    evaluate(0)
    board = read_board()
    assert (len(board.waiting), board.waiting_count) == (2, 1)


def test_hours__alerts_of_a_day__counted_where_they_began(application: Application) -> None:
    rule = make_rule()
    for hours in (0, 1, 1, 23, 24):
        make_alert(application, rule=rule, fired_at=NOW - timedelta(hours=hours))
    counts = count_by_hour(now=NOW)
    assert (len(counts), counts[-1], counts[-2], counts[0], sum(counts)) == (24, 1, 2, 1, 4)


def test_page__nothing_fires__says_so(admin_client: Client) -> None:
    page = admin_client.get(reverse(BOARD)).content.decode()
    assert "Nothing fires." in page
    assert "Nothing is held back." in page
    assert reverse("admin:alerts_alert_changelist") in page


def test_page__take_a_group__all_of_it_is_mine(admin_client: Client, application: Application) -> None:
    escalate(application, "erp1", "erp2")
    tell(30)
    group = AlertGroup.objects.get()
    assert "2 alerts wait for somebody" in admin_client.get(reverse(BOARD)).content.decode()
    answer = admin_client.post(reverse("admin:alerts_board_acknowledge", args=[group.pk]), follow=True)
    page = answer.content.decode()
    assert "You look after 2 alerts now." in page
    assert "Nothing waits for anybody: 2 are looked after." in page
    assert list_unattended(group_id=group.pk) == []


def test_page__may_see_but_not_act__no_button_and_refused(client: Client, application: Application) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_alert"))
    client.force_login(viewer)
    escalate(application, "erp1")
    tell(30)
    address = reverse("admin:alerts_board_acknowledge", args=[AlertGroup.objects.get().pk])
    assert address not in client.get(reverse(BOARD)).content.decode()
    assert client.post(address).status_code == 403
    assert client.get(address).status_code in {403, 405}


def test_page__one_group_and_more__the_same_queries(admin_client: Client, application: Application) -> None:
    counts = []
    Silence.objects.create(
        matchers='{host="held"}',
        starts_at=NOW,
        ends_at=timezone.now() + timedelta(hours=1),
        reason="Known",
        author_name="Ada",
    )
    for number in (1, 3):
        for each in range(number):
            use(
                make_policy({"kind": "channel", "channels": [make_channel()]}, name=f"P{number}{each}"),
                make_rule(name=f"Rule {number} {each}"),
            )
        for host in ("erp1", "held"):
            report(application, 3, at=number, host=host)
        evaluate(number)
        tell(number + 30)
        with CaptureQueriesContext(connection) as found:
            admin_client.get(reverse(BOARD))
        counts.append(len(found))
    assert counts[0] == counts[1]
