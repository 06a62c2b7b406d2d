"""System checks: settings that cannot work or are not safe, told before anything starts, with what to do about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  (Django's own name)
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, connections
from django.http.request import validate_host

from config.options import OPTIONS
from config.settings import OPTION

#: Its checks are what bootstrap insists on, so that nothing is started with settings that cannot work.
SETTINGS_TAG = "postlaunch_settings"
#: The oldest PostgreSQL that has everything we use.
OLDEST_POSTGRES = 15
SECRET_CHARACTERS = 32
#: Options that make no sense below 1.
AT_LEAST_ONE = (
    "EMAIL_TIMEOUT_SECONDS",
    "WEB_WORKERS",
    "WEB_THREADS",
    "RESTART_MAX_SECONDS",
    "AGENT_INTERVAL_SECONDS",
    "RULE_INTERVAL_SECONDS",
    "POINT_SLOT_MAX_ROWS",
    "POINT_SLOT_MAX_AGE_SECONDS",
    "MAX_BODY_BYTES",
    "MAX_COMPRESSED_BODY_BYTES",
    "MAX_SERIES_PER_APPLICATION",
    "KEY_REQUESTS_PER_MINUTE",
    "PUBLIC_KEY_REQUESTS_PER_MINUTE",
    "CHECK_THREADS",
    *(option.name for option in OPTIONS if option.name.endswith("_RETENTION_DAYS")),
)


@register(Tags.compatibility, SETTINGS_TAG)
def check_options(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check the settings that an operator gave."""
    return [
        *check_numbers(OPTION),
        *check_public_url(settings.PUBLIC_URL, allowed_hosts=settings.ALLOWED_HOSTS),
        *check_addresses(OPTION),
    ]


@register(Tags.security, deploy=True)
def check_production(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Check what is only wrong where others can reach the site."""
    return check_safety(OPTION, secret_key=settings.SECRET_KEY, public_url=settings.PUBLIC_URL)


@register(Tags.database)
def check_database(app_configs: Any, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Check that the database answers and is new enough; only where a command asks for the database."""
    return [message for alias in databases or () for message in _check_version(alias)]


def check_numbers(option: Mapping[str, Any]) -> Iterable[CheckMessage]:
    """Yield a complaint for every number out of its range."""
    for name in AT_LEAST_ONE:
        if option[name] < 1:
            yield Error(
                f"{name} is {option[name]}.", hint=f"Set {name} to 1 or more, or leave it out.", id="postlaunch.E001"
            )
    if not 1 <= option["PORT"] <= 65535:
        yield Error(f"PORT is {option['PORT']}.", hint="Set PORT to a number from 1 to 65535.", id="postlaunch.E002")
    if option["ROLLUP_HOUR_RETENTION_DAYS"] < option["ROLLUP_MINUTE_RETENTION_DAYS"]:
        yield Warning(
            "1-hour rollups are kept for a shorter time than 1-minute rollups.",
            hint="Set ROLLUP_HOUR_RETENTION_DAYS to at least ROLLUP_MINUTE_RETENTION_DAYS.",
            id="postlaunch.W003",
        )


def check_public_url(public_url: str, *, allowed_hosts: Sequence[str]) -> Iterable[CheckMessage]:
    """Yield what is wrong with the address that goes into mails and connect pages."""
    parts = urlsplit(public_url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        yield Error(
            f"PUBLIC_URL is {public_url!r}.",
            hint="Write it like https://postlaunch.example.com, without a path at the end.",
            id="postlaunch.E004",
        )
    elif parts.hostname in {"0.0.0.0", "::"}:  # noqa: S104  (compared, not bound)
        yield Warning(
            f"Links in mails lead to {public_url}, which is no address.",
            hint="Set PUBLIC_URL to the address people reach the site at.",
            id="postlaunch.W016",
        )
    elif not validate_host(parts.hostname if ":" not in parts.hostname else f"[{parts.hostname}]", allowed_hosts):
        yield Error(
            f"The site does not answer to {parts.hostname}, the host of PUBLIC_URL.",
            hint=f"Add {parts.hostname} to ALLOWED_HOSTS.",
            id="postlaunch.E005",
        )


def check_addresses(option: Mapping[str, Any]) -> Iterable[CheckMessage]:
    """Yield every mail address that can't be one. Hosts without a dot are fine: first installs have no domain yet."""
    for name, value in (("EMAIL_FROM", option["EMAIL_FROM"]), ("ADMIN_EMAIL", option["ADMIN_EMAIL"])):
        if not is_mail_address(parseaddr(value)[1]):
            yield Error(
                f"{name} is {value!r}, which is not a mail address.",
                hint="Write it like ops@example.com or Postlaunch <ops@example.com>.",
                id="postlaunch.E006",
            )
    for address in option["ALERT_EMAILS"]:
        if not is_mail_address(address):
            yield Error(
                f"ALERT_EMAILS holds {address!r}, which is not a mail address.",
                hint="Write addresses separated by commas.",
                id="postlaunch.E007",
            )


def check_safety(option: Mapping[str, Any], *, secret_key: str, public_url: str) -> list[CheckMessage]:
    """Return what is not safe in production."""
    found: list[CheckMessage] = []
    if option["DEBUG"]:
        found.append(
            Warning("DEBUG is on: tracebacks show settings to anybody.", hint="Unset DEBUG.", id="postlaunch.W008")
        )
    if len(secret_key) < SECRET_CHARACTERS or len(set(secret_key)) < 10:
        found.append(
            Error(
                "SECRET_KEY is short or not random; with it sessions can be forged and stored secrets read.",
                hint="Unset SECRET_KEY to have one made, or give 50 random characters.",
                id="postlaunch.E009",
            )
        )
    if "*" in option["ALLOWED_HOSTS"]:
        found.append(
            Warning(
                "ALLOWED_HOSTS takes any host name, so links in mails can be forged.",
                hint="Name the hosts.",
                id="postlaunch.W010",
            )
        )
    if public_url.startswith("https://") and not option["SECURE"]:
        found.append(
            Warning(
                "PUBLIC_URL is https, but SECURE is off: cookies would also go over plain HTTP.",
                hint="Set SECURE=true once the proxy sets X-Forwarded-Proto.",
                id="postlaunch.W011",
            )
        )
    if option["SECURE"] and not public_url.startswith("https://"):
        found.append(
            Error(
                "SECURE is on, but PUBLIC_URL is not https: nobody could log in.",
                hint="Set PUBLIC_URL to the https address, or unset SECURE.",
                id="postlaunch.E012",
            )
        )
    if option["WEBHOOK_ALLOW_PRIVATE"]:
        found.append(
            Warning(
                "Webhooks may reach this machine and its network: whoever edits channels can probe them.",
                hint="Unset WEBHOOK_ALLOW_PRIVATE unless receivers are inside.",
                id="postlaunch.W013",
            )
        )
    return found


def is_mail_address(value: str) -> bool:
    """Say whether a value has the form of a mail address; hosts without a dot are allowed."""
    local, at, host = value.rpartition("@")
    try:
        validate_email(f"{local}@{host if '.' in host else f'{host}.example'}")
    except ValidationError:
        return False
    return bool(at and host)


def judge_version(server_version: int) -> list[CheckMessage]:
    """Return a complaint about a PostgreSQL of that version (libpq's number, such as 150006) if it is too old."""
    if server_version >= OLDEST_POSTGRES * 10_000:
        return []
    version = f"{server_version // 10_000}.{server_version % 10_000}"
    return [
        Error(
            f"The database is PostgreSQL {version}.",
            hint=f"Upgrade it to {OLDEST_POSTGRES} or newer, or unset DATABASE_URL for the embedded one.",
            id="postlaunch.E014",
        )
    ]


def _check_version(alias: str) -> list[CheckMessage]:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            return judge_version(int(cursor.fetchone()[0]))
    except DatabaseError as error:
        hint = "Start it, or correct DATABASE_URL."
        return [Error(f"The database does not answer: {error}", hint=hint, id="postlaunch.E015")]
