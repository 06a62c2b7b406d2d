"""The state machine and the templates against Prometheus' own, over generated rules and series.

`promtool test rules` says in one answer when which alert was pending and when it fired: each series of ALERTS becomes the
binary number of the evaluations that it was there at. Both states must be what ours says, and so must the annotation that
some rules have. Rules and rendering cost promtool far more than series, so there are few rules with many series each.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from alerts.annotations import render_template
from alerts.evaluation import Action, OpenAlert, Timing, decide
from alerts.labels import fingerprint_labels

RULES = 200
ANNOTATED_RULES = 80
SERIES_PER_RULE = 16
STEPS = 40
STEP_SECONDS = 15
#: When an alert was there: 1 for the first evaluation, 2 for the second, 4 for the third ... added up.
WHEN = "sum_over_time((2 ^ (timestamp(ALERTS{{alertname='{name}'}}) / {seconds}))[{span}s:{seconds}s])"
T0 = datetime(1970, 1, 1, tzinfo=UTC)
ANNOTATIONS = {
    "plain": "{{ $labels.host }}: {{ $value }}",
    "words": '{{- $labels.host | toUpper }} {{ $labels.nothing }}{{ "quoted \\" text" }} {{ title "some words" }}',
    "numbers": "{{ humanize $value }} {{ $value | humanize1024 }} {{ $value | humanizePercentage }} {{ humanizeDuration .Value }}",
    "printed": '{{ printf "%.2f|%5.1f|%-8s|%e|%.3g|%v|%%" $value $value $labels.host $value $value $value }}',
    "time": "{{ $value | humanizeTimestamp }}",
}


@dataclass(frozen=True, eq=False)
class Case:
    """One rule over many series, each of which is a case of its own: `values[host][step]`, None where there is no sample."""

    number: int
    hold: int
    keep: int
    values: dict[str, list[float | None]]

    @property
    def name(self) -> str:
        return f"case_{self.number}"

    @property
    def metric(self) -> str:
        return f"metric_{self.number}"

    @property
    def annotations(self) -> dict[str, str]:
        """One of them, by its number, of the first rules."""
        names = list(ANNOTATIONS)
        return {(name := names[self.number % len(names)]): ANNOTATIONS[name]} if self.number < ANNOTATED_RULES else {}


def generate_cases() -> list[Case]:
    chance = random.Random(20260310)
    return [_generate(number, chance) for number in range(RULES)]


def _generate(number: int, chance: random.Random) -> Case:
    hosts = [f"{chance.choice(['erp', 'Db-'])}{place}" for place in range(SERIES_PER_RULE)]
    return Case(
        number=number,
        hold=STEP_SECONDS * chance.choice([0, 0, 1, 2, 3, 5, 8]) + chance.choice([0, 0, 7]),
        keep=STEP_SECONDS * chance.choice([0, 0, 1, 2, 3, 5, 8]) + chance.choice([0, 0, 4]),
        values={host: _generate_values(chance) for host in hosts},
    )


def _generate_values(chance: random.Random) -> list[float | None]:
    """Stretches above the threshold (0), below it, and without data."""
    scale = chance.choice([1e-7, 0.01, 1, 50, 1e4, 3e7, 1.5e9])
    values: list[float | None] = []
    while len(values) < STEPS:
        length = chance.randint(1, 9)
        kind = chance.choice(["above", "above", "below", "gap"])
        for _ in range(length):
            above = float(f"{chance.random() * scale:.6g}")
            values.append({"above": above, "below": -1.0, "gap": None}[kind])
    return values[:STEPS]


@cache
def play(case: Case) -> list[dict[str, tuple[bool, float]]]:
    """Return what ours has open after each evaluation: by host, whether it fires and its value."""
    hosts = {fingerprint_labels({"host": host}): host for host in case.values}
    timing = Timing(timedelta(seconds=case.hold), timedelta(seconds=case.keep))
    alerts: dict[str, tuple[OpenAlert, float]] = {}
    history = []
    for step in range(STEPS):
        now = T0 + timedelta(seconds=step * STEP_SECONDS)
        found = {name: case.values[host][step] for name, host in hosts.items()}
        series = {name: value for name, value in found.items() if value is not None and value > 0}
        known = {name: alert for name, (alert, _) in alerts.items()}
        for decision in decide(timing=timing, open_alerts=known, series=series, cleared=None, now=now):
            _follow(alerts, decision.fingerprint, decision, now)
        history.append({hosts[name]: (alert.is_firing, value) for name, (alert, value) in alerts.items()})
    return history


def _follow(alerts: dict[str, tuple[OpenAlert, float]], name: str, decision: Any, now: datetime) -> None:
    before = alerts.get(name)
    match decision.action:
        case Action.DROP | Action.RESOLVE:
            del alerts[name]
        case Action.START_PENDING | Action.START_FIRING:
            alerts[name] = (OpenAlert(decision.action is Action.START_FIRING, now, now), decision.value)
        case _:
            assert before is not None
            alert, value = before
            is_firing = alert.is_firing or decision.action is Action.FIRE
            value = value if decision.value is None else decision.value
            alerts[name] = (OpenAlert(is_firing, alert.active_since, now, decision.keep_until), value)


def write_rules(cases: list[Case]) -> dict[str, Any]:
    rules = [
        {
            "alert": case.name,
            "expr": f"{case.metric} > 0",
            "for": f"{case.hold}s",
            "keep_firing_for": f"{case.keep}s",
            "labels": {"severity": "warning"},
            "annotations": case.annotations,
        }
        for case in cases
    ]
    return {"groups": [{"name": "generated", "rules": rules}]}


def write_tests(cases: list[Case]) -> dict[str, Any]:
    return {
        "rule_files": ["rules.json"],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [
            {
                "interval": f"{STEP_SECONDS}s",
                "input_series": [
                    {"series": f'{case.metric}{{host="{host}"}}', "values": _write_values(values)}
                    for case in cases
                    for host, values in case.values.items()
                ],
                "alert_rule_test": [test for case in cases if case.annotations for test in _write_alert_tests(case)],
                "promql_expr_test": [_write_state_test(case) for case in cases],
            }
        ],
    }


def _write_values(values: list[float | None]) -> str:
    """A gap is written as stale, or the last value would count for five minutes more."""
    return " ".join("stale" if value is None else f"{value:.17g}" for value in values)


def _write_alert_tests(case: Case) -> list[dict[str, Any]]:
    history = play(case)
    return [
        {
            "eval_time": f"{step * STEP_SECONDS}s",
            "alertname": case.name,
            "exp_alerts": [
                {"exp_labels": {"host": host, "severity": "warning"}, "exp_annotations": _render(case, host, value)}
                for host, (is_firing, value) in sorted(history[step].items())
                if is_firing
            ],
        }
        for step in range(1, STEPS, 3)
    ]


def _write_state_test(case: Case) -> dict[str, Any]:
    labels = f'alertname="{case.name}", severity="warning"'
    return {
        "expr": WHEN.format(name=case.name, seconds=STEP_SECONDS, span=STEPS * STEP_SECONDS),
        "eval_time": f"{(STEPS - 1) * STEP_SECONDS}s",
        "exp_samples": [
            {"labels": f'{{{labels}, host="{host}", alertstate="{state}"}}', "value": when}
            for (host, state), when in sum_up(case).items()
        ],
    }


def sum_up(case: Case) -> Counter[tuple[str, str]]:
    """Return when each host's alert was pending and when it fired, as WHEN does."""
    when: Counter[tuple[str, str]] = Counter()
    for step, alerts in enumerate(play(case)):
        for host, (is_firing, _) in alerts.items():
            when[host, "firing" if is_firing else "pending"] += 2**step
    return when


def _render(case: Case, host: str, value: float) -> dict[str, str]:
    return {name: render_template(text, labels={"host": host}, value=value) for name, text in case.annotations.items()}


def test_state_machine_and_templates__generated_rules__as_prometheus_has_them(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is missing: apt-get install prometheus"
    cases = generate_cases()
    assert sum(when.bit_count() for case in cases for when in sum_up(case).values()) > 50_000
    (tmp_path / "rules.json").write_text(json.dumps(write_rules(cases)))
    (tmp_path / "tests.json").write_text(json.dumps(write_tests(cases)))

    result = subprocess.run(
        [promtool, "test", "rules", "tests.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, "GOGC": "400"},  # a third of its time went into collecting garbage
    )

    assert result.returncode == 0, (result.stdout + result.stderr)[:4000]
