"""The delivery ledger: queueing, claiming, marking, sending again. Services are the only writers of these rows.

A delivery that is being sent belongs to the worker that holds its claim token; every mark compares the token, so a worker
that lost its lease can change nothing any more.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from config.crypto import SecretUnreadable
from config.deliveries.enums import TRANSITIONS, Channel, Outcome, State
from config.deliveries.lanes import APPLICATION_AT_ONCE, ORDER_PATIENCE, ORDER_PAUSE, OTHERS_AT_ONCE, find_lane
from config.deliveries.masking import mask_digits, mask_links
from config.deliveries.models import GIVE_UP_AFTER, Delivery, DeliveryAttempt
from config.deliveries.rendering import render_mail
from config.deliveries.retries import LONGEST_DELAY, find_next_attempt, find_next_attempt_after_crash
from config.deliveries.workers import is_gone, name_this_process
from config.nudges import Nudge

logger = logging.getLogger(__name__)

#: How long a worker may prepare (look up, connect, ask whether the recipient is taken) before others take over. Losing
#: the lease in that time is harmless: the mark before handing over fails and nothing is sent.
PREPARE_LEASE = timedelta(seconds=30)
DETAIL_CHARACTERS = 2_000
PRUNE_SIZE = 2_000
KEY_CHARACTERS = 300
SUPERSEDED = "Message {} is newer and says what is true by now."
OVERTAKEN = "It was refused again and again, while message {}, which is newer and says what is true by now, was taken."

_sender = Nudge("config.deliveries.tasks.send_deliveries", "deliver")

#: One claims at a time, so that each sees what the others took.
_CLAIM_LOCK = 0x64656C76
#: Takes the one delivery that is due longest, of one thread and host one at a time and in their order. One that its receiver
#: has refused for long lets the next one try in the moment after it was refused again, or while the receiver wants to be
#: left alone with it. Once a newer one was taken, the receiver refuses just this one, for which nobody waits any more.
#: Webhooks and messages wait while another one is in their lane, while their application has as many on their way as it
#: may, and while this process has no thread for them: see lanes.py.
_CLAIM_SQL = """
UPDATE config_delivery SET
    state = 'sending', claim_token = %(token)s, claimed_by = %(worker)s, claimed_at = %(now)s, lease_until = %(lease)s
WHERE id = (
    SELECT id FROM config_delivery AS mine
    WHERE state = 'queued' AND due_at <= %(now)s
    AND (thread = '' OR NOT EXISTS (
        SELECT FROM config_delivery AS other
        WHERE other.thread = mine.thread AND other.thread <> '' AND other.state IN ('queued', 'sending')
        AND other.lane = mine.lane AND (other.id < mine.id OR other.state = 'sending') AND NOT (
            other.state = 'queued' AND other.due_at > %(now)s AND (
                EXISTS (
                    SELECT FROM config_delivery AS newer
                    WHERE newer.thread = other.thread AND newer.thread <> '' AND newer.id > other.id
                    AND newer.state = 'sent'
                )
                OR coalesce(other.refused_since < %(long_ago)s, false) AND (
                    other.due_at > %(put_off)s OR EXISTS (
                        SELECT FROM config_deliveryattempt AS attempt
                        WHERE attempt.delivery_id = other.id AND attempt.finished_at > %(just_now)s
                    )
                )
            )
        )
    ))
    AND CASE WHEN channel = 'email' THEN %(with_mail)s ELSE
        lane NOT IN (SELECT lane FROM config_delivery WHERE state = 'sending' AND lane <> '')
        AND coalesce(application_id, 0) NOT IN (
            SELECT coalesce(application_id, 0) FROM config_delivery WHERE state = 'sending' AND channel <> 'email'
            GROUP BY 1 HAVING count(*) >= %(application_at_once)s
        )
        AND (
            SELECT count(*) FROM config_delivery
            WHERE state = 'sending' AND channel <> 'email' AND claimed_by = %(worker)s
        ) < %(others_at_once)s
    END
    ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


class NotResendable(Exception):
    """The message can't be sent again, now or at all; the text says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send one delivery, until the lease runs out."""

    delivery: Delivery
    token: uuid.UUID
    started_at: datetime


def queue_delivery(
    *,
    channel: Channel,
    recipient: str,
    idempotency_key: str,
    subject: str = "",
    text: str = "",
    html: str = "",
    payload: dict[str, Any] | None = None,
    signing_secret: str = "",
    secret_address: str = "",
    source: str = "",
    source_id: str = "",
    application_id: int | None = None,
    suppressed_because: str = "",
    is_private: bool = False,
    thread: str = "",
    supersedes: bool = False,
    supersedable: bool = False,
    ongoing: Iterable[str] = (),
    ended: Iterable[str] = (),
) -> Delivery:
    """Write a delivery in the caller's transaction; workers send it once that commits.

    With a known `idempotency_key` the existing row is returned and nothing changes. With `suppressed_because` the row only
    records, for people to see, that and why nothing was sent. `secret_address` is the Apprise address of a message, whose
    `recipient` then is what people may read of it. The text of what `is_private` is shown to nobody in the ledger.

    What has the same `thread` goes out in the order in which it was made. One that `supersedes` says all that is true now: of
    its thread, what is `supersedable` and has not gone out by then stays here, recorded with the reason. `ongoing` and `ended`
    name what it says goes on and what it says is over, by which one that could not be sent in its turn is seen to be untrue
    by now.
    """
    now, going_on = timezone.now(), {_key_subject(name) for name in ongoing}
    delivery = Delivery(
        channel=channel,
        recipient=_clean(recipient).strip(),
        idempotency_key=_fit_key(idempotency_key),
        subject=" ".join(_clean(subject).split()),
        text=_clean(text),
        html=_clean(html),
        is_private=is_private,
        payload=payload,
        signing_secret=signing_secret,
        secret_address=secret_address,
        lane="" if channel == Channel.EMAIL else _key_lane(find_lane(secret_address or recipient)),
        thread=_key_thread(thread) if thread and not suppressed_because else "",
        supersedes=supersedes and not suppressed_because,
        supersedable=supersedable,
        ongoing=sorted(going_on),
        ended=sorted({_key_subject(name) for name in ended} - going_on),
        source=source,
        source_id=str(source_id),
        application_id=application_id,
        state=State.SUPPRESSED if suppressed_because else State.QUEUED,
        suppressed_because=suppressed_because,
        created_at=now,
        due_at=now,
        finished_at=now if suppressed_because else None,
    )
    stored = _insert_once(delivery)
    if stored.thread and stored.supersedes:
        _supersede(stored, now)
    return stored


def queue_test_mail(*, recipient: str, asked_by: str) -> Delivery:
    """Queue a mail that shows whether mail works, to one address; every call sends one."""
    mail = render_mail("config/test", {"recipient": recipient, "asked_by": asked_by})
    return queue_delivery(
        channel=Channel.EMAIL,
        recipient=recipient,
        idempotency_key=f"test:{uuid.uuid4()}",
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        source="test",
    )


def claim_delivery(*, with_mail: bool = True) -> Claim | None:
    """Take the delivery that is due longest, mails only `with_mail`; None when none is."""
    now, token = timezone.now(), uuid.uuid4()
    values: dict[str, Any] = {
        "token": token,
        "worker": name_this_process(),
        "now": now,
        "lease": now + PREPARE_LEASE,
        "with_mail": with_mail,
        "application_at_once": APPLICATION_AT_ONCE,
        "others_at_once": OTHERS_AT_ONCE,
        "long_ago": now - ORDER_PATIENCE,
        "put_off": now + LONGEST_DELAY,
        "just_now": now - ORDER_PAUSE,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])
        cursor.execute(_CLAIM_SQL, values)
        row = cursor.fetchone()
    if row is None:
        return None
    return Claim(delivery=Delivery.objects.get(pk=row[0]), token=token, started_at=now)


def mark_handed_over(*, claim: Claim, lease: timedelta) -> bool:
    """Commit that the message leaves the house now; return False if the claim was lost, and then it must not be sent.

    `lease` is longer than the transport can take for the rest, so that no other worker steps in meanwhile.
    """
    now = timezone.now()
    return bool(_claimed(claim).filter(handed_over_at=None).update(handed_over_at=now, lease_until=now + lease))


@transaction.atomic
def finish_delivery(
    *,
    claim: Claim,
    outcome: Outcome,
    detail: str = "",
    retry_after: timedelta | None = None,
    is_away: bool = False,
) -> State | None:
    """Note how an attempt ended and what follows from it; return the new state, None if the claim was lost.

    Whatever did not succeed is queued again with back-off, until its time is over; what was refused for good fails at once.
    `is_away`: it failed before anybody saw the message, see `Result`.
    """
    delivery = _claimed(claim).select_for_update().first()
    if delivery is None:
        logger.warning("delivery %s was taken over while it was being sent (%s)", claim.delivery.pk, outcome)
        return None
    now = timezone.now()
    if outcome != Outcome.SENT:
        delivery.refused_since = None if is_away else delivery.refused_since or now
    again = find_next_attempt(
        now=now, attempts=delivery.attempt_count + 1, give_up_at=delivery.give_up_at, retry_after=retry_after
    )
    return _conclude(delivery, outcome=outcome, detail=detail, now=now, again=again)


def recover_deliveries() -> int:
    """Free what senders left in the middle: their lease ran out, or they were of this machine and are gone; return how many.

    Without the mark of handing over, the message certainly was not sent. With it nobody can know, and it is sent again
    under the same Message-ID or Idempotency-Key, by which receivers recognise a repetition.
    """
    now = timezone.now()
    sending = Delivery.objects.filter(state=State.SENDING).values_list("pk", "claimed_by", "lease_until")
    left = [pk for pk, worker, lease in sending if (lease is not None and lease < now) or is_gone(worker)]
    return sum(_recover(pk) for pk in left)


def resend_delivery(*, delivery: Delivery, by: str = "") -> Delivery:
    """Queue the same message once more as a new row; raise NotResendable, for example while the original is on its way."""
    if delivery.state in {State.QUEUED, State.SENDING}:
        raise NotResendable("It is still on its way.")
    with transaction.atomic():
        first = Delivery.objects.select_for_update().get(pk=delivery.pk)
        number = first.resends.count() + 1
        try:
            copied = {name: getattr(first, name) for name in _COPIED}
        except SecretUnreadable as error:
            raise NotResendable(f"Its secret was {error}.") from error
        copy = Delivery(
            **copied,
            idempotency_key=_fit_key(f"{first.idempotency_key}:resend:{number}"),
            resend_of=first,
            requested_by=by,
        )
        return _insert_once(copy)


def try_delivery_now(*, delivery: Delivery) -> bool:
    """Make a waiting or failed delivery due at once, with a full day of attempts ahead; return False if it is neither.

    Nor is one tried of whose thread a newer message went out that says what is true by now: it would tell old news.
    """
    now = timezone.now()
    if delivery.thread and _is_untrue_by_now(delivery):
        return False
    changed = Delivery.objects.filter(pk=delivery.pk, state__in=[State.QUEUED, State.FAILED]).update(
        state=State.QUEUED, due_at=now, finished_at=None, give_up_at=now + GIVE_UP_AFTER
    )
    if changed:
        _sender.on_commit()
    return bool(changed)


def prune_deliveries(*, older_than: timedelta) -> int:
    """Delete finished deliveries that were made so long ago; return how many. In small pieces."""
    limit, total = timezone.now() - older_than, 0
    while True:
        ids = list(
            Delivery.objects.filter(created_at__lt=limit, finished_at__isnull=False)
            .order_by("created_at")
            .values_list("pk", flat=True)[:PRUNE_SIZE]
        )
        if not ids:
            return total
        total += Delivery.objects.filter(pk__in=ids).delete()[1].get("config.Delivery", 0)


_COPIED = (
    "application_id",
    "channel",
    "recipient",
    "subject",
    "text",
    "html",
    "is_private",
    "payload",
    "signing_secret",
    "secret_address",
    "lane",
    "source",
    "source_id",
)


_CHANGED_BY_ATTEMPT = (
    "state",
    "suppressed_because",
    "due_at",
    "finished_at",
    "attempt_count",
    "last_error",
    "refused_since",
    "claim_token",
    "claimed_by",
    "claimed_at",
    "lease_until",
    "handed_over_at",
)


def _insert_once(delivery: Delivery) -> Delivery:
    """Insert a row unless its idempotency key is taken; return the row of that key."""
    # ON CONFLICT DO NOTHING waits for a concurrent insert of the same key to commit, so the row is there afterwards.
    Delivery.objects.bulk_create([delivery], ignore_conflicts=True)
    stored = Delivery.objects.get(idempotency_key=delivery.idempotency_key)
    if stored.state == State.QUEUED:
        _sender.on_commit()
    return stored


def _supersede(newest: Delivery, now: datetime) -> None:
    """Let go of what a newer message of its thread made old news; what is on its way is left to its sender."""
    older = Delivery.objects.filter(
        thread=newest.thread, pk__lt=newest.pk, state=State.QUEUED, supersedable=True
    ).order_by("pk")
    # One by one in their order, and none that a worker takes at this moment.
    ids = list(older.select_for_update(skip_locked=True).values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(
        state=State.SUPPRESSED, suppressed_because=SUPERSEDED.format(newest.pk), finished_at=now
    )


def _look_after_older(taken: Delivery, now: datetime) -> None:
    """Try what the receiver refused before it took this one at once, and let go of what this one made untrue."""
    older = Delivery.objects.filter(thread=taken.thread, pk__lt=taken.pk, state=State.QUEUED)
    ids = list(older.order_by("pk").select_for_update(skip_locked=True).values_list("pk", flat=True))
    left = Delivery.objects.filter(pk__in=ids, state=State.QUEUED)
    left.filter(_made_untrue_by(taken)).update(
        state=State.SUPPRESSED, suppressed_because=OVERTAKEN.format(taken.pk), finished_at=now
    )
    left.update(due_at=now)


def _made_untrue_by(newer: Delivery) -> Q:
    """Match what must not arrive after a newer message of its thread: it would end what goes on, or begin what is over."""
    wrong = Q(ended__overlap=newer.ongoing) | Q(ongoing__overlap=newer.ended)
    if newer.supersedes:
        wrong |= Q(supersedable=True)
    return wrong


def _is_untrue_by_now(delivery: Delivery) -> bool:
    newer = Delivery.objects.filter(thread=delivery.thread, pk__gt=delivery.pk, supersedes=True, state=State.SENT)
    newest = newer.order_by("-pk").first()
    return newest is not None and Delivery.objects.filter(_made_untrue_by(newest), pk=delivery.pk).exists()


def _find_newer(delivery: Delivery) -> int | None:
    """Return the newest message that makes this one old news, None if there is none."""
    if not (delivery.thread and delivery.supersedable):
        return None
    newer = Delivery.objects.filter(thread=delivery.thread, pk__gt=delivery.pk, supersedes=True)
    unfinished = newer.filter(state__in=[State.QUEUED, State.SENDING])
    return unfinished.order_by("-pk").values_list("pk", flat=True).first()


def _key_thread(thread: str) -> str:
    return hashlib.sha256(thread.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _key_subject(name: str) -> int:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _key_lane(lane: str) -> str:
    """Return a lane as it is stored, keyed, so that it tells nothing of the account."""
    return salted_hmac("config.deliveries.lane", lane, algorithm="sha256").hexdigest()[:40]


def _claimed(claim: Claim) -> Any:
    return Delivery.objects.filter(pk=claim.delivery.pk, state=State.SENDING, claim_token=claim.token)


@transaction.atomic
def _recover(pk: int) -> bool:
    now = timezone.now()
    delivery = Delivery.objects.select_for_update(skip_locked=True).filter(pk=pk, state=State.SENDING).first()
    if delivery is None or not (_has_expired(delivery, now) or is_gone(delivery.claimed_by)):
        return False
    if delivery.handed_over_at is None:
        outcome, detail = Outcome.TEMPORARY, "The sender ended before handing the message over; it was not sent."
    else:
        outcome, detail = (
            Outcome.UNKNOWN,
            "The sender ended after handing the message over, before the answer was noted.",
        )
        # A message that its senders die of must not hold up the newer ones for a day.
        delivery.refused_since = delivery.refused_since or now
    again = find_next_attempt_after_crash(now=now, attempts=delivery.attempt_count + 1, give_up_at=delivery.give_up_at)
    _conclude(delivery, outcome=outcome, detail=detail, now=now, again=again)
    return True


def _has_expired(delivery: Delivery, now: datetime) -> bool:
    return delivery.lease_until is not None and delivery.lease_until < now


def _conclude(delivery: Delivery, *, outcome: Outcome, detail: str, now: datetime, again: datetime | None) -> State:
    """Leave the state `sending` and append the attempt; `again` None means there will be no other."""
    # A service may repeat what it was sent, and with it the link that was meant for its recipient alone.
    detail = mask_links(_clean(mask_digits(detail) if delivery.is_private else detail))[:DETAIL_CHARACTERS]
    DeliveryAttempt.objects.create(
        delivery=delivery, started_at=delivery.claimed_at or now, finished_at=now, outcome=outcome, detail=detail
    )
    delivery.claim_token = delivery.lease_until = delivery.handed_over_at = delivery.claimed_at = None
    delivery.claimed_by = ""
    delivery.attempt_count += 1
    delivery.last_error = "" if outcome == Outcome.SENT else detail
    if outcome == Outcome.SENT:
        state = State.SENT
    elif outcome == Outcome.PERMANENT or again is None:
        state = State.FAILED
        logger.error("delivery %s to %s failed: %s", delivery.pk, delivery.recipient, detail)
    elif newer := _find_newer(delivery):
        state, delivery.suppressed_because = State.SUPPRESSED, SUPERSEDED.format(newer)
    else:
        state, delivery.due_at = State.QUEUED, again
    if state not in TRANSITIONS[State(delivery.state)]:
        raise ValueError(f"a delivery cannot go from {delivery.state} to {state}")
    delivery.state, delivery.finished_at = state, None if state == State.QUEUED else now
    delivery.save(update_fields=_CHANGED_BY_ATTEMPT)
    if state == State.SENT and delivery.thread:
        _look_after_older(delivery, now)
    return state


def _fit_key(key: str) -> str:
    """Return a key that fits its column: the end of a long one is replaced by a hash of the whole."""
    if len(key) <= KEY_CHARACTERS:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{key[: KEY_CHARACTERS - len(digest) - 1]}#{digest}"


def _clean(text: str) -> str:
    """Return text that PostgreSQL and UTF-8 can hold: a broken character must not lose the alert around it."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()
