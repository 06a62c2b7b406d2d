"""Request bodies of the REST API that were not written by friends."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client, override_settings

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db


def post(body: bytes, **headers: str) -> Any:
    token = issue_key(application=make_application(), kind=KeyKind.SECRET, scopes=("write",)).token
    client = Client(headers={"Authorization": f"Bearer {token}"}, raise_request_exception=False)
    return client.post("/api/v1/rules/", data=body, content_type="application/json", headers=headers or None)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000])
def test_json__nested_without_end__is_refused_in_words(body: bytes) -> None:
    answer = post(body)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The body is nested too deeply."


@pytest.mark.parametrize("depth", range(100, 1000, 50))
def test_json__nested_as_deep_as_can_just_be_read__is_refused_with_an_idempotency_key_too(depth: int) -> None:
    answer = post(b"[" * depth + b"]" * depth, **{"Idempotency-Key": "k"})
    assert answer.status_code == 400


def test_json__larger_than_the_limit__is_refused_and_not_read_whole() -> None:
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1000):
        assert post(b'{"name":"' + b"x" * 989 + b'"}').status_code == 400
        answer = post(b'{"name":"' + b"x" * 990 + b'"}')
    assert (answer.status_code, answer.json()["type"]) == (413, "/api/docs/errors/#body-too-large")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"a":1e999}', b'"\\ud800"'])
def test_json__broken__is_refused(body: bytes) -> None:
    assert post(body).status_code == 400
