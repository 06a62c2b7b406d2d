"""Files on their way in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.attachments.records import (
    MAX_NAME,
    PLAIN,
    AttachmentRecord,
    clean_name,
    find_picture_type,
    make_attachment,
)
from monitoring.errors.compression import decompress
from monitoring.errors.scrubbing import ScrubRules

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
EVENT = uuid4()


def make(payload: bytes, **header: Any) -> AttachmentRecord:
    return make_attachment(payload, header, application_id=1, event_id=EVENT, received_at=NOW, rules=ScrubRules())


def test_attachment__header__says_what_it_is() -> None:
    record = make(b"MDMP\x00", filename="crash.dmp", content_type="Application/X-DMP", attachment_type="event.minidump")
    assert (record.name, record.content_type, record.kind, record.bytes_) == (
        "crash.dmp", "application/x-dmp", "event.minidump", 5,
    )  # fmt: skip
    assert make(b"").kind == PLAIN
    assert make(b"", filename=7, content_type=[]).name == "unnamed"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"), ("C:\\logs\\erp.log", "erp.log"), ('a"b\r\nc.txt', "abc.txt"), ("..", "unnamed"),
        ("Rechnung März.pdf", "Rechnung März.pdf"), ("\u202egnp.exe", "gnp.exe"), ("x" * 300 + ".log", ("x" * 300 + ".log")[-MAX_NAME:]),
    ],
)  # fmt: skip
def test_name__of_any_shape__is_one_that_can_be_saved(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


def test_text__with_secrets__is_scrubbed_line_by_line() -> None:
    log = "start\npassword=hunter22\nuser ada\n" + "filler line\n" * 5_000 + "token: abcdef12345\n"
    kept = decompress(make(log.encode(), filename="erp.log").data).decode()
    assert "hunter22" not in kept
    assert "abcdef12345" not in kept
    assert kept.count("\n") == log.count("\n")
    assert kept.startswith("start\n")


def test_binary__whatever_it_is_called__is_left_alone() -> None:
    data = b"\xff\xfe password=hunter22"
    assert decompress(make(data, filename="a.log").data) == data
    assert decompress(make(b"password=hunter22", filename="a.bin").data) == b"password=hunter22"


def test_digest__same_file__tells_a_repetition() -> None:
    assert make(b"a", filename="x").digest == make(b"a", filename="x").digest
    assert make(b"a", filename="x").digest != make(b"a", filename="y").digest


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=400))
def test_text__without_secrets__stays_as_it_is(text: str) -> None:
    plain = "".join(each for each in text if each not in "=:@" and not each.isdecimal()).replace("-----", "")
    if "bearer" in plain.lower() or "basic" in plain.lower() or "eyj" in plain.lower():
        return
    assert decompress(make(plain.encode(), content_type="text/plain").data).decode() == plain


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"), (b"<svg onload='x'>", ""), (b"<html>", ""), (b"", ""),
    ],
)  # fmt: skip
def test_picture__by_its_bytes__is_told_from_documents(data: bytes, kind: str) -> None:
    assert find_picture_type(data) == kind
