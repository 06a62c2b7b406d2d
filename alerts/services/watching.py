"""The watchdog: audits everything between a breach and a person, and tells an outside heartbeat only if all is well."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import httpx
from django.core.cache import cache
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.functions import Least
from redis.exceptions import RedisError

from alerts.enums import GroupState
from alerts.models import AlertGroup, Rule
from alerts.selectors import measure_standing
from alerts.watching import (
    FAILED_WITHIN,
    MESSAGE_LATE,
    STEP_LATE,
    STUCK_AFTER,
    STUCK_WITHIN,
    Facts,
    find_problems,
    find_remarks,
)
from config.deliveries.enums import Channel as Way
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from config.deliveries.selectors import list_slow_receivers, measure_ledger
from config.heartbeats import read_heartbeats
from config.outbox.selectors import measure_outbox
from config.settings import OPTION

logger = logging.getLogger(__name__)

WATCHED_QUEUES = ("evaluate", "deliver", "default")
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
CACHE_KEY = "alerts:watch"
KEPT_SECONDS = 24 * 3600
#: Sources of messages by which somebody tries an address out: that they fail says nothing of whether alerts reach people.
TRIALS = ("contact", "channel", "test")


@dataclass(frozen=True, slots=True)
class Watch:
    """What the newest audit found. `pinged`: whether the outside heartbeat was told; `answer` what it said.

    `remarks` are no reason not to tell it: they concern one receiver, whom anybody may have entered.
    """

    at: float
    problems: tuple[str, ...]
    pinged: bool = False
    answer: str = ""
    remarks: tuple[str, ...] = ()


def keep_watch(*, now: datetime) -> Watch:
    """Audit; if nothing is wrong and WATCHDOG_URL is set, call it. Whoever is behind it raises the alarm when calls stop."""
    facts = find_facts(now=now)
    problems, remarks = tuple(find_problems(facts, now=now)), tuple(find_remarks(facts))
    for problem in problems:
        logger.error("watchdog: %s", problem)
    address = str(OPTION["WATCHDOG_URL"])
    pinged, answer = _ping(address) if address and not problems else (False, "")
    watch = Watch(now.timestamp(), problems, pinged, answer, remarks)
    try:
        cache.set(CACHE_KEY, asdict(watch), timeout=KEPT_SECONDS)
    except RedisError:
        logger.warning("what the watchdog found is not kept: the cache does not answer")
    return watch


def find_last_watch() -> Watch | None:
    """Return what the newest audit of the last day found, None if there was none."""
    found = cache.get(CACHE_KEY)
    if not found:
        return None
    return Watch(**{**found, "problems": tuple(found["problems"]), "remarks": tuple(found.get("remarks", ()))})


def find_facts(*, now: datetime) -> Facts:
    """Return what the audit judges: a few cheap questions over what is open and what waits."""
    standing, ledger, outbox = measure_standing(), measure_ledger(), measure_outbox()
    # A group that fails is put off minute by minute; what it should have done then shows how late it is.
    late = now - STEP_LATE
    overdue = (
        AlertGroup.objects.filter(state=GroupState.OPEN)
        .filter(Q(look_at__lt=late) | Q(step_at__lt=late) | Q(due_at__lt=late))
        .aggregate(oldest=Min(Least("look_at", "step_at", "due_at")), number=Count("pk"))
    )
    ways, services = _list_stuck_ways(now)
    return Facts(
        rules_enabled=Rule.objects.enabled().count(),
        rules_evaluated_at=standing.evaluated_at,
        broken_rules=standing.broken_rules,
        oldest_step_due=overdue["oldest"],
        stuck_groups=overdue["number"],
        oldest_message_due=ledger.oldest_due,
        oldest_event=outbox.oldest,
        queues=_read_queues(),
        failed_ways=tuple(_list_failed_ways(now)),
        stuck_ways=tuple(ways),
        stuck_services=tuple(services),
        slow_receivers=tuple(list_slow_receivers(since=now - MESSAGE_LATE)),
    )


def _read_queues() -> dict[str, datetime | None]:
    try:
        found = read_heartbeats(WATCHED_QUEUES)
    except RedisError:
        found = {}
    return {queue: datetime.fromtimestamp(found[queue], tz=UTC) if queue in found else None for queue in WATCHED_QUEUES}


def _list_failed_ways(now: datetime) -> list[str]:
    failed = Q(state=State.FAILED) & ~Q(source__in=TRIALS)
    counts = (
        Delivery.objects.filter(finished_at__gt=now - FAILED_WITHIN, state__in=[State.SENT, State.FAILED])
        .order_by()
        .values("channel")
        .annotate(sent=Count("pk", filter=Q(state=State.SENT)), failed=Count("pk", filter=failed))
    )
    return [str(Way(row["channel"]).label).lower() for row in counts if row["failed"] and not row["sent"]]


def _list_stuck_ways(now: datetime) -> tuple[list[str], list[str]]:
    """Return by which ways messages are tried without success, and to which single services though others answer.

    What a newer message replaced before it went out was tried in vain as well; what is refused although a newer one was taken
    is its own fault.
    """
    long_ago, lately = now - STUCK_AFTER, now - STUCK_WITHIN
    taken = Delivery.objects.filter(thread=OuterRef("thread"), pk__gt=OuterRef("pk"), state=State.SENT)
    in_vain = Q(state__in=[State.QUEUED, State.SENDING]) | Q(state=State.SUPPRESSED, finished_at__gt=lately)
    tried = Delivery.objects.filter(
        in_vain, ~Exists(taken.exclude(thread="")), attempt_count__gt=0, created_at__lt=long_ago
    )
    tried = tried.exclude(source__in=TRIALS)
    stuck = {
        (row["channel"], row["lane"]): row["name"]
        for row in tried.order_by().values("channel", "lane").annotate(name=Min("recipient"))
    }
    if not stuck:
        return [], []
    sent = Delivery.objects.filter(state=State.SENT, finished_at__gt=lately)
    well = set(sent.order_by().values_list("channel", "lane").distinct())
    ways_well = {channel for channel, _ in well}
    ways = sorted({str(Way(channel).label).lower() for channel, _ in stuck if channel not in ways_well})
    services = sorted(
        name
        for (channel, lane), name in stuck.items()
        if channel == Way.APPRISE and channel in ways_well and (channel, lane) not in well
    )
    return ways, services


def _ping(address: str) -> tuple[bool, str]:
    """Call the outside heartbeat; return whether it took it, and what it said."""
    started = time.monotonic()
    try:
        answer = httpx.get(address, timeout=TIMEOUT, follow_redirects=False)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        logger.error("the outside heartbeat does not answer: %s", error)
        return False, f"{error.__class__.__name__}: {error}"[:200]
    words = f"{answer.status_code} in {time.monotonic() - started:.1f} s"
    if not answer.is_success:
        logger.error("the outside heartbeat refuses: %s", words)
    return answer.is_success, words
