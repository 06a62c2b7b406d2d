"""Fixtures for whatever the product sends: real servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.receiver import Receiver, run_receiver
from tests.support.smtp import Mailbox, run_smtp_server


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """An SMTP server that the mail settings point at."""
    with run_smtp_server() as found:
        yield found


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """An HTTP receiver on loopback, with webhooks allowed to reach it."""
    from config.settings import OPTION

    monkeypatch.setitem(OPTION, "WEBHOOK_ALLOW_PRIVATE", True)
    with run_receiver() as found:
        yield found
