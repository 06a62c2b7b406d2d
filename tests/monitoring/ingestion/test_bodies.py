"""Inflating bodies: right, and within bounds whatever comes."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.api.errors import BodyInvalid, BodyTooLarge
from monitoring.ingestion import bodies

LIMIT = 300_000


@given(st.lists(st.binary(max_size=100_000), min_size=1, max_size=3))
def test_inflate_gzip__members_of_any_size__come_out_joined(members: list[bytes]) -> None:
    packed = b"".join(gzip.compress(member, 1) for member in members)
    assert bodies._inflate_gzip(packed, LIMIT) == b"".join(members)


@given(st.binary(min_size=1, max_size=200_000))
def test_inflate_deflate__with_and_without_the_frame__are_read(content: bytes) -> None:
    raw = zlib.compressobj(wbits=-15)
    assert bodies._inflate_deflate(zlib.compress(content), LIMIT) == content
    assert bodies._inflate_deflate(raw.compress(content) + raw.flush(), LIMIT) == content


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
def test_inflate_gzip__at_the_limit_and_beyond__is_told_apart(size: int) -> None:
    halves = gzip.compress(bytes(size // 2)) + gzip.compress(bytes(size - size // 2))
    if size == LIMIT:
        assert len(bodies._inflate_gzip(halves, LIMIT)) == LIMIT
    else:
        with pytest.raises(BodyTooLarge):
            bodies._inflate_gzip(halves, LIMIT)


@pytest.mark.parametrize("cut", [1, 9, 20])
def test_inflate_gzip__cut_short__is_refused(cut: int) -> None:
    with pytest.raises(BodyInvalid, match="too early"):
        bodies._inflate_gzip(gzip.compress(b"some text that does not fit in ten bytes")[:-cut], LIMIT)


def test_inflate_gzip__hundreds_of_thousands_of_empty_members__is_refused_at_once() -> None:
    with pytest.raises(BodyInvalid, match="members"):
        bodies._inflate_gzip(gzip.compress(b"") * 400_000, LIMIT)
