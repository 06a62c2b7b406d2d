"""Mails out of templates."""

from __future__ import annotations

import pytest
from django.template import TemplateDoesNotExist

from config.deliveries.rendering import render_mail


def test_render_mail__markup_in_a_value__is_escaped_in_html_only() -> None:
    mail = render_mail("config/test", {"recipient": "a@example.com", "asked_by": "<Ann & Bo>"})
    assert mail.subject == "Mail from Postlaunch works"
    assert "<Ann & Bo> asked for this test." in mail.text
    assert "&lt;Ann &amp; Bo&gt; asked for this test." in mail.html
    assert "<Ann" not in mail.html


def test_render_mail__text_twin__has_no_gaps_and_says_why() -> None:
    text = render_mail("config/test", {"recipient": "a@example.com", "asked_by": "Ann"}).text
    assert "\n\n\n" not in text
    assert text.endswith("because a test was asked for at http://127.0.0.1:8000.\n")


def test_render_mail__no_such_template__says_which() -> None:
    with pytest.raises(TemplateDoesNotExist, match=r"config/mail/nothing\.subject\.txt"):
        render_mail("config/nothing", {})
