"""What a channel's messages look like, before it is saved: on the newest alert that fired."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.enums import AlertState, ChannelKind
from alerts.links import write_sample
from alerts.models import Alert
from alerts.services.composing import OwnWords, Told, fill_mail, write_message
from alerts.services.telling import write_alert_subject
from config.deliveries.rendering import RenderedMail

USUAL_MAIL = (
    "The usual mail: what is wrong, since when, the labels, what to do first, and a button that opens the alert."
)


@dataclass(frozen=True, slots=True)
class Preview:
    """A message as people would get it; `alert` is what it is about."""

    alert: str
    title: str
    body: str

    @property
    def length(self) -> int:
        """Characters of the text."""
        return len(self.body)


def preview_message(*, kind: str, title: str, body: str) -> Preview | None:
    """Return what a channel of a kind with these checked templates would say of the newest alert; None without one."""
    alert = Alert.objects.filter(fired_at__isnull=False).select_related("application", "rule").order_by("-pk").first()
    if alert is None:
        return None
    is_over = alert.state == AlertState.RESOLVED
    firing, over = ([], [alert]) if is_over else ([alert], [])
    told = Told(write_alert_subject(alert), firing, over, act_link=write_sample())
    own = OwnWords(title, body)
    if kind == ChannelKind.EMAIL:
        mail = fill_mail(RenderedMail(told.subject, USUAL_MAIL, ""), told, own=own)
        return Preview(alert.summary, mail.subject, mail.text)
    message = write_message(told, kind=kind, own=own)
    return Preview(alert.summary, message.title, message.body)
