"""What is masked of links that act without a login, however a service repeats them."""

from __future__ import annotations

import pytest

from config.deliveries.masking import MASK, mask_links

TOKEN = "aaaaaaaibruxgq2l" * 3


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://ops.example.com/a/{TOKEN}/", f"https://ops.example.com/a/{MASK}/"),
        (f"https:\\/\\/ops.example.com\\/a\\/{TOKEN}\\/", f"https:\\/\\/ops.example.com\\/a\\/{MASK}\\/"),
        (f"ops.example.com\\u002Fa\\u002F{TOKEN}\\u002F", f"ops.example.com\\u002Fa\\u002F{MASK}\\u002F"),
        (f"https%3A%2F%2Fops.example.com%2Fa%2F{TOKEN.upper()}%2F", f"https%3A%2F%2Fops.example.com%2Fa%2F{MASK}%2F"),
        (f"/a/{TOKEN[:30]}…", f"/a/{MASK}…"),
        ("/admin/a/b/ /a/page/", "/admin/a/b/ /a/page/"),
        (f"seen \\\\/a\\\\/{TOKEN} here", f"seen \\\\/a\\\\/{MASK} here"),
        (f"https%253A%252F%252Fops%252Fa%252F{TOKEN}%252F", f"https%253A%252F%252Fops%252Fa%252F{MASK}%252F"),
        (f"ops\\\\u002Fa\\\\u002F{TOKEN}", f"ops\\\\u002Fa\\\\u002F{MASK}"),
        (f"&#x2F;a&#x2F;{TOKEN}&#x2F;", f"&#x2F;a&#x2F;{MASK}&#x2F;"),
    ],
)
def test_links__however_they_are_quoted__masked(text: str, shown: str) -> None:
    assert mask_links(text) == shown
