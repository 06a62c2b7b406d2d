"""Grouping and inhibition against a running Alertmanager, over generated trees and rules.

One Alertmanager holds all cases of a test: each has a label `case` of its own, which keeps it apart from the others.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from alerts.destinations import EVERY_LABEL, GROUP_BY, hash_group, pick_group_labels
from alerts.routing.inhibition import InhibitRule, find_inhibitors
from alerts.routing.matchers import Matcher
from alerts.routing.tree import Route, resolve
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


#: How the alerts of each receiver are grouped.
GROUPING: dict[str, tuple[str, ...]] = dict(
    zip(RECEIVERS, [("a",), ("b", "severity"), (EVERY_LABEL,), GROUP_BY, ("missing",), ("c", "a")], strict=True)
)


def write_grouped_route(route: Route, above: str) -> dict[str, Any]:
    receiver = str(route.receiver or above)
    return {
        **write_route(route),
        "group_by": list(GROUPING[receiver]),
        "group_wait": "1h",
        "routes": [write_grouped_route(child, receiver) for child in route.children],
    }


def test_pick_group_labels__generated_trees__groups_are_alertmanagers(tmp_path: Path) -> None:
    """But that routes with one receiver make one group here, where Alertmanager has one for each of them."""
    chance = random.Random(20260313)
    trees = tuple(
        replace(generate_tree(chance), matchers=(Matcher("case", "=", str(number)),)) for number in range(GROUPED_TREES)
    )
    root = Route(route_id=0, receiver=RECEIVERS[0], children=trees)
    labels = [
        {"case": str(number % GROUPED_TREES), "alertname": f"n{number % 3}", **generate_labels(chance)}
        for number in range(GROUPED_TREES * ALERTS_PER_TREE)
    ]
    alerts = drop_equal(list(enumerate(labels)))
    config = {"route": write_grouped_route(root, RECEIVERS[0]), "receivers": [{"name": name} for name in RECEIVERS]}
    ours = find_groups(root, alerts)

    with run_alertmanager(config, tmp_path) as client:
        send_alerts(client, alerts)
        theirs = _read_groups(client, expected=ours)

    assert theirs == ours
    assert len(theirs) > 300
    assert sum(len(ids) > 1 for ids in theirs.values()) > 100


Groups = dict[tuple[str, tuple[tuple[str, str], ...]], set[int]]


def find_groups(root: Route, alerts: list[tuple[int, Labels]]) -> Groups:
    """Return the alerts of each group, by its receiver and labels."""
    groups: defaultdict[str, set[int]] = defaultdict(set)
    described = {}
    for alert_id, labels in alerts:
        for receiver in {str(route.receiver) for route in resolve(root, labels)}:
            shared = pick_group_labels(labels, GROUPING[receiver])
            key = hash_group(receiver, shared)
            described[key] = (receiver, tuple(shared.items()))
            groups[key].add(alert_id)
    return {described[key]: ids for key, ids in groups.items()}


def _read_groups(client: httpx.Client, expected: Groups) -> Groups:
    """Alertmanager sorts alerts into groups a moment after it took them."""
    found: defaultdict[tuple[str, tuple[tuple[str, str], ...]], set[int]] = defaultdict(set)
    for _ in range(100):
        found.clear()
        for group in client.get("/api/v2/alerts/groups").json():
            key = group["receiver"]["name"], tuple(sorted(group["labels"].items()))
            found[key].update(map(read_id, group["alerts"]))
        if found == expected:
            break
        time.sleep(0.1)
    return dict(found)


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
