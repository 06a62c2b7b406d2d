"""Settings that can't work or aren't safe."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from config import checks
from config.options import OPTIONS

DEFAULTS: dict[str, Any] = {option.name: option.default for option in OPTIONS}
GOOD_KEY = "abcdefghijklmnopqrstuvwxyz0123456789"


def ids(messages: Any) -> list[str]:
    return [message.id for message in messages]


def with_options(**changes: Any) -> dict[str, Any]:
    return {**DEFAULTS, **changes}


def test_defaults__all_checks__are_content() -> None:
    assert ids(checks.check_options(None)) == []
    assert ids(checks.check_safety(DEFAULTS, secret_key=GOOD_KEY, public_url="http://127.0.0.1:8000")) == []


@pytest.mark.parametrize("name", checks.AT_LEAST_ONE)
def test_number__zero__is_refused_with_its_name(name: str) -> None:
    (message,) = [each for each in checks.check_numbers(with_options(**{name: 0})) if each.id == "postlaunch.E001"]
    assert name in message.msg
    assert name in message.hint


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PORT": 0}, "postlaunch.E002"),
        ({"PORT": 65536}, "postlaunch.E002"),
        ({"ROLLUP_HOUR_RETENTION_DAYS": 10}, "postlaunch.W003"),
    ],
)
def test_numbers__out_of_range__are_told(changes: dict[str, Any], expected: str) -> None:
    assert ids(checks.check_numbers(with_options(**changes))) == [expected]


@pytest.mark.parametrize(
    ("url", "hosts", "expected"),
    [
        ("http://127.0.0.1:8000", ["127.0.0.1"], []),
        ("http://[::1]:8000", ["[::1]"], []),
        ("https://a.example.com", [".example.com"], []),
        ("postlaunch.example.com", [], ["postlaunch.E004"]),
        ("ftp://a.example.com", ["*"], ["postlaunch.E004"]),
        ("https://a.example.com", ["b.example.com"], ["postlaunch.E005"]),
        ("http://0.0.0.0:8000", ["127.0.0.1"], ["postlaunch.W016"]),
    ],
)
def test_public_url__any__must_be_one_the_site_answers_to(url: str, hosts: list[str], expected: list[str]) -> None:
    assert ids(checks.check_public_url(url, allowed_hosts=hosts)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"EMAIL_FROM": "nobody"}, ["postlaunch.E006"]),
        ({"ADMIN_EMAIL": "a@"}, ["postlaunch.E006"]),
        ({"ALERT_EMAILS": ["a@example.com", "b"]}, ["postlaunch.E007"]),
        ({"ALERT_EMAILS": ["a@localhost"]}, []),
    ],
)
def test_addresses__not_one__are_told(changes: dict[str, Any], expected: list[str]) -> None:
    assert ids(checks.check_addresses(with_options(**changes))) == expected


@pytest.mark.parametrize(
    ("changes", "key", "url", "expected"),
    [
        ({"DEBUG": True}, GOOD_KEY, "http://x", ["postlaunch.W008"]),
        ({}, "short", "http://x", ["postlaunch.E009"]),
        ({}, "a" * 60, "http://x", ["postlaunch.E009"]),
        ({"ALLOWED_HOSTS": ["*"]}, GOOD_KEY, "http://x", ["postlaunch.W010"]),
        ({}, GOOD_KEY, "https://x", ["postlaunch.W011"]),
        ({"SECURE": True}, GOOD_KEY, "http://x", ["postlaunch.E012"]),
        ({"SECURE": True}, GOOD_KEY, "https://x", []),
        ({"WEBHOOK_ALLOW_PRIVATE": True}, GOOD_KEY, "http://x", ["postlaunch.W013"]),
    ],
)
def test_safety__weak_setting__is_told(changes: dict[str, Any], key: str, url: str, expected: list[str]) -> None:
    found = checks.check_safety(with_options(**changes), secret_key=key, public_url=url)
    assert ids(found) == expected
    assert all(message.hint for message in found)


def test_production__checked_for_deployment__runs_ours() -> None:
    with override_settings(SECRET_KEY="short"):
        assert "postlaunch.E009" in ids(run_checks(tags=["security"], include_deployment_checks=True))
        assert "postlaunch.E009" not in ids(run_checks(tags=["security"]))


@given(st.integers(80_000, 300_000))
def test_judge_version__any__is_refused_below_15(version: int) -> None:
    assert ids(checks.judge_version(version)) == (["postlaunch.E014"] if version < 150_000 else [])


@pytest.mark.django_db
def test_database__real_one__is_new_enough() -> None:
    assert ids(checks.check_database(None, databases=["default"])) == []
    assert ids(checks.check_database(None)) == []
