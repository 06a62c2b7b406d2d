"""JSON as clients send it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.lenient import MAX_PARTS, decode_json, is_crowded, mend_halves


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'"a\ud83d"', "a\N{REPLACEMENT CHARACTER}"),
        (rb'"\uDE00b"', "\N{REPLACEMENT CHARACTER}b"),
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\ud83d\ud83d\ude00"', "\N{REPLACEMENT CHARACTER}\N{GRINNING FACE}"),
        (rb'"\\ud83d"', "\\ud83d"),
        (rb'"\\\ud83d"', "\\\N{REPLACEMENT CHARACTER}"),
        (rb'"\u0041\n"', "A\n"),
    ],
)
def test_decode_json__halves_of_pairs__are_replaced_and_nothing_else(body: bytes, text: str) -> None:
    assert decode_json(body) == text


@given(st.text(st.characters(exclude_categories=())))
def test_decode_json__any_text_as_javascript_writes_it__is_read(text: str) -> None:
    assert (
        decode_json(json.dumps(text).encode())
        == json.loads(json.dumps(text)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        or "\\" in text
    )


@given(st.text())
def test_mend_halves__whole_texts__stay(text: str) -> None:
    body = json.dumps(text).encode()
    assert mend_halves(body) == body


def test_is_crowded__counts_what_a_decoder_would_make_objects_of() -> None:
    assert is_crowded(b"[" + b"0," * MAX_PARTS)
    assert not is_crowded(b'{"a":[1,2,3]}' * 1000)
