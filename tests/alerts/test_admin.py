"""The room's pages: they render, cost the same with one row and with three, and do what their buttons say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts import previews
from alerts.admin import previews as admin_previews
from alerts.models import Alert, Channel, Rule
from alerts.services.builtin import install_rules
from config.deliveries.models import Delivery
from monitoring.metrics.promql import deadline
from tests.support.alerts import evaluate, make_alert, make_channel, make_rule, moment, report, tell
from tests.support.metrics import make_application, store

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client, django_user_model: Any) -> Client:
    """An administrator's browser. Without a password, because hashing one takes longer than most of these tests."""
    user = django_user_model(username="admin", email="admin@example.com", is_staff=True, is_superuser=True)
    user.set_unusable_password()
    user.save()
    client.force_login(user)
    return client


@pytest.fixture
def viewer(client: Client, django_user_model: Any) -> Client:
    """The browser of someone who may look at everything here and change nothing."""
    user = django_user_model.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


@contextmanager
def counted() -> Iterator[list[int]]:
    """Count the statements of a block."""
    number: list[int] = []
    with CaptureQueriesContext(connection) as found:
        yield number
    number.append(len(found))


def text_of(client: Client, name: str, *arguments: object, query: str = "") -> str:
    response = client.get(reverse(name, args=arguments) + query)
    assert response.status_code == 200
    return str(response.content.decode())


def fill_in(**changes: str) -> dict[str, Any]:
    return {
        "name": "Load",
        "condition": "load > 1",
        "severity": "warning",
        "for_seconds": "5 min",
        "enabled": "on",
        "summary": "Load of {{ $labels.host }}",
        **changes,
    }


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("admin:alerts_alert_changelist", lambda: make_alert(make_application(), rule=make_rule())),
        ("admin:alerts_rule_changelist", lambda: make_rule(channel_ids=(make_channel().pk,))),
        ("admin:alerts_channel_changelist", make_channel),
    ],
)
def test_list__one_row_and_three__the_same_queries(admin: Client, name: str, make: Any) -> None:
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make()
        admin.get(reverse(name))
        with counted() as number:
            text_of(admin, name)
        counts += number

    assert counts[0] == counts[1]


@pytest.mark.parametrize("noun", ["alert", "rule", "channel"])
def test_list__nothing_there__says_what_to_do_next(admin: Client, noun: str) -> None:
    assert "pl-empty" in text_of(admin, f"admin:alerts_{noun}_changelist")


def test_alert_list__default__open_ones_most_urgent_on_top(admin: Client) -> None:
    application = make_application()
    make_alert(application, state="pending", labels={"host": "pending"})
    make_alert(application, labels={"host": "warning"})
    make_alert(application, labels={"host": "critical"}, severity="critical")
    make_alert(application, labels={"host": "taken"}, severity="critical", acknowledged_at=timezone.now())
    make_alert(application, state="resolved", labels={"host": "resolved"})

    page = text_of(admin, "admin:alerts_alert_changelist")

    places = [page.index(f"host={host}") for host in ("critical", "warning", "taken", "pending")]
    assert places == sorted(places)
    assert "host=resolved" not in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?status=all", {"one", "two", "three"}),
        ("?status=resolved", {"three"}),
        ("?status=unacknowledged", {"one"}),
        ("?status=inactive", set()),
        ("?q=two", {"two"}),
        ("?assigned=me", set()),
        ("?assigned=nobody&severity__exact=critical", {"two"}),
    ],
)
def test_alert_list__search_and_filters__narrow_it(admin: Client, query: str, expected: set[str]) -> None:
    application = make_application()
    make_alert(application, labels={"host": "one"})
    make_alert(application, labels={"host": "two"}, severity="critical", acknowledged_at=timezone.now())
    make_alert(application, labels={"host": "three"}, state="resolved")

    page = text_of(admin, "admin:alerts_alert_changelist", query=query)

    assert {host for host in ("one", "two", "three") if f"host={host}" in page} == expected


def test_alert_list__acknowledge_selected__noted(admin: Client) -> None:
    application = make_application()
    alerts = [make_alert(application), make_alert(application)]

    response = admin.post(
        reverse("admin:alerts_alert_changelist"),
        {"action": "acknowledge_selected", "_selected_action": [alert.pk for alert in alerts]},
        follow=True,
    )

    assert "You look after 2 alerts now." in response.content.decode()
    assert Alert.objects.filter(acknowledged_name="admin").count() == 2


@pytest.mark.parametrize("state", ["pending", "firing", "resolved", "inactive"])
def test_case__any_state__everything_in_one_place(admin: Client, state: str) -> None:
    alert = make_alert(
        make_application(name="Acme"),
        rule=make_rule("load > 1", name="Load"),
        state=state,
        annotations={"summary": "Load is high", "description": "Really.", "runbook": "https://example.com"},
    )

    page = text_of(admin, "admin:alerts_alert_change", alert.pk)

    for wanted in ("Load is high", "Really.", "https://example.com", "Acme", "load &gt; 1", "What happened"):
        assert wanted in page
    assert ("/acknowledge/" in page) == (state in {"pending", "firing"})


def test_case__rule_deleted__still_readable(admin: Client) -> None:
    alert = make_alert(make_application(), state="resolved", name="Old rule")
    Alert.objects.filter(pk=alert.pk).update(rule=None)

    assert "Old rule (deleted)" in text_of(admin, "admin:alerts_alert_change", alert.pk)


def test_case__told__deliveries_with_their_state(admin: Client) -> None:
    application = make_application()
    make_channel("ops@example.com", is_default=True)
    make_rule()
    report(application, 3)
    evaluate()
    tell(30)

    page = text_of(admin, "admin:alerts_alert_change", Alert.objects.get().pk)

    assert "ops@example.com" in page
    assert "Queued" in page


def test_case__buttons__do_what_they_say(admin: Client, django_user_model: Any) -> None:
    alert = make_alert(make_application())
    person = django_user_model.objects.create_user("grace", is_staff=True)

    def press(name: str, **data: object) -> str:
        response = admin.post(reverse(f"admin:alerts_alert_{name}", args=[alert.pk]), data, follow=True)
        alert.refresh_from_db()
        return str(response.content.decode())

    assert "You look after this alert now." in press("acknowledge")
    assert "Someone looks after it already." in press("acknowledge")
    assert "Nobody looks after this alert now." in press("unacknowledge")
    assert "grace’s now" in press("assign", assignee=person.pk)
    assert "can&#x27;t be given alerts" in press("assign", assignee="999")
    assert "It was the &lt;backup&gt;." in press("comment", text="It was the <backup>.")
    assert "Write something first." in press("comment", text=" ")
    assert "can&#x27;t be given alerts" in press("assign", assignee="9" * 5000)
    assert "The alert is closed" in press("close", reason="Gone\x00 for good")
    assert alert.state == "resolved"
    assert "This alert is over" in press("acknowledge")


@pytest.mark.parametrize("name", ["acknowledge", "unacknowledge", "assign", "comment", "close"])
def test_case__someone_who_may_only_look__can_do_nothing(viewer: Client, name: str) -> None:
    alert = make_alert(make_application())

    assert "/acknowledge/" not in text_of(viewer, "admin:alerts_alert_change", alert.pk)
    assert viewer.post(reverse(f"admin:alerts_alert_{name}", args=[alert.pk])).status_code == 403


def test_case__no_such_alert__404(admin: Client) -> None:
    assert admin.get(reverse("admin:alerts_alert_change", args=["999"])).status_code == 404
    for nonsense in ("nonsense", "9" * 5000, "²"):
        assert admin.get(f"/admin/alerts/alert/{nonsense}/change/").status_code == 404
    assert admin.post(reverse("admin:alerts_alert_acknowledge", args=[999])).status_code == 404


def test_case__get_instead_of_post__refused(admin: Client) -> None:
    alert = make_alert(make_application())

    assert admin.get(reverse("admin:alerts_alert_close", args=[alert.pk])).status_code == 405


def test_story__renewed__newest_comment_in_it(admin: Client) -> None:
    alert = make_alert(make_application())
    admin.post(reverse("admin:alerts_alert_comment", args=[alert.pk]), {"text": "Looking."})

    assert "Looking." in text_of(admin, "admin:alerts_alert_story", alert.pk)


def test_rule_list__states__in_words(admin: Client) -> None:
    application = make_application()
    firing, pending = make_rule(name="A"), make_rule(name="B", for_seconds=60)
    make_alert(application, rule=firing)
    make_alert(application, rule=pending, state="pending")
    Rule.objects.filter(pk=make_rule(name="C").pk).update(last_error="no such thing", last_evaluated_at=timezone.now())
    make_rule(name="D", enabled=False)
    make_rule(name="E")
    Rule.objects.filter(pk=make_rule(name="F").pk).update(last_evaluated_at=timezone.now())

    page = text_of(admin, "admin:alerts_rule_changelist")

    for wanted in (
        "Firing 1",
        "Pending 1",
        "Can&#x27;t be evaluated",
        "no such thing",
        "Off",
        "Not evaluated yet",
        "OK",
    ):
        assert wanted in page


@pytest.mark.parametrize(("state", "names"), [("alerting", "A"), ("error", "C"), ("off", "D")])
def test_rule_list__filter_by_state__narrows_it(admin: Client, state: str, names: str) -> None:
    make_alert(make_application(), rule=make_rule(name="Rule A"))
    Rule.objects.filter(pk=make_rule(name="Rule C").pk).update(last_error="x")
    make_rule(name="Rule D", enabled=False)

    page = text_of(admin, "admin:alerts_rule_changelist", query=f"?state={state}")

    assert [name for name in "ACD" if f"Rule {name}<" in page] == [names]


def test_rule_form__filled_in__saved_by_the_service(admin: Client) -> None:
    channel = make_channel()
    data = fill_in(channels=str(channel.pk), labels="team=erp", keep_firing_for_seconds="1m", description="More.")

    response = admin.post(reverse("admin:alerts_rule_add"), data)

    rule = Rule.objects.get()
    assert response.status_code == 302
    assert (rule.slug, rule.for_seconds, rule.keep_firing_for_seconds) == ("load", 300, 60)
    assert rule.labels == {"team": "erp"}
    assert rule.annotations == {"summary": "Load of {{ $labels.host }}", "description": "More."}
    assert list(rule.channels.all()) == [channel]


def test_rule_form__changed__annotations_without_a_field_stay(admin: Client) -> None:
    rule = make_rule("load > 1", annotations={"dashboard": "x", "summary": "old"})

    admin.post(reverse("admin:alerts_rule_change", args=[rule.pk]), fill_in(name="New", for_seconds=""))

    rule.refresh_from_db()
    assert (rule.name, rule.for_seconds) == ("New", 0)
    assert rule.annotations == {"summary": "Load of {{ $labels.host }}", "dashboard": "x"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"condition": "load >"}, "Invalid query"),
        ({"condition": "nonsense(load)"}, "nonsense"),
        ({"clear_condition": "1"}, "bare number"),
        ({"condition": "absent(load)", "no_data_after_seconds": "10 min"}, "absent() looks for missing data by itself"),
        ({"summary": "{{ $nope }}"}, "$nope"),
        ({"labels": "team"}, "Line 1 must be like team=erp."),
        ({"labels": "severity=x"}, "set by Postlaunch"),
        ({"for_seconds": "soon"}, "is not a length of time"),
        ({"for_seconds": "40 days"}, "30 days"),
    ],
)
def test_rule_form__anything_wrong__said_and_nothing_stored(
    admin: Client, changes: dict[str, str], message: str
) -> None:
    response = admin.post(reverse("admin:alerts_rule_add"), fill_in(**changes))

    assert message in response.content.decode()
    assert Rule.objects.count() == 0


def test_rule_page__built_in_and_edited__says_so_and_can_be_reset(admin: Client) -> None:
    install_rules()
    rule = Rule.objects.get(builtin_key="host-cpu-warning")
    Rule.objects.filter(pk=rule.pk).update(for_seconds=1)

    page = text_of(admin, "admin:alerts_rule_change", rule.pk)
    admin.post(reverse("admin:alerts_rule_reset", args=[rule.pk]))

    rule.refresh_from_db()
    assert "you changed: for seconds" in page
    assert rule.for_seconds == 300


def test_rule_page__duplicate__opens_a_copy_that_is_off(admin: Client) -> None:
    rule = make_rule(name="Load")

    response = admin.post(reverse("admin:alerts_rule_duplicate", args=[rule.pk]))

    copy = Rule.objects.exclude(pk=rule.pk).get()
    assert response.headers["Location"] == copy.get_absolute_url()
    assert not copy.enabled


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("switch_off", "1 rule switched off."),
        ("switch_on", "0 rules switched on."),
        ("duplicate", "1 rule copied."),
        ("reset", "0 rules reset to how it was shipped. Rules of your own stay as they are."),
    ],
)
def test_rule_list__actions__say_what_happened(admin: Client, action: str, message: str) -> None:
    rule = make_rule()

    response = admin.post(
        reverse("admin:alerts_rule_changelist"), {"action": action, "_selected_action": [rule.pk]}, follow=True
    )

    assert message in response.content.decode()


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("switch_off", "1 rule switched off."),
        ("switch_on", "“Load” is not switched on: One of the channels"),
        ("duplicate", "“Load” is not copied: One of the channels"),
    ],
)
def test_rule_list__actions_on_a_rule_whose_channel_is_anothers__said_and_goes_off(
    admin: Client, action: str, words: str
) -> None:
    rule = make_rule(name="Load", channel_ids=(make_channel().pk,))
    Channel.objects.update(application=make_application())
    Rule.objects.update(enabled=action != "switch_on")

    response = admin.post(
        reverse("admin:alerts_rule_changelist"), {"action": action, "_selected_action": [rule.pk]}, follow=True
    )

    assert words in response.content.decode()
    assert list(Rule.objects.values_list("enabled", flat=True)) == [action == "duplicate"]


def test_rule_page__duplicate_a_rule_whose_channel_is_anothers__said_and_nothing_stored(admin: Client) -> None:
    rule = make_rule(name="Load", channel_ids=(make_channel().pk,))
    Channel.objects.update(application=make_application())

    response = admin.post(reverse("admin:alerts_rule_duplicate", args=[rule.pk]), follow=True)

    assert "“Load” is not copied: One of the channels" in response.content.decode()
    assert Rule.objects.count() == 1


def test_rule_delete__own_rule__deleted_with_its_alerts_ended(admin: Client) -> None:
    alert = make_alert(make_application())

    admin.post(reverse("admin:alerts_rule_delete", args=[alert.rule_id]), {"post": "yes"})

    alert.refresh_from_db()
    assert (Rule.objects.count(), alert.state, alert.rule_id) == (0, "resolved", None)


def test_rule_delete__built_in__not_offered(admin: Client) -> None:
    install_rules()
    rule = Rule.objects.builtin().first()

    assert admin.get(reverse("admin:alerts_rule_delete", args=[rule.pk])).status_code == 403  # type: ignore[union-attr]


def report_now(application: Any, value: float) -> None:
    now = timezone.now()
    store(application, [({"__name__": "load", "host": "erp1"}, int(now.timestamp() * 1000), value)], now=now)


def test_rule_preview__condition_met__who_it_would_be_firing_for(admin: Client) -> None:
    report_now(make_application(), 3)

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()

    assert "would be pending, and firing after 5 min, for 1 series" in page
    assert "Load of erp1" in page
    assert "data-chart" in page


def test_rule_preview__condition_met_without_for__would_have_fired(admin: Client) -> None:
    report_now(make_application(), 3)

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in(for_seconds="0")).content.decode()

    assert "would be firing for 1 series" in page
    assert "it would have fired" in page


def test_rule_preview__met_in_another_application_only__shows_that_one(admin: Client) -> None:
    make_application(name="Older")
    busy = make_application(name="Busy")
    report_now(busy, 3)
    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()
    assert "Busy (production)" in page
    assert "Condition met" in page


@pytest.mark.parametrize("is_known", [True, False])
def test_rule_preview__rule_that_is_off_and_names_what_became_anothers__as_it_may_be_saved(
    admin: Client, is_known: bool
) -> None:
    report_now(make_application(), 3)
    channel = make_channel()
    rule = make_rule(channel_ids=(channel.pk,), enabled=False)
    Channel.objects.filter(pk=channel.pk).update(application=make_application(name="Other"))
    filled = {key: value for key, value in fill_in(channels=[channel.pk]).items() if key != "enabled"}
    known = {"rule": rule.pk} if is_known else {}
    page = admin.post(reverse("admin:alerts_rule_preview"), {**filled, **known}).content.decode()
    assert ("Condition met" in page, "belongs to another application" in page) == (is_known, not is_known)


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_rule_preview__applications_take_long__looks_at_some_and_says_at_how_many(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("First", "Second", "Third", "Fourth"):
        make_application(name=name)
    clock = Clock()

    def take_two_seconds(**_: Any) -> bool:
        clock.seconds += 2
        return False

    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(previews, "is_met", take_two_seconds)

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()

    assert "Looked at 2 of 4 applications within 5 s; it may be met in the others." in page
    assert "nothing meets the condition" in page


def test_rule_preview__more_applications_than_are_looked_at__says_at_how_many(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_previews, "MAX_OTHERS", 1)
    for name in ("First", "Second", "Third"):
        make_application(name=name)

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()

    assert "Looked at 2 of 3 applications; it may be met in the others." in page


def test_rule_preview__asked_quickly_or_not__renews_itself_only_if_it_was_quick(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_application()
    editor = text_of(admin, "admin:alerts_rule_add")
    quick = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()
    monkeypatch.setattr(admin_previews, "QUICK_SECONDS", 0)
    slow = admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()

    assert ["every 10s" in page for page in (editor, quick, slow)] == [False, True, False]
    assert ["Ask again" in page for page in (quick, slow)] == [False, True]


def test_rule_preview__quiet__says_so(admin: Client) -> None:
    report_now(make_application(), 0)

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in(name="")).content.decode()

    assert "nothing meets the condition" in page
    assert "it would not have fired" in page


def test_rule_preview__no_condition_yet__a_hint_and_no_error(admin: Client) -> None:
    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in(condition=" ")).content.decode()
    assert "Write a condition" in page
    assert 'role="alert"' not in page


def test_rule_preview__anything_wrong__said_instead(admin: Client) -> None:
    make_application()

    page = admin.post(reverse("admin:alerts_rule_preview"), fill_in(condition="load >")).content.decode()

    assert "Invalid query" in page


def test_rule_preview__no_application_yet__says_so(admin: Client) -> None:
    assert "no application yet" in admin.post(reverse("admin:alerts_rule_preview"), fill_in()).content.decode()


def test_channel_form__webhook__secret_kept_encrypted_and_not_shown(admin: Client) -> None:
    data = {
        "name": "Hook",
        "kind": "webhook",
        "address": "https://example.com/x",
        "signing_secret": "s3cret",
        "enabled": "on",
    }
    admin.post(reverse("admin:alerts_channel_add"), data)
    channel = Channel.objects.get()

    page = text_of(admin, "admin:alerts_channel_change", channel.pk)
    admin.post(reverse("admin:alerts_channel_change", args=[channel.pk]), {**data, "name": "New", "signing_secret": ""})

    channel.refresh_from_db()
    assert "s3cret" not in page
    assert (channel.name, channel.signing_secret) == ("New", "s3cret")


def test_channel_form__bad_address__said_and_nothing_stored(admin: Client) -> None:
    data = {"name": "Ops", "kind": "email", "address": "nobody", "enabled": "on"}

    response = admin.post(reverse("admin:alerts_channel_add"), data)

    assert "“nobody” is not a mail address." in response.content.decode()
    assert Channel.objects.count() == 0


@pytest.mark.parametrize("name", ["²", "x", "9" * 30])
def test_case__address_names_no_alert__not_found(admin: Client, name: str) -> None:
    assert admin.get(f"/admin/alerts/alert/{name}/change/").status_code == 404


def test_channel_page__send_a_test__queued(admin: Client) -> None:
    channel = make_channel("ops@example.com")
    address = reverse("admin:alerts_channel_try_out", args=[channel.pk])
    assert f'method="post" action="{address}"' in text_of(admin, "admin:alerts_channel_change", channel.pk)

    response = admin.post(address, follow=True)

    assert "A test to 1 recipient is on its way." in response.content.decode()
    assert Delivery.objects.get().recipient == "ops@example.com"


def test_channel_page__test_by_a_mere_link__sends_nothing(admin: Client) -> None:
    channel = make_channel("ops@example.com")

    response = admin.get(reverse("admin:alerts_channel_try_out", args=[channel.pk]))

    assert response.status_code == 405
    assert Delivery.objects.count() == 0


def test_channel_page__secret_of_a_forgotten_key__can_be_opened_and_entered_again(admin: Client) -> None:
    with override_settings(SECRET_KEY="another key that nobody remembers any more"):
        channel = make_channel("https://example.com/x", name="Hook", kind="webhook", signing_secret="s")
    page = reverse("admin:alerts_channel_change", args=[channel.pk])
    assert admin.get(page).status_code == 200
    assert admin.get(reverse("admin:alerts_channel_changelist")).status_code == 200
    data = {"name": "Hook", "kind": "webhook", "address": "https://example.com/x", "enabled": "on"}

    assert admin.post(page, {**data, "signing_secret": ""}).status_code == 302
    admin.post(page, {**data, "signing_secret": "new"})

    assert Channel.objects.get().signing_secret == "new"


def test_home__firing_alerts__on_the_board_and_in_the_sentence(admin: Client) -> None:
    application = make_application()
    report_now(application, 3)
    alert = make_alert(
        application, severity="critical", labels={"host": "erp1"}, annotations={"summary": "Load is high"}
    )
    Rule.objects.filter(pk=alert.rule_id).update(last_evaluated_at=moment(0))

    panel = text_of(admin, "admin:home_panel", "alerts")
    headline = text_of(admin, "admin:home_headline")

    assert "Load is high" in panel
    assert "1 alert fires and nobody has acknowledged it" in headline
    assert "Rules are not being evaluated" in headline


def test_home__nothing_fires__says_so(admin: Client) -> None:
    assert "Nothing fires." in text_of(admin, "admin:home_panel", "alerts")
