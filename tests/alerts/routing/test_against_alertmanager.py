"""Grouping, inhibition and time intervals against a running Alertmanager, over generated trees, rules and intervals.

One Alertmanager holds all cases of a test: each has a label `case` of its own, which keeps it apart from the others.
"""

from __future__ import annotations

import json
import queue
import random
import shutil
import socket
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from alerts.routing.inhibition import InhibitRule, find_inhibitors
from alerts.routing.intervals import MONTHS, WEEKDAYS, contains, next_change, parse_interval
from alerts.routing.matchers import Matcher
from alerts.routing.tree import ALL_LABELS, Route, group_key, group_labels, resolve
from tests.alerts.routing.test_against_amtool import (
    RECEIVERS,
    generate_labels,
    generate_tree,
    write_route,
)

Labels = dict[str, str]

GROUPED_TREES = 60
ALERTS_PER_TREE = 30
INHIBITION_CASES = 200
INTERVALS = 250


@contextmanager
def run_alertmanager(config: dict[str, Any], directory: Path) -> Iterator[httpx.Client]:
    """Yield a client of an Alertmanager on loopback that has this configuration."""
    program = shutil.which("prometheus-alertmanager")
    assert program, "prometheus-alertmanager is missing: apt-get install prometheus-alertmanager"
    (directory / "alertmanager.yml").write_text(json.dumps(config, ensure_ascii=False))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    options = [f"--web.listen-address={address}", "--cluster.listen-address=", f"--storage.path={directory / 'data'}"]
    log = directory / "alertmanager.log"
    with log.open("w") as output, httpx.Client(base_url=f"http://{address}", timeout=30) as client:
        process = subprocess.Popen(
            [program, f"--config.file={directory / 'alertmanager.yml'}", *options], stdout=output, stderr=output
        )
        try:
            _wait_until_ready(client, process, log)
            yield client
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            client.get("/-/ready").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text()[-2000:])


def send_alerts(client: httpx.Client, alerts: list[tuple[int, Labels]]) -> None:
    """The id travels as an annotation, which neither routes nor inhibits."""
    body = [{"labels": labels, "annotations": {"id": str(alert_id)}} for alert_id, labels in alerts]
    client.post("/api/v2/alerts", json=body).raise_for_status()


def read_id(alert: dict[str, Any]) -> int:
    return int(alert["annotations"]["id"])


def drop_equal(alerts: list[tuple[int, Labels]]) -> list[tuple[int, Labels]]:
    """Alerts with the same labels are one to Alertmanager."""
    return list({json.dumps({k: v for k, v in sorted(one[1].items()) if v}): one for one in alerts}.values())


def add_grouping(route: Route, chance: random.Random) -> Route:
    group_by = chance.choice([(), (), ("a",), ("b", "severity"), ALL_LABELS])
    return replace(route, group_by=group_by, children=tuple(add_grouping(child, chance) for child in route.children))


def write_grouped_route(route: Route) -> dict[str, Any]:
    written = write_route(route)
    return {
        **written,
        "group_by": list(route.group_by),
        "group_wait": "1h",
        "routes": [write_grouped_route(child) for child in route.children],
    }


def test_group_labels__generated_trees__groups_are_alertmanagers(tmp_path: Path) -> None:
    chance = random.Random(20260313)
    trees = tuple(
        replace(add_grouping(generate_tree(chance), chance), matchers=(Matcher("case", "=", str(number)),))
        for number in range(GROUPED_TREES)
    )
    root = Route(route_id=0, receiver=RECEIVERS[0], group_by=("c",), children=trees)
    labels = [
        {"case": str(number % GROUPED_TREES), "alertname": f"n{number % 3}", **generate_labels(chance)}
        for number in range(GROUPED_TREES * ALERTS_PER_TREE)
    ]
    alerts = drop_equal(list(enumerate(labels)))
    config = {"route": write_grouped_route(root), "receivers": [{"name": name} for name in RECEIVERS]}

    with run_alertmanager(config, tmp_path) as client:
        send_alerts(client, alerts)
        theirs = _read_groups(client, expected=find_groups(root, alerts))

    assert theirs == find_groups(root, alerts)
    assert sum(theirs.values()) > 1_000


def find_groups(root: Route, alerts: list[tuple[int, Labels]]) -> Counter[tuple[object, ...]]:
    """Return how often there is each group: its receiver, its labels, its alerts. Two routes may have equal ones.

    Route ids are unique within a tree only, hence the case in the key.
    """
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    described = {}
    for alert_id, labels in alerts:
        for route in resolve(root, labels):
            key = (labels["case"], group_key(route, labels))
            described[key] = (route.receiver, tuple(group_labels(route, labels).items()))
            groups[key].append(alert_id)
    return Counter((*described[key], tuple(sorted(ids))) for key, ids in groups.items())


def _read_groups(client: httpx.Client, expected: Counter[tuple[object, ...]]) -> Counter[tuple[object, ...]]:
    """Alertmanager sorts alerts into groups a moment after it took them."""
    for _ in range(100):
        found = Counter(
            (
                group["receiver"]["name"],
                tuple(sorted(group["labels"].items())),
                tuple(sorted(map(read_id, group["alerts"]))),
            )
            for group in client.get("/api/v2/alerts/groups").json()
        )
        if found == expected:
            break
        time.sleep(0.1)
    return found


def generate_rules(chance: random.Random, case: Matcher) -> Iterator[InhibitRule]:
    """Some of them both ways round, so that rings occur."""
    for _ in range(chance.randint(1, 4)):
        source, target = _generate_side(chance, case), _generate_side(chance, case)
        equal = chance.choice([(), (), ("host",), ("host", "kind")])
        yield InhibitRule(source, target, equal)
        if chance.random() < 0.4:
            yield InhibitRule(target, source, equal)


def _generate_side(chance: random.Random, case: Matcher) -> tuple[Matcher, ...]:
    return (case, *(_generate_kind_matcher(chance) for _ in range(chance.choice([1, 1, 1, 2]))))


def _generate_kind_matcher(chance: random.Random) -> Matcher:
    operator, value = chance.choice(
        [("=", "a"), ("=", "b"), ("=", "c"), ("=", "d"), ("!=", "a"), ("=~", "a|b"), ("=", "")]
    )
    return Matcher(chance.choice(["kind", "kind", "kind", "host"]), operator, value)


def generate_alerts(chance: random.Random, number: int) -> list[tuple[int, Labels]]:
    return [
        (
            number * 100 + place,
            {
                "alertname": f"n{place % 2}",
                "case": str(number),
                "kind": chance.choice(["a", "b", "c", "d", ""]),
                "host": chance.choice(["a", "b", ""]),
            },
        )
        for place in range(chance.randint(3, 9))
    ]


def find_inhibited(rules: list[InhibitRule], alerts: list[tuple[int, Labels]]) -> dict[int, set[int]]:
    """Return who holds back whom by Alertmanager's rule, rings included: what each single alert holds back."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    for rule in rules:
        for source in alerts:
            for target in alerts:
                if find_inhibitors([rule], [source, target]).get(target[0]) == source[0]:
                    found[target[0]].add(source[0])
    return found


def test_find_inhibitors__generated_rules__inhibited_are_alertmanagers_but_for_one_of_each_ring(tmp_path: Path) -> None:
    chance = random.Random(20260314)
    rules_of, alerts_of = {}, {}
    for number in range(INHIBITION_CASES):
        case = Matcher("case", "=", str(number))
        rules_of[number] = list(generate_rules(chance, case))
        alerts_of[number] = drop_equal(generate_alerts(chance, number))
    every_rule = [rule for rules in rules_of.values() for rule in rules]
    every_alert = [alert for alerts in alerts_of.values() for alert in alerts]
    config = {
        "route": {"receiver": "r"},
        "receivers": [{"name": "r"}],
        "inhibit_rules": [
            {
                "source_matchers": [str(matcher) for matcher in rule.source_matchers],
                "target_matchers": [str(matcher) for matcher in rule.target_matchers],
                "equal": list(rule.equal),
            }
            for rule in every_rule
        ],
    }
    all_inhibited = {number: find_inhibited(rules_of[number], alerts_of[number]) for number in rules_of}
    expected = {alert for inhibited in all_inhibited.values() for alert in inhibited}

    with run_alertmanager(config, tmp_path) as client:
        send_alerts(client, every_alert)
        theirs = _read_inhibited(client, len(every_alert), expected)

    held = find_inhibitors(every_rule, every_alert)
    survivors = theirs - held.keys()
    assert theirs == expected
    assert held.keys() <= theirs
    assert len(held) > 200
    assert len(survivors) > 5
    for alert in survivors:
        inhibited = all_inhibited[alert // 100]
        ring = _leads_to(inhibited, alert)
        assert alert == min(ring)
        assert all(alert in _leads_to(inhibited, other) for other in ring)


def _leads_to(inhibited: dict[int, set[int]], alert: int) -> set[int]:
    """Return the alerts from which a chain of inhibitors leads to this one."""
    found = set(inhibited.get(alert, ()))
    while more := {source for one in found for source in inhibited.get(one, ())} - found:
        found |= more
    return found


def _read_inhibited(client: httpx.Client, count: int, expected: set[int]) -> set[int]:
    for _ in range(100):
        alerts = client.get("/api/v2/alerts").json()
        found = {read_id(alert) for alert in alerts if alert["status"]["inhibitedBy"]}
        if len(alerts) == count and found == expected:
            break
        time.sleep(0.1)
    return found


@contextmanager
def receive_webhooks() -> Iterator[tuple[str, queue.Queue[str]]]:
    """Yield the address of a web server and a queue of the paths that were posted to."""
    paths: queue.Queue[str] = queue.Queue()

    class Server(ThreadingHTTPServer):
        request_queue_size = 2 * INTERVALS

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            paths.put(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", paths
        finally:
            server.shutdown()
            thread.join()


def generate_interval(chance: random.Random, now: datetime) -> dict[str, Any]:
    """Fields around now, so that about every second interval has it."""
    spec: dict[str, Any] = {
        "location": chance.choice(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Los_Angeles"])
    }
    if chance.random() < 0.4:
        hour = chance.randint(0, 23)
        spec["times"] = [{"start_time": f"{hour:02}:00", "end_time": f"{chance.randint(hour + 1, 24):02}:00"}]
    if chance.random() < 0.4:
        start = chance.randint(0, 6)
        spec["weekdays"] = [f"{WEEKDAYS[start]}:{WEEKDAYS[chance.randint(start, 6)]}", chance.choice(WEEKDAYS)]
    if chance.random() < 0.4:
        start = chance.randint(1, 31)
        spec["days_of_month"] = chance.choice(
            [
                [f"{start}:{chance.randint(start, 31)}"],
                [f"-{start}:-{chance.randint(1, start)}"],
                ["1:-1"],
                [f"{now.day}"],
            ]
        )
    if chance.random() < 0.3:
        start = chance.randint(1, 12)
        spec["months"] = [f"{start}:{MONTHS[chance.randint(start, 12) - 1]}"]
    if chance.random() < 0.3:
        spec["years"] = [f"{now.year - 1}:{now.year + chance.choice([-1, 0, 1])}"]
    return spec


@pytest.mark.timeout(120)
def test_contains__generated_intervals__mute_and_activate_as_in_alertmanager(tmp_path: Path) -> None:
    """Each interval mutes one route and activates another, so that one of the two sends: nobody waits for silence."""
    chance = random.Random(20260315)
    now = datetime.now(UTC)
    specs = [generate_interval(chance, now) for _ in range(INTERVALS)]
    with receive_webhooks() as (address, paths):
        config = {
            "route": {"receiver": "root", "group_wait": "1s", "routes": list(_write_muted_routes())},
            "receivers": [
                {"name": "root"},
                *({"name": name, "webhook_configs": [{"url": f"{address}/{name}"}]} for name in _name_receivers()),
            ],
            "time_intervals": [{"name": f"i{number}", "time_intervals": [spec]} for number, spec in enumerate(specs)],
        }
        with run_alertmanager(config, tmp_path) as client:
            began = datetime.now(UTC)
            send_alerts(client, [(number, {"case": str(number)}) for number in range(INTERVALS)])
            sent = {paths.get(timeout=60) for _ in range(INTERVALS)}
            ended = datetime.now(UTC)

    intervals = [parse_interval(spec) for spec in specs]
    steady = [number for number in range(INTERVALS) if next_change([intervals[number]], began, ended - began) is None]
    assert len(steady) > INTERVALS / 2
    for number in steady:
        expected = f"/active{number}" if contains(intervals[number], began) else f"/mute{number}"
        assert expected in sent, specs[number]
    assert sum(path.startswith("/active") for path in sent) > 50
    assert sum(path.startswith("/mute") for path in sent) > 50


def _name_receivers() -> Iterator[str]:
    for number in range(INTERVALS):
        yield from (f"mute{number}", f"active{number}")


def _write_muted_routes() -> Iterator[dict[str, Any]]:
    for number in range(INTERVALS):
        matchers = [f"case={number}"]
        for kind in ("mute", "active"):
            yield {
                "matchers": matchers,
                "receiver": f"{kind}{number}",
                f"{kind}_time_intervals": [f"i{number}"],
                "continue": True,
            }
