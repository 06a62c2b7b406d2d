"""What to paste where."""

from __future__ import annotations

import pytest

from monitoring.applications.snippets import (
    PUBLIC_PLACEHOLDER,
    SECRET_PLACEHOLDER,
    is_reachable_only_here,
    list_snippets,
)

BASE = "https://post.example"


def test_snippets__keys_given__are_filled_in() -> None:
    snippets = {
        one.key: one.code
        for one in list_snippets(base_url=BASE, application_id=7, secret_key="sk_1", public_key="pk_1")
    }

    assert set(snippets) == {"agent", "prometheus", "sentry", "source-maps", "php-errors", "curl", "php", "javascript"}
    assert [key for key, code in snippets.items() if "sk_1" in code] == [
        "agent",
        "prometheus",
        "source-maps",
        "php-errors",
        "curl",
        "php",
    ]
    assert [key for key, code in snippets.items() if "pk_1" in code] == ["sentry", "javascript"]
    assert "https://pk_1@post.example/7" in snippets["sentry"]
    assert all(BASE in code for key, code in snippets.items() if key != "sentry")


def test_snippets__no_keys__say_where_they_go() -> None:
    snippets = {one.key: one.code for one in list_snippets(base_url=BASE, application_id=7)}

    assert SECRET_PLACEHOLDER in snippets["curl"]
    assert PUBLIC_PLACEHOLDER in snippets["javascript"]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:8000", True),
        (BASE, False),
        ("http://10.0.0.5:8000", False),
    ],
)
def test_is_reachable_only_here__loopback__is(url: str, expected: bool) -> None:
    assert is_reachable_only_here(url) is expected
