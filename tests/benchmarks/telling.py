"""From a breach to a person: points are stored, a rule's time passes, a mail server takes the mail."""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from tests.benchmarks.report import Figure
from tests.support.product import Product, running_product
from tests.support.smtp import Mailbox, take_mail

BREACHES = 60
FOR_SECONDS = 15
INTERVAL_SECONDS = 15
#: Breaches come at any moment of the interval between two evaluations.
SPREAD_SECONDS = 45.0
PATIENCE_SECONDS = 120.0


def measure(_: Product) -> list[Figure]:
    """Return how long after `for` was over a mail was taken, in an installation of its own that waits for no others."""
    with take_mail() as mailbox, tempfile.TemporaryDirectory(prefix="postlaunch-bench-telling-") as name:
        taken: dict[int, float] = {}
        mailbox.on_data = lambda message: _note(message, taken)
        settings = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "ALERT_EMAILS": "oncall@example.com",
            "GROUP_WAIT_SECONDS": "0",
        }
        with running_product(Path(name) / "var", **settings) as product:
            stored = _breach(product)
            _wait(mailbox, len(stored))
    late = np.array([taken[number] - stored[number] - FOR_SECONDS for number in stored])
    aim = f"≤ {INTERVAL_SECONDS + 5} s"
    return [
        Figure(
            "telling", f"stored breach to mail taken, less “for”, median of {BREACHES}", float(np.median(late)), "s"
        ),
        Figure("telling", "… 99th percentile", float(np.percentile(late, 99)), "s", aim=aim),
    ]


def _breach(product: Product) -> dict[int, float]:
    """Make a rule for each breach, then store the breaches at random moments; return when each was acknowledged."""
    key = str(product.connect("Bench ERP")["secret_key"])
    client = httpx.Client(base_url=product.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    for number in range(BREACHES):
        rule = {
            "name": f"Breach {number}",
            "condition": f"bench_breach_{number} > 0",
            "for_seconds": FOR_SECONDS,
            "annotations": {"summary": f"breach {number} happened"},
        }
        assert client.post("/api/v1/rules/", json=rule).status_code == httpx.codes.CREATED
    chance, stored, started = random.Random(7), {}, time.monotonic()
    moments = sorted(chance.uniform(0, SPREAD_SECONDS) for _ in range(BREACHES))
    for number, moment in enumerate(moments):
        time.sleep(max(0.0, started + moment - time.monotonic()))
        points = {"points": [{"name": f"bench_breach_{number}", "value": 1}]}
        assert client.post("/api/v1/metrics/", json=points).status_code == httpx.codes.OK
        stored[number] = time.monotonic()
    return stored


def _note(message: Any, taken: dict[int, float]) -> None:
    subject = str(message["Subject"])
    if "breach" in subject:
        number = int(subject.split("breach ")[1].split(" ")[0])
        assert number not in taken, f"told twice: {subject}"
        taken[number] = time.monotonic()


def _wait(mailbox: Mailbox, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum("breach" in str(message["Subject"]) for message in mailbox.messages) < count:
        assert time.monotonic() < deadline, f"only {len(mailbox.messages)} mails came"
        time.sleep(0.2)
