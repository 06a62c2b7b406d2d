"""The System page: is this installation itself well, what runs in it, of which version."""

from __future__ import annotations

import os
import platform
import time
import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import django
from celery import current_app
from django.conf import settings
from django.contrib import admin
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from config.admin.boards import state_of_check
from config.admin.pages import admin_page
from config.admin.states import State
from config.celery import QUEUES
from config.figures import write_bytes, write_seconds
from config.health.judgement import judge_together
from config.health.selectors import run_checks
from config.heartbeats import read_heartbeats
from config.outbox.selectors import measure_outbox
from config.own_metrics.sources import read_queues

VIEW = "django_celery_beat.view_periodictask"
QUEUE_WORK = {
    "evaluate": "decides whether alert rules fire",
    "deliver": "sends mails, webhooks and messages",
    "digest": "packs and groups what came in",
    "maintain": "creates and drops partitions, cleans up",
    "reports": "writes reports",
    "default": "hands events to their subscribers, and the rest",
}
PING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue: what it is for, how much waits in it, and how long ago a worker finished something of it (s)."""

    name: str
    work: str
    length: int
    idle: str


@admin_page("system/", name="config_system", permission=VIEW)
def show_system(request: HttpRequest) -> HttpResponseBase:
    """Show the whole page."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        **_describe_state(),
        "title": "System",
        "versions": list_versions(),
        "places": list_places(),
        "links": list_links(),
        "is_fullwidth": "1",
    }
    return render(request, "admin/system.html", context)


@admin_page("system/state/", name="config_system_state", permission=VIEW)
def show_state(request: HttpRequest) -> HttpResponseBase:
    """Return what changes, renewed."""
    return render(request, "admin/system_state.html", _describe_state())


@admin_page("system/workers/", name="config_system_workers", permission=VIEW)
def show_workers(request: HttpRequest) -> HttpResponseBase:
    """Return the worker processes that answer now. Takes a second, so the page asks for it afterwards."""
    return render(request, "admin/system_workers.html", {"workers": ask_workers()})


def _describe_state() -> dict[str, Any]:
    checks = run_checks()
    lag = measure_outbox()
    return {
        "health": judge_together(checks),
        "checks": [(check.name, state_of_check(check), check.detail, write_seconds(check.seconds)) for check in checks],
        "queues": list_queues(),
        "outbox": lag,
        "outbox_oldest": write_seconds(lag.oldest_seconds(timezone.now())),
        "well": State.WELL,
    }


def list_queues() -> list[Queue]:
    """Return the queues with what waits in them; nothing while the broker does not answer."""
    try:
        lengths = {sample.labels["queue"]: int(sample.value) for sample in read_queues()}
        heard = read_heartbeats(QUEUES)
    except (RedisError, KombuError, OSError):
        return []
    now = time.time()
    return [
        Queue(
            name=name,
            work=QUEUE_WORK.get(name, ""),
            length=lengths.get(name, 0),
            idle=f"{write_seconds(round(now - heard[name]))} ago" if name in heard else "not yet",
        )
        for name in QUEUES
    ]


def ask_workers() -> list[tuple[str, int]]:
    """Return (name, process id or 0) of the workers that answer within a second."""
    try:
        found = current_app.control.inspect(timeout=PING_SECONDS).stats() or {}
    except (RedisError, KombuError, OSError):
        return []
    return sorted((name, int(stats.get("pid", 0))) for name, stats in found.items())


def list_versions() -> list[tuple[str, str]]:
    """Return what runs here, by name."""
    return [
        ("Postlaunch", _package_version("postlaunch")),
        ("Django", django.get_version()),
        ("Python", platform.python_version()),
        ("PostgreSQL", _database_version()),
        ("Cache and broker", _cache_version()),
        ("Host", f"{platform.node()}, {platform.system()} {platform.release()}"),
        ("This web process", str(os.getpid())),
    ]


def list_places() -> list[tuple[str, str]]:
    """Return addresses and directories that an operator looks for."""
    return [
        ("Public address", settings.PUBLIC_URL),
        ("Data directory", str(settings.DATA_DIR)),
        ("Mail server", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"),
        ("Sender of mails", settings.DEFAULT_FROM_EMAIL),
        ("Database size", _database_size()),
    ]


def list_links() -> list[tuple[str, str]]:
    """Return (words, address) of what belongs to the system."""
    names = [
        ("Schedules", "admin:django_celery_beat_periodictask_changelist"),
        ("Events", "admin:config_event_changelist"),
        ("Deliveries", "admin:config_delivery_changelist"),
        ("Roles", "admin:auth_group_changelist"),
        ("Health as JSON", "health-ready"),
        ("Own metrics", "own-metrics"),
        ("REST documentation", "api-docs"),
    ]
    return [(words, reverse(name)) for words, name in names]


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _read_own_version()


def _read_own_version() -> str:
    """Return the version of a checkout that was not installed as a package."""
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _database_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _database_size() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return write_bytes(cursor.fetchone()[0])


def _cache_version() -> str:
    try:
        client = cache._cache.get_client()  # type: ignore[attr-defined]  # Django's Redis cache has no public way to ask
        info = client.info("server")
    except (RedisError, OSError):
        return "does not answer"
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '')}"
