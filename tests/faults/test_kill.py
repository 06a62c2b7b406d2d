"""End processes with SIGKILL at random points under load, then count: nothing acknowledged is missing, nobody is told twice.

The installation is the real one, with its own PostgreSQL on which fsync is on. Mail goes to a real SMTP server. A hand-over
that a kill interrupts between the server's acceptance and our note of it can't be told from one that failed: the ledger
calls it unknown and repeats it with the same Message-ID, which mail stores drop. The inbox here does the same, and the
number of repeats it saw may not exceed what the ledger admits.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support.product import Product, running_product
from tests.support.smtp import Mailbox, run_smtp_server

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

RULE_INTERVAL_SECONDS = 1
SETTLE_SECONDS = 120
#: The points of one request: small, so that many requests are under way when a process ends.
POINTS_PER_REQUEST = 20

#: What may be ended, and how its processes are recognised on their command lines.
VICTIMS: dict[str, tuple[str, ...]] = {
    "web": ("granian",),
    "evaluate": ("celery", "evaluate"),
    "deliver": ("celery", "deliver"),
    "background": ("celery", "maintain"),
    "beat": ("celery", "beat"),
    "postgres": ("postgres",),
}


class Writer(threading.Thread):
    """Sends points until stopped and remembers which were acknowledged."""

    def __init__(self, url: str, key: str, number: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[tuple[int, int]] = set()
        self._url, self._headers, self._number = url, {"Authorization": f"Bearer {key}"}, number
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Send batch after batch. A refused or broken request is not repeated: it simply was never acknowledged."""
        sequence = 0
        with httpx.Client(base_url=self._url, timeout=10, headers=self._headers) as client:
            while not self._stop_event.is_set():
                now_ms = int(time.time() * 1000)
                batch = [(now_ms + offset, sequence + offset) for offset in range(POINTS_PER_REQUEST)]
                sequence += POINTS_PER_REQUEST
                points = [
                    {
                        "name": "fault_counter",
                        "value": value,
                        "timestamp": moment / 1000,
                        "labels": {"writer": str(self._number)},
                    }
                    for moment, value in batch
                ]
                try:
                    answer = client.post("/api/v1/metrics/", json={"points": points})
                except httpx.HTTPError:
                    self._stop_event.wait(0.05)
                    continue
                if answer.status_code == httpx.codes.OK and answer.json()["stored"] == len(points):
                    self.acknowledged.update(batch)
                # The next batch begins in a millisecond of its own: one value per series and time.
                self._stop_event.wait(POINTS_PER_REQUEST / 1000)

    def stop(self) -> None:
        """Finish the request under way and end."""
        self._stop_event.set()
        self.join(timeout=30)


def test_product__killed_at_random_points__loses_nothing_and_tells_nobody_twice(tmp_path: Path) -> None:
    _kill_and_count(tmp_path, kills=8, seed=20261123)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_product__killed_forty_times__loses_nothing_and_tells_nobody_twice(tmp_path: Path, seed: int) -> None:
    _kill_and_count(tmp_path, kills=40, seed=seed)


def _kill_and_count(directory: Path, *, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    with (
        run_smtp_server() as inbox,
        running_product(
            directory / "var",
            EMAIL_URL=f"smtp://127.0.0.1:{inbox.port}",
            ALERT_EMAILS="oncall@example.com",
            RULE_INTERVAL_SECONDS=str(RULE_INTERVAL_SECONDS),
            GROUP_WAIT_SECONDS="1",
            GROUP_INTERVAL_SECONDS="3",
            POINT_SLOT_MAX_ROWS="20000",
            POINT_SLOT_MAX_AGE_SECONDS="20",
        ) as product,
    ):
        connection = product.connect("Fault ERP")
        key = str(connection["secret_key"])
        _create_rule(product, key)
        writers = [Writer(product.url, key, number) for number in range(4)]
        for writer in writers:
            writer.start()
        for number in range(kills):
            _switch(product, key, number, on=True)
            victim = _kill_one(product, chance, tuple(VICTIMS)[number % len(VICTIMS)])
            product.wait_until_ready()
            _wait_for(partial(_has_mails, inbox, number, 1), f"firing mail {number}, after killing {victim}")
            _switch(product, key, number, on=False)
            _wait_for(partial(_has_mails, inbox, number, 2), f"resolved mail {number}, after killing {victim}")
        for writer in writers:
            writer.stop()
        product.wait_until_ready()
        _assert_all_points_are_there(product, key, writers)
        _assert_each_mail_once(product, inbox, kills)


def _kill_one(product: Product, chance: random.Random, victim: str) -> str:
    """Kill one process of the kind at a random moment of the next second; return what it was."""
    time.sleep(chance.random() * RULE_INTERVAL_SECONDS * 1.5)
    process = chance.choice(product.wait_for_processes(*VICTIMS[victim]))
    command = " ".join(process.cmdline())[:80]
    process.send_signal(signal.SIGKILL)
    return f"{victim}: {command}"


def _create_rule(product: Product, key: str) -> None:
    rule = {
        "name": "Fault switch",
        "condition": "fault_switch > 0",
        "severity": "critical",
        "for_seconds": 0,
        "annotations": {"summary": "switch {{ $labels.number }} is on"},
    }
    answer = httpx.post(
        f"{product.url}/api/v1/rules/", json=rule, headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    assert answer.status_code == httpx.codes.CREATED, answer.text


def _switch(product: Product, key: str, number: int, *, on: bool) -> None:
    """Report the switch's position; repeat until it is acknowledged."""
    points = [{"name": "fault_switch", "value": int(on), "labels": {"number": str(number)}}]

    def send() -> bool:
        try:
            answer = httpx.post(
                f"{product.url}/api/v1/metrics/",
                json={"points": points},
                headers={"Authorization": f"Bearer {key}"},
                timeout=10,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    _wait_for(send, f"switch {number} to be stored")


def _messages_about(inbox: Mailbox, number: int) -> set[str]:
    """Message-IDs of the mails that name the switch."""
    return {message["Message-ID"] for message in inbox.messages if f"switch {number} is on" in message["Subject"]}


def _has_mails(inbox: Mailbox, number: int, count: int) -> bool:
    return len(_messages_about(inbox, number)) >= count


def _assert_all_points_are_there(product: Product, key: str, writers: list[Writer]) -> None:
    """Every acknowledged point can be read back, under its own time and value."""
    for number, writer in enumerate(writers):
        stored = _read_points(product, key, number, since_ms=min(moment for moment, _ in writer.acknowledged))
        missing = writer.acknowledged - stored
        assert writer.acknowledged, "nothing was acknowledged: the test shows nothing"
        assert not missing, (
            f"{len(missing)} of {len(writer.acknowledged)} acknowledged points are gone, such as {sorted(missing)[:3]}"
        )


def _read_points(product: Product, key: str, writer: int, *, since_ms: int) -> set[tuple[int, int]]:
    seconds = int(time.time() - since_ms / 1000) + 60
    query = f'fault_counter{{writer="{writer}"}}[{seconds}s]'
    answer = httpx.get(
        f"{product.url}/prometheus/api/v1/query",
        params={"query": query},
        headers={"Authorization": f"Bearer {key}"},
        timeout=120,
    )
    assert answer.status_code == httpx.codes.OK, answer.text
    (series,) = answer.json()["data"]["result"]
    return {(round(moment * 1000), int(float(value))) for moment, value in series["values"]}


def _assert_each_mail_once(product: Product, inbox: Mailbox, kills: int) -> None:
    """Two messages a switch, firing and resolved; repeats only where the ledger says that an outcome was unknown."""
    for number in range(kills):
        assert len(_messages_about(inbox, number)) == 2, (
            f"switch {number}: {[message['Subject'] for message in inbox.messages]}"
        )
    repeats = Counter(message["Message-ID"] for message in inbox.messages)
    surplus = sum(repeats.values()) - len(repeats)
    counted = product.manage("shell", "-v", "0", "-c", COUNT_UNKNOWN)
    assert surplus <= json.loads(counted), f"{surplus} mails came twice, the ledger admits {counted}"


COUNT_UNKNOWN = (
    "from config.deliveries.models import DeliveryAttempt as A; print(A.objects.filter(outcome='unknown').count())"
)


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {SETTLE_SECONDS} s in vain for {what}"
        time.sleep(0.1)
