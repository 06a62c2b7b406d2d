"""The rules that come with the product, as data. Pure.

Thresholds are those of the product's table of signals. `version` rises with every change to a rule here: the next start
then brings installed rules up to date, field by field, except where an operator edited them.

A critical rule does not end its warning: both fire, each with its own end. Messages of the warning are held back while the
critical one fires for the same labels, by the inhibitions at the end of this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

#: The fields that are compared with what an operator made of them.
MERGED_FIELDS = (
    "name",
    "condition",
    "clear_condition",
    "severity",
    "for_seconds",
    "keep_firing_for_seconds",
    "no_data_after_seconds",
    "labels",
    "annotations",
)

MINUTE = 60
NETWORK_USE = (
    "max by (host) (sum by (host, direction) (rate(system_network_io_bytes_total[1m])))"
    " / on (host) max by (host) (system_network_limit_bytes_per_second)"
)
CONNECTION_USE = "max by (host) (postgresql_backends) / on (host) max by (host) (postgresql_connection_max)"
STORAGE_USE = (
    "sum by (host) (postgresql_database_size_bytes) / on (host) max by (host) (postgresql_storage_limit_bytes)"
)
DISK_OPERATIONS = "sum by (host) (rate(system_disk_operations_total[1m]))"


@dataclass(frozen=True, slots=True)
class BuiltinRule:
    """One shipped rule; `key` identifies it for good."""

    key: str
    version: int
    name: str
    condition: str
    severity: str
    for_seconds: int
    annotations: Mapping[str, str]
    clear_condition: str = ""
    keep_firing_for_seconds: int = 0
    no_data_after_seconds: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def shipped(self) -> dict[str, Any]:
        """Return the fields that an operator may edit, as they are shipped."""
        everything = asdict(self)
        return {name: everything[name] for name in MERGED_FIELDS}


@dataclass(frozen=True, slots=True)
class _Signal:
    """A signal with a threshold for each severity: expression, limits, for how long.

    `no_data_after` is that of the critical rule: one of a kind of source says that it fell silent, not each.
    """

    key: str
    name: str
    expression: str
    warning: tuple[str, int]
    critical: tuple[str, int]
    summary: str
    now: str
    runbook: str
    keep: int
    words: tuple[str, str]
    version: int = 1
    no_data_after: int = 0

    def rules(self) -> Iterator[BuiltinRule]:
        """Return the pair."""
        for severity, (limit, hold), words in zip(
            ("warning", "critical"), (self.warning, self.critical), self.words, strict=True
        ):
            yield BuiltinRule(
                key=f"{self.key}-{severity}",
                version=self.version,
                name=self.name,
                condition=f"{self.expression} > {limit}",
                severity=severity,
                for_seconds=hold,
                keep_firing_for_seconds=self.keep,
                no_data_after_seconds=self.no_data_after if severity == "critical" else 0,
                annotations={
                    "summary": f"{self.summary} above {words}",
                    "description": self.now,
                    "runbook": self.runbook,
                },
            )


_SIGNALS = (
    _Signal(
        key="host-cpu",
        name="CPU busy",
        expression="system_cpu_utilization_ratio",
        warning=("0.8", 5 * MINUTE),
        critical=("0.95", 2 * MINUTE),
        summary="CPU of {{ $labels.host }}",
        now="{{ $value | humanizePercentage }} of the CPU is in use.",
        runbook="Look at the busiest processes (top). Is it a report, a backup or an import that will end by itself? If it "
        "is the ERP, look at its slowest requests since the CPU went up.",
        keep=MINUTE,
        words=("80 %", "95 %"),
    ),
    # Caches come and go within seconds; two minutes (one when hardly anything is left) tell need from noise.
    _Signal(
        key="host-memory",
        name="Memory full",
        expression="system_memory_utilization_ratio",
        warning=("0.85", 2 * MINUTE),
        critical=("0.95", MINUTE),
        summary="Memory of {{ $labels.host }}",
        now="{{ $value | humanizePercentage }} of the memory is in use.",
        runbook="Look at the largest processes. If one keeps growing, restart it before the kernel ends something else.",
        keep=MINUTE,
        words=("85 %", "95 %"),
    ),
    _Signal(
        key="host-disk-io",
        name="Disk busy",
        expression=DISK_OPERATIONS,
        warning=("1000", 5 * MINUTE),
        critical=("2000", 5 * MINUTE),
        summary="Disk operations of {{ $labels.host }}",
        now="The disks do {{ $value | humanize }} operations per second.",
        runbook="Find who reads or writes (iotop). In the database look for large sequential scans and checkpoints.",
        keep=MINUTE,
        words=("1000/s", "2000/s"),
    ),
    # A burst is what a network is for; two minutes are a queue.
    _Signal(
        key="host-network",
        name="Network full",
        expression=NETWORK_USE,
        warning=("0.8", 2 * MINUTE),
        critical=("0.95", 2 * MINUTE),
        summary="Network of {{ $labels.host }}",
        now="{{ $value | humanizePercentage }} of the bandwidth is in use (the busier direction).",
        runbook="Look for backups, large exports and downloads. The bandwidth it is compared with is set at the application.",
        keep=MINUTE,
        words=("80 % of its bandwidth", "95 % of its bandwidth"),
    ),
    # Every measured server has these two, and loses them when it does not answer: so this is the rule that says so. A host
    # that falls silent has a rule of its own, which holds this one back.
    _Signal(
        key="database-connections",
        name="Database connections",
        expression=CONNECTION_USE,
        warning=("0.8", MINUTE),
        critical=("0.95", MINUTE),
        summary="Database connections of {{ $labels.host }}",
        now="{{ $value | humanizePercentage }} of max_connections are open.",
        runbook="Look in pg_stat_activity for sessions that are idle in transaction and for clients that leak connections.",
        keep=MINUTE,
        words=("80 % of the maximum", "95 % of the maximum"),
        version=2,
        no_data_after=5 * MINUTE,
    ),
    # A slow query is news at once; several in a row are one piece of news.
    _Signal(
        key="database-slow-query",
        name="Slow database query",
        expression="max by (host) (postgresql_longest_query_seconds)",
        warning=("5", 0),
        critical=("30", 0),
        summary="A database query on {{ $labels.host }} has been running",
        now="The longest running query has taken {{ $value | humanizeDuration }} so far.",
        runbook="Look in pg_stat_activity for the oldest query_start: what does it wait for, and who started it?",
        keep=5 * MINUTE,
        words=("5 s", "30 s"),
    ),
    # A checkpoint or a bulk load delays a replica for a moment.
    _Signal(
        key="database-replication-lag",
        name="Replica behind",
        expression="max by (host, replica) (postgresql_replication_lag_seconds)",
        warning=("30", MINUTE),
        critical=("300", MINUTE),
        summary="Replication lag of {{ $labels.host }}",
        now="The replica is {{ $value | humanizeDuration }} behind.",
        runbook="Is the replica reachable and its disk not full? Does a long query on it hold back replay?",
        keep=MINUTE,
        words=("30 s", "5 min"),
    ),
    _Signal(
        key="database-storage",
        name="Database storage",
        expression=STORAGE_USE,
        warning=("0.8", 5 * MINUTE),
        critical=("0.95", 5 * MINUTE),
        summary="Database storage of {{ $labels.host }}",
        now="{{ $value | humanizePercentage }} of the allocated storage is in use.",
        runbook="Find the largest tables and what made them grow. Enlarge the storage before it is full: PostgreSQL stops then. "
        "The size it is compared with is set at the application.",
        keep=5 * MINUTE,
        words=("80 % of what is allocated", "95 % of what is allocated"),
    ),
)

#: Seen in the last two hours and not in the last minute and a half: so it is true once for a host that falls silent, and the
#: clear condition keeps the alert until the host reports again, be it days later. (Beyond an hour a window is read by
#: itself and makes no other rule's window longer.) It is pending early, so that alerts of what runs on the host, which
#: components hold while it is, do not come before it.
_HOST_SILENT = BuiltinRule(
    key="host-silent",
    version=2,
    name="Host stopped reporting",
    condition="max by (host) (last_over_time(system_boot_time_seconds[2h]))"
    " unless on (host) max by (host) (last_over_time(system_boot_time_seconds[90s]))",
    clear_condition="max by (host) (last_over_time(system_boot_time_seconds[90s]))",
    severity="critical",
    for_seconds=90,
    annotations={
        "summary": "{{ $labels.host }} stopped reporting",
        "description": "Nothing has come from this host for more than two minutes.",
        "runbook": "Does the host answer? If it does, look at the log of its agent; if it was taken out of service, close the "
        "alert by hand.",
    },
)

#: Uptime checks decide what is down (no answer within at most 30 s, a wrong one, a missing heartbeat), after their retries.
#: The clear condition keeps the alert while nobody looks: only an answer ends it, or someone who stops the check.
_SERVER_DOWN = BuiltinRule(
    key="server-down",
    version=1,
    name="Server down",
    condition="uptime_check_down == 1",
    clear_condition="last_over_time(uptime_check_down[2h]) == 0",
    severity="critical",
    for_seconds=0,
    annotations={
        "summary": "{{ $labels.check }} is down",
        "description": "{{ $labels.reason }} {{ $labels.target }}",
        "runbook": "Open it yourself. If it works for you, the way from Postlaunch to it does not: look at firewall and DNS. If not, "
        "is the server up, is its web server running, does its log say why? A missing heartbeat: did its job run?",
    },
)

#: One alert for one issue; it stays while more come, and for half an hour of quiet after the last.
_CRITICAL_ERROR = BuiltinRule(
    key="critical-error",
    version=1,
    name="Critical error",
    condition="sum by (issue, title, pattern) (increase(application_critical_errors_total[5m])) > 0",
    severity="critical",
    for_seconds=0,
    keep_firing_for_seconds=25 * MINUTE,
    annotations={
        "summary": "{{ $labels.title }}",
        "description": "Critical by the pattern “{{ $labels.pattern }}”. It is counted and told of as long as it goes on.",
        "runbook": "Open the error: since which release, whom does it hit, what did they do? Undo the release if it began "
        "with one. Not critical? Mute the error, or narrow the pattern under Critical patterns.",
    },
)

#: Postlaunch compares the releases; the rule only says so. It ends with the finding, or when the next release takes over.
_RELEASE_WORSE = BuiltinRule(
    key="release-worse",
    version=1,
    name="Release worse than before",
    condition="release_regressed == 1",
    severity="warning",
    for_seconds=0,
    keep_firing_for_seconds=10 * MINUTE,
    annotations={
        "summary": "{{ $labels.release }} is worse than the release before it: {{ $labels.reason }}",
        "description": "Compared with the release before, with enough sessions to be sure. {{ $labels.environment }}",
        "runbook": "Open the release under Releases: which errors are new in it? If people can't work, go back to the release before; "
        "if not, mend the most frequent of them first.",
    },
)

#: Half an hour's worth of bad luck on few page views is no news: fifty measurements at least, and ten minutes.
_FEW_MEASUREMENTS = 50


def _slow_pages(vital: str, name: str, series: str, limit: str, summary: str, value: str, runbook: str) -> BuiltinRule:
    """Return the rule for one of the web vitals: its 75th percentile over the last hour misses its target."""
    enough = f'sum(browser_web_vital_measurements{{vital="{vital}"}}) >= {_FEW_MEASUREMENTS}'
    return BuiltinRule(
        key=f"web-vitals-{vital}",
        version=1,
        name=name,
        condition=f"{series} > {limit} and on () {enough}",
        severity="warning",
        for_seconds=10 * MINUTE,
        keep_firing_for_seconds=20 * MINUTE,
        annotations={
            "summary": summary,
            "description": f"At the 75th percentile of the last hour: {value}.",
            "runbook": f"Open Web vitals: which page, which device, since which release? {runbook}",
        },
    )


_SLOW_PAGES = (
    _slow_pages(
        "lcp",
        "Pages appear slowly",
        'browser_web_vital_p75_seconds{vital="lcp"}',
        "2.5",
        "For one view in four the main content takes longer than 2.5 s",
        "{{ $value | humanizeDuration }} until the largest content stands (LCP)",
        "If the first byte is slow too, look at the server; if not, at the page's largest picture and scripts.",
    ),
    _slow_pages(
        "inp",
        "Pages answer slowly",
        'browser_web_vital_p75_seconds{vital="inp"}',
        "0.2",
        "For one view in four a click takes longer than 200 ms to show anything",
        "{{ $value | humanizeDuration }} from a click to the next picture (INP)",
        "The page lists which element is slow to answer, and its long tasks.",
    ),
    _slow_pages(
        "cls",
        "Pages jump",
        "browser_cumulative_layout_shift_p75",
        "0.1",
        "For one view in four the page jumps while it is read",
        "a layout shift of {{ $value | humanize }} (CLS)",
        "Give pictures and late parts their room before they come.",
    ),
)

#: On few requests one failure is a large share and says nothing: so many are needed in five minutes.
_FEW_REQUESTS = 20
_ENOUGH = f"requests_recent >= {_FEW_REQUESTS}"
#: Where every request fails, a few are enough.
_FEW_FAILURES = 3
_FAILED_ENOUGH = f"error_rate * requests_recent >= {100 * _FEW_FAILURES}"


def _performance(
    key: str,
    name: str,
    severity: str,
    condition: str,
    *,
    summary: str,
    now: str,
    runbook: str,
    hold: int = MINUTE,
    version: int = 1,
) -> BuiltinRule:
    """Return a rule over what the application reports of its requests and queries."""
    return BuiltinRule(
        key=f"{key}-{severity}",
        version=version,
        name=name,
        condition=condition,
        severity=severity,
        for_seconds=hold,
        keep_firing_for_seconds=5 * MINUTE,
        annotations={"summary": summary, "description": now, "runbook": runbook},
    )


_RESPONSE_RUNBOOK = (
    "Open Performance: which endpoints take the most time, and since when? Look at their slowest requests and the queries "
    "within them. Did it begin with a release?"
)
_ERROR_RUNBOOK = "Open Performance, the most failures first, and Errors: what is new? Did it begin with a release?"
_THROUGHPUT_RUNBOOK = (
    "Can people reach the application? Look at Uptime, at the response time and at what stands in front of it. The expectation is "
    "set at the application."
)
_QUERY_RUNBOOK = "Open the statement: who runs it, since which release? EXPLAIN it: an index or a bound may be missing."
_QUERY = "{{ $labels.db_operation_name }} on {{ $labels.db_collection_name }}"

_PERFORMANCE = (
    *(
        _performance(
            "response-time",
            "Slow answers",
            severity,
            f"response_time > {limit} and {_ENOUGH}",
            summary=f"Answers take longer than {words} on average",
            now="{{ $value | humanize }} ms on average over five minutes.",
            runbook=_RESPONSE_RUNBOOK,
        )
        for severity, limit, words in (("warning", 2_000, "2 s"), ("critical", 10_000, "10 s"))
    ),
    # Who waits for half a minute takes it for down, whatever the checks say.
    _performance(
        "too-slow",
        "Server too slow",
        "critical",
        f"response_time > 30000 and requests_recent >= {_FEW_FAILURES}",
        summary="Answers take longer than 30 s on average",
        now="{{ $value | humanize }} ms on average over five minutes.",
        runbook=_RESPONSE_RUNBOOK,
        hold=0,
    ),
    *(
        _performance(
            "error-rate",
            "Failing requests",
            severity,
            f"error_rate > {limit} and {_FAILED_ENOUGH}",
            summary=f"More than {limit} % of the requests fail",
            now="{{ $value | humanize }} % of the requests of the last five minutes failed.",
            runbook=_ERROR_RUNBOOK,
            version=2,
        )
        for severity, limit in (("warning", 5), ("critical", 10))
    ),
    *(
        _performance(
            "throughput",
            "Few requests",
            severity,
            f"request_rate / request_rate_expected < {limit}",
            summary=f"Less than {words} of the expected requests come in",
            now="{{ $value | humanizePercentage }} of the requests that are expected.",
            runbook=_THROUGHPUT_RUNBOOK,
            hold=5 * MINUTE,
        )
        for severity, limit, words in (("warning", "0.5", "half"), ("critical", "0.25", "a quarter"))
    ),
    _performance(
        "slow-request",
        "Slow request",
        "warning",
        "http_server_slowest_seconds > 5",
        summary="{{ $labels.http_request_method }} {{ $labels.http_route }} took longer than 5 s",
        now="The longest one took {{ $value | humanizeDuration }}.",
        runbook="Open the endpoint: its slowest requests show in their traces what they waited for.",
        hold=0,
    ),
    # From 1 s on a query is slow, from 5 s on it is what the table of signals calls one; never both at once.
    _performance(
        "slow-query",
        "Slow query",
        "warning",
        "db_client_slowest_seconds > 1 <= 5",
        summary=f"{_QUERY} took longer than 1 s",
        now="The longest run took {{ $value | humanizeDuration }}.",
        runbook=_QUERY_RUNBOOK,
        hold=0,
    ),
    *(
        _performance(
            "very-slow-query",
            "Very slow query",
            severity,
            f"db_client_slowest_seconds > {limit}",
            summary=f"{_QUERY} took longer than {limit} s",
            now="The longest run took {{ $value | humanizeDuration }}.",
            runbook=_QUERY_RUNBOOK,
            hold=0,
        )
        for severity, limit in (("warning", 5), ("critical", 30))
    ),
)

BUILTIN_RULES: tuple[BuiltinRule, ...] = (
    *(rule for signal in _SIGNALS for rule in signal.rules()),
    *_PERFORMANCE,
    _HOST_SILENT,
    _SERVER_DOWN,
    _CRITICAL_ERROR,
    _RELEASE_WORSE,
    *_SLOW_PAGES,
)

#: Whatever labels the two series of a built-in pair have: they come from the same expression.
SUBJECT_LABELS = (
    "application",
    "environment",
    "host",
    "replica",
    "endpoint_id",
    "statement_id",
    "db_operation_name",
    "db_collection_name",
)
INHIBIT_FIELDS = ("name", "source_matchers", "target_matchers", "equal")


@dataclass(frozen=True, slots=True)
class BuiltinInhibition:
    """One shipped inhibition; `key` identifies it for good."""

    key: str
    version: int
    name: str
    source_matchers: str
    target_matchers: str
    equal: tuple[str, ...] = SUBJECT_LABELS

    def shipped(self) -> dict[str, Any]:
        """Return the fields that an operator may edit, as they are shipped."""
        return {name: getattr(self, name) for name in INHIBIT_FIELDS[:3]} | {"equal": list(self.equal)}


def _list_inhibitions() -> Iterator[BuiltinInhibition]:
    """Return one for each subject that has a warning and a critical rule."""
    names = {rule.key: rule.name for rule in BUILTIN_RULES}
    for key, name in names.items():
        subject = key.removesuffix("-critical")
        if subject != key and f"{subject}-warning" in names:
            yield BuiltinInhibition(
                key=subject,
                version=1,
                name=f"{name}: critical before warning",
                source_matchers=f'{{alertname="{name}", severity="critical"}}',
                target_matchers=f'{{alertname="{name}", severity="warning"}}',
            )


#: A host that is silent takes everything along that is measured on it: its own alert is the news.
_SILENT_HOST = BuiltinInhibition(
    key="host-silent",
    version=1,
    name=f"{_HOST_SILENT.name}: before missing data of the same host",
    source_matchers=f'{{alertname="{_HOST_SILENT.name}"}}',
    target_matchers='{alert_cause="no_data"}',
    equal=("application", "environment", "host"),
)

_TOO_SLOW = BuiltinInhibition(
    key="too-slow",
    version=1,
    name="Server too slow: before slow answers",
    source_matchers='{alertname="Server too slow"}',
    target_matchers='{alertname="Slow answers"}',
    equal=("application", "environment"),
)

BUILTIN_INHIBITIONS: tuple[BuiltinInhibition, ...] = (*_list_inhibitions(), _SILENT_HOST, _TOO_SLOW)
