"""Mail over SMTP, step by step, so that everything the server can refuse is refused before the message is handed over."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import parseaddr
from types import TracebackType
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

from config.deliveries.enums import Outcome
from config.deliveries.models import Delivery
from config.deliveries.results import HandOver, Result, hand_over

#: Commands that follow the mark: DATA, the message, its answer. Each may take EMAIL_TIMEOUT_SECONDS; the rest is air.
STEPS_AFTER_HAND_OVER = 3
AIR_SECONDS = 5


class MailTransport:
    """One SMTP connection, opened when the first mail needs it and kept for those that follow.

    `is_usable` is false once no connection could be had, or one broke before a message was named.
    """

    def __init__(self) -> None:
        self.is_usable = True
        self._backend: EmailBackend | None = None

    def __enter__(self) -> MailTransport:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye to the server; never raises."""
        if self._backend is not None:
            self._backend.fail_silently = True
            self._backend.close()
            self._backend = None

    def send(self, delivery: Delivery, mark: HandOver) -> Result:
        """Send one mail and report how it ended. Raises ClaimLost; never raises what the server or the network does."""
        try:
            message = build_message(delivery)
            sender, recipient = _envelope(message)
        except ValueError as error:
            return Result(Outcome.PERMANENT, f"This mail can't be built: {error}")
        try:
            smtp = self._connect()
            refusal = _prepare(smtp, sender=sender, recipient=recipient)
        except (smtplib.SMTPException, OSError) as error:
            self.is_usable = False
            self.close()
            said = f"The mail server {_server()} can't be used: {_describe(error)}"
            return Result(Outcome.TEMPORARY, said, is_away=True)
        if refusal is not None:
            return refusal
        seconds = STEPS_AFTER_HAND_OVER * settings.EMAIL_TIMEOUT + AIR_SECONDS
        try:
            hand_over(mark, timedelta(seconds=seconds))
            return self._transmit(smtp, _serialise(message))
        except BaseException:
            # The dialogue stopped between recipient and message: this connection is good for nothing else.
            self.close()
            raise

    def _connect(self) -> smtplib.SMTP:
        """Return the open connection, a fresh one if the server has dropped it. Raises SMTPException, OSError."""
        if self._backend is not None and not _is_alive(self._backend.connection):
            self.close()
        if self._backend is None:
            backend = EmailBackend(fail_silently=False)
            backend.open()
            self._backend = backend
        connection = self._backend.connection
        assert connection is not None  # open() either sets it or raises
        connection.ehlo_or_helo_if_needed()
        return connection

    def _transmit(self, smtp: smtplib.SMTP, content: bytes) -> Result:
        try:
            code, answer = smtp.data(content)
        except smtplib.SMTPDataError as error:
            # The server did not want to begin: the message was not taken.
            self.close()
            return _judge(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            self.close()
            return Result(Outcome.UNKNOWN, f"The connection broke before the server had answered: {_describe(error)}")
        return _judge(code, answer)


def build_message(delivery: Delivery) -> EmailMultiAlternatives:
    """Return the mail of a delivery: text with an HTML alternative, and the headers that mark it as ours.

    The Message-ID follows from the delivery, so that the same mail sent again after a crash is recognised as the same.
    """
    message = EmailMultiAlternatives(
        subject=delivery.subject,
        body=delivery.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[delivery.recipient],
        headers={
            "Message-ID": message_id_of(delivery),
            "Auto-Submitted": "auto-generated",
            "X-Postlaunch-Delivery": str(delivery.pk),
        },
    )
    if delivery.html:
        message.attach_alternative(delivery.html, "text/html")
    return message


def message_id_of(delivery: Delivery) -> str:
    """Return the Message-ID of a delivery: always the same for the same delivery, different across installations."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<postlaunch.{delivery.fingerprint}@{domain}>"


def _serialise(message: EmailMultiAlternatives) -> bytes:
    mime: Any = message.message()  # Django's own class, whose as_bytes takes the line ending
    content: bytes = mime.as_bytes(linesep="\r\n")
    return content


def _envelope(message: EmailMultiAlternatives) -> tuple[str, str]:
    """Return the addresses of the SMTP dialogue; raise ValueError if one can't be written."""
    encoding = message.encoding or settings.DEFAULT_CHARSET
    sender = sanitize_address(message.from_email, encoding)
    recipients = [sanitize_address(address, encoding) for address in message.recipients()]
    if len(recipients) != 1 or "@" not in recipients[0]:
        raise ValueError(f"“{', '.join(message.to)}” is not a mail address")
    return parseaddr(sender)[1], parseaddr(recipients[0])[1]


def _prepare(smtp: smtplib.SMTP, *, sender: str, recipient: str) -> Result | None:
    """Name sender and recipient; return the refusal if the server wants one of them not. Raises SMTPException."""
    code, answer = smtp.mail(sender)
    if code != 250:
        _forget_envelope(smtp)
        # The sender is our own setting: the operator can mend it while the mail waits.
        said = f"The server refuses the sender {sender}: {_say(code, answer)}"
        return Result(Outcome.TEMPORARY, said, is_away=True)
    code, answer = smtp.rcpt(recipient)
    if code not in {250, 251}:
        _forget_envelope(smtp)
        return replace(_judge(code, answer), is_away=True)
    return None


def _forget_envelope(smtp: smtplib.SMTP) -> None:
    """Make the connection fit for the next mail; a server that hangs up instead has given its answer all the same."""
    with suppress(smtplib.SMTPException, OSError):
        smtp.rset()


def _judge(code: int, answer: Any) -> Result:
    """Return what an SMTP reply means: 2xx taken, 5xx refused for good, everything else another time."""
    if 200 <= code < 300:
        return Result(Outcome.SENT, _say(code, answer))
    return Result(Outcome.PERMANENT if 500 <= code < 600 else Outcome.TEMPORARY, _say(code, answer))


def _is_alive(smtp: smtplib.SMTP | None) -> bool:
    try:
        return smtp is not None and smtp.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


def _say(code: int, answer: Any) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    return f"{code} {text}".strip()


def _describe(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _say(error.smtp_code, error.smtp_error)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    return f"{error}" or error.__class__.__name__


def _server() -> str:
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
