"""Own metrics of this room: how long rules take, how many fail, how many alerts are open."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.runs import find_last_run
from alerts.selectors import measure_standing
from alerts.services.watching import find_last_watch
from config.own_metrics.registry import Metric, Sample, own_metrics

SECONDS = Metric("postlaunch_rule_evaluation_seconds", "gauge", "How long the newest evaluation of all rules took.")
EVALUATED = Metric("postlaunch_rules_evaluated", "gauge", "Rules in the newest evaluation.")
FAILED = Metric("postlaunch_rules_failed", "gauge", "Rules of the newest evaluation that could not be evaluated.")
ALERTS = Metric("postlaunch_alerts", "gauge", "Open alerts by state: firing, pending.", ("state",))


PROBLEMS = Metric("postlaunch_watchdog_problems", "gauge", "What keeps alerts from people, as of the newest audit.")


@own_metrics("alerts", SECONDS, EVALUATED, FAILED, ALERTS, PROBLEMS)
def read_alerts() -> Iterable[Sample]:
    """Read how the newest evaluation went and what is open."""
    run = find_last_run()
    if run is not None:
        yield Sample(SECONDS, run.seconds)
        yield Sample(EVALUATED, run.rules)
        yield Sample(FAILED, run.failed)
    watch = find_last_watch()
    if watch is not None:
        yield Sample(PROBLEMS, len(watch.problems))
    standing = measure_standing()
    yield Sample(ALERTS, standing.firing, {"state": "firing"})
    yield Sample(ALERTS, standing.pending, {"state": "pending"})
