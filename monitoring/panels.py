"""What this room shows on the admin home: the host, its database, what came in."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.figures import write_ago, write_value
from config.panels import Need, Panel, Step, first_step, need, panel
from monitoring.applications.current import find_current_application
from monitoring.applications.enums import AGENT_KEY_LABEL, KeyKind
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.overview import count_recent, find_stopped
from monitoring.applications.selectors import find_host_application
from monitoring.browser import panels as browser_panels
from monitoring.charts.now import Found, largest, read_now
from monitoring.charts.spec import Chart, Line, Threshold
from monitoring.errors import panels as errors_panels
from monitoring.errors.enums import IssueState
from monitoring.errors.selectors import count_waiting_issues, measure_inbox
from monitoring.metrics.models import MetricSeries
from monitoring.performance import panels as performance_panels
from monitoring.performance import sections as performance_sections
from monitoring.uptime import panels as uptime_panels

__all__ = ["browser_panels", "errors_panels", "performance_panels", "performance_sections", "uptime_panels"]

VIEW = "monitoring.view_application"
#: Shares at which the built-in rules warn and alarm.
WARN, ALARM = 0.8, 0.95
SHARES = (Threshold(WARN, "watch"), Threshold(ALARM, "bad"))
MEMORY_SHARES = (Threshold(0.85, "watch"), Threshold(ALARM, "bad"))
#: A new application's charts begin with what there is and grow to an hour.
RANGES_SECONDS = (300, 900, 1800, 3600)

HOST_NOW = {
    "cpu": "max(system_cpu_utilization_ratio)",
    "memory": "max(system_memory_utilization_ratio)",
    "disk": "topk(1, system_filesystem_utilization_ratio)",
    "network": "sum(rate(system_network_io_bytes_total[1m]))",
    "network_limit": "sum(system_network_limit_bytes_per_second)",
    "load": "max(system_load_1m)",
}
DATABASE_NOW = {
    "backends": "sum(postgresql_backends)",
    "limit": "sum(postgresql_connection_max)",
    "longest": "max(postgresql_longest_query_seconds)",
    "size": "sum(postgresql_database_size_bytes)",
    "storage": "max(postgresql_storage_limit_bytes)",
    "commits": "sum(rate(postgresql_commits_total[1m]))",
    "lag": "max(postgresql_replication_lag_seconds)",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One big number with its name, what stands small beside it, and how good it is."""

    name: str
    text: str
    note: str = ""
    state: State = State.QUIET


@panel(key="host", title="Host", order=10, width=3, permission=VIEW)
def host(request: HttpRequest) -> Panel:
    """CPU, memory, disks and network of the chosen application's servers."""
    application = find_current_application(request)
    now = read_now(application.pk, HOST_NOW) if application else {}
    if application is None or not any(now.values()):
        return _nothing(application, "No server reports for this application. Start the host agent on one.")
    cpu, memory, disk = largest(now["cpu"]), largest(now["memory"]), largest(now["disk"])
    states = [judge_share(cpu), judge_share(memory, warn=0.85), judge_share(disk)]
    figures = [
        Figure("CPU", write_value(cpu, "ratio"), f"load {write_value(largest(now['load']), 'number')}", states[0]),
        Figure("Memory", write_value(memory, "ratio"), state=states[1]),
        Figure("Fullest disk", write_value(disk, "ratio"), _label(now["disk"], "mountpoint"), states[2]),
        _network(largest(now["network"]), largest(now["network_limit"])),
    ]
    return Panel(
        "monitoring/panels/charts.html",
        {"figures": figures, "charts": host_charts(application, largest(now["network_limit"]))},
        *_summarise(figures),
        url=_explore(application, "system_cpu_utilization_ratio"),
    )


def host_charts(application: Application, network_limit: float | None) -> list[Chart]:
    """Return the charts of a host."""
    limit = (Threshold(network_limit, "watch", "limit"),) if network_limit else ()
    return [
        _chart("CPU", "system_cpu_utilization_ratio", "{host}", "ratio", application, SHARES),
        _chart("Memory", "system_memory_utilization_ratio", "{host}", "ratio", application, MEMORY_SHARES),
        _chart("Disk space", "system_filesystem_utilization_ratio", "{mountpoint}", "ratio", application, SHARES),
        _chart(
            "Disk operations",
            "sum by (direction) (rate(system_disk_operations_total[$window]))",
            "{direction}",
            "per_second",
            application,
            (Threshold(1000, "watch"), Threshold(2000, "bad")),
        ),
        _chart(
            "Network",
            "sum by (direction) (rate(system_network_io_bytes_total[$window]))",
            "{direction}",
            "bytes_per_second",
            application,
            limit,
        ),
        _chart("Processes", "sum by (status) (system_processes_count)", "{status}", "number", application),
    ]


@panel(key="database", title="Database", order=20, width=2, permission=VIEW)
def database(request: HttpRequest) -> Panel:
    """Connections, queries and size of the chosen application's PostgreSQL."""
    application = find_current_application(request)
    now = read_now(application.pk, DATABASE_NOW) if application else {}
    if application is None or not any(now.values()):
        return _nothing(application, "No database reports for this application. The host agent reports PostgreSQL too.")
    backends, limit, longest = largest(now["backends"]), largest(now["limit"]), largest(now["longest"])
    size, storage, lag = largest(now["size"]), largest(now["storage"]), largest(now["lag"])
    figures = [
        Figure(
            "Connections", write_value(backends, "number"), _of(limit, "number"), judge_share(_share(backends, limit))
        ),
        Figure("Longest query", write_value(longest, "seconds"), "", _judge(longest, 5, 30)),
        Figure("Size", write_value(size, "bytes"), _of(storage, "bytes"), judge_share(_share(size, storage))),
        Figure("Commits", write_value(largest(now["commits"]), "per_second")),
    ]
    if lag is not None:
        figures.append(Figure("Replica behind by", write_value(lag, "seconds"), "", _judge(lag, 30, 300)))
    return Panel(
        "monitoring/panels/charts.html",
        {"figures": figures, "charts": database_charts(application, limit)},
        *_summarise(figures),
        url=_explore(application, "postgresql_backends"),
    )


def database_charts(application: Application, connection_limit: float | None) -> list[Chart]:
    """Return the charts of a database."""
    limits = (
        (Threshold(connection_limit * WARN, "watch"), Threshold(connection_limit * ALARM, "bad"))
        if connection_limit
        else ()
    )
    return [
        _chart("Connections", "sum(postgresql_backends)", "open", "number", application, limits, height="medium"),
        Chart(
            title="Transactions",
            lines=(
                Line("sum(rate(postgresql_commits_total[$window]))", "commits"),
                Line("sum(rate(postgresql_rollbacks_total[$window]))", "rollbacks"),
            ),
            unit="per_second",
            application_id=application.pk,
            range_seconds=choose_range(application),
            key=f"transactions-{choose_range(application)}",
        ),
        _chart(
            "Longest query",
            "max(postgresql_longest_query_seconds)",
            "longest",
            "seconds",
            application,
            (Threshold(5, "watch"), Threshold(30, "bad")),
            height="medium",
        ),
        _chart("Size", "postgresql_database_size_bytes", "{database}", "bytes", application, height="medium"),
    ]


@panel(key="ingestion", title="What came in", order=30, width=1, permission=VIEW)
def ingestion(request: HttpRequest) -> Panel:
    """What the chosen application sent and what became of it."""
    application = find_current_application(request)
    if application is None:
        return _nothing(None, "Add an application; what it sends is counted here.")
    totals = count_recent(application.pk)
    series = MetricSeries.objects.filter(application=application).count()
    share = series / application.max_series if application.max_series else 0.0
    figures = [
        Figure("Stored", write_value(totals.stored, "number"), "points"),
        Figure("Refused", write_value(totals.refused, "number"), "", State.WATCH if totals.refused else State.QUIET),
        Figure(
            "Over a limit", write_value(totals.limited, "number"), "", State.WATCH if totals.limited else State.QUIET
        ),
        Figure("Series", write_value(series, "number"), _of(application.max_series, "number"), judge_share(share)),
    ]
    return Panel(
        "monitoring/panels/ingestion.html",
        {"figures": figures, "application": application, "totals": totals, "chart": intake_chart(application)},
        url=reverse("admin:monitoring_application_connect", args=[application.pk]),
    )


def intake_chart(application: Application) -> Chart | None:
    """Return the chart of what an application sent, out of this product's own metrics; None before there is a host."""
    host = find_host_application()
    if host is None:
        return None
    fates = ("stored", "refused", "limited")
    template = 'sum(rate(postlaunch_ingest_points_{fate}_total{{application="{pk}"}}[$window]))'
    seconds = choose_range(host)
    return Chart(
        title="Points",
        lines=tuple(Line(template.format(fate=fate, pk=application.pk), fate) for fate in fates),
        unit="per_second",
        height="small",
        application_id=host.pk,
        range_seconds=seconds,
        key=f"points-{application.pk}-{seconds}",
    )


@need(key="errors", order=12, permission="monitoring.view_errorissue")
def errors_to_look_at(request: HttpRequest) -> Need:
    """Errors that are new or have come back, and that nobody has dealt with."""
    counts = count_waiting_issues()
    total, back = sum(counts.values()), counts.get(IssueState.REGRESSED, 0)
    sentence = f"{total} error{' waits' if total == 1 else 's wait'} for somebody"
    if back:
        sentence += f", {back} of them {'is' if back == 1 else 'are'} back after being resolved"
    url = reverse("admin:monitoring_errorissue_changelist")
    return Need(total, sentence, url, State.BAD if back else State.WATCH)


@need(key="errors_set_aside", order=32, permission=VIEW)
def errors_set_aside(request: HttpRequest) -> Need:
    """Error events that nothing could be made of."""
    count = measure_inbox().set_aside
    what = "1 error event" if count == 1 else f"{count} error events"
    return Need(count, f"{what} could not be read", reverse("admin:monitoring_losses"), State.WATCH)


@need(key="applications", order=20, permission=VIEW)
def stopped_applications(request: HttpRequest) -> Need:
    """Applications that reported all the time and stopped."""
    now = timezone.now()
    stopped = find_stopped(now=now)
    if len(stopped) == 1:
        ago = write_ago(stopped[0].last_heard_at, now=now)  # type: ignore[attr-defined]  # annotated
        url = reverse("admin:monitoring_application_connect", args=[stopped[0].pk])
        return Need(1, f"Nothing arrives from {stopped[0]} any more: last heard {ago}", url)
    url = reverse("admin:monitoring_application_changelist")
    return Need(len(stopped), f"{len(stopped)} applications have stopped reporting", url)


@first_step(key="host", title="This host reports", order=10, permission=VIEW)
def host_reports(request: HttpRequest) -> Step:
    """Whether any server's figures arrive."""
    if MetricSeries.objects.filter(name="system_cpu_utilization_ratio").exists():
        return Step(True, "CPU, memory, disks, network and PostgreSQL of a server are being watched.")
    return Step(False, "The agent on this host starts with the product; its first figures arrive within half a minute.")


@first_step(key="erp", title="Your ERP is connected", order=20, permission=VIEW)
def erp_connected(request: HttpRequest) -> Step:
    """Whether anything but the host agent was heard."""
    # By keys, not by what is stored: the product records figures of its own for every application that it watches.
    used = IngestKey.objects.exclude(last_used_at=None).exclude(label=AGENT_KEY_LABEL)
    first = used.select_related("application").order_by("pk").first()
    if first is not None:
        url = reverse("admin:monitoring_application_connect", args=[first.application_id])
        return Step(True, f"We hear from {first.application}.", url, "Open")
    keyed = IngestKey.objects.usable().filter(kind=KeyKind.PUBLIC).select_related("application").first()
    if keyed is not None:
        url = reverse("admin:monitoring_application_connect", args=[keyed.application_id])
        return Step(False, f"Paste one of the snippets into {keyed.application}; this ticks itself.", url, "Connect")
    url = reverse("admin:monitoring_application_add")
    return Step(
        False, "Add it as an application, make a key, and paste one of the snippets into it.", url, "Add your ERP"
    )


def judge_share(share: float | None, *, warn: float = WARN) -> State:
    """Return how good a share of something limited is, at the built-in rules' thresholds."""
    return _judge(share, warn, ALARM)


def _judge(value: float | None, warn: float, alarm: float) -> State:
    if value is None or value <= warn:
        return State.QUIET
    return State.BAD if value > alarm else State.WATCH


def _share(value: float | None, limit: float | None) -> float | None:
    return None if value is None or not limit else value / limit


def _of(limit: float | None, unit: str) -> str:
    return "" if not limit else f"of {write_value(limit, unit)}"


def _network(rate: float | None, limit: float | None) -> Figure:
    share = _share(rate, limit)
    note = "" if share is None else f"{write_value(share, 'ratio')} of its limit"
    return Figure("Network", write_value(rate, "bytes_per_second"), note, judge_share(share))


def _summarise(figures: list[Figure]) -> tuple[State, str]:
    """Return the worst of the figures as a state, and that in words.

    One look is no alarm: whether it has lasted is for the alert rules to say, so this is never red.
    """
    states = {figure.state for figure in figures}
    if State.BAD in states:
        return State.WATCH, "at its limit now"
    return (State.INFO, "busy now") if State.WATCH in states else (State.WELL, "well")


def _label(found: Found, name: str) -> str:
    return found[0][0].get(name, "") if found else ""


def _explore(application: Application, query: str) -> str:
    return f"{reverse('admin:monitoring_metrics_explorer')}?application={application.pk}&query={query}"


def _chart(
    title: str,
    query: str,
    legend: str,
    unit: str,
    application: Application,
    thresholds: tuple[Threshold, ...] = (),
    *,
    height: str = "small",
) -> Chart:
    seconds = choose_range(application)
    return Chart(
        title=title,
        lines=(Line(query, legend),),
        unit=unit,
        height=height,
        thresholds=thresholds,
        application_id=application.pk,
        range_seconds=seconds,
        # Another stretch of time is another chart: the browser keeps one of the same key as it is.
        key=f"{title.lower().replace(' ', '-')}-{seconds}",
    )


def choose_range(application: Application) -> int:
    """Return the seconds that charts of an application show: an hour, or as much as there can be of a newer one."""
    age = (timezone.now() - application.created_at).total_seconds()
    return next((seconds for seconds in RANGES_SECONDS if age <= seconds), RANGES_SECONDS[-1])


def _nothing(application: Application | None, text: str) -> Panel:
    url = reverse("admin:monitoring_application_add")
    action = "Add an application"
    if application is not None:
        url, action = reverse("admin:monitoring_application_connect", args=[application.pk]), "How to connect it"
    return Panel("monitoring/panels/nothing.html", {"text": text, "url": url, "action": action})
