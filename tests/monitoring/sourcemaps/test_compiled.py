"""Maps kept ready, and names of scripts and sources."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.sourcemaps.bundles import BundleInvalid, Limits, open_bundle
from monitoring.sourcemaps.compiled import MapInvalid, Shelf
from monitoring.sourcemaps.places import clean_source, find_reference, is_own, join_reference, list_addresses
from tests.support.sourcemaps import SCRIPT, SOURCE_MAP, make_bundle

PAIR = (SCRIPT.encode(), SOURCE_MAP.encode())


@given(keys=st.lists(st.integers(0, 9), max_size=60), room=st.integers(0, 5))
def test_shelf__whatever_is_asked__stays_within_its_bytes(keys: list[int], room: int) -> None:
    probe = Shelf(max_bytes=1 << 30)
    probe.get(0, lambda: PAIR)
    shelf = Shelf(max_bytes=probe.size * room)
    for key in keys:
        assert shelf.get(key, lambda: PAIR) is not None
        assert shelf.size <= shelf.max_bytes
    assert shelf.size == probe.size * min(room, len(set(keys)))


def test_shelf__broken_map__is_tried_once() -> None:
    shelf = Shelf(max_bytes=1 << 20)
    loaded = []
    for _ in range(2):
        with pytest.raises(MapInvalid):
            shelf.get("a", lambda: loaded.append(1) or (b"", b"{"))
    assert len(loaded) == 1


@given(line=st.integers(), column=st.integers())
def test_compiled__any_numbers__never_raise(line: int, column: int) -> None:
    compiled = Shelf(max_bytes=1 << 20).get("a", lambda: PAIR)
    assert compiled is not None
    origin = compiled.find(line, column)
    assert origin is None or origin.line >= 0


@given(data=st.binary(max_size=200), place=st.integers(0, 2_000))
def test_open_bundle__damaged_bytes__are_refused_or_read(data: bytes, place: int) -> None:
    whole = make_bundle()
    place %= len(whole)
    damaged = whole[:place] + data + whole[place + len(data) :]
    try:
        bundle = open_bundle(io.BytesIO(damaged), limits=Limits(10, 10_000, 20_000))
        total = sum(len(bundle.read(entry)) for entry in bundle.entries)
    except BundleInvalid:
        return
    assert total <= 20_000


@pytest.mark.parametrize(
    ("name", "cleaned", "own"),
    [
        ("../src/invoice.js", "src/invoice.js", True),
        ("webpack://erp/./src/App.vue?a1b2", "src/App.vue", True),
        ("webpack:///./node_modules/vue/dist/vue.js", "node_modules/vue/dist/vue.js", False),
        ("webpack://erp/webpack/bootstrap", "webpack/bootstrap", False),
        ("/home/ci/erp/src/main.ts", "home/ci/erp/src/main.ts", True),
        ("..\\src\\main.ts", "src/main.ts", True),
    ],
)
def test_sources__as_bundlers_name_them__are_cleaned(name: str, cleaned: str, own: bool) -> None:
    assert (clean_source(name), is_own(name)) == (cleaned, own)


@pytest.mark.parametrize(
    ("address", "reference", "expected"),
    [
        ("~/assets/main.js", "main.js.map", "~/assets/main.js.map"),
        ("~/assets/main.js", "../maps/main.js.map", "~/maps/main.js.map"),
        ("~/assets/main.js", "/maps/main.js.map", "~/maps/main.js.map"),
        ("https://a.example/x/main.js", "main.js.map?v=1", "https://a.example/x/main.js.map"),
        ("~/assets/main.js", "", "~/assets/main.js.map"),
    ],
)
def test_join_reference__ways_to_name_a_map__are_followed(address: str, reference: str, expected: str) -> None:
    assert join_reference(address, reference) == expected


def test_list_addresses__host_and_query__do_not_count() -> None:
    assert list_addresses("https://a.example/x/main.js?v=2#y") == ["https://a.example/x/main.js", "~/x/main.js"]
    assert list_addresses("app:///main.js") == ["app:///main.js", "~/main.js"]


def test_find_reference__last_one_counts_and_no_data() -> None:
    assert find_reference(b"//# sourceMappingURL=a.map\n//# sourceMappingURL=b.map\n") == "b.map"
    assert find_reference(b"//# sourceMappingURL=data:application/json;base64,e30=\n") == ""
