"""Secrets and addresses are taken out; the rest stays as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import scrubbing
from monitoring.errors.scrubbing import FILTERED, ScrubRules, make_rules, scrub, truncate_ip
from tests.monitoring.errors.test_grouping import JSON

RULES = make_rules(names=["internal_code"], kept=["token_count"], keep_whole_ip=False, infer_ip=False)
SECRET = "s3cr3t-Value-77"
SECRET_NAMES = st.sampled_from(
    ["password", "user_password", "X-Api-Key", "apiKey", "Authorization", "Set-Cookie", "csrfToken", "client_secret",
     "PHPSESSID", "cvv", "iban", "internalCode", "old-passwd", "accessToken", "credit_card"]
)  # fmt: skip


@given(SECRET_NAMES, st.lists(st.sampled_from(["extra", "request", "vars", "data", "values"]), max_size=5))
def test_scrub__secret_anywhere__is_gone(name: str, path: list[str]) -> None:
    value: Any = {name: SECRET, "other": [[name, SECRET], {"deep": {name: {"nested": SECRET}}}]}
    for step in path:
        value = {step: [value]}
    assert SECRET not in json.dumps(scrub({"extra": value}, rules=RULES))


@pytest.mark.parametrize(
    "name", ["author", "passenger", "token_count", "cardinal", "description", "keyboard", "pinned"]
)
def test_scrub__harmless_name__stays(name: str) -> None:
    assert scrub({"extra": {name: "value"}}, rules=RULES) == {"extra": {name: "value"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=hunter2&page=2", f"password={FILTERED}&page=2"),
        ("https://erp.example/x?api_key=12345&page=2", f"https://erp.example/x?api_key={FILTERED}&page=2"),
        ("{'password': 'hunter2', 'a': 1}", f"{{'password': '{FILTERED}', 'a': 1}}"),
        ('{"token":"abcdef"}', f'{{"token":"{FILTERED}"}}'),
        ("postgres://erp:hunter2@db/erp", f"postgres://{FILTERED}@db/erp"),
        ("Authorization: Bearer abcdefghijkl", f"Authorization: {FILTERED}"),
        ("paid with 4111 1111 1111 1111 today", f"paid with {FILTERED} today"),
        ("order 1234567890123456 is late", "order 1234567890123456 is late"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.abc_def", FILTERED),
        ("nothing hidden: here = there", "nothing hidden: here = there"),
        ("card 4111 1111 1111 1111.", f"card {FILTERED}."),
        ("total 1.4111111111111111", "total 1.4111111111111111"),
        ("'password' => 'hunter2',", f"'password' => '{FILTERED}',"),
        ("[password] => hunter2\n[page] => 2", f"[password] => {FILTERED}\n[page] => 2"),
        ("Authorization: Token 9944b09199c62bcf\nAccept: */*", f"Authorization: {FILTERED}\nAccept: */*"),
        ('Authorization: Digest username="a", response="6629"', f"Authorization: {FILTERED}"),
        ('password="correct horse battery" page=2', f'password="{FILTERED}" page=2'),
        ("password=pa,ss;word&page=2", f"password={FILTERED}&page=2"),
        ("password=hunter2, page=2", f"password={FILTERED}, page=2"),
        (
            r'{"payload":"{\"password\":\"hunter2\",\"page\":2}"}',
            rf'{{"payload":"{{\"password\":\"{FILTERED}\",\"page\":2}}"}}',
        ),
    ],
)
def test_scrub__secret_within_a_text__is_gone(text: str, expected: str) -> None:
    assert scrub({"message": text}, rules=RULES) == {"message": expected}


def test_scrub__arguments_of_a_command__those_behind_a_secret_flag_are_gone() -> None:
    arguments = ["login", "--user", "ada", "--password", "hunter2", "--token=abc", "--verbose"]
    expected = ["login", "--user", "ada", "--password", FILTERED, f"--token={FILTERED}", "--verbose"]
    assert scrub({"extra": {"args": arguments}}, rules=RULES) == {"extra": {"args": expected}}


def test_scrub__source_code__stays_readable() -> None:
    frame = {"context_line": "password = request.data['password']", "pre_context": ["token = make()"]}
    assert scrub({"frame": frame}, rules=RULES) == {"frame": frame}


@pytest.mark.parametrize(
    ("address", "expected"),
    [("192.0.2.77", "192.0.2.0"), ("2001:db8:1:2::9", "2001:db8:1::"), ("[::1]", "::"), ("nonsense", ""), ("", "")],
)
def test_truncate_ip__address__loses_its_end(address: str, expected: str) -> None:
    assert truncate_ip(address) == expected


def test_scrub__addresses__are_truncated_unless_kept() -> None:
    document = {
        "user": {"ip_address": "192.0.2.77"},
        "request": {"headers": [["X-Forwarded-For", "192.0.2.77, 10.1.2.3"]]},
    }
    cleaned = scrub(document, rules=RULES)
    assert cleaned["user"]["ip_address"] == "192.0.2.0"
    assert cleaned["request"]["headers"] == [["X-Forwarded-For", "192.0.2.0, 10.1.2.0"]]
    assert scrub(document, rules=ScrubRules(keep_whole_ip=True)) == document


def test_scrub__empty_values__stay() -> None:
    assert scrub({"password": None, "token": "", "secret": False}, rules=RULES) == {
        "password": None,
        "token": "",
        "secret": False,
    }


@given(st.dictionaries(st.text(max_size=10), JSON, max_size=5))
def test_scrub__twice__is_scrubbed_once(document: dict[str, Any]) -> None:
    once = scrub(document, rules=RULES)
    assert scrub(once, rules=RULES) == once


def test_scrub__deep_and_long__is_cut() -> None:
    deep: Any = "end"
    for _ in range(200):
        deep = {"a": [deep]}
    cleaned = scrub({"deep": deep, "long": "x" * 100_000}, rules=RULES)
    assert len(json.dumps(cleaned)) < 20_000


#: Pieces that secrets are made of, and what may stand around them.
PIECES = st.sampled_from(
    ["bearer ", "Basic ", "baſic ", "BEARER\t", "abcdefgh12345", "eyJhbGciOiJI", "EYJ", ".", "-----BEGIN RSA PRIVATE KEY-----",
     "-----begin ", "https://", "postgres://", "erp:hunter2", "@", "@db/erp", "password", "token", "author", "api-key", "=", ": ",
     "'", '"', " ", "4111 1111 1111 1111", "1234567890123", "4111111111111111", "ü", "K", "\\n", "&", "{", "}"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=10).map("".join))
def test_scrub__texts_without_the_look_of_a_secret__are_not_searched_in_vain(text: str) -> None:
    """What spares most texts the searches must not spare any that they would change."""
    searched = scrubbing._IN_TEXT.sub(FILTERED, text)
    searched = scrubbing._ASSIGNED.sub(lambda match: scrubbing._clean_assigned(match, RULES), searched)
    searched = scrubbing._CARD.sub(lambda match: FILTERED if scrubbing._holds_card(match[0]) else match[0], searched)
    assert scrub({"message": text}, rules=RULES) == {"message": searched if len(text) >= 6 else text}


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "ip", "context_line", "token", "vars"]), JSON, max_size=4), max_size=6
    )
)
def test_scrub__many_documents__each_as_if_it_were_the_first(documents: list[dict[str, Any]]) -> None:
    """What is remembered of one event changes nothing about the next."""
    together = [scrub(document, rules=RULES) for document in documents]
    alone = []
    for document in documents:
        scrubbing._cleaner_for.cache_clear()
        alone.append(scrub(document, rules=RULES))
    assert together == alone


def test_scrub__same_text_under_other_names__is_judged_by_each_name() -> None:
    text = "192.0.2.77"
    document = {"note": text, "ip": text, "token": text, "context_line": "token=abc", "line": "token=abc"}
    expected = {
        "note": text,
        "ip": "192.0.2.0",
        "token": FILTERED,
        "context_line": "token=abc",
        "line": f"token={FILTERED}",
    }
    assert [scrub(document, rules=RULES) for _ in range(2)] == [expected, expected]
