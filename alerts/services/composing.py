"""The words of a message for each kind of channel: the usual ones, or those of the channel's own templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils.html import format_html

from alerts.annotations import TemplateError, parse_template
from alerts.channel_parts import PHONE, SMS, TEAMS
from alerts.enums import Severity
from alerts.formatting import Value
from alerts.messages import (
    MAX_BODY,
    MAX_SMS,
    MAX_SPOKEN,
    MAX_TITLE,
    NAMES,
    TITLE_NAMES,
    Line,
    Message,
    News,
    disarm,
    one_line,
    shorten,
    speak,
    write_chat,
    write_sms,
    write_spoken,
)
from alerts.models import Alert, Channel
from config.deliveries.rendering import RenderedMail


@dataclass(frozen=True, slots=True)
class OwnWords:
    """A channel's own templates; empty ones leave the usual words."""

    title: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a message is about: its subject, alerts that fire and alerts that are over.

    `act_link` is its recipient's own link to buttons that need no login; only what fires has use for it. `rhythm`: that a
    single alert comes and goes.
    """

    subject: str
    firing: Sequence[Alert]
    resolved: Sequence[Alert]
    act_link: str = ""
    rhythm: str = ""

    @property
    def first(self) -> Alert:
        """The alert that stands for all."""
        return [*self.firing, *self.resolved][0]


def read_own_words(channel_id: int) -> OwnWords:
    """Return the templates of a channel; none for people and for channels that are gone."""
    found = Channel.objects.filter(pk=channel_id).values_list("title_template", "body_template").first()
    return OwnWords(*found) if found else OwnWords()


def write_message(told: Told, *, kind: str, own: OwnWords) -> Message:
    """Return what a chat, an SMS or a voice says."""
    news = describe_news(told, with_act_link=kind != PHONE)
    if kind == SMS:
        return Message("", shorten(one_line(_fill(own.body, told, news)), MAX_SMS) if own.body else write_sms(news))
    if kind == PHONE:
        # The library takes what begins with < for markup of the telephone service; spoken words have none.
        said = shorten(speak(_fill(own.body, told, news)), MAX_SPOKEN) if own.body else ""
        return Message("", said or write_spoken(news))
    usual = write_chat(news, paragraphs=kind == TEAMS)
    return Message(
        shorten(one_line(_fill(own.title, told, news, clean=disarm, names=TITLE_NAMES)), MAX_TITLE)
        if own.title
        else usual.title,
        shorten(_fill(own.body, told, news, clean=disarm), MAX_BODY) if own.body else usual.body,
    )


def fill_mail(mail: RenderedMail, told: Told, *, own: OwnWords) -> RenderedMail:
    """Return a mail with the channel's own subject and text, where it has them. Own text has no tables around it."""
    if not (own.title or own.body):
        return mail
    news = describe_news(told)
    if own.title:
        mail = replace(mail, subject=shorten(one_line(_fill(own.title, told, news, names=TITLE_NAMES)), MAX_TITLE))
    if own.body:
        text = _fill(own.body, told, news)
        mail = replace(
            mail,
            text=f"{text}\n",
            html=str(format_html("<pre style='white-space:pre-wrap;font:inherit'>{}</pre>", text)),
        )
    return mail


def describe_news(told: Told, *, with_act_link: bool = True) -> News:
    """Return alerts as messages tell of them, with the address to look at."""
    alerts = [*told.firing, *told.resolved]
    path = alerts[0].get_absolute_url() if len(alerts) == 1 else "/admin/alerts/alert/"
    return News(
        subject=told.subject,
        firing=[_describe(alert) for alert in told.firing],
        resolved=[_describe(alert) for alert in told.resolved],
        link=settings.PUBLIC_URL + path,
        act_link=told.act_link if told.firing and with_act_link else "",
        note=told.rhythm,
    )


def _describe(alert: Alert) -> Line:
    return Line(alert.summary, str(Severity(alert.severity).label), alert.application.name)


def _fill(
    template: str, told: Told, news: News, *, clean: Callable[[str], str] = str, names: tuple[str, ...] = NAMES
) -> str:
    """Return a channel's template filled in; one that can't be read any more leaves the subject in its place.

    `clean` is for what is filled in. What the template itself says, a mention for example, is meant by whoever wrote it.
    """
    words: dict[str, Value] = {
        "summary": clean(told.first.summary),
        "severity": news.word,
        "application": clean(news.first.application),
        "link": news.link,
        "act_link": news.act_link,
        "firing": float(len(told.firing)),
        "resolved": float(len(told.resolved)),
    }
    assert set(words) == set(NAMES)
    try:
        parsed = parse_template(template, names)
    except TemplateError:
        return clean(told.subject)
    alert = told.first
    return parsed.render(
        labels={name: clean(value) for name, value in alert.labels.items()},
        value=alert.value if alert.value is not None else float("nan"),
        words=words,
    )
