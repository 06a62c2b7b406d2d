"""From minified frames back to the code, at digest and on the page."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from monitoring.applications.models import Application
from monitoring.errors.models import ErrorEvent, ErrorGroup, ErrorIssue
from monitoring.errors.selectors import read_document
from monitoring.sourcemaps import resolving
from monitoring.sourcemaps.models import MissingMap, SourceBlob, SourceBundle, SourceChunk, SourceFile
from monitoring.sourcemaps.resolving import forget, resolve_document
from monitoring.sourcemaps.services.upkeep import delete_bundle, prune
from tests.support.errors import report
from tests.support.metrics import make_application
from tests.support.sourcemaps import SCRIPT, SOURCE_MAP, make_browser_event, make_bundle, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget()
    yield
    forget()


def digest(application: Application, **fields: Any) -> dict[str, Any]:
    """Have an event arrive and return its newest frame as stored."""
    done = report(application, make_browser_event(**fields))
    assert (done.kept, done.set_aside) == (1, 0)
    document = read_document(ErrorEvent.objects.latest("id"))
    frame: dict[str, Any] = document["exception"]["values"][0]["stacktrace"]["frames"][-1]
    return frame


def test_digest__uploaded_by_debug_id__frame_is_the_code_that_people_wrote(application: Application) -> None:
    upload(application)
    frame = digest(application, release="another")
    assert (frame["function"], frame["filename"], frame["lineno"]) == ("postToLedger", "src/invoice.js", 10)
    assert frame["context_line"].strip() == 'throw new TypeError("invoice " + invoice.number + " has no ledger");'
    assert frame["pre_context"][-1] == "  if (!invoice.ledger) {"
    assert frame["post_context"][0] == "  }"
    assert frame["in_app"] is True
    assert frame["minified"]["function"] == "u"
    assert frame["minified"]["abs_path"] == "https://erp.example.com/assets/main.js"
    assert ErrorIssue.objects.get().culprit == "src/invoice.js in postToLedger"


@pytest.mark.parametrize("url", ["~/assets/main.js", "https://erp.example.com/assets/main.js"])
def test_digest__uploaded_by_release_and_address__is_explained(application: Application, url: str) -> None:
    upload(application, make_bundle(url=url, debug_id=None))
    assert digest(application, debug_id=None)["filename"] == "src/invoice.js"


@pytest.mark.parametrize(
    ("fields", "is_explained"),
    [
        ({"release": "2.3.1", "dist": "b"}, True),
        ({"release": "2.3.1", "dist": "c"}, False),
        ({"release": "2.3.1"}, False),
        ({"release": "2.3.0", "dist": "b"}, False),
    ],
)
def test_digest__by_address__release_and_distribution_must_fit(
    application: Application, fields: dict[str, str], is_explained: bool
) -> None:
    upload(application, make_bundle(debug_id=None), dist="b")
    assert ("minified" in digest(application, debug_id=None, **fields)) is is_explained


def test_digest__upload_of_another_application__is_not_used(application: Application) -> None:
    upload(make_application())
    assert digest(application)["unresolved"] == "no_upload"


def test_digest__two_builds_with_other_names__are_one_issue(application: Application) -> None:
    upload(application)
    renamed = SCRIPT.replace("function u(", "function U(").replace("return u(", "return U(")
    upload(application, make_bundle(script=renamed, debug_id="11111111-2222-3333-4444-555555555555"), release="2.3.2")
    digest(application)
    event = make_browser_event(release="2.3.2", debug_id="11111111-2222-3333-4444-555555555555")
    event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] = "U"
    report(application, event)
    assert ErrorGroup.objects.count() == 1
    assert ErrorIssue.objects.get().event_count == 2


def test_digest__package_code__is_not_the_applications_own(application: Application) -> None:
    upload(application)
    frame = digest(application, column_of="o.reduce")
    assert (frame["filename"], frame["in_app"]) == ("node_modules/lib/index.js", False)


@pytest.mark.parametrize(
    ("bundle", "reason"),
    [
        (make_bundle(source_map=None), "no_map"),
        (make_bundle(source_map=b"{"), "invalid"),
        (make_bundle(source_map=b"\xff" * 10), "invalid"),
        (make_bundle(source_map='{"version":3,"sources":["a.js"],"names":[],"mappings":""}'), "outside"),
        (make_bundle(debug_id="11111111-2222-3333-4444-555555555555"), "no_upload"),
    ],
)
def test_digest__no_use_of_the_map__event_is_kept_with_the_reason(
    application: Application, bundle: bytes, reason: str
) -> None:
    upload(application, bundle)
    frame = digest(application)
    assert (frame["function"], frame["unresolved"]) == ("u", reason)
    missing = MissingMap.objects.get()
    assert (missing.release, missing.event_count, missing.reason) == ("2.3.1", 1, reason)


def test_digest__nothing_uploaded__missing_events_are_counted_until_an_upload(application: Application) -> None:
    digest(application)
    digest(application)
    assert MissingMap.objects.get().event_count == 2
    upload(application)
    assert not MissingMap.objects.exists()


def test_digest__plain_script_without_upload__asks_for_no_map(application: Application) -> None:
    event = make_browser_event(debug_id=None)
    for frame in event["exception"]["values"][0]["stacktrace"]["frames"]:
        frame["colno"] = 9
    report(application, event)
    assert not MissingMap.objects.exists()


@pytest.mark.parametrize("name", ["minified", "unresolved"])
def test_digest__client_claims_to_have_been_explained__is_not_believed(application: Application, name: str) -> None:
    upload(application)
    event = make_browser_event()
    event["exception"]["values"][0]["stacktrace"]["frames"][-1][name] = {"function": "fake"}
    report(application, event)
    frame = read_document(ErrorEvent.objects.get())["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert (frame["function"], frame["minified"]["function"]) == ("postToLedger", "u")


@pytest.mark.parametrize(
    "spoil",
    [
        {"debug_meta": {"images": [None, 3, {"type": "sourcemap", "code_file": 4, "debug_id": "x"}]}},
        {"debug_meta": []},
        {"exception": {"values": [{"stacktrace": {"frames": [None, {"abs_path": 3, "lineno": "x", "colno": True}]}}]}},
        {"threads": 7, "stacktrace": "x", "release": ["a"], "dist": 4},
        {"platform": ["javascript"]},
    ],
)
def test_digest__odd_documents__never_stop(application: Application, spoil: dict[str, Any]) -> None:
    upload(application)
    if isinstance(spoil.get("platform"), list):
        assert resolve_document({**make_browser_event(), **spoil}, application_id=application.pk) == 0
    else:
        done = report(application, {**make_browser_event(), **spoil})
        assert (done.kept, done.set_aside) == (1, 0)


def test_resolve_document__numbers_beyond_all_bounds__are_outside(application: Application) -> None:
    upload(application)
    event = make_browser_event()
    frame = event["exception"]["values"][0]["stacktrace"]["frames"][-1]
    frame["lineno"], frame["colno"] = 1 << 40, 1 << 70
    resolve_document(event, application_id=application.pk)
    assert frame["unresolved"] == "outside"


def test_resolve_document__stored_before_the_upload__is_explained_now_and_only_once(application: Application) -> None:
    event = make_browser_event()
    resolve_document(event, application_id=application.pk)
    upload(application)
    forget()
    assert resolve_document(event, application_id=application.pk, is_stored=True) == 3
    again = copy.deepcopy(event)
    assert resolve_document(again, application_id=application.pk, is_stored=True) == 0
    assert again == event


def test_resolve_document__frames_of_many_files__is_bounded(application: Application) -> None:
    upload(application)
    event = make_browser_event(debug_id=None)
    frame = event["exception"]["values"][0]["stacktrace"]["frames"][0]
    frames = [{**frame, "abs_path": f"https://erp.example.com/{n}.min.js"} for n in range(resolving.MAX_FILES + 1)]
    event["exception"]["values"][0]["stacktrace"]["frames"] = frames
    resolve_document(event, application_id=application.pk)
    assert [each["unresolved"] for each in frames] == ["no_upload"] * resolving.MAX_FILES + ["too_many"]


def test_digest__map_was_used__upload_says_when(application: Application) -> None:
    upload(application)
    digest(application)
    assert SourceBundle.objects.get().used_at == ErrorEvent.objects.get().received_at


def test_prune__old_uploads__only_unused_ones_go_with_what_no_other_has(application: Application) -> None:
    now = timezone.now()
    upload(application)
    upload(application, make_bundle(script=SCRIPT + "\n"), release="2.3.2")
    SourceBundle.objects.update(uploaded_at=now - timedelta(days=91))
    SourceBundle.objects.filter(release="2.3.1").update(used_at=now - timedelta(days=2))
    assert prune(now=now) == 1
    assert SourceBundle.objects.get().release == "2.3.1"
    assert {bytes(blob.sha1) for blob in SourceBlob.objects.all()} == {
        bytes(file.blob.sha1) for file in SourceFile.objects.select_related("blob")
    }
    assert SourceBlob.objects.count() == 2


def test_prune__pieces_of_unfinished_uploads__go_after_a_day(application: Application) -> None:
    now = timezone.now()
    for hours in (23, 25):
        SourceChunk.objects.create(
            application=application,
            sha1=bytes([hours]) * 20,
            size=1,
            data=b"x",
            uploaded_at=now - timedelta(hours=hours),
        )
    prune(now=now)
    assert SourceChunk.objects.get().sha1[0] == 23


def test_delete_bundle__shared_contents__stay_for_the_other(application: Application) -> None:
    first = upload(application).bundle
    upload(application, make_bundle(url="~/other.js"), release="2.3.2")
    assert first is not None
    delete_bundle(bundle=first)
    assert SourceBlob.objects.count() == 2
    assert len(SOURCE_MAP) in set(SourceBlob.objects.values_list("size", flat=True))
