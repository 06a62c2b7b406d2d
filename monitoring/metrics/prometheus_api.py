"""Prometheus' HTTP query API over one application's metrics, so that Grafana and other clients can read them.

Source: prometheus.io/docs/prometheus/2.42/querying/api
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt

from config.api.authentication import KeyGrant, authenticate_key, note_use
from config.api.errors import ApiError, MethodNotAllowed, as_api_error, problem_response
from config.api.throttling import check_rate
from monitoring.metrics.catalogue import list_label_values, list_labels, list_series
from monitoring.metrics.models import MetricDescription
from monitoring.metrics.promql import (
    EvaluationError,
    LimitExceeded,
    Matcher,
    ParseError,
    PromQLError,
    QueryTimeout,
    encode_prometheus_json,
    evaluate_instant,
    evaluate_range,
    parse,
    syntax,
    time_limit,
)
from monitoring.metrics.selectors import SeriesStorage

PROMETHEUS_VERSION = "2.42.0"
"""Whose API this is; clients switch features on by it."""

QUERY_SECONDS = 30.0
"""How long a query may take. Prometheus allows two minutes, but its queries don't share their threads with ingestion."""

ALLOWED_METHODS = "GET, POST, OPTIONS"

_DURATION = re.compile(
    r"(?:(?P<y>\d{1,15})y)?(?:(?P<w>\d{1,15})w)?(?:(?P<d>\d{1,15})d)?(?:(?P<h>\d{1,15})h)?(?:(?P<m>\d{1,15})m(?!s))?(?:(?P<s>\d{1,15})s)?(?:(?P<ms>\d{1,15})ms)?\Z"
)
_UNIT_MS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_LATEST_SECONDS = 1e11
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
_ERROR_TYPES = {401: "unauthorized", 403: "forbidden", 404: "not_found", 429: "unavailable", 503: "unavailable"}

Answer = Callable[..., Any]


class ParameterInvalid(Exception):
    """A parameter of the request is missing or can't be read."""


def endpoint(answer: Answer) -> Callable[..., HttpResponse]:
    """Make a view: GET, or POST with a form, by a key that may read; answers and errors in Prometheus' own shape.

    Answers pages of any origin, OPTIONS included: who may read is a matter of the key, and public keys may not. What takes
    longer than QUERY_SECONDS, or than the parameter `timeout` if that is less, is ended.
    """

    @csrf_exempt
    @functools.wraps(answer)
    def view(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return _allow_origins(HttpResponse(status=204))
        try:
            response = _answer(request, answer, kwargs)
        except Exception as error:
            response = _refuse(error)
        return _allow_origins(response)

    return view


def _answer(request: HttpRequest, answer: Answer, arguments: dict[str, str]) -> HttpResponse:
    if request.method not in {"GET", "POST"}:
        raise MethodNotAllowed("Send GET, or POST with a form.")
    grant = authenticate_key(request, scope="read")
    check_rate(grant)
    note_use(grant)
    parameters = _parameters(request)
    with time_limit(_read_timeout(parameters)):
        data = answer(grant, parameters, **arguments)
        encoded = data if isinstance(data, bytes) else msgspec.json.encode(data)
    return HttpResponse(b'{"status":"success","data":' + encoded + b"}", content_type="application/json")


def _allow_origins(response: HttpResponse) -> HttpResponse:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = ALLOWED_METHODS
    response["Access-Control-Allow-Headers"] = "Accept, Authorization, Content-Type, X-Postlaunch-Key"
    response["Access-Control-Expose-Headers"] = "Retry-After"
    response["Access-Control-Max-Age"] = "86400"
    return response


def _parameters(request: HttpRequest) -> QueryDict:
    """Return the parameters of the address and, for POST, of the form."""
    parameters = request.GET.copy()
    if request.method == "POST":
        parameters.update(request.POST)
    return parameters


def _refuse(error: Exception) -> HttpResponse:
    match error:
        case QueryTimeout():
            return _error(503, "timeout", str(error))
        case MultiPartParserError() | SuspiciousOperation() | UnreadablePostError():
            return _error(400, "bad_data", "the form can't be read")
        case ParseError() | ParameterInvalid() | LimitExceeded():
            return _error(400, "bad_data", str(error))
        case EvaluationError():
            return _error(422, "execution", str(error))
        case PromQLError():
            return _error(400, "bad_data", str(error))
    refusal = as_api_error(error)
    if refusal is None:
        raise error
    if isinstance(refusal, MethodNotAllowed):
        response = _error(refusal.status, "bad_data", refusal.detail)
        response["Allow"] = ALLOWED_METHODS
        return response
    return _copy_headers(refusal, _error(refusal.status, _ERROR_TYPES.get(refusal.status, "bad_data"), refusal.detail))


def _error(status: int, kind: str, message: str) -> HttpResponse:
    return JsonResponse({"status": "error", "errorType": kind, "error": message}, status=status)


def _copy_headers(refusal: ApiError, response: HttpResponse) -> HttpResponse:
    for name, value in problem_response(refusal).headers.items():
        if name in {"Retry-After", "WWW-Authenticate"}:
            response[name] = value
    return response


@endpoint
def query(grant: KeyGrant, parameters: QueryDict) -> Any:
    """Evaluate an expression at one time."""
    text = _required(parameters, "query")
    time_ms = _read_time(parameters, "time", default=time.time())
    return encode_prometheus_json(evaluate_instant(parse(text), SeriesStorage(grant.application_id), time_ms))


@endpoint
def query_range(grant: KeyGrant, parameters: QueryDict) -> Any:
    """Evaluate an expression at many times."""
    text = _required(parameters, "query")
    start_ms, end_ms = _read_time(parameters, "start"), _read_time(parameters, "end")
    if end_ms < start_ms:
        raise ParameterInvalid('invalid parameter "end": end timestamp must not be before start time')
    step_ms = _read_duration(parameters, "step")
    if step_ms <= 0:
        raise ParameterInvalid(
            'invalid parameter "step": zero or negative query resolution step widths are not accepted.'
            " Try a positive integer"
        )
    storage = SeriesStorage(grant.application_id)
    return encode_prometheus_json(evaluate_range(parse(text), storage, start_ms, end_ms, step_ms))


@endpoint
def series(grant: KeyGrant, parameters: QueryDict) -> Any:
    """List the series that match."""
    selectors = _selectors(parameters)
    if not selectors:
        raise ParameterInvalid("no match[] parameter provided")
    return list_series(application_id=grant.application_id, selectors=selectors)


@endpoint
def labels(grant: KeyGrant, parameters: QueryDict) -> Any:
    """List label names."""
    return list_labels(application_id=grant.application_id, selectors=_selectors(parameters))


@endpoint
def label_values(grant: KeyGrant, parameters: QueryDict, *, name: str) -> Any:
    """List a label's values."""
    if not _LABEL_NAME.match(name):
        raise ParameterInvalid(f'invalid label name: "{name}"')
    return list_label_values(application_id=grant.application_id, label=name, selectors=_selectors(parameters))


@endpoint
def metadata(grant: KeyGrant, parameters: QueryDict) -> Any:
    """List what senders say about their metrics."""
    rows = MetricDescription.objects.filter(application_id=grant.application_id).order_by("name")
    if wanted := parameters.get("metric"):
        # PostgreSQL refuses zero bytes in a text; no metric's name has one.
        rows = rows.none() if "\x00" in wanted else rows.filter(name=wanted)
    limit = parameters.get("limit", "")
    if limit and not re.fullmatch(r"-?\d{1,9}", limit):
        raise ParameterInvalid("limit must be a number")
    if limit and int(limit) >= 0:
        rows = rows[: int(limit)]
    return {row.name: [{"type": row.type, "help": row.help, "unit": row.unit}] for row in rows}


@endpoint
def buildinfo(grant: KeyGrant, parameters: QueryDict) -> Any:
    """Say whose API this is."""
    return {
        "version": PROMETHEUS_VERSION,
        "revision": "",
        "branch": "",
        "buildUser": "postlaunch",
        "buildDate": "",
        "goVersion": "",
    }


def _required(parameters: Mapping[str, Any], name: str) -> str:
    value = str(parameters.get(name, ""))
    if not value:
        raise ParameterInvalid(f'invalid parameter "{name}": missing')
    return value


def _read_time(parameters: Mapping[str, Any], name: str, *, default: float | None = None) -> int:
    """Return a time in epoch milliseconds, given in seconds or as RFC 3339."""
    if default is not None and not parameters.get(name):
        return int(default * 1000)
    text = _required(parameters, name)
    seconds = _as_number(text)
    if seconds is None:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ParameterInvalid(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp') from None
        seconds = moment.timestamp() if moment.tzinfo else None
    if seconds is None or not abs(seconds) < _LATEST_SECONDS:
        raise ParameterInvalid(f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def _read_duration(parameters: Mapping[str, Any], name: str) -> int:
    """Return a duration in milliseconds, given in seconds or like 1h30m."""
    text = _required(parameters, name)
    seconds = _as_number(text)
    if seconds is not None and abs(seconds) < _LATEST_SECONDS:
        return round(seconds * 1000)
    found = _DURATION.match(text)
    if found is None:
        raise ParameterInvalid(f'invalid parameter "{name}": cannot parse "{text}" to a valid duration')
    return sum(int(value) * _UNIT_MS[unit] for unit, value in found.groupdict().items() if value)


def _read_timeout(parameters: Mapping[str, Any]) -> float:
    """Return how many seconds the request may take."""
    if not parameters.get("timeout"):
        return QUERY_SECONDS
    return min(QUERY_SECONDS, max(0, _read_duration(parameters, "timeout")) / 1000)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _selectors(parameters: QueryDict) -> list[Sequence[Matcher]]:
    """Return the matchers of every match[] parameter."""
    found: list[Sequence[Matcher]] = []
    for text in parameters.getlist("match[]"):
        expression = parse(text).expression
        if not isinstance(expression, syntax.VectorSelector):
            raise ParameterInvalid(f'invalid parameter "match[]": {text!r} is not a series selector')
        found.append(expression.matchers)
    return found
