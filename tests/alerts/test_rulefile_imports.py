"""Rule files through the service, the admin and REST: all or nothing, and the same file twice changes nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.escalation import StepKind
from alerts.models import Alert, Channel, Policy, Rule
from alerts.rulefiles import RuleFileInvalid, read_rule_file
from alerts.services.builtin import install_rules
from alerts.services.policies import make_draft, save_policy
from alerts.services.rulefiles import export_rule_file, import_rule_file, preview_rule_file
from alerts.services.rules import draft_of, update_rule
from config.actors import Actor
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from tests.support.admin import sign_in
from tests.support.alerts import make_alert, make_channel, make_rule
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
BY = Actor("Ada")
IMPORTER = ("alerts.view_rule", "alerts.add_rule", "alerts.change_rule")

FILE = """\
groups:
- name: node
  rules:
  - alert: Load
    expr: load > 1
    for: 5m
    labels: {severity: warning, window: short}
    annotations: {summary: "Load of {{ $labels.host }}", description: "Much.\\n"}
  - alert: Load
    expr: load > 2
    labels: {severity: warning, window: long}
  - alert: Load
    expr: load > 9
    labels: {severity: critical}
"""
CRITICAL = "{severity: critical}\n    annotations: "


def make_policy(name: str, application: Application | None = None) -> Policy:
    steps = [make_draft(StepKind.CHANNEL, [make_channel()])]
    return save_policy(policy=Policy(name=name, application=application), steps=steps)


def take(text: str = FILE, **options: Any) -> tuple[int, int, int]:
    """Import a file; return how many rules were created, changed and left unchanged."""
    done = import_rule_file(**{"text": text, "by": BY, "application_id": None, **options})
    return len(done.created), len(done.changed), len(done.unchanged)


def conditions() -> list[str]:
    return list(Rule.objects.order_by("pk").values_list("condition", flat=True))


def test_import__twice__the_second_time_changes_nothing() -> None:
    assert take() == (3, 0, 0)
    before = list(Rule.objects.order_by("pk").values())

    assert take() == (0, 0, 3)

    assert list(Rule.objects.order_by("pk").values()) == before
    assert {rule["origin"] for rule in before} == {"node/Load"}


def test_import__changed_file__the_same_rules_changed() -> None:
    take()

    done = import_rule_file(text=FILE.replace("load > 2", "load > 3"), by=BY, application_id=None)

    assert [(rule.name, rule.line, rule.fields) for rule in done.changed] == [("Load", 9, ("condition",))]
    assert conditions() == ["load > 1", "load > 3", "load > 9"]


def test_import__without_replace__rules_that_are_here_stay() -> None:
    take()

    done = import_rule_file(text=FILE.replace("load > 2", "load > 3"), by=BY, application_id=None, replace=False)

    assert (len(done.created), len(done.changed), len(done.unchanged)) == (0, 0, 3)
    assert [(warning.line, "left as it is" in warning.message) for warning in done.warnings] == [(9, True)]
    assert conditions() == ["load > 1", "load > 2", "load > 9"]


def test_import__what_the_file_does_not_say__stays() -> None:
    take()
    rule = Rule.objects.earliest("pk")
    channel = make_channel()
    draft = replace(draft_of(rule), channel_ids=(channel.pk,), enabled=False, clear_condition="load < 1")
    update_rule(rule=rule, draft=draft, by=BY)

    assert take(FILE.replace("for: 5m", "for: 6m")) == (0, 1, 2)

    rule.refresh_from_db()
    assert (rule.for_seconds, rule.enabled, rule.clear_condition) == (360, False, "load < 1")
    assert list(rule.channels.all()) == [channel]


def test_import__renamed_in_the_admin__found_again() -> None:
    take()
    rule = Rule.objects.latest("pk")
    update_rule(rule=rule, draft=replace(draft_of(rule), name="Very busy"), by=BY)
    exported = export_rule_file(Rule.objects.all())

    assert take(exported) == (0, 0, 3)
    assert take() == (0, 1, 2)


def test_import__edited_by_a_form__line_ends_are_no_difference() -> None:
    take(FILE.replace("expr: load > 1", "expr: |\n      load\n      > 1"))
    rule = Rule.objects.earliest("pk")
    annotations = {name: text.strip() for name, text in rule.annotations.items()}
    draft = replace(draft_of(rule), condition="load\r\n> 1", annotations=annotations)
    update_rule(rule=rule, draft=draft, by=BY)

    assert take(FILE.replace("expr: load > 1", "expr: |\n      load\n      > 1")) == (0, 0, 3)


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace("load > 9", "load >"),
        FILE + "- name: node\n",
        FILE.replace("{severity: critical}", f'{CRITICAL}{{postlaunch_application: "gone"}}'),
        FILE.replace("{severity: critical}", f'{CRITICAL}{{postlaunch_policy: "gone"}}'),
        FILE.replace("{severity: critical}", f'{CRITICAL}{{postlaunch_policy: "Theirs"}}'),
    ],
)
def test_import__anything_wrong__nothing_stored(text: str) -> None:
    make_policy("Theirs", make_application())
    with pytest.raises(RuleFileInvalid) as caught:
        take(text)

    assert [error.line for error in caught.value.errors] in ([13], [15], [12])
    assert Rule.objects.count() == 0


def test_import__what_only_the_database_knows_is_wrong__every_rule_named_and_nothing_stored() -> None:
    channel = make_channel()
    text = FILE + FILE.partition("rules:\n")[2].replace("alert: Load", "alert: Other")
    take(text)
    for rule in Rule.objects.filter(severity="critical"):
        rule.channels.add(channel)
    Channel.objects.update(application=make_application())

    with pytest.raises(RuleFileInvalid) as caught:
        take(text.replace("load > 9", "load > 8"))

    assert [(error.line, error.where) for error in caught.value.errors] == [
        (12, "group node, alert Load"),
        (23, "group node, alert Other"),
    ]
    assert not Rule.objects.filter(condition="load > 8").exists()


def test_import__many_rules__in_as_many_queries_as_few() -> None:
    channel = make_channel(name="Ops")
    make_rule()
    counts = []
    for rules in (3, 30):
        written = "".join(
            f"  - {{alert: Rule {number}, expr: load > {{}}, annotations: {{postlaunch_channels: '[\"Ops\"]'}}}}\n"
            for number in range(rules)
        ).replace("load > {}", "load > 1")
        text = f"groups:\n- name: group {rules}\n  rules:\n{written}"
        for limit in (1, 2):
            with CaptureQueriesContext(connection) as found:
                take(text.replace("load > 1", f"load > {limit}"))
            counts.append(len(found))

    assert counts[0] == counts[2]
    assert counts[1] == counts[3]
    assert Rule.objects.filter(channels=channel, condition="load > 2").count() == 33
    assert len(set(Rule.objects.values_list("slug", flat=True))) == 34


def test_import__rule_switched_off_by_the_file__its_alerts_end_and_its_evaluation_stays() -> None:
    application = make_application()
    take()
    rules = list(Rule.objects.order_by("pk"))
    for rule in rules:
        make_alert(application, rule=rule)
    Rule.objects.update(last_error="Too many series", last_duration_seconds=2.0)

    take(FILE.replace("{severity: critical}", f'{CRITICAL}{{postlaunch_enabled: "false"}}'))

    states = dict(Alert.objects.values_list("rule_id", "state"))
    assert [states[rule.pk] for rule in rules] == ["firing", "firing", "resolved"]
    assert set(Rule.objects.values_list("last_error", "last_duration_seconds")) == {("Too many series", 2.0)}


def test_import__for_an_application__its_rules_beside_those_of_all() -> None:
    application = make_application()
    take()

    assert take(application_id=application.pk) == (3, 0, 0)
    assert take(application_id=application.pk) == (0, 0, 3)
    assert Rule.objects.filter(application=application).count() == 3


def test_preview__changes__told_and_not_made() -> None:
    take()

    found = preview_rule_file(
        text=FILE.replace("load > 2", "load > 3") + "  - {alert: New, expr: x > 1}\n", application_id=None
    )

    assert [rule.name for rule in found.created] == ["New"]
    assert [rule.fields for rule in found.changed] == [("condition",)]
    assert conditions() == ["load > 1", "load > 2", "load > 9"]


def test_export__imported_here__nothing_changes() -> None:
    install_rules()
    application = make_application()
    make_rule(
        "load\n> 1",
        application_id=application.pk,
        channel_ids=(make_channel().pk, make_channel(name="Night, {{ and }} day").pk),
        clear_condition='load{a="{{"} < 1',
        enabled=False,
        annotations={"runbook": "https://wiki.example.com/", "other": "x"},
    )
    make_rule(annotations={"runbook_url": "x"})
    take()

    text = export_rule_file(Rule.objects.all())

    assert take(text) == (0, 0, Rule.objects.count())


def test_export__imported_elsewhere__the_same_rules(django_user_model: Any) -> None:
    owner = django_user_model.objects.create_user("ada")
    application = make_application()
    channel = make_channel()
    fields = {
        "application_id": application.pk,
        "clear_condition": "load < 1",
        "no_data_after_seconds": 600,
        "channel_ids": (channel.pk,),
        "policy_id": make_policy("Night, {{ and }} “day”", application).pk,
        "owner_id": owner.pk,
        "enabled": False,
        "labels": {"team": "erp"},
        "annotations": {"runbook": "Look first.", "summary": "{{ $value }}"},
    }
    before = draft_of(make_rule(**fields))
    text = export_rule_file(Rule.objects.all())
    Rule.objects.all().delete()

    assert take(text) == (1, 0, 0)

    assert draft_of(Rule.objects.get()) == before
    assert export_rule_file(Rule.objects.all()) == text


def test_export__one_application_in_two_environments__each_rule_to_its_own() -> None:
    production = make_application()
    staging = make_application(slug=production.slug, environment="staging")
    for place, application in enumerate([production, staging], 1):
        policy = make_policy(f"Night {place}", application)
        make_rule(f"load > {place}", name="Load", application_id=application.pk, policy_id=policy.pk)
    before = [draft_of(rule) for rule in Rule.objects.order_by("condition")]
    text = export_rule_file(Rule.objects.all())
    Rule.objects.all().delete()

    assert take(text) == (2, 0, 0)

    assert [draft_of(rule) for rule in Rule.objects.order_by("condition")] == before
    assert take(text) == (0, 0, 2)


def test_import__policy__changed_taken_away_and_kept_where_the_file_does_not_say() -> None:
    first, second = make_policy("First"), make_policy("Second")
    found = []
    for name in ("First", "Second", None, ""):
        written = "{severity: critical}" if name is None else f'{CRITICAL}{{postlaunch_policy: "{name}"}}'
        take(FILE.replace("{severity: critical}", written))
        found.append(Rule.objects.get(severity="critical").policy)

    assert found == [first, second, second, None]


def test_import__names_that_are_not_here__left_out_with_a_warning() -> None:
    application, other = make_application(), make_application()
    text = FILE.replace(
        "{severity: critical}",
        "{severity: critical}\n    annotations:\n      postlaunch_channels: '[\"gone\"]'\n      postlaunch_owner: gone\n"
        f"      postlaunch_application: {other.slug}",
    )

    done = import_rule_file(text=text, by=BY, application_id=application.pk)

    assert len(done.created) == 3
    assert [warning.line for warning in done.warnings] == [12, 12, 12]
    assert Rule.objects.filter(application=application).count() == 3


def test_import__channels_that_are_anothers__left_out_as_if_they_were_not_here() -> None:
    application, other = make_application(), make_application()
    everyones = make_channel(name="Everyone's")
    theirs = make_channel(name="Theirs", application=other)
    names = f"{CRITICAL}{{postlaunch_channels: '[\"Theirs\", \"Everyone''s\"]', postlaunch_application: {other.slug}}}"
    text = FILE.replace("{severity: critical}", names)

    done = import_rule_file(text=text, by=BY, application_id=application.pk)
    elsewhere = import_rule_file(text=text, by=BY, application_id=None)

    assert done.warnings[0].message == "There is no channel “Theirs” here that this rule can name; it is left out."
    assert [len(found.warnings) for found in (done, elsewhere)] == [2, 0]
    critical = Rule.objects.filter(severity="critical")
    assert list(critical.get(application=application).channels.all()) == [everyones]
    assert set(critical.get(application=other).channels.all()) == {everyones, theirs}


def test_rest_import__policy_that_is_anothers__refused_as_if_it_was_not_here() -> None:
    application = make_application()
    make_policy("Name", make_application())
    text = FILE.replace("{severity: critical}", CRITICAL + "{postlaunch_policy: Name}")

    answers = []
    for _ in range(2):
        answers.append(call(application).post("/api/v1/rules/import/", {"text": text}, content_type="application/json"))
        Policy.objects.all().delete()

    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json()["errors"] == answers[1].json()["errors"]


def test_export__shipped_rules__accepted_by_prometheus(tmp_path: Path) -> None:
    install_rules()
    make_rule("load\n> 1", channel_ids=(make_channel(name="{{ a }}").pk,), enabled=False)
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    (tmp_path / "rules.yml").write_text(export_rule_file(Rule.objects.all()))

    result = subprocess.run(
        [promtool, "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    assert result.returncode == 0, result.stdout + result.stderr


def test_export__one_rule_and_three__the_same_queries() -> None:
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            make_rule(channel_ids=(make_channel().pk,), application_id=make_application().pk)
        with CaptureQueriesContext(connection) as found:
            export_rule_file(Rule.objects.all())
        counts.append(len(found))

    assert counts[0] == counts[1]


def page(client: Client, **body: Any) -> str:
    response = client.post(reverse("admin:alerts_rule_import"), body)
    assert response.status_code == 200
    return str(response.content.decode())


def test_admin_import__pasted__previewed_then_confirmed(client: Client) -> None:
    sign_in(client, *IMPORTER)

    preview = page(client, text=FILE, replace="on")

    assert "3 created, 0 changed, 0 unchanged" in preview
    assert Rule.objects.count() == 0
    client.post(
        reverse("admin:alerts_rule_import"),
        {"text": FILE.replace("\n", "\r\n"), "replace": "on", "confirm": "yes"},
    )
    assert Rule.objects.count() == 3
    assert "All rules of the file are here already" in page(client, text=FILE, replace="on")


def test_admin_import__uploaded__previewed_for_the_application(client: Client) -> None:
    sign_in(client, *IMPORTER)
    application = make_application()

    preview = page(client, file=SimpleUploadedFile("rules.yml", FILE.encode()), application=application.pk)

    assert "3 created" in preview
    assert f'name="application" value="{application.pk}"' in preview
    assert "load &gt; 9" in preview


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ({"text": FILE.replace("load > 9", "load >")}, [">13<", "Invalid query", "expr: load &gt;"]),
        ({"text": ""}, ["The file is empty"]),
        ({"text": FILE, "application": "999"}, ["Select a valid choice"]),
        ({"text": "<script>: 1"}, ["&lt;script&gt;"]),
    ],
)
def test_admin_import__anything_wrong__lines_and_nothing_stored(
    client: Client, body: dict[str, str], parts: list[str]
) -> None:
    sign_in(client, *IMPORTER)

    for extra in ({}, {"confirm": "yes"}):
        shown = page(client, **body, **extra)

        assert all(part in shown for part in parts)
        assert "<script>: 1" not in shown
    assert Rule.objects.count() == 0


def test_admin_import__file_that_is_no_text__refused(client: Client) -> None:
    sign_in(client, *IMPORTER)

    assert "not UTF-8" in page(client, file=SimpleUploadedFile("rules.yml", b"\xff\xfe"))


@pytest.mark.parametrize("missing", IMPORTER[1:])
def test_admin_import__without_a_right__refused_and_no_link(client: Client, missing: str) -> None:
    sign_in(client, *(name for name in IMPORTER if name != missing))

    assert client.get(reverse("admin:alerts_rule_import")).status_code == 403
    assert client.post(reverse("admin:alerts_rule_import"), {"text": FILE, "confirm": "yes"}).status_code == 403
    listed = client.get(reverse("admin:alerts_rule_changelist")).content.decode()
    assert reverse("admin:alerts_rule_import") not in listed
    assert reverse("admin:alerts_rule_export") in listed
    assert Rule.objects.count() == 0


def test_admin_import__get_or_without_token__changes_nothing(client: Client) -> None:
    user = sign_in(client, *IMPORTER)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)

    client.get(reverse("admin:alerts_rule_import"), {"text": FILE, "confirm": "yes"})
    answer = strict.post(reverse("admin:alerts_rule_import"), {"text": FILE, "confirm": "yes"})

    assert (answer.status_code, Rule.objects.count()) == (403, 0)


def test_admin_export__filters_of_the_list__only_those_rules(client: Client) -> None:
    sign_in(client, "alerts.view_rule")
    take()

    answer = client.get(reverse("admin:alerts_rule_export") + "?severity__exact=critical")

    assert answer["Content-Disposition"] == 'attachment; filename="rules.yml"'
    assert [rule.condition for rule in read_rule_file(answer.content.decode()).rules] == ["load > 9"]
    assert client.get(reverse("admin:alerts_rule_export") + "?nonsense=1").status_code == 302


def test_admin_export__without_the_right__refused(client: Client) -> None:
    sign_in(client, "alerts.view_alert")

    assert client.get(reverse("admin:alerts_rule_export")).status_code == 403


def call(application: Application, *scopes: str) -> Client:
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes or ("read", "write")).token
    return Client(headers={"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize("media_type", ["application/yaml", "application/json"])
def test_rest__imported_and_exported__of_the_keys_application(media_type: str) -> None:
    application = make_application()
    make_rule("everyones > 1")
    client = call(application)
    body: Any = FILE if media_type == "application/yaml" else {"text": FILE}

    trial = client.post("/api/v1/rules/import/?dry_run=true", body, content_type=media_type)
    assert (trial.status_code, len(trial.json()["created"]), Rule.objects.count()) == (200, 3, 1)
    done = client.post("/api/v1/rules/import/", body, content_type=media_type)
    again = client.post("/api/v1/rules/import/", body, content_type=media_type)
    exported = client.get("/api/v1/rules/export/")

    assert done.json()["created"][0] == {"name": "Load", "severity": "warning", "line": 4, "fields": []}
    assert (again.json()["created"], len(again.json()["unchanged"])) == ([], 3)
    assert set(Rule.objects.filter(origin="node/Load").values_list("application", flat=True)) == {application.pk}
    assert exported["Content-Type"].startswith("application/yaml")
    assert [rule.condition for rule in read_rule_file(exported.content.decode()).rules] == [
        "load > 1",
        "load > 2",
        "load > 9",
    ]


def test_rest_import__exported_by_another_application__goes_to_the_keys() -> None:
    first, second = make_application(), make_application()
    call(first).post("/api/v1/rules/import/", FILE, content_type="application/yaml")
    exported = call(first).get("/api/v1/rules/export/", headers={"Accept": "application/json"}).json()

    done = call(second).post("/api/v1/rules/import/", exported, content_type="application/json").json()

    assert (len(done["created"]), len(done["warnings"])) == (3, 1)
    assert Rule.objects.filter(application=second).count() == 3
    assert Rule.objects.filter(application=first).count() == 3


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (FILE.replace("load > 9", "load >").encode(), 13),
        (FILE.replace("{severity: critical}", CRITICAL + "{postlaunch_channels: '[\"\\ud800\"]'}").encode(), 15),
        (b"groups:\n\xff", 2),
        (b"x" * (1024 * 1024 + 1), 1),
    ],
)
def test_rest_import__anything_wrong__line_named_and_nothing_stored(body: bytes, line: int) -> None:
    answer = call(make_application()).generic("POST", "/api/v1/rules/import/", body, content_type="application/yaml")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["errors"][0]["line"] == line
    assert Rule.objects.count() == 0


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("post", "/api/v1/rules/import/", "read"), ("get", "/api/v1/rules/export/", "write")],
)
def test_rest__key_without_the_scope__refused(method: str, path: str, scope: str) -> None:
    client = call(make_application(), scope)

    answer = getattr(client, method)(
        path, content_type="application/json", data={} if method == "get" else {"text": FILE}
    )

    assert (answer.status_code, answer.json()["type"]) == (403, "/api/docs/errors/#scope-missing")
    assert Rule.objects.count() == 0
