"""Who holds a link: the person or the channel that its message went to."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth import get_user_model

from alerts.links import Link, LinkInvalid, digest_recipient
from alerts.models import GroupMember, Notice
from alerts.recipients import Recipient, recipient_of_told

SOMEBODY = "Whoever got the message"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whoever got a message: in words, which user that is (None: a channel, so nobody in particular), and where it went.

    `recipient` is None if that is forgotten.
    """

    name: str
    user_id: int | None = None
    recipient: Recipient | None = None


def find_holder(link: Link) -> Holder:
    """Return who holds a link; raise LinkInvalid if it is a person whose account was switched off since."""
    recipient = _find_recipient(link)
    # Links of the earlier form do not say which person it was.
    person_id = recipient.person_id if recipient and link.address else link.person_id
    if not person_id:
        return Holder(recipient.address if recipient else link.address or SOMEBODY, recipient=recipient)
    person = get_user_model().objects.filter(pk=person_id, is_active=True).first()
    if person is None:
        raise LinkInvalid("The account that this message went to was switched off, so its link does nothing any more.")
    return Holder(str(person.get_full_name() or person.get_username()), person.pk, recipient)


def _find_recipient(link: Link) -> Recipient | None:
    """Return which of those whom the message's group told it was."""
    notice = Notice.objects.filter(pk=link.notice_id).select_related("group").first()
    if notice is None:
        return None
    told = GroupMember.objects.filter(group=notice.group, alert_id__in=[*notice.firing, *notice.resolved])
    entries = [entry for each in [*told.values_list("told", flat=True), notice.group.engaged] for entry in each]
    return next((each for each in map(recipient_of_told, entries) if digest_recipient(each) == link.digest), None)
