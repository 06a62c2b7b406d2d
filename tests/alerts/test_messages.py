"""The words of chat, SMS and telephone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.annotations import parse_template
from alerts.messages import MAX_SMS, NAMES, Line, News, find_template_error, speak, write_chat, write_sms, write_spoken

DISK = Line("Disk of erp1 above 95 %", "Critical", "Acme ERP")
LOAD = Line("Load of erp2 is high", "Warning", "Acme ERP")
LINK = "https://ops.example.com/admin/alerts/alert/7/change/"
ACT = f"https://ops.example.com/a/{'x' * 48}/"


def news(*firing: Line, resolved: tuple[Line, ...] = (), link: str = LINK, act_link: str = "") -> News:
    return News("The subject", firing, resolved, link, act_link)


def test_chat__several__a_line_each_and_the_link() -> None:
    message = write_chat(news(DISK, resolved=(LOAD,)))
    assert message.title == "The subject"
    assert message.body.splitlines() == [
        "Critical: Disk of erp1 above 95 % (Acme ERP)",
        "Resolved: Load of erp2 is high (Acme ERP)",
        LINK,
    ]


def test_chat__with_a_link_that_acts__has_both() -> None:
    assert write_chat(news(DISK, act_link=ACT)).body.splitlines()[1:] == [LINK, f"Acknowledge or snooze: {ACT}"]


def test_chat__with_a_note__says_it_after_the_alerts() -> None:
    message = write_chat(News("The subject", [DISK], (), LINK, note="Began 2 times."))
    assert message.body.splitlines()[1:] == ["Began 2 times.", LINK]


def test_chat__very_many__bounded() -> None:
    lines = write_chat(news(*[DISK] * 25)).body.splitlines()
    assert len(lines) == 12
    assert lines[10] == "… and 15 more"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("<at>Ada</at>", "‹at›Ada‹/at›"),
        ("<!channel> <!here|x>", "‹!channel› ‹!here|x›"),
        ("<@U123> <@&456>", "‹＠U123› ‹@&456›"),
        ("@everyone, x@HERE", "＠everyone, x＠HERE"),
        ("<users/all>", "‹users/all›"),
        ("@ann wrote to ops@example.com", "＠ann wrote to ops@example.com"),
        ("a < b > c @ 5", "a < b > c @ 5"),
    ],
)
def test_chat__foreign_words_that_mention_people__do_not(foreign: str, shown: str) -> None:
    written = write_chat(News(foreign, [Line(foreign, "Info", foreign)], (), LINK))
    assert written.title == shown
    assert written.body == f"Info: {shown} ({shown})\n{LINK}"


def test_sms__one_alert__says_severity_summary_application_link() -> None:
    assert write_sms(news(DISK)) == f"Critical: Disk of erp1 above 95 % (Acme ERP) {LINK}"


def test_sms__all_over__says_so() -> None:
    assert write_sms(news(resolved=(DISK, LOAD))).startswith("Resolved: 2 alerts: Disk of erp1")


@given(
    summary=st.text(max_size=400),
    application=st.text(max_size=200),
    link=st.text(max_size=400),
    act_link=st.text(max_size=400),
    count=st.integers(1, 9),
)
def test_sms__anything__fits(summary: str, application: str, link: str, act_link: str, count: int) -> None:
    lines = [Line(summary, "Critical", application)] * count
    assert len(write_sms(news(*lines, link=link, act_link=act_link))) <= MAX_SMS


def test_sms__usual_link__is_never_cut() -> None:
    assert write_sms(news(Line("x" * 500, "Critical", "Acme ERP"))).endswith(LINK)


def test_sms__room_for_both_links__has_both() -> None:
    assert write_sms(news(DISK, act_link=ACT)) == f"Critical: Disk of erp1 above 95 % (Acme ERP) {LINK} Ack: {ACT}"


@pytest.mark.parametrize("length", [200, 500])
def test_sms__no_room_for_both_links__keeps_the_one_that_acts_whole(length: int) -> None:
    said = write_sms(news(Line("x" * length, "Critical", "Acme ERP"), act_link=ACT))
    assert (said.endswith(f" (Acme ERP) Ack: {ACT}"), LINK in said, len(said) <= MAX_SMS) == (True, False, True)


def test_spoken__one_alert__twice_without_an_address() -> None:
    said = write_spoken(news(DISK))
    assert said.startswith("Critical alert. Acme ERP. Disk of erp 1 above 95 percent. I repeat. Critical alert.")
    assert "http" not in said


def test_speak__signs_and_digits__readable() -> None:
    assert speak("10.0.0.5: used_bytes >= 12345, 9.5 % (https://x.y/z)") == (
        "10 dot 0 dot 0 dot 5: used bytes at least 1 2 3 4 5, 9.5 percent"
    )


@given(st.text(max_size=200))
def test_speak__anything__begins_with_no_markup(text: str) -> None:
    assert "<" not in speak(text)


def test_template__names_of_a_message__are_filled_in() -> None:
    template = parse_template("{{ $severity | toUpper }}: {{ $summary }} {{ $firing }}/{{ $resolved }}", NAMES)
    words = {"severity": "Critical", "summary": "Disk", "firing": 2.0, "resolved": 0.0}
    assert template.render(labels={}, value=1.0, words=words) == "CRITICAL: Disk 2/0"


def test_template__unknown_name__said_with_its_place() -> None:
    found = find_template_error("See {{ $url }}")
    assert found is not None
    assert found[0].startswith("“$url” is not known. Known are $value, $summary,")
    assert found[1] == 7
