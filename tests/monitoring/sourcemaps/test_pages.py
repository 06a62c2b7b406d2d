"""Source maps in the admin, on an issue's page and in REST."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.errors.models import ErrorIssue
from monitoring.sourcemaps.models import SourceBlob, SourceBundle
from monitoring.sourcemaps.resolving import forget
from tests.support.admin import sign_in
from tests.support.errors import report
from tests.support.metrics import make_application
from tests.support.sourcemaps import make_browser_event, upload

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/sourcebundle/"
READ = ("monitoring.view_sourcebundle", "monitoring.view_application")


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    forget()
    yield
    forget()


def test_list__nothing_uploaded__shows_what_is_missing_and_the_command(
    client: Client, application: Application
) -> None:
    sign_in(client, *READ)
    report(application, make_browser_event())
    page = client.get(LIST).content.decode()
    assert "of 2.3.1</span>" in page
    assert f"SENTRY_PROJECT={application.slug}" in page
    assert "sourcemaps upload --release 2.3.1 dist" in page
    assert "No source map was uploaded yet" in page


def test_list__more_uploads__take_no_more_queries(client: Client, application: Application) -> None:
    sign_in(client, *READ)
    counts = []
    for number in range(3):
        upload(application, release=f"2.3.{number}")
        client.get(LIST)
        with CaptureQueriesContext(connection) as captured:
            page = client.get(LIST).content.decode()
        assert f"2.3.{number}" in page
        counts.append(len(captured))
    assert counts[0] == counts[-1] <= 14


def test_case__files_and_removal(client: Client, application: Application) -> None:
    bundle = upload(application).bundle
    assert bundle is not None
    sign_in(client, *READ, "monitoring.delete_sourcebundle")
    page = client.get(bundle.get_absolute_url()).content.decode()
    assert "~/assets/main.js.map" in page
    assert "~/assets" not in client.get(f"{bundle.get_absolute_url()}?q=nothing").content.decode()
    assert client.post(f"{LIST}{bundle.pk}/remove/").status_code == 302
    assert not SourceBundle.objects.exists()
    assert not SourceBlob.objects.exists()


def test_case__reader_without_permission__can_not_remove(client: Client, application: Application) -> None:
    bundle = upload(application).bundle
    assert bundle is not None
    sign_in(client, *READ)
    assert client.post(f"{LIST}{bundle.pk}/remove/").status_code == 403


def test_action__remove__goes_by_the_service(client: Client, application: Application) -> None:
    bundle = upload(application).bundle
    assert bundle is not None
    sign_in(client, *READ, "monitoring.delete_sourcebundle")
    client.post(LIST, {"action": "remove_selected", "_selected_action": [bundle.pk]})
    assert not SourceBlob.objects.exists()


def test_issue__without_a_map__says_what_to_run__and_is_explained_once_it_came(
    client: Client, application: Application
) -> None:
    sign_in(client, "monitoring.view_errorissue")
    report(application, make_browser_event())
    address = ErrorIssue.objects.get().get_absolute_url()
    before = client.get(address).content.decode()
    assert "This is minified code." in before
    assert "sourcemaps upload --release 2.3.1 dist" in before
    upload(application)
    forget()
    after = client.get(address).content.decode()
    assert "This is minified code." not in after
    assert "src/invoice.js" in after
    assert "has no ledger&quot;);" in after
    assert "https://erp.example.com/assets/main.js:1:" in after


def test_rest__uploads__listed_missing_and_removed(client: Client, application: Application) -> None:
    def headers(*scopes: Scope) -> dict[str, str]:
        key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(scopes))
        return {"Authorization": f"Bearer {key.token}"}

    report(application, make_browser_event(release="1"))
    upload(make_application())
    bundle = upload(application).bundle
    assert bundle is not None
    read, write = headers(Scope.READ), headers(Scope.WRITE)
    listed = client.get("/api/v1/source-maps/", headers=read).json()["results"]
    assert [(one["id"], one["release"], one["file_count"]) for one in listed] == [(bundle.pk, "2.3.1", 2)]
    assert client.get("/api/v1/source-maps/?release=x", headers=read).json()["results"] == []
    missing = client.get("/api/v1/source-maps/missing/", headers=read).json()
    assert [(one["release"], one["event_count"], one["reason"]) for one in missing] == [("1", 1, "no_upload")]
    assert client.delete(f"/api/v1/source-maps/{bundle.pk}/", headers=read).status_code == 403
    assert client.delete(f"/api/v1/source-maps/{bundle.pk}/", headers=write).status_code == 204
    assert client.get(f"/api/v1/source-maps/{bundle.pk}/", headers=read).status_code == 404
