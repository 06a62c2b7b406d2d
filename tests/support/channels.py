"""A receiver on loopback for every kind of channel, and one count of what came to all of them.

Mail goes to an SMTP server, webhooks and Apprise's own JSON to an HTTP receiver, Slack, Teams, SMS and calls through the
proxy that stands for their services. Receivers take a message first and answer a moment later, and the way to a service
takes a moment to open, as with those far away.
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from alerts.enums import ChannelKind
from config.deliveries.signatures import verify_signature
from tests.support.receiver import Received, run_receiver
from tests.support.services import Asked, run_services
from tests.support.smtp import take_mail

SIGNING_SECRET = "a secret that signs webhooks"
MAIL_ADDRESS = "oncall@example.com"
FIRING, RESOLVED = "firing", "resolved"
LONGEST_STAY_SECONDS = 0.5
#: Less than any sender waits for an answer.
LONGEST_HOLD_SECONDS = 8.0

_SID, _TOKEN = "AC" + "0123456789abcdef" * 2, "fedcba9876543210" * 2
_TWILIO = {"account_sid": _SID, "auth_token": _TOKEN, "from_number": "+15005550006"}
_SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
_TEAMS = (
    "https://prod-12.westeurope.logic.azure.com:443/workflows/643e69f83c8944438d68119179a10a64/triggers/manual"
    "/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=KODuebWbDGYFr0z0eu"
)
_SWITCH = re.compile(r"switch (\d+) is on")


class Stage(Enum):
    """Where a message is: nobody took it yet; somebody took it and did not answer yet."""

    ON_ITS_WAY = auto()
    TAKEN = auto()


@dataclass(frozen=True, slots=True)
class News:
    """What a message says: which switch's alert, and whether it fires or is over."""

    switch: int
    news: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as a receiver tells it from others. `name` is its Message-ID or Idempotency-Key, empty where it has none."""

    kind: ChannelKind
    told: News
    name: str = ""


def read_news(text: str) -> News | None:
    """Return what a text says of a switch, None if it is about something else; a text about several is an error."""
    switches = {int(number) for number in _SWITCH.findall(text)}
    if not switches:
        return None
    (switch,) = switches
    return News(switch, RESOLVED if "Resolved" in text else FIRING)


class Tally:
    """Counts arrivals from all receivers, and tells those who wait for one."""

    def __init__(self) -> None:
        self.arrived: Counter[Arrival] = Counter()
        self.complaints: list[str] = []
        self._told: set[tuple[ChannelKind, News]] = set()
        self._changed = threading.Condition()
        self._reached = Counter[Stage]()
        self._is_open = {stage: threading.Event() for stage in Stage}
        for opened in self._is_open.values():
            opened.set()

    def note(self, kind: ChannelKind, text: str, *, name: str = "") -> None:
        """Count a message if it is about a switch."""
        with self._changed:
            try:
                told = read_news(text)
            except ValueError:
                self.complaints.append(f"{kind} about several switches: {text}")
                return
            if told is not None:
                self.arrived[Arrival(kind, told, name)] += 1
                self._told.add((kind, told))
                self._changed.notify_all()

    def complain(self, text: str) -> None:
        """Keep what was wrong with a message."""
        with self._changed:
            self.complaints.append(text)

    def list_missing(self, told: News) -> list[str]:
        """Return the kinds of channels that this did not come by yet."""
        return [kind.value for kind in ChannelKind if (kind, told) not in self._told]

    def wait_for(self, told: News, *, seconds: float) -> bool:
        """Return whether it came by every kind of channel within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.list_missing(told), timeout=seconds)

    def wait_for_any(self, *, seconds: float) -> bool:
        """Return whether anything came within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self.arrived), timeout=seconds)

    def stay(self, stage: Stage) -> None:
        """Say that a message is at a stage; return after a random time, and not while the stage is held."""
        with self._changed:
            self._reached[stage] += 1
            self._changed.notify_all()
        time.sleep(random.random() * LONGEST_STAY_SECONDS)
        self._is_open[stage].wait(timeout=LONGEST_HOLD_SECONDS)

    @contextmanager
    def hold(self, stage: Stage, *, seconds: float) -> Iterator[None]:
        """Keep messages at a stage; begin when the next one is there, after so many seconds at the latest."""
        with self._changed:
            self._is_open[stage].clear()
            before = self._reached[stage]
            self._changed.wait_for(lambda: self._reached[stage] > before, timeout=seconds)
        try:
            yield
        finally:
            self._is_open[stage].set()


@dataclass(frozen=True, slots=True)
class Channels:
    """Running receivers: `environment` leads a product to them, `bodies` are its channels for the REST API."""

    tally: Tally
    environment: Mapping[str, str]
    bodies: Mapping[ChannelKind, dict[str, Any]]


@contextmanager
def run_channels(directory: Path) -> Iterator[Channels]:
    """Run a receiver for each kind of channel; each answers after a random time."""
    tally = Tally()

    def on_mail(message: EmailMessage) -> None:
        tally.note(ChannelKind.EMAIL, message["Subject"], name=message["Message-ID"])
        tally.stay(Stage.TAKEN)

    with take_mail() as mailbox, run_receiver() as receiver, run_services(directory) as services:
        mailbox.on_data = on_mail
        receiver.answer = _answer_http(tally)
        services.answer = _answer_service(tally)
        services.on_connect = lambda _: tally.stay(Stage.ON_ITS_WAY)
        environment = {
            **services.environment,
            "EMAIL_URL": f"smtp://127.0.0.1:{mailbox.port}",
            "WEBHOOK_ALLOW_PRIVATE": "true",
        }
        yield Channels(tally, environment, _write_bodies(receiver.url))


def _answer_http(tally: Tally) -> Callable[[Received], tuple[int, dict[str, str], bytes]]:
    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        body = json.loads(request.body)
        if request.path.startswith("/apprise"):
            tally.note(ChannelKind.APPRISE, f"{body['title']} {body['message']}")
        else:
            _check_signature(request, tally)
            summaries = {alert["annotations"]["summary"] for alert in body["alerts"]}
            state = "Resolved" if body["status"] == "resolved" else "Firing"
            tally.note(
                ChannelKind.WEBHOOK, f"{state} {' '.join(summaries)}", name=request.headers.get("idempotency-key", "")
            )
        tally.stay(Stage.TAKEN)
        return 200, {}, b"ok"

    return answer


def _answer_service(tally: Tally) -> Callable[[Asked], tuple[int, dict[str, str], bytes]]:
    def answer(asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.host == "api.twilio.com":
            form = parse_qs(asked.body.decode())
            is_call = asked.path.endswith("/Calls.json")
            tally.note(ChannelKind.PHONE if is_call else ChannelKind.SMS, form["Twiml" if is_call else "Body"][0])
            tally.stay(Stage.TAKEN)
            return 201, {}, b'{"sid": "SM1"}'
        kind = ChannelKind.SLACK if asked.host == "hooks.slack.com" else ChannelKind.TEAMS
        tally.note(kind, asked.body.decode())
        tally.stay(Stage.TAKEN)
        return 200, {}, b"ok"

    return answer


def _check_signature(request: Received, tally: Tally) -> None:
    header = request.headers.get("x-postlaunch-signature", "")
    if not verify_signature(header, request.body, secret=SIGNING_SECRET, now=int(time.time())):
        tally.complain(f"a webhook with the signature {header!r}")


def _write_bodies(hook: str) -> dict[ChannelKind, dict[str, Any]]:
    parts: dict[ChannelKind, dict[str, Any]] = {
        ChannelKind.EMAIL: {"address": MAIL_ADDRESS},
        ChannelKind.WEBHOOK: {"address": hook, "signing_secret": SIGNING_SECRET},
        ChannelKind.SLACK: {"address": "#ops", "url": _SLACK},
        ChannelKind.TEAMS: {"address": "Operations", "url": _TEAMS},
        ChannelKind.SMS: {"address": "+491701234567", **_TWILIO},
        ChannelKind.PHONE: {"address": "+491701234568", **_TWILIO},
        ChannelKind.APPRISE: {"url": hook.replace("http://", "json://").replace("/hook", "/apprise")},
    }
    assert set(parts) == set(ChannelKind), "a kind of channel has no receiver"
    return {kind: {"name": f"By {kind.value}", "kind": kind.value, **given} for kind, given in parts.items()}
