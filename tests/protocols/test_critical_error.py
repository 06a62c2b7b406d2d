"""From an error that somebody's program sends to the mail, by nudges alone: the product as it is run, a real mail server."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from tests.support.product import running_product
from tests.support.smtp import Mailbox, run_smtp_server

WAIT_SECONDS = 60


def wait_for_subject(mailbox: Mailbox, ending: str) -> str:
    """Return the first subject that ends so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        mailbox.taken.clear()
        for message in mailbox.messages:
            if str(message["Subject"]).endswith(ending):
                return str(message["Subject"])
        mailbox.taken.wait(1)
    raise AssertionError(f"no mail “…{ending}” among {[str(message['Subject']) for message in mailbox.messages]}")


@pytest.mark.protocols
@pytest.mark.timeout(300)
def test_critical_error__rules_have_no_turn_for_an_hour__is_mailed_all_the_same(tmp_path: Path) -> None:
    with run_smtp_server() as mailbox:
        settings = {
            "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "ALERT_EMAILS": "oncall@example.com",
            "RULE_INTERVAL_SECONDS": "3600",
            "GROUP_WAIT_SECONDS": "0",
        }
        with running_product(tmp_path / "data", **settings) as product:
            connection = product.connect("ERP")
            event = {"platform": "php", "exception": {"values": [{"type": "PDOException", "value": "no such table"}]}}
            address = f"{product.url}/api/{connection['application_id']}/store/"
            answer = httpx.post(
                address, json=event, headers={"X-Sentry-Auth": f"Sentry sentry_key={find_key(connection)}"}
            )
            assert answer.status_code == httpx.codes.OK, answer.text
            assert wait_for_subject(mailbox, "PDOException: no such table").startswith("Critical: ")
        assert mailbox.recipients == [["oncall@example.com"]]


def find_key(connection: dict[str, str]) -> str:
    """Return the public key that a DSN is made of."""
    return connection["dsn"].partition("://")[2].partition("@")[0]
