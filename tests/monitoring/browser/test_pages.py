from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.browser.pages import clean_url, template_path
from monitoring.browser.records import MAX_PAGE, MAX_URL


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("https://erp.example/orders/4711?tab=2#notes", "/orders/{id}"),
        ("https://erp.example", "/"),
        ("/orders/INV-2026-00042/edit/", "/orders/{id}/edit"),
        ("/api/v1/items", "/api/v1/items"),
        ("/u/7f3b9a52-0f10-4c59-9a5d-0123456789ab", "/u/{id}"),
        ("/commits/deadbeef01", "/commits/{id}"),
        ("/facade/deadbeef", "/facade/deadbeef"),
        ("/people/ann@example.com", "/people/{id}"),
        ("https://erp.example/#/orders/12?x=1", "/orders/{id}"),
        ("/orders/:id/{line}", "/orders/:id/{line}"),
        ("", ""),
        ("http://[bad", ""),
    ],
)
def test_template_path__address__is_the_page(address: str, page: str) -> None:
    assert template_path(address) == page


@given(st.text())
def test_template_path__any_text__is_bounded_and_settled(address: str) -> None:
    page = template_path(address)
    assert len(page) <= MAX_PAGE
    assert "?" not in template_path("/x?" + address)
    assert "\x00" not in page


@given(st.text())
def test_clean_url__any_text__has_no_query(address: str) -> None:
    assert "secret" not in clean_url("https://me:secret@erp.example/a?key=secret#secret" + address)
    assert len(clean_url(address)) <= MAX_URL
