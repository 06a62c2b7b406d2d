"""A real SMTP server on loopback that keeps what it gets and can be told to refuse."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.test import override_settings

Answer = Callable[[Any], str | None]
#: Answer of `on_data` that breaks the connection after the whole message has come, without a reply.
HANG_UP = "hang up"


@dataclass
class Mailbox:
    """Every mail the server took, and what it answers.

    `on_rcpt` gets an address, `on_data` a message; each returns an SMTP reply, or None to accept. `taken` is set after
    every mail.
    """

    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    on_rcpt: Answer = lambda _: None
    on_data: Answer = lambda _: None
    taken: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails for one address."""
        return [message for message, to in zip(self.messages, self.recipients, strict=True) if address in to]


class _Handler:
    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.mailbox.on_rcpt(address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content or b"", policy=email.policy.default)
        answer = self.mailbox.on_data(message)
        if answer == HANG_UP:
            server.transport.abort()
            return "421 gone"
        if answer is None:
            self.mailbox.messages.append(message)
            self.mailbox.recipients.append(list(envelope.rcpt_tos))
            self.mailbox.taken.set()
        return answer or "250 taken"


def find_free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def take_mail() -> Iterator[Mailbox]:
    """Run the server on a free port of 127.0.0.1."""
    mailbox = Mailbox(port=find_free_port())
    controller = Controller(_Handler(mailbox), hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@contextmanager
def run_smtp_server() -> Iterator[Mailbox]:
    """Run the server and point the mail settings of this process at it. Fixture: `mailbox`."""
    with (
        take_mail() as mailbox,
        override_settings(EMAIL_HOST="127.0.0.1", EMAIL_PORT=mailbox.port, EMAIL_TIMEOUT=5),
    ):
        yield mailbox
