"""From a busy processor to the mail and back: the product as it is run, its own agent, a real mail server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.product import Product, running_product
from tests.support.smtp import Mailbox, run_smtp_server

RULE = "host-cpu-critical"
SHORTEN = f"""
from dataclasses import replace
from config.actors import SYSTEM
from alerts.models import Rule
from alerts.services.rules import draft_of, update_rule
rule = Rule.objects.get(builtin_key="{RULE}")
update_rule(rule=rule, draft=replace(draft_of(rule), for_seconds=4, keep_firing_for_seconds=0), by=SYSTEM)
print(rule.pk)
"""
WAIT_SECONDS = 150


@contextmanager
def busy_processors() -> Iterator[None]:
    """Keep every processor busy."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def wait_for_mail(mailbox: Mailbox, beginning: str) -> str:
    """Return the text of the first mail whose subject begins so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        mailbox.taken.clear()
        for message in mailbox.messages:
            if str(message["Subject"]).startswith(beginning):
                return str(message.get_body(("plain",)).get_content())  # type: ignore[union-attr]
        mailbox.taken.wait(1)
    raise AssertionError(f"no mail “{beginning}…” among {[str(message['Subject']) for message in mailbox.messages]}")


def read_alert(product: Product, alert_id: str) -> dict[str, Any]:
    key = (product.data_dir / "secrets" / "agent.key").read_text().strip()
    answer = httpx.get(f"{product.url}/api/v1/alerts/{alert_id}/", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == httpx.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.protocols
@pytest.mark.timeout(420)
def test_cpu_rule__real_load_comes_and_goes__pending_firing_resolved_and_one_mail_each(tmp_path: Path) -> None:
    with run_smtp_server() as mailbox:
        settings = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "ALERT_EMAILS": "oncall@example.com",
            "AGENT_INTERVAL_SECONDS": "1",
            "RULE_INTERVAL_SECONDS": "3",
            "GROUP_WAIT_SECONDS": "1",
            "GROUP_INTERVAL_SECONDS": "3",
        }
        with running_product(tmp_path / "data", **settings) as product:
            product.manage("shell", "-v", "0", "-c", SHORTEN)
            with busy_processors():
                fired = wait_for_mail(mailbox, "Critical: CPU of")
            resolved = wait_for_mail(mailbox, "Resolved after")
            found = re.search(r"/admin/alerts/alert/(\d+)/change/", resolved)
            assert found is not None
            alert = read_alert(product, found[1])

        about_it = [message for message in mailbox.messages if found[0] in message.get_body(("plain",)).get_content()]  # type: ignore[union-attr]
        assert "of the CPU is in use." in fired
        assert [(step["from_state"], step["to_state"]) for step in alert["transitions"]] == [
            ("inactive", "pending"),
            ("pending", "firing"),
            ("firing", "resolved"),
        ]
        assert [str(message["Subject"]).split(" ")[0] for message in about_it] == ["Critical:", "Resolved"]
        assert {address for recipients in mailbox.recipients for address in recipients} == {"oncall@example.com"}
