"""The doors for metrics, as a client meets them."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import timedelta

import cramjam
import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from config.settings import OPTION
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.ingestion import prometheus_pb2 as wire
from monitoring.losses.selectors import list_accounts
from monitoring.metrics.models import MetricDescription
from monitoring.metrics.promql import Matcher
from monitoring.metrics.selectors import SeriesStorage
from tests.support.metrics import RAW, make_application

pytestmark = pytest.mark.django_db

WRITE = "/prometheus/api/v1/write"
NATIVE = "/api/v1/metrics/"


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def key(application: Application) -> str:
    return issue_key(application=application, kind=KeyKind.SECRET, label="test").token


def now_ms() -> int:
    return int(timezone.now().timestamp() * 1000)


def write_request(*series: tuple[str, int, float]) -> bytes:
    message = wire.WriteRequest()
    for name, time, value in series:
        added = message.timeseries.add()
        added.labels.add(name=b"__name__", value=name.encode())
        added.samples.add(timestamp=time, value=value)
    return bytes(cramjam.snappy.compress_raw(message.SerializeToString()))


def send_remote_write(client: Client, key: str, body: bytes, **headers: str) -> tuple[int, str]:
    answer = client.post(
        WRITE,
        body,
        content_type=headers.pop("content_type", "application/x-protobuf"),
        headers={"Authorization": f"Bearer {key}", **headers},
    )
    return answer.status_code, answer.content.decode()


def send(client: Client, key: str, document: object, **headers: str) -> tuple[int, dict[str, object]]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = client.post(
        NATIVE, body, content_type="application/json", headers={"Authorization": f"Bearer {key}", **headers}
    )
    return answer.status_code, answer.json()


def values(application: Application, name: str) -> list[float]:
    storage = SeriesStorage(application.pk)
    found = storage.select([Matcher("__name__", "=", name)], 0, 1 << 52, RAW)
    return [value for series in found for value in series.values.tolist()]


def totals(application: Application, signal: str) -> tuple[int, int, int, int]:
    accounts = list_accounts(application_id=application.pk, since=timezone.now() - timedelta(days=1))
    rows = [row for row in accounts if row.signal == signal]
    return (
        sum(row.received for row in rows),
        sum(row.stored for row in rows),
        sum(row.refused for row in rows),
        sum(row.limited for row in rows),
    )


def test_remote_write__good_request__is_stored_and_answered_without_content(
    client: Client, application: Application, key: str
) -> None:
    body = write_request(("up", now_ms(), 1.0), ("load", now_ms(), 0.0))
    assert send_remote_write(client, key, body, **{"Content-Encoding": "snappy"}) == (204, "")
    assert send_remote_write(client, key, body) == (204, "")
    assert (values(application, "up"), values(application, "load")) == ([1.0], [0.0])
    assert totals(application, "points") == (4, 4, 0, 0)


def test_remote_write__part_of_it_invalid__stores_the_rest_and_says_what(
    client: Client, application: Application, key: str
) -> None:
    body = write_request(("up", now_ms(), 1.0), ("9bad", now_ms(), 1.0), ("old", 1000, 1.0))
    status, text = send_remote_write(client, key, body)
    assert status == 400
    assert "1 samples stored, 2 refused" in text
    assert "9bad" in text
    assert "old" in text
    assert values(application, "up") == [1.0]
    assert totals(application, "points") == (3, 1, 2, 0)


def test_remote_write__metadata_only__is_kept(client: Client, application: Application, key: str) -> None:
    message = wire.WriteRequest()
    message.metadata.add(type=2, metric_family_name=b"load", help=b"How busy.\x00")
    body = bytes(cramjam.snappy.compress_raw(message.SerializeToString()))
    assert send_remote_write(client, key, body) == (204, "")
    assert MetricDescription.objects.get(application=application).type == "gauge"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json"}, 415),
        ({"content_type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}, 415),
        ({"content_type": "application/x-protobuf;proto=prometheus.WriteRequest"}, 204),
        ({"Content-Encoding": "gzip"}, 415),
    ],
)
def test_remote_write__other_forms__are_told_apart(
    client: Client, key: str, headers: dict[str, str], status: int
) -> None:
    assert send_remote_write(client, key, write_request(("up", now_ms(), 1.0)), **headers)[0] == status


@pytest.mark.parametrize("body", [b"", b"garbage", bytes(cramjam.snappy.compress_raw(b"\x0a\xff"))])
def test_remote_write__broken_body__is_refused_and_accounted(
    client: Client, application: Application, key: str, body: bytes
) -> None:
    status, _ = send_remote_write(client, key, body)
    assert status == 400
    assert totals(application, "bodies") == (1, 0, 1, 0)


def test_remote_write__bomb__is_refused_before_it_inflates(client: Client, application: Application, key: str) -> None:
    bomb = bytes(cramjam.snappy.compress_raw(bytes(OPTION["MAX_BODY_BYTES"] + 1)))
    assert send_remote_write(client, key, bomb)[0] == 413
    assert send_remote_write(client, key, bytes(OPTION["MAX_COMPRESSED_BODY_BYTES"] + 1))[0] == 413
    assert totals(application, "bodies") == (2, 0, 2, 0)


def test_remote_write__series_flood__is_limited_and_accounted(client: Client) -> None:
    application = make_application(max_series=10)
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    body = write_request(*((f"metric_{number}", now_ms(), 1.0) for number in range(1000)))
    status, text = send_remote_write(client, key, body)
    assert status == 400
    assert "990 beyond the limit" in text
    assert totals(application, "points") == (1000, 10, 0, 990)


@pytest.mark.parametrize("path", [WRITE, NATIVE, "/api/v1/metrics"])
def test_doors__without_or_with_a_wrong_key__are_closed(client: Client, path: str) -> None:
    missing = client.post(path, b"{}", content_type="application/json")
    wrong = client.post(path, b"{}", content_type="application/json", headers={"Authorization": "Bearer sk_wrong"})
    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert missing["WWW-Authenticate"]


def test_doors__key_without_the_scope__are_closed(client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET, scopes=["read"]).token
    assert send(client, key, {"name": "up", "value": 1})[0] == 403
    assert totals(application, "bodies") == (1, 0, 1, 0)


def test_doors__public_key_on_a_page_that_may_not_use_it__is_refused_and_accounted(
    client: Client, application: Application
) -> None:
    key = issue_key(application=application, kind=KeyKind.PUBLIC, origins=["https://erp.example"]).token
    good, bad = "https://erp.example", "https://evil.example"
    assert send(client, key, {"name": "up", "value": 1}, Origin=good)[0] == 200
    status, body = send(client, key, {"name": "up", "value": 1}, Origin=bad)
    assert (status, body["origin"]) == (403, bad)
    assert str(application.pk) not in json.dumps(body)
    assert totals(application, "bodies") == (1, 0, 1, 0)


@pytest.mark.parametrize("path", [WRITE, NATIVE])
def test_doors__browsers__may_send_from_anywhere(client: Client, path: str) -> None:
    preflight = client.options(path, headers={"Origin": "https://erp.example"})
    assert preflight.status_code == 204
    assert preflight["Access-Control-Allow-Origin"] == "*"
    assert client.post(path, b"", content_type="application/json")["Access-Control-Allow-Origin"] == "*"
    other = client.get(path)
    assert (other.status_code, other["Allow"]) == (405, "POST, OPTIONS")


def test_doors__public_key_in_the_address__is_enough(client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.PUBLIC).token
    answer = client.post(f"{NATIVE}?key={key}", b'{"name": "clicks", "value": 1}', content_type="text/plain")
    assert answer.status_code == 200
    assert values(application, "clicks") == [1.0]


def test_doors__too_many_requests__wait(client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET, requests_per_minute=6).token
    assert send(client, key, {"name": "up", "value": 1})[0] == 200
    answer = client.post(WRITE, b"", headers={"Authorization": f"Bearer {key}"}, content_type="application/x-protobuf")
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) >= 1
    assert totals(application, "bodies") == (1, 0, 0, 1)


@pytest.mark.parametrize("path", [WRITE, NATIVE])
def test_doors__database_away__say_when_to_come_back(
    client: Client, key: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = client.post(NATIVE, b'{"name": "up", "value": 1}', "application/json", headers={"X-Postlaunch-Key": key})
    assert warm.status_code == 200

    class _Away:
        def __enter__(self) -> None:
            raise OperationalError("the server closed the connection")

        def __exit__(self, *args: object) -> None: ...

    monkeypatch.setattr("monitoring.metrics.bulk.connection", _Connection(_Away()))
    body = write_request(("up", now_ms(), 1.0)) if path == WRITE else b'{"name": "up", "value": 1}'
    kind = "application/x-protobuf" if path == WRITE else "application/json"
    answer = client.post(path, body, kind, headers={"X-Postlaunch-Key": key})
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


class _Connection:
    """The connection, except that nothing can be copied."""

    def __init__(self, away: object) -> None:
        self.wrap_database_errors = away

    def __getattr__(self, name: str) -> object:
        return getattr(connection, name)


def test_native__batch_with_a_bad_point__stores_the_rest(client: Client, application: Application, key: str) -> None:
    document = {"points": [{"name": "up", "value": 1, "unit": "1"}, {"name": "a b", "value": 1}, {"name": "x"}]}
    status, body = send(client, key, document)
    assert status == 200
    assert (body["stored"], body["limited"], body["refused_count"]) == (1, 0, 2)
    refused = body["refused"]
    assert isinstance(refused, list)
    assert [(row["index"], row["field"]) for row in refused] == [(1, "name"), (2, "point")]
    assert values(application, "up") == [1.0]
    assert totals(application, "points") == (3, 1, 2, 0)
    assert MetricDescription.objects.get(application=application).unit == "1"


def test_native__nothing_usable__is_a_problem_naming_each_field(client: Client, key: str) -> None:
    answer = client.post(
        NATIVE, b'{"name": "a b", "value": 1}', "application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert [error["field"] for error in answer.json()["errors"]] == ["points.0.name"]


def test_native__only_series_beyond_the_limit__is_limited(client: Client) -> None:
    application = make_application(max_series=1)
    key = issue_key(application=application, kind=KeyKind.SECRET).token
    assert send(client, key, {"name": "a", "value": 1})[0] == 200
    assert send(client, key, {"name": "b", "value": 1})[0] == 429
    assert send(client, key, {"points": []}) == (200, {"stored": 0, "limited": 0, "refused_count": 0, "refused": []})
    assert totals(application, "points") == (2, 1, 0, 1)


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


ENCODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    "br": lambda data: bytes(cramjam.brotli.compress(data)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_native__compressed__is_inflated_within_limits(
    client: Client, application: Application, key: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    compress = ENCODINGS[encoding]
    headers = {"Content-Encoding": encoding}
    assert send(client, key, compress(b'{"name": "up", "value": 1}'), **headers)[0] == 200
    assert values(application, "up") == [1.0]
    assert send(client, key, compress(b'{"name": "up", "value": 1}')[:-6], **headers)[0] == 400
    monkeypatch.setitem(OPTION, "MAX_BODY_BYTES", 10_000)
    assert send(client, key, compress(b" " * 10_001), **headers)[0] == 413
    assert send(client, key, compress(b" " * 10_000), **headers)[0] == 400


def test_native__raw_deflate_and_several_gzip_members__are_read(client: Client, key: str) -> None:
    body = b'{"name": "up", "value": 1}'
    assert send(client, key, raw_deflate(body), **{"Content-Encoding": "deflate"})[0] == 200
    members = gzip.compress(body[:9]) + gzip.compress(body[9:])
    assert send(client, key, members, **{"Content-Encoding": "gzip"})[0] == 200


def test_native__unknown_encoding_or_type__is_unsupported(client: Client, key: str) -> None:
    assert send(client, key, b"{}", **{"Content-Encoding": "lzma"})[0] == 415
    answer = client.post(NATIVE, b"<up/>", "application/xml", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 415


@pytest.mark.django_db(transaction=True)
def test_doors__application_removed_a_moment_ago__is_unknown(
    client: Client, application: Application, key: str
) -> None:
    assert send(client, key, {"name": "up", "value": 1})[0] == 200
    application.delete()
    assert send(client, key, {"name": "up", "value": 1})[0] == 401
    assert send(client, key, {"name": "other", "value": 1})[0] == 401
