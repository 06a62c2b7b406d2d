"""Chat, SMS, calls and whatever else the library Apprise can reach: one message to one Apprise address."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import requests
from apprise import Apprise, AppriseAsset, AppriseAttachment, NotifyBase, NotifyFormat, NotifyType
from apprise.manager_plugins import NotificationManager
from apprise.plugins import url_to_dict
from django.conf import settings
from django.utils import timezone
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ProxyError, SSLError

from config.crypto import SecretUnreadable
from config.deliveries.enums import Outcome
from config.deliveries.masking import mask_text
from config.deliveries.models import Delivery
from config.deliveries.results import HandOver, Result, hand_over
from config.deliveries.retries import parse_retry_after
from config.deliveries.watching import Answer, Watch, listening, watched
from config.settings import OPTION

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
#: Each wait is bounded by the two above; a service that sends a byte now and then is cut off after this long.
DEADLINE_SECONDS = 25.0
LEASE = timedelta(seconds=DEADLINE_SECONDS + 10)
#: Client errors that may pass by themselves: Request Timeout, Too Early, Too Many Requests.
PASSING_CLIENT_ERRORS = frozenset({408, 425, 429})
#: Services of this machine rather than of the network, and those that keep files of their own. Each stands for all schemas
#: of its plugin.
LOCAL_SCHEMAS = ("syslog", "windows", "macosx", "dbus", "glib", "gnome", "blink1", "deltachat", "vapid", "fcm")
#: Settings of addresses by which the library would read files of this machine, or fetch something.
FILE_SETTINGS = frozenset(
    {
        *("template", "attach", "attachment", "config", "include", "keyfile", "key_file", "subfile", "secrets"),
        *("pgp", "pgpkey", "pgppub", "pgpprv", "pgp_key", "pgp_privkey", "wkd", "use_wkd"),
    }
)


class ServiceInvalid(Exception):
    """An address that Apprise can't send to; the text says why, without the address's secrets."""


def open_service(address: str) -> NotifyBase:
    """Return what sends to an Apprise address, or to a service's own webhook URL; raise ServiceInvalid.

    It does as it is told and nothing by itself: no redirects, no repetitions, no files, bounded waits.
    """
    scheme = address.partition("://")[0].strip().lower()
    if "://" not in address or not scheme:
        raise ServiceInvalid("Write the whole address, beginning with the service, like discord:// or ntfys://.")
    with listening() as lines:
        service = _instantiate(address)
        if service is None:
            raise ServiceInvalid(_explain_refusal(address, scheme, lines))
    if not service.enabled:
        raise ServiceInvalid(f"“{scheme}” needs a library that is not installed here.")
    service.redirects = False
    service.retry = 0
    service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
    return service


def name_service(address: str) -> str:
    """Return which service an address is of, like Slack; raise ServiceInvalid."""
    return str(open_service(address).service_name)


def send_apprise(delivery: Delivery, mark: HandOver) -> Result:
    """Send one message and report how it ended. Raises ClaimLost; never raises what service or network do.

    Nothing of the report holds a secret of the address.
    """
    try:
        address = Delivery.objects.only("secret_address").get(pk=delivery.pk).secret_address
        service = open_service(address)
    except SecretUnreadable as error:
        return Result(Outcome.TEMPORARY, f"Its address was {error}.")
    except ServiceInvalid as error:
        return Result(Outcome.PERMANENT, f"This address can't be used: {error}")
    hand_over(mark, LEASE)
    with watched(seconds=DEADLINE_SECONDS, allow_private=OPTION["WEBHOOK_ALLOW_PRIVATE"]) as watch:
        try:
            was_taken = bool(
                service.notify(
                    body=delivery.text,
                    title=delivery.subject if service.title_maxlen > 0 else "",
                    notify_type=_type_of(delivery),
                    body_format=NotifyFormat.TEXT,
                )
            )
        except Exception as error:
            # Whatever a service's code does with an answer it did not expect is an answer nobody can read.
            logger.warning("delivery %s broke its service (%s)", delivery.pk, error.__class__.__name__)
            watch.lines.append(f"{error.__class__.__name__}: {error}")
            was_taken = False
    result = judge_attempt(watch, was_taken=was_taken)
    return replace(result, detail=mask_text(result.detail, address))


def judge_attempt(watch: Watch, *, was_taken: bool) -> Result:
    """Return what an attempt came to, by the service's answers where there are any, else by what the library said."""
    if was_taken:
        return Result(Outcome.SENT, _describe(watch, watch.answers[-1:]))
    if watch.refused:
        return Result(Outcome.PERMANENT, f"This address can't be used: {watch.refused}")
    failed = [answer for answer in watch.answers if not 200 <= answer.status < 300]
    passing = [answer for answer in failed if answer.status >= 500 or answer.status in PASSING_CLIENT_ERRORS]
    if passing:
        waits = [parse_retry_after(answer.retry_after, now=timezone.now()) for answer in passing]
        longest = max((wait for wait in waits if wait is not None), default=None)
        return Result(Outcome.TEMPORARY, _describe(watch, passing), longest)
    if watch.errors:
        return _judge_error(watch, watch.errors[-1])
    if any(300 <= answer.status < 400 for answer in failed):
        said = f"{failed[-1].status}: redirects are not followed; enter the address it points to."
        return Result(Outcome.PERMANENT, said)
    if failed:
        return Result(Outcome.PERMANENT, _describe(watch, failed))
    if watch.answers or watch.is_late:
        return Result(
            Outcome.UNKNOWN, f"No answer came back that could be understood: {_describe(watch, watch.answers)}"
        )
    return Result(Outcome.TEMPORARY, _describe(watch, ()) or "The library did not say why it failed.")


def _judge_error(watch: Watch, error: requests.RequestException) -> Result:
    inner = error.args[0] if error.args else None
    cause = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(cause, NewConnectionError | ConnectTimeoutError | SSLError | ProxyError):
        # Without a connection nothing has left the house.
        words = str(cause).rpartition(": ")[2] or cause.__class__.__name__
        return Result(Outcome.TEMPORARY, f"The service can't be reached: {words}", is_away=True)
    late = f" within {DEADLINE_SECONDS:.0f} s" if watch.is_late else ""
    return Result(Outcome.UNKNOWN, f"No whole answer came back{late} ({error.__class__.__name__}).")


def _describe(watch: Watch, answers: Any) -> str:
    said = [_show(answer) for answer in answers]
    return " ".join(dict.fromkeys([*said, *watch.lines]))


def _show(answer: Answer) -> str:
    return f"{answer.status} {answer.reason} {answer.body}".strip()


def _type_of(delivery: Delivery) -> NotifyType:
    chosen = (delivery.payload or {}).get("notify_type", "")
    return NotifyType(chosen) if chosen in {each.value for each in NotifyType} else NotifyType.INFO


def _instantiate(address: str) -> NotifyBase | None:
    try:
        parsed = url_to_dict(address)  # type: ignore[no-untyped-call]
    except (TypeError, ValueError, AttributeError, KeyError):
        return None
    if not parsed:
        return None
    _check_parsed(parsed)
    asset = AppriseAsset(
        app_id="Postlaunch",
        app_desc="Postlaunch",
        app_url=settings.PUBLIC_URL,
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        async_mode=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        allow_templates=False,
        secure_logging=True,
    )
    try:
        made = Apprise.instantiate(parsed, asset=asset, suppress_exceptions=True)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None
    if not isinstance(made, NotifyBase):
        return None
    if any(isinstance(held, AppriseAttachment) and len(held) for held in vars(made).values()):
        # By whatever setting it came there.
        raise ServiceInvalid(_NAMES_A_FILE)
    return made


_NAMES_A_FILE = "It names a file; addresses with files can't be used here."


def _check_parsed(parsed: dict[str, Any]) -> None:
    """Raise ServiceInvalid for an address, as the library understands it, that is about this machine or files on it.

    Judging the text instead would mean to know how the library splits and unquotes it.
    """
    plugins = NotificationManager()  # type: ignore[no-untyped-call]
    schema = str(parsed.get("schema", ""))
    local = tuple(plugins[name] for name in LOCAL_SCHEMAS if name in plugins)
    if schema in plugins and issubclass(plugins[schema], local):
        raise ServiceInvalid(f"“{schema}” is about this machine or files on it, so it can't be used here.")
    queries = [value for name, value in parsed.items() if name.startswith("qsd") and isinstance(value, dict)]
    given = {name for name, value in parsed.items() if value} | {name for query in queries for name in query}
    values = (str(value) for query in queries for value in query.values())
    if any(FILE_SETTINGS.intersection(_name_settings(name)) for name in given) or any(map(_is_file, values)):
        raise ServiceInvalid(_NAMES_A_FILE)


def _name_settings(name: str) -> list[str]:
    """Return the settings that a name in an address may come to mean, however often somebody unquotes and splits it."""
    parts = re.split(r"[&;=?]", _unquote(name).lower())
    return [part.strip().lstrip("+-: ").replace("-", "_") for part in parts]


def _is_file(value: str) -> bool:
    return _unquote(value).strip().lower().startswith("file:")


def _unquote(text: str) -> str:
    while (plain := unquote(text)) != text:
        text = plain
    return text


def _explain_refusal(address: str, scheme: str, lines: list[str]) -> str:
    if scheme in {"http", "https"}:
        return "This web address is of no service that Apprise knows. To call any address, write jsons:// instead of https://."
    if scheme not in NotificationManager():  # type: ignore[no-untyped-call]
        return f"Apprise does not know “{scheme}”. See the list of services in its documentation."
    said = mask_text(" ".join(line for line in lines if line), address)[:300]
    return f"Apprise can't use this {scheme} address: something in it is missing or misspelt. {said}".strip()
