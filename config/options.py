"""Every setting an operator can give in the environment: one table, read by settings.py and printed into docs/settings.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["str", "bool", "int", "float", "list"]


@dataclass(frozen=True, slots=True)
class Option:
    """One environment variable: its name, type, default and what it does, in the operator's words."""

    name: str
    kind: Kind
    default: Any
    help: str


OPTIONS: tuple[Option, ...] = (
    Option("DATA_DIR", "str", "var", "Where the embedded engines, secrets and logs live."),
    Option("HOST", "str", "127.0.0.1", "Address the web process listens on."),
    Option("PORT", "int", 8000, "Port the web process listens on."),
    Option(
        "DATABASE_URL",
        "str",
        "",
        "PostgreSQL 15 or newer, as postgres://user:password@host:port/name. Empty: the embedded one.",
    ),
    Option(
        "REDIS_URL",
        "str",
        "",
        "Redis 7 or Valkey, as redis://host:port. Databases 0 (broker) and 1 (cache) are used. Empty: the embedded one.",
    ),
    Option("DEBUG", "bool", False, "Development only: tracebacks in the browser."),
    Option(
        "SECRET_KEY", "str", "", "Signing key. Empty: made at first start, kept under DATA_DIR/secrets with mode 0600."
    ),
    Option(
        "SECRET_KEY_FALLBACKS",
        "list",
        [],
        "Earlier signing keys, newest first: sessions and secrets stored under them stay readable.",
    ),
    Option(
        "ALLOWED_HOSTS",
        "list",
        ["localhost", "127.0.0.1", "[::1]"],
        "Host names the site answers to, separated by commas.",
    ),
    Option(
        "PUBLIC_URL",
        "str",
        "",
        "Address people and clients reach the site at, for links in mails. Empty: http://HOST:PORT.",
    ),
    Option(
        "SECURE",
        "bool",
        False,
        "Set when the site is served over HTTPS: secure cookies, HSTS, X-Forwarded-Proto believed.",
    ),
    Option("TIME_ZONE", "str", "UTC", "Zone in which the admin shows times."),
    Option(
        "EMAIL_URL",
        "str",
        "smtp://127.0.0.1:25",
        "SMTP server: smtp://, smtp+tls:// (STARTTLS) or smtp+ssl://user:password@host:port.",
    ),
    Option("EMAIL_FROM", "str", "Postlaunch <postlaunch@localhost>", "Sender of all mails."),
    Option("EMAIL_TIMEOUT_SECONDS", "int", 15, "How long one SMTP conversation may take."),
    Option(
        "ALERT_EMAILS",
        "list",
        [],
        "Who is mailed when built-in alert rules fire, until channels are set up. Empty: the administrators.",
    ),
    Option(
        "WATCHDOG_URL",
        "str",
        "",
        "Called every minute while everything between a breach and a person works; whoever is behind it raises the alarm "
        "when the calls stop.",
    ),
    Option("ADMIN_EMAIL", "str", "admin@localhost", "Address of the first administrator."),
    Option(
        "ADMIN_PASSWORD", "str", "", "Password of the first administrator. Empty: made at first start and printed once."
    ),
    Option("WEB_WORKERS", "int", 2, "Web processes."),
    Option("WEB_THREADS", "int", 8, "Threads in each web process."),
    Option(
        "RESTART_MAX_SECONDS",
        "int",
        30,
        "The longest pause before a process that ends again and again is started again; the first one is half a second.",
    ),
    Option("AGENT_INTERVAL_SECONDS", "int", 10, "How often this host is measured."),
    Option("RULE_INTERVAL_SECONDS", "int", 15, "How often alert rules are evaluated."),
    Option("GROUP_WAIT_SECONDS", "int", 30, "How long a new group of alerts collects before anyone is told."),
    Option("GROUP_INTERVAL_SECONDS", "int", 300, "How often a group tells what is new in it."),
    Option("REPEAT_INTERVAL_SECONDS", "int", 14_400, "After this long an alert nobody acknowledged is told of again."),
    Option("POINT_RETENTION_DAYS", "int", 7, "How long raw points are kept."),
    Option("ROLLUP_MINUTE_RETENTION_DAYS", "int", 30, "How long 1-minute rollups are kept."),
    Option("ROLLUP_HOUR_RETENTION_DAYS", "int", 730, "How long 1-hour rollups are kept."),
    Option("POINT_SLOT_MAX_ROWS", "int", 2_000_000, "Fresh points are packed once there are this many."),
    Option("POINT_SLOT_MAX_AGE_SECONDS", "int", 7200, "Fresh points are packed after this long."),
    Option("MAX_BODY_BYTES", "int", 20 * 1024 * 1024, "Largest request body, inflated."),
    Option("MAX_COMPRESSED_BODY_BYTES", "int", 8 * 1024 * 1024, "Largest request body as it comes over the wire."),
    Option(
        "SPOOL_MAX_BYTES",
        "int",
        256 * 1024 * 1024,
        "How much telemetry each machine keeps on disk while the database is away; beyond it, and with 0, doors answer 503.",
    ),
    Option("MAX_SERIES_PER_APPLICATION", "int", 100_000, "Default limit of metric series for a new application."),
    Option("KEY_REQUESTS_PER_MINUTE", "int", 60_000, "Default rate limit of a secret key."),
    Option("PUBLIC_KEY_REQUESTS_PER_MINUTE", "int", 3_000, "Default rate limit of a public (browser) key."),
    Option(
        "KEY_ITEMS_PER_MINUTE",
        "list",
        [],
        "How many things of a kind a key may send by Sentry's SDKs, as errors=6000,spans=60000; kinds are those of the loss account.",
    ),
    Option(
        "WEBHOOK_ALLOW_PRIVATE",
        "bool",
        False,
        "Let webhooks, and calendars of on-call schedules, reach loopback and private addresses; calendars also without TLS.",
    ),
    Option(
        "CHECK_ALLOW_PRIVATE",
        "bool",
        False,
        "Let uptime checks reach loopback and private addresses. Whoever may edit checks can then look around inside the network.",
    ),
    Option("CHECK_THREADS", "int", 8, "How many uptime checks are looked at together by one worker process."),
    Option("DELIVERY_RETENTION_DAYS", "int", 90, "How long sent messages are kept."),
    Option("EVENT_RETENTION_DAYS", "int", 7, "How long events between rooms are kept once they are done."),
    Option("ERROR_EVENT_RETENTION_DAYS", "int", 90, "How long single error events are kept; issues and counts stay."),
    Option(
        "ERROR_EVENTS_PER_ISSUE",
        "int",
        1000,
        "How many events of an issue are kept whole before only some of the further ones are. All are counted. 0: all are kept.",
    ),
    Option(
        "ERROR_RELEVANT_RETENTION_DAYS",
        "int",
        730,
        "How long the first, the newest and the regressing events of an issue are kept.",
    ),
    Option("ATTACHMENT_RETENTION_DAYS", "int", 30, "How long files that come with error events are kept."),
    Option(
        "ATTACHMENT_MAX_BYTES",
        "int",
        5 * 1024 * 1024,
        "Largest file that is kept with an error event. 0: none are kept.",
    ),
    Option(
        "ATTACHMENT_MAX_EVENT_BYTES",
        "int",
        15 * 1024 * 1024,
        "How much all files of one error event may have together.",
    ),
    Option(
        "VITAL_RETENTION_DAYS", "int", 30, "How long single measurements of pages are kept; their hours stay longer."
    ),
    Option("USAGE_EVENT_RETENTION_DAYS", "int", 400, "How long usage events (features, page views, clicks) are kept."),
    Option(
        "SOURCEMAP_RETENTION_DAYS",
        "int",
        90,
        "How long uploads of source maps are kept that explain no error any more.",
    ),
    Option("SOURCEMAP_MAX_FILE_BYTES", "int", 64 * 1024 * 1024, "Largest script or source map of an upload."),
    Option(
        "SOURCEMAP_MAX_BUNDLE_BYTES", "int", 512 * 1024 * 1024, "How much all files of one upload may have, inflated."
    ),
    Option(
        "SOURCEMAP_MAX_TOTAL_BYTES",
        "int",
        2 * 1024 * 1024 * 1024,
        "How much all uploads of one application may take in the database.",
    ),
    Option(
        "SOURCEMAP_CACHE_BYTES", "int", 64 * 1024 * 1024, "How much each process keeps ready of source maps in use."
    ),
    Option(
        "SESSION_RETENTION_DAYS",
        "int",
        30,
        "How long single sessions and who was there are kept; counts per hour and release stay.",
    ),
    Option("LOG_RETENTION_DAYS", "int", 14, "How long log lines are kept."),
    Option(
        "USER_REPORT_RETENTION_DAYS",
        "int",
        400,
        "How long it is kept what people said in feedback widgets and crash dialogs.",
    ),
    Option(
        "REQUEST_RETENTION_DAYS",
        "int",
        30,
        "How long single requests and database queries are kept; their hours stay for ROLLUP_HOUR_RETENTION_DAYS."
        " What arrives later than that is not counted any more.",
    ),
    Option(
        "REQUEST_MINUTE_RETENTION_DAYS",
        "int",
        8,
        "How long minutes of endpoints and statements are kept; what arrives later than that is not counted any more.",
    ),
    Option("SPAN_RETENTION_DAYS", "int", 14, "How long traces are kept."),
    Option(
        "RECORD_ITSELF",
        "bool",
        True,
        "Record Postlaunch's own requests, queries and errors, as an application of its own.",
    ),
    Option(
        "SCRUB_NAMES",
        "list",
        [],
        "Names whose values are taken out of error events, beside the built-in ones (password, token, cookie ...).",
    ),
    Option("SCRUB_KEEP", "list", [], "Names that are kept in error events although they look like secrets."),
    Option("KEEP_WHOLE_IP", "bool", False, "Keep whole IP addresses in error events instead of cutting off their end."),
    Option(
        "INFER_CLIENT_IP",
        "bool",
        False,
        "Fill in where a report came from when the client asks for it ({{auto}}).",
    ),
    Option("LOG_LEVEL", "str", "INFO", "Least important level that is logged: DEBUG, INFO, WARNING, ERROR, CRITICAL."),
)
