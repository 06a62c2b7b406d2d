"""The REST API against its own OpenAPI document: whatever is sent, the answer is one that the document names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from monitoring.applications.enums import KeyKind
from monitoring.applications.services import create_application, issue_key

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: The operations are asked in so many tests, so that one that hangs is found.
PARTS = 6


@pytest.fixture
def api_schema(db: None) -> Iterator[schemathesis.schemas.BaseSchema]:
    # Between requests Django would close the connection that holds the test's transaction.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def token(db: None) -> str:
    return issue_key(application=create_application(name="ERP"), kind=KeyKind.SECRET).token


def operations(schema: schemathesis.schemas.BaseSchema) -> list[Any]:
    return [result.ok() for result in schema.get_all_operations()]


@pytest.mark.parametrize("part", range(PARTS))
def test_operations__any_request__are_answered_as_documented(
    api_schema: schemathesis.schemas.BaseSchema, token: str, part: int
) -> None:
    ask(operations(api_schema)[part::PARTS], token, examples=6)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_operations__a_hundred_requests_each__are_answered_as_documented(
    api_schema: schemathesis.schemas.BaseSchema, token: str
) -> None:
    ask(operations(api_schema), token, examples=100)


def ask(asked: list[Any], token: str, *, examples: int) -> None:
    """Send requests that fit the document to operations, the same in every run, and compare the answers with it."""
    for operation in asked:

        @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            response = case.call(headers={"Authorization": f"Bearer {token}"})
            case.validate_response(response, checks=CHECKS)

        check()


def test_operations__without_a_key__are_refused(api_schema: schemathesis.schemas.BaseSchema) -> None:
    found = operations(api_schema)
    assert len(found) >= 5
    for operation in found:

        @settings(max_examples=1, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            response = case.call()
            assert response.status_code == 401, (case.method, case.path, response.text)
            case.validate_response(response, checks=CHECKS)

        check()
