"""Escalation chains of Grafana OnCall are read: every kind of step, one page or several, and each error by its path."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.chains import (
    MAX_BYTES,
    Chain,
    ChainFileInvalid,
    ChainStep,
    Target,
    decode_chains,
    find_misplaced,
    read_chains,
)
from alerts.escalation import Step, StepKind
from tests.support.oncall_chains import USERS, make_document, make_page
from tests.support.product import ROOT
from tests.support.receiver import Received, run_receiver

ADA = Target(("ada",), "ada@example.com")
BO = Target(("bo",), "bo@example.com")
PATH = "escalation_policies[0]"
COMMANDS = ROOT / "templates/alerts/collect_oncall.sh"


def read_one(*steps: dict[str, Any], **lists: Any) -> Chain:
    (chain,) = read_chains(make_document(*steps, **lists)).chains
    return chain


def errors_of(document: object) -> list[str]:
    with pytest.raises(ChainFileInvalid) as caught:
        read_chains(document)
    return [error.path for error in caught.value.errors]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"type": "wait", "duration": 900}, ChainStep(PATH, StepKind.WAIT, seconds=900)),
        (
            {"type": "notify_persons", "persons_to_notify": ["UBO", "UADA", "UBO"]},
            ChainStep(PATH, StepKind.PERSON, (BO, ADA)),
        ),
        (
            {"type": "notify_person_next_each_time", "persons_to_notify_next_each_time": ["UADA"]},
            ChainStep(PATH, StepKind.ROUND_ROBIN, (ADA,)),
        ),
        (
            {"type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": "S1"},
            ChainStep(PATH, StepKind.SCHEDULE, (Target(("Ops",)),)),
        ),
        (
            {"type": "notify_team_members", "team_to_notify": "T1"},
            ChainStep(PATH, StepKind.TEAM, (Target(("Admins",)),)),
        ),
        (
            {"type": "notify_team_members", "notify_to_team_members": "T1"},
            ChainStep(PATH, StepKind.TEAM, (Target(("Admins",)),)),
        ),
        (
            {"type": "notify_user_group", "group_to_notify": "G1"},
            ChainStep(PATH, StepKind.TEAM, (Target(("DBAs", "dba")),)),
        ),
        (
            {"type": "notify_user_group", "groups_to_notify": ["G1"]},
            ChainStep(PATH, StepKind.TEAM, (Target(("DBAs", "dba")),)),
        ),
        (
            {"type": "trigger_webhook", "action_to_trigger": "W1"},
            ChainStep(PATH, StepKind.CHANNEL, (Target(("Pager",)),)),
        ),
        (
            {"type": "trigger_action", "action_to_trigger": "W1"},
            ChainStep(PATH, StepKind.CHANNEL, (Target(("Pager",)),)),
        ),
        (
            {
                "type": "notify_if_time_from_to",
                "notify_if_time_from": "22:00:00Z",
                "notify_if_time_to": "06:30:59Z",
            },
            ChainStep(PATH, StepKind.IF_TIME, start="22:00", end="06:30"),
        ),
        (
            {
                "type": "notify_if_num_alerts_in_window",
                "num_alerts_in_window": 3,
                "num_minutes_in_window": 5,
            },
            ChainStep(PATH, StepKind.IF_COUNT, seconds=300, count=3),
        ),
        ({"type": "declare_incident", "severity": "critical"}, ChainStep(PATH, StepKind.DECLARE_INCIDENT)),
        ({"type": "repeat_escalation"}, ChainStep(PATH, StepKind.REPEAT, count=5)),
    ],
)
def test_step__with_a_counterpart__becomes_it_without_a_remark(step: dict[str, Any], expected: ChainStep) -> None:
    chain = read_one(step)

    assert (chain.steps, chain.remarks) == ((expected,), ())


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"type": None}, "Nobody chose"),
        ({"type": "notify_one_person"}, "does not say whom"),
        ({"type": "notify_whole_channel"}, "Add a step that tells a channel"),
        ({"type": "resolve"}, "Alerts end here"),
        ({"type": "wait", "duration": 0}, "waits 0 s"),
        ({"type": "notify_persons", "persons_to_notify": None}, "names nobody"),
        ({"type": "notify_persons", "persons_to_notify": ["UGONE"]}, "“UGONE” is not among the users"),
        ({"type": "notify_on_call_from_schedule", "notify_on_call_from_schedule": None}, "names nobody"),
        ({"type": "notify_team_members", "team_to_notify": "T9"}, "/api/v1/teams/"),
        ({"type": "trigger_webhook", "action_to_trigger": "W9"}, "/api/v1/webhooks/"),
        ({"type": "notify_if_time_from_to", "notify_if_time_from": "09:00:00Z"}, "no stretch of time"),
        ({"type": "notify_if_num_alerts_in_window", "num_alerts_in_window": 0}, "at least one alert"),
        (
            {
                "type": "notify_if_num_alerts_in_window",
                "num_alerts_in_window": 1,
                "num_minutes_in_window": 1441,
            },
            "1 minute to 1 day",
        ),
    ],
)
def test_step__without_a_counterpart__left_out_with_a_remark(step: dict[str, Any], words: str) -> None:
    chain = read_one(step)

    assert chain.steps == ()
    assert [(remark.path, words in remark.message) for remark in chain.remarks] == [(PATH, True)]


def test_step__one_of_two_people_unknown__the_other_stays() -> None:
    chain = read_one({"type": "notify_persons", "persons_to_notify": ["UGONE", "UADA"]})

    assert chain.steps == (ChainStep(PATH, StepKind.PERSON, (ADA,)),)
    assert len(chain.remarks) == 1


def test_wait__without_a_duration__five_minutes_as_in_oncall() -> None:
    chain = read_one({"type": "wait", "duration": None})

    assert chain.steps == (ChainStep(PATH, StepKind.WAIT, seconds=300),)
    assert "5 min" in chain.remarks[0].message


def test_steps__in_any_order__sorted_by_position_and_cut_after_resolve() -> None:
    chain = read_one(
        {"type": "wait", "duration": 60, "position": 2},
        {"type": "resolve", "position": 3},
        {"type": "declare_incident", "position": 0},
        {"type": "notify_whole_channel", "position": 4},
    )

    assert [step.kind for step in chain.steps] == [StepKind.DECLARE_INCIDENT, StepKind.WAIT]
    assert [remark.path for remark in chain.remarks] == ["escalation_policies[1]"]


def test_steps__important__said_once_for_a_chain() -> None:
    step = {"type": "notify_persons", "persons_to_notify": ["UADA"], "important": True}

    assert [remark.path for remark in read_one(step, step).remarks] == ["escalation_chains[0]"]


def test_steps__of_a_chain_that_is_not_there__left_out_with_one_remark() -> None:
    file = read_chains(
        make_document({"type": "wait", "duration": 60}, *[{"type": None, "escalation_chain_id": "F9"}] * 2)
    )

    assert len(file.chains[0].steps) == 1
    assert [remark.path for remark in file.remarks] == ["escalation_policies[1]"]
    assert "not in the document are left out: 2" in file.remarks[0].message


@pytest.mark.parametrize(
    "users",
    [
        make_page(USERS),
        [make_page(USERS[:1], is_last=False), make_page(USERS[1:])],
    ],
)
def test_lists__one_page_or_several__as_the_bare_list(users: Any) -> None:
    step = {"type": "notify_persons", "persons_to_notify": ["UADA", "UBO"]}

    assert read_one(step, users=users) == read_one(step)


def test_lists__twenty_thousand_empty_pages__read_in_one_pass() -> None:
    pages = [make_page([], is_last=False)] * 20_000

    assert errors_of(make_document(users=pages)) == ["users[19999].next"]
    assert read_one({"type": "wait", "duration": 60}, users=[*pages, make_page(USERS)]).remarks == ()


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ([], [""]),
        ({}, ["escalation_chains", "escalation_policies"]),
        (make_document(escalation_chains=[]), ["escalation_chains"]),
        (make_document(escalation_chains=7), ["escalation_chains"]),
        (make_document(escalation_chains=[3]), ["escalation_chains[0]"]),
        (make_document(escalation_chains=[{"id": "F1"}]), ["escalation_chains[0].name"]),
        (
            make_document(escalation_chains=[{"id": 1, "name": " "}]),
            ["escalation_chains[0].id", "escalation_chains[0].name"],
        ),
        (make_document(escalation_chains=[{"id": "F1", "name": "x" * 101}]), ["escalation_chains[0].name"]),
        (make_document(escalation_chains=[{"id": "F1", "name": "a\0"}]), ["escalation_chains[0].name"]),
        (make_document(escalation_chains=[{"id": "F1", "name": "a"}] * 2), ["escalation_chains[1].id"]),
        (
            make_document(escalation_chains=[{"id": "F1", "name": "a"}, {"id": "F2", "name": "a "}]),
            ["escalation_chains[1].name"],
        ),
        (
            make_document(escalation_chains=[{"id": f"F{n}", "name": f"Chain {n}"} for n in range(201)]),
            ["escalation_chains"],
        ),
        (make_document(users=make_page(USERS, is_last=False)), ["users.next"]),
        (make_document(users=[make_page(USERS, is_last=False)] * 2), ["users[1].next"]),
        (make_document(users={"detail": "Invalid token."}), ["users.results"]),
        (make_document(users=make_page([{"username": "x"}])), ["users.results[0].id"]),
        (make_document({"type": "nap"}), [f"{PATH}.type"]),
        (make_document({}), [f"{PATH}.type"]),
        (make_document({"type": 5}), [f"{PATH}.type"]),
        (make_document({"type": "wait", "position": None}), [f"{PATH}.position"]),
        (make_document({"type": "wait", "position": -1}), [f"{PATH}.position"]),
        (make_document({"type": "wait", "duration": "5m"}), [f"{PATH}.duration"]),
        (make_document({"type": "wait", "duration": True}), [f"{PATH}.duration"]),
        (make_document({"type": "wait", "duration": 604801}), [f"{PATH}.duration"]),
        (make_document({"type": "wait", "important": "yes"}), [f"{PATH}.important"]),
        (make_document({"type": "notify_persons", "persons_to_notify": "UADA"}), [f"{PATH}.persons_to_notify"]),
        (make_document({"type": "notify_persons", "persons_to_notify": ["UADA", 2]}), [f"{PATH}.persons_to_notify[1]"]),
        (
            make_document({"type": "notify_persons", "persons_to_notify": [f"U{n}" for n in range(101)]}),
            [f"{PATH}.persons_to_notify"],
        ),
        (
            make_document({"type": "notify_user_group", "groups_to_notify": [f"G{n}" for n in range(101)]}),
            [f"{PATH}.groups_to_notify"],
        ),
        (
            make_document({"type": "notify_if_time_from_to", "notify_if_time_from": "9 am"}),
            [f"{PATH}.notify_if_time_from"],
        ),
    ],
)
def test_document__anything_wrong__named_by_its_path(document: object, paths: list[str]) -> None:
    assert errors_of(document) == paths


def test_document__wrong_throughout__a_hundred_errors_are_enough() -> None:
    assert len(errors_of(make_document(*[{"type": "nap"}] * 300))) == 100


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "It is empty"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b" " * (MAX_BYTES + 1), "more than 1,048,576 bytes"),
    ],
)
def test_bytes__that_are_no_document__refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ChainFileInvalid, match=words):
        decode_chains(data)


def test_bytes__with_a_byte_order_mark__read() -> None:
    assert decode_chains(b"\xef\xbb\xbf" + json.dumps({"a": 1}).encode()) == {"a": 1}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "results", "next"]), inner),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["type", "position", "duration", "important", "persons_to_notify", "group_to_notify", "num_alerts_in_window"]
)


@given(st.dictionaries(st.sampled_from(list(make_document())), _JSON), st.dictionaries(_FIELDS, _JSON))
def test_document__any_json__read_or_refused(lists: dict[str, Any], fields: dict[str, Any]) -> None:
    found: list[object] = []
    try:
        found += read_chains({**make_document({"type": "wait", **fields}), **lists}).chains
    except ChainFileInvalid as error:
        found += error.errors

    assert found


WAIT, TELL, AGAIN = Step(StepKind.WAIT, seconds=60), Step(StepKind.PERSON, targets=(1,)), Step(StepKind.REPEAT, count=5)


@pytest.mark.parametrize(
    ("steps", "places"),
    [
        ([TELL, WAIT], []),
        ([TELL, WAIT, AGAIN], []),
        ([TELL, AGAIN], [1]),
        ([TELL, WAIT, AGAIN, TELL], [2]),
        ([TELL, AGAIN, WAIT, AGAIN], [1]),
    ],
)
def test_repeat__not_last_or_without_a_wait__misplaced(steps: list[Step], places: list[int]) -> None:
    assert list(find_misplaced(steps)) == places


def test_commands__of_the_page_and_the_documentation__the_same() -> None:
    assert COMMANDS.read_text() in (ROOT / "docs/alerts.md").read_text()


def test_commands__lists_of_several_pages__a_document_that_is_read(tmp_path: Path) -> None:
    steps = [{"escalation_chain_id": "F1", "position": place, "type": "wait", "duration": 60} for place in range(5)]
    lists = make_document(escalation_policies=steps, users=[{"id": "U1", "username": '"next":null, é\n%s\\'}])

    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        address = urlsplit(request.path)
        items, page = lists[address.path.split("/")[-2]], int(parse_qs(address.query)["page"][0])
        body = make_page(items[2 * page - 2 : 2 * page], is_last=len(items) <= 2 * page)
        return 200, {}, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    with run_receiver() as receiver:
        receiver.answer = answer
        done = subprocess.run(
            ["sh", str(COMMANDS)],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "ONCALL": receiver.url.rstrip("/"), "TOKEN": "a key"},
            check=True,
            timeout=60,
        )

    assert done.returncode == 0
    assert {request.headers["authorization"] for request in receiver.requests} == {"a key"}
    assert len(read_chains(decode_chains((tmp_path / "oncall.json").read_bytes())).chains[0].steps) == 5
