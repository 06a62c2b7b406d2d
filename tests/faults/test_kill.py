"""End processes with SIGKILL at random moments under load, then count: nothing acknowledged is missing, nobody is told twice.

The installation is the real one, with its own PostgreSQL on which fsync is on. Alerts begin and end all the time and go out
by every kind of channel, to receivers that count what comes. A hand-over that a kill interrupts between the receiver's
acceptance and our note of it can't be told from one that failed: the ledger calls it unknown and repeats the message. So a
message may come as often as the ledger says that it was sent or may have been, and not once more.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from alerts.enums import ChannelKind
from config.deliveries.enums import Outcome, State
from tests.support.channels import (
    FIRING,
    RESOLVED,
    Arrival,
    Channels,
    News,
    Stage,
    Tally,
    read_news,
    run_channels,
)
from tests.support.product import ROOT, Product, running_product

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

ARTEFACTS = ROOT / "artefacts"
RULE_INTERVAL_SECONDS = 2
#: How long whatever is under way may take once nothing is killed any more: longer than the longest lease and the first retries.
SETTLE_SECONDS = 300
#: A position is reported again meanwhile, as agents do: a series that nobody reports is gone after five minutes.
REPORT_SECONDS = 20
#: Alerts that are under way at one time, each of a rule of its own.
SWITCHES = 4
WRITERS = 2
#: The points of one request: small, so that many requests are under way when a process ends.
POINTS_PER_REQUEST = 20
WRITER_PAUSE_SECONDS = 0.2

MEAN_PAUSE_SECONDS = 1.0
SHARE_OF_PAIRS = 0.15
#: Processes that are still starting are killed, too, but seldom: else nothing would ever be at work.
SHARE_OF_STARTING = 0.2
LONGEST_WORK_SECONDS = 10.0
#: Where a message is when deliveries are hit; None: wherever.
AIMS = (Stage.ON_ITS_WAY, Stage.TAKEN, None)


@dataclass(frozen=True, slots=True)
class Victim:
    """What may be ended: how its processes are recognised on their command lines, and how often its turn comes.

    `is_needed`: without it nobody is told of anything, so it is mostly left to work for a while before it is ended. A
    recovery of PostgreSQL takes many seconds on a slow disk, in which no other kill hits anything that is at work.
    """

    words: tuple[str, ...]
    share: int
    is_needed: bool = False


VICTIMS: dict[str, Victim] = {
    "web": Victim(("granian",), share=9),
    "evaluate": Victim(("celery", "evaluate"), share=5, is_needed=True),
    "deliver": Victim(("celery", "deliver"), share=5, is_needed=True),
    "background": Victim(("celery", "maintain"), share=7),
    "beat": Victim(("celery", " beat "), share=2, is_needed=True),
    "postgres": Victim(("postgres",), share=1, is_needed=True),
    "valkey": Victim(("valkey-server",), share=1),
}

READ_LEDGER = """
import json
from alerts.models import AlertGroup
from config.deliveries.models import Delivery, DeliveryAttempt
rows = Delivery.objects.filter(source="notice").prefetch_related("attempts")
print(json.dumps(dict(
    unsent=Delivery.objects.filter(state__in=["queued", "sending"]).count(),
    untold=AlertGroup.objects.filter(state="open", labels__alertname__startswith="Fault switch").count(),
    rows=[
        dict(
            key=row.idempotency_key, text=f"{row.subject} {row.text}", state=row.state, fingerprint=row.fingerprint,
            outcomes=[attempt.outcome for attempt in row.attempts.all()],
        )
        for row in rows
    ],
)))
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of the ledger about a switch."""

    kind: ChannelKind
    told: News
    state: str
    fingerprint: str
    outcomes: tuple[str, ...]

    @property
    def unknown_count(self) -> int:
        """How many hand-overs ended without anybody knowing how."""
        return self.outcomes.count(Outcome.UNKNOWN)

    @property
    def was_replaced(self) -> bool:
        """Whether it was handed over, nobody knows how that ended, and a newer message made another try needless."""
        return self.state == State.SUPPRESSED and self.told.news == FIRING and self.unknown_count > 0

    @property
    def most_arrivals(self) -> int:
        """How often it may have come, by the ledger."""
        return self.unknown_count + (self.state == State.SENT)


class Application:
    """What reports to the product, as an ERP does."""

    def __init__(self, product: Product) -> None:
        connection = product.connect("Fault ERP")
        self.product = product
        self.headers = {"Authorization": f"Bearer {connection['secret_key']}"}

    def make(self, path: str, body: Mapping[str, Any]) -> int:
        """Create something by the REST API; return its id."""
        answer = httpx.post(f"{self.product.url}/api/v1/{path}/", json=body, headers=self.headers, timeout=30)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return int(answer.json()["id"])

    def report(self, name: str, value: int, labels: Mapping[str, str]) -> bool:
        """Send one point; return whether it was acknowledged."""
        points = [{"name": name, "value": value, "labels": dict(labels)}]
        url = f"{self.product.url}/api/v1/metrics/"
        try:
            answer = httpx.post(url, json={"points": points}, headers=self.headers, timeout=10)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK


class Writer(threading.Thread):
    """Sends points until stopped and remembers which were acknowledged."""

    def __init__(self, application: Application, number: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: set[tuple[int, int]] = set()
        self._application, self._number = application, number
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Send batch after batch. A refused or broken request is not repeated: it simply was never acknowledged."""
        sequence = 0
        url, headers = self._application.product.url, self._application.headers
        with httpx.Client(base_url=url, timeout=10, headers=headers) as client:
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
                    if answer.status_code == httpx.codes.OK and answer.json()["stored"] == len(points):
                        self.acknowledged.update(batch)
                except httpx.HTTPError:
                    pass
                # The next batch begins in a millisecond of its own: one value per series and time.
                self._stop_event.wait(WRITER_PAUSE_SECONDS)

    def stop(self) -> None:
        """Finish the request under way and end."""
        self._stop_event.set()
        self.join(timeout=30)


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is ended next, and how long it has to have been at work (None: it may be starting still)."""

    name: str
    worked_seconds: float | None


class Killer:
    """Ends processes, a random one after a random pause, sometimes two at once, until something was wrong."""

    def __init__(self, product: Product, tally: Tally, chance: random.Random) -> None:
        self.killed: Counter[str] = Counter()
        self._product, self._tally, self._chance = product, tally, chance
        #: At first everything is ended while it is at work, deliveries in each way.
        self._opening = [Turn(name, 0.0) for name in [*VICTIMS, *["deliver"] * (len(AIMS) - 1)]]
        chance.shuffle(self._opening)
        self._turns = list(self._opening)
        self._aims = cycle(AIMS)
        #: Since when (monotonic seconds) the process of a number is at work.
        self._at_work: dict[str, tuple[int, float]] = {}
        self._pause = threading.Event()

    def kill(self, kills: int) -> None:
        """End so many processes, from the first message on."""
        assert self._tally.wait_for_any(seconds=SETTLE_SECONDS), "nobody was told of anything"
        while (left := kills - self.killed.total()) > 0 and not self._tally.complaints:
            self._pause.wait(self._chance.expovariate(1 / MEAN_PAUSE_SECONDS))
            for _ in range(2 if left > 1 and self._chance.random() < SHARE_OF_PAIRS else 1):
                self._kill_one()

    def _kill_one(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while (turn := self._find_turn()) is None:
            assert time.monotonic() < deadline, f"nothing is at work:\n{self._product.log_path.read_text()[-4000:]}"
            self._pause.wait(0.25)
        stage = next(self._aims) if turn.name == "deliver" and turn.worked_seconds is not None else None
        with self._tally.hold(stage, seconds=LONGEST_WORK_SECONDS) if stage else nullcontext():
            if found := self._product.find_processes(*VICTIMS[turn.name].words):
                self._turns.remove(turn)
                with suppress(psutil.NoSuchProcess):
                    self._chance.choice(found).kill()
                    self.killed[turn.name] += 1

    def _find_turn(self) -> Turn | None:
        """Return the first turn whose victim can be ended now, None if there is none."""
        is_opening = self.killed.total() < len(self._opening)
        if len(self._turns) < (1 if is_opening else len(VICTIMS)):
            self._turns += self._shuffle(name for name, victim in VICTIMS.items() for _ in range(victim.share))
        alive = {name: self._product.find_processes(*victim.words) for name, victim in VICTIMS.items()}
        now = time.monotonic()
        for name, processes in alive.items():
            if not processes or not _are_at_work(name, processes):
                self._at_work.pop(name, None)
            elif self._at_work.get(name, (0, now))[0] != processes[0].pid:
                self._at_work[name] = processes[0].pid, now
        for turn in self._turns:
            worked = now - self._at_work[turn.name][1] if turn.name in self._at_work else -1.0
            if alive[turn.name] and (turn.worked_seconds is None or worked >= turn.worked_seconds):
                return turn
        return None

    def _shuffle(self, names: Iterable[str]) -> list[Turn]:
        shuffled = list(names)
        self._chance.shuffle(shuffled)
        return [Turn(name, self._choose_work(name)) for name in shuffled]

    def _choose_work(self, name: str) -> float | None:
        if not VICTIMS[name].is_needed or self._chance.random() < SHARE_OF_STARTING:
            return None
        return self._chance.random() * LONGEST_WORK_SECONDS


def _are_at_work(name: str, processes: list[psutil.Process]) -> bool:
    """Say whether processes have come up: Celery's are connected to something, PostgreSQL has clients."""
    try:
        if name == "postgres":
            return any("idle" in " ".join(process.cmdline()) for process in processes)
        return all("celery" not in process.cmdline() or process.net_connections("unix") for process in processes)
    except psutil.Error:
        return False


def test_product__killed_at_random_moments__loses_nothing_and_tells_nobody_twice(tmp_path: Path) -> None:
    _kill_and_count(tmp_path, kills=12, seed=20261123, patience_seconds=180)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_product__killed_a_thousand_times__loses_nothing_and_tells_nobody_twice(tmp_path: Path) -> None:
    # One message may be hit several times, and waits longer each time.
    _kill_and_count(tmp_path, kills=1000, seed=1, patience_seconds=600)


def _kill_and_count(directory: Path, *, kills: int, seed: int, patience_seconds: float) -> None:
    started_at = time.monotonic()
    with (
        run_channels(directory) as channels,
        running_product(
            directory / "var",
            ALERT_EMAILS="somebody.else@example.com",
            RULE_INTERVAL_SECONDS=str(RULE_INTERVAL_SECONDS),
            GROUP_WAIT_SECONDS="1",
            GROUP_INTERVAL_SECONDS="3",
            RESTART_MAX_SECONDS="1",
            WEB_WORKERS="1",
            POINT_SLOT_MAX_ROWS="20000",
            POINT_SLOT_MAX_AGE_SECONDS="20",
            **channels.environment,
        ) as product,
    ):
        application = Application(product)
        _set_up(application, channels)
        killer = Killer(product, channels.tally, random.Random(seed))
        writers = [Writer(application, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        play = partial(_play, application, channels.tally, patience_seconds=patience_seconds)
        switches = _play_while(lambda: killer.kill(kills), play)
        for writer in writers:
            writer.stop()
        product.wait_until_ready()
        entries = _settle(product)
        _keep_figures(killer, entries, channels.tally, minutes=(time.monotonic() - started_at) / 60)
        _assert_each_was_told_once(entries, channels.tally, switches)
        _assert_all_points_are_there(application, writers)
        assert (killer.killed.total(), set(killer.killed)) == (kills, set(VICTIMS))


def _set_up(application: Application, channels: Channels) -> None:
    """Make a channel of every kind, and a rule for each switch that tells all of them."""
    channel_ids = [application.make("channels", body) for body in channels.bodies.values()]
    for place in range(SWITCHES):
        rule = {
            "name": f"Fault switch {place}",
            "condition": f'fault_switch{{place="{place}"}} > 0',
            "severity": "critical",
            "annotations": {"summary": "switch {{ $labels.number }} is on"},
            "channels": channel_ids,
        }
        application.make("rules", rule)


def _play_while(work: Callable[[], None], play: Callable[..., set[int]]) -> set[int]:
    """Let alerts begin and end while the work is done, and until everybody knows of what began; return their numbers."""
    numbers, is_over = count(), threading.Event()
    with ThreadPoolExecutor(SWITCHES) as pool:
        plays = [pool.submit(play, place=place, numbers=numbers, is_over=is_over) for place in range(SWITCHES)]
        try:
            work()
        finally:
            is_over.set()
        return set().union(*(each.result() for each in plays))


def _play(
    application: Application,
    tally: Tally,
    *,
    place: int,
    numbers: Iterator[int],
    is_over: threading.Event,
    patience_seconds: float,
) -> set[int]:
    """Let one alert after the other begin, and end once every channel told of it; return their numbers."""
    played: set[int] = set()
    while not is_over.is_set() and not tally.complaints:
        number = next(numbers)
        played.add(number)
        labels = {"place": str(place), "number": str(number)}
        for told, position in ((News(number, FIRING), 1), (News(number, RESOLVED), 0)):
            deadline = time.monotonic() + patience_seconds
            while not (
                application.report("fault_switch", position, labels) and tally.wait_for(told, seconds=REPORT_SECONDS)
            ):
                if time.monotonic() > deadline:
                    tally.complain(f"{told} did not come by {tally.list_missing(told)}")
                    break
                # Without a web process reports fail at once.
                tally.wait_for(told, seconds=0.2)
    return played


def _settle(product: Product) -> list[Entry]:
    """Return the ledger's entries about switches once nothing waits any more."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = json.loads(product.manage("shell", "--no-imports", "-v", "0", "-c", READ_LEDGER))
        if not found["unsent"] and not found["untold"]:
            break
        assert time.monotonic() < deadline, f"{found['unsent']} messages are unsent, {found['untold']} groups untold"
    entries = []
    for row in found["rows"]:
        if (told := read_news(row["text"])) is not None:
            kind = ChannelKind(row["key"].split(":")[2])
            entries.append(Entry(kind, told, row["state"], row["fingerprint"], tuple(row["outcomes"])))
    return entries


def _assert_each_was_told_once(entries: list[Entry], tally: Tally, switches: set[int]) -> None:
    """Each alert's beginning and end was one message to each channel, which came; again only where the ledger admits it."""
    wanted = {(kind, News(number, news)) for kind in ChannelKind for number in switches for news in (FIRING, RESOLVED)}
    assert switches, "nothing was switched: the test shows nothing"
    lost = [entry for entry in entries if not tally.arrived[_expect(entry)]]
    assert lost == [], f"these did not come, whatever the ledger says; {tally.complaints}"
    assert tally.complaints == []
    assert Counter((entry.kind, entry.told) for entry in entries) == Counter(wanted)
    # A beginning that was taken when its worker was killed need not be repeated once its end is told.
    assert [entry for entry in entries if entry.state != State.SENT and not entry.was_replaced] == []
    doubled = [(entry, times) for entry in entries if (times := tally.arrived[_expect(entry)]) > entry.most_arrivals]
    assert doubled == [], "these came more often than the ledger admits"
    assert set(tally.arrived) == {_expect(entry) for entry in entries}, (
        "these are not in the ledger, or under another name"
    )


def _expect(entry: Entry) -> Arrival:
    """Return what the receiver sees of a message: mails and webhooks have a name of their own, made from the ledger's row."""
    names = {
        ChannelKind.EMAIL: f"<postlaunch.{entry.fingerprint}@localhost>",
        ChannelKind.WEBHOOK: entry.fingerprint,
    }
    return Arrival(entry.kind, entry.told, names.get(entry.kind, ""))


def _keep_figures(killer: Killer, entries: list[Entry], tally: Tally, *, minutes: float) -> None:
    """Keep what the run came to in artefacts/, for people to read."""
    of = {kind: [entry for entry in entries if entry.kind == kind] for kind in ChannelKind}
    lines = [f"{killer.killed.total()} kills in {minutes:.1f} min: {dict(killer.killed)}"]
    for kind, its in of.items():
        arrived = sum(tally.arrived[_expect(entry)] for entry in its)
        unknown, attempts = sum(entry.unknown_count for entry in its), sum(len(entry.outcomes) for entry in its)
        lines.append(
            f"{kind.value}: {len(its)} messages, {attempts} attempts, {unknown} unknown, {arrived - len(its)} came again"
        )
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / f"kills-{killer.killed.total()}.txt").write_text("\n".join(lines) + "\n")


def _assert_all_points_are_there(application: Application, writers: list[Writer]) -> None:
    """Every acknowledged point can be read back, under its own time and value."""
    for number, writer in enumerate(writers):
        assert writer.acknowledged, "nothing was acknowledged: the test shows nothing"
        stored = _read_points(application, number, since_ms=min(moment for moment, _ in writer.acknowledged))
        missing = writer.acknowledged - stored
        assert not missing, (
            f"{len(missing)} of {len(writer.acknowledged)} acknowledged points are gone, such as {sorted(missing)[:3]}"
        )


def _read_points(application: Application, writer: int, *, since_ms: int) -> set[tuple[int, int]]:
    """Return the stored points of a writer, read in pieces."""
    found: set[tuple[int, int]] = set()
    piece_seconds = 300
    for end in range(since_ms // 1000 + piece_seconds, int(time.time()) + piece_seconds + 1, piece_seconds):
        query = {"query": f'fault_counter{{writer="{writer}"}}[{piece_seconds + 1}s]', "time": str(end)}
        answer = httpx.get(
            f"{application.product.url}/prometheus/api/v1/query",
            params=query,
            headers=application.headers,
            timeout=120,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        for series in answer.json()["data"]["result"]:
            found.update((round(moment * 1000), int(float(value))) for moment, value in series["values"])
    return found
