"""End processes with SIGKILL while errors pour in, then count: every acknowledged event is grouped once and counted once.

Clients send an event again until it is acknowledged, as SDKs with a retry do, so many come twice.
"""

from __future__ import annotations

import gzip
import json
import random
import signal
import threading
import time
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from tests.benchmarks.envelopes import collect_templates, make_envelopes
from tests.support.product import Product, running_product

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]

CLIENTS = 6
DRAIN_SECONDS = 120
VICTIMS = (("granian",), ("celery", "digest"), ("postgres",), ("valkey",))

READ = """
import json
from django.db import connection
from django.db.models import Sum
from monitoring.errors.models import ErrorEvent, ErrorHour, ErrorIssue
app = {application_id}
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM monitoring_error_inbox")
    waiting = cursor.fetchone()[0]
    cursor.execute("SELECT event_id FROM monitoring_error_counted WHERE application_id = %s", [app])
    counted = [str(row[0]) for row in cursor.fetchall()]
print(json.dumps(dict(
    waiting=waiting,
    events=[str(one) for one in ErrorEvent.objects.filter(application_id=app).values_list("event_id", flat=True)] + counted,
    of_issues=ErrorIssue.objects.filter(application_id=app).aggregate(n=Sum("event_count"))["n"],
    of_hours=ErrorHour.objects.filter(application_id=app).aggregate(n=Sum("count"))["n"],
)))
"""


class Client(threading.Thread):
    """Sends envelopes, each until it is acknowledged."""

    def __init__(self, url: str, key: str, envelopes: list[bytes]) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[str] = set()
        self.repeated = 0
        self._url, self._envelopes = url, envelopes
        self._headers = {"X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7", "Content-Encoding": "gzip"}
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Send one after the other until stopped."""
        with httpx.Client(timeout=10, headers=self._headers) as client:
            for body in self._envelopes:
                while not self._stop_event.is_set() and not self._send(client, body):
                    self.repeated += 1
                    self._stop_event.wait(0.1)

    def _send(self, client: httpx.Client, body: bytes) -> bool:
        try:
            answer = client.post(self._url, content=body)
        except httpx.HTTPError:
            return False
        if answer.status_code != httpx.codes.OK:
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
            return False
        self.acknowledged.add(str(UUID(json.loads(gzip.decompress(body).partition(b"\n")[0])["event_id"])))
        return True

    def stop(self) -> None:
        """Finish the request under way and end."""
        self._stop_event.set()
        self.join(timeout=30)


def test_errors__processes_killed_while_they_pour_in__are_all_there_and_counted_once(tmp_path: Path) -> None:
    chance = random.Random(20261126)
    limits = {"PUBLIC_KEY_REQUESTS_PER_MINUTE": "10000000"}
    with running_product(tmp_path / "var", **limits) as product:
        connection = product.connect("Fault ERP")
        url = f"{product.url}/api/{connection['application_id']}/envelope/"
        key = str(connection["dsn"]).partition("://")[2].partition("@")[0]
        envelopes = make_envelopes(collect_templates(count=40, groups=10), 30_000)
        clients = [Client(url, key, envelopes[number::CLIENTS]) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for victim in VICTIMS * 2:
            time.sleep(0.5 + chance.random())
            chance.choice(product.wait_for_processes(*victim)).send_signal(signal.SIGKILL)
            product.wait_until_ready()
        for client in clients:
            client.stop()
        acknowledged = set().union(*(client.acknowledged for client in clients))
        assert len(acknowledged) > 1_000, "too few were acknowledged to show anything"
        assert sum(client.repeated for client in clients) > 0, "nothing was repeated: no kill was felt"
        _assert_all_are_there_once(product, int(connection["application_id"]), acknowledged)


def _assert_all_are_there_once(product: Product, application_id: int, acknowledged: set[str]) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while True:
        found = json.loads(product.manage("shell", "--no-imports", "-c", READ.format(application_id=application_id)))
        if not found["waiting"]:
            break
        assert time.monotonic() < deadline, f"{found['waiting']} events still wait"
        time.sleep(0.5)
    events = found["events"]
    assert acknowledged - set(events) == set()
    assert len(events) == len(set(events)) == found["of_issues"] == found["of_hours"]
