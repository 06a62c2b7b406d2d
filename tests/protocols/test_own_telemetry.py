"""The product as it is run records its own requests, queries and errors as an application, by the paths everybody's take."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Product, running_product

WAIT_SECONDS = 60
PASSWORD = "a-password-for-this-test"
BREAK = "ALTER TABLE monitoring_check RENAME TO monitoring_check_away"
MEND = "ALTER TABLE monitoring_check_away RENAME TO monitoring_check"
RUN = "from django.db import connection; connection.cursor().execute({statement!r})"
READ = """
import json
from monitoring.applications.selectors import find_own_application
from monitoring.errors.models import ErrorEvent, ErrorIssue
from monitoring.losses.selectors import sum_by_signal
from monitoring.performance.models import Query, Request
from django.utils import timezone
from datetime import timedelta
own = find_own_application()
pages = Request.objects.filter(application_id=own.pk, endpoint__endpoint="/admin/monitoring/check/")
print(json.dumps({
    "name": str(own),
    "statuses": sorted(pages.values_list("status", flat=True)),
    "failed": list(pages.filter(failed=True).values_list("trace_id", flat=True)),
    "queries_of_page": Query.objects.filter(application_id=own.pk, trace_id__in=pages.values("trace_id")).count(),
    "jobs": Request.objects.filter(application_id=own.pk, endpoint__method="").count(),
    "errors": list(ErrorIssue.objects.filter(application=own).values_list("title", flat=True)),
    "traces_of_errors": list(ErrorEvent.objects.filter(application_id=own.pk).values_list("trace_id", flat=True)),
    "account": {
        str(signal.value): [total.received, total.stored]
        for signal, total in sum_by_signal(application_id=own.pk, since=timezone.now() - timedelta(hours=2)).items()
    },
}))
"""


@pytest.mark.protocols
@pytest.mark.timeout(300)
def test_itself__a_page_that_fails__is_a_request_its_queries_and_an_error(tmp_path: Path) -> None:
    with running_product(tmp_path / "data", ADMIN_PASSWORD=PASSWORD, WEB_WORKERS="1") as product:
        with httpx.Client(base_url=product.url, follow_redirects=True, timeout=30) as client:
            sign_in(client)
            assert client.get("/admin/monitoring/check/").status_code == httpx.codes.OK
            product.manage("shell", "--no-imports", "-c", RUN.format(statement=BREAK))
            assert client.get("/admin/monitoring/check/").status_code == httpx.codes.INTERNAL_SERVER_ERROR
        product.manage("shell", "--no-imports", "-c", RUN.format(statement=MEND))
        found = wait_for(product)
    assert found["name"] == "Postlaunch (itself)"
    assert found["statuses"] == [200, 500]
    assert found["queries_of_page"] > 0
    # A job may have met the missing table too, by another way.
    titles = [title for title in found["errors"] if "monitoring_check" in title]
    assert titles
    assert all(title.startswith(("ProgrammingError", "UndefinedTable")) for title in titles)
    assert found["failed"][0] in found["traces_of_errors"]
    assert found["account"]["transactions"][1] >= 2
    assert found["account"]["errors"][1] >= 1


def sign_in(client: httpx.Client) -> None:
    client.get("/admin/login/")
    form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    answer = client.post("/admin/login/", data=form, headers={"Referer": str(client.base_url)})
    assert answer.status_code == httpx.codes.OK


def wait_for(product: Product) -> dict[str, Any]:
    """Return what is recorded once the failed page and its error are."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found: dict[str, Any] = json.loads(product.manage("shell", "--no-imports", "-c", READ))
        if found["failed"] and any("monitoring_check" in title for title in found["errors"]):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(1)
