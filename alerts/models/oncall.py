"""Who is on call: schedules of layers and turns, overrides, offers of shifts, calendars from elsewhere, feeds of one's own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from alerts.enums import OfferState, OnCallRotation
from config.crypto import EncryptedTextField

if TYPE_CHECKING:
    _WallClock = models.Field[Any, Any]
else:
    _WallClock = models.Field


class WallClockField(_WallClock):
    """A time on a clock on the wall: naive, stored as such, never converted. Which clock, another column says."""

    description = "Time on a wall clock"

    def db_type(self, connection: Any) -> str:
        """PostgreSQL's timestamp without a time zone."""
        return "timestamp"

    def to_python(self, value: Any) -> datetime | None:
        """Return a naive time; raise ValueError for one with an offset."""
        moment: datetime | None = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment is not None and moment.tzinfo is not None:
            raise ValueError(f"{moment.isoformat()} has an offset; a wall clock shows none.")
        return moment

    def get_prep_value(self, value: Any) -> Any:
        """Refuse offsets on the way into the database."""
        return self.to_python(super().get_prep_value(value))

    def value_to_string(self, obj: models.Model) -> str:
        """Write it for fixtures."""
        moment: datetime | None = self.value_from_object(obj)
        return moment.isoformat() if moment else ""


class OnCallSchedule(models.Model):
    """Who is on call when: layers of people who take turns, the lowest first, and overrides above them."""

    name = models.CharField(max_length=100, unique=True)
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose keys may change it over REST. Empty: it is for all applications, and changed here only.",
    )
    zone = models.CharField("time zone", max_length=64, default="UTC", help_text="Like Europe/Berlin.")
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[OnCallSchedule]]

    class Meta:
        ordering = ["name"]
        verbose_name = "on-call schedule"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address of the schedule's page."""
        return reverse("admin:alerts_oncallschedule_change", args=[self.pk])


class OnCallLayer(models.Model):
    """People who take turns. Of two layers that have somebody, the one with the higher position wins."""

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="layers")
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=100)
    zone = models.CharField("time zone", max_length=64)
    rotation = models.CharField(max_length=10, choices=OnCallRotation.choices, default=OnCallRotation.WEEKLY)
    interval = models.PositiveSmallIntegerField(default=1, help_text="Hours, days or weeks of a turn.")
    starts_at = WallClockField(help_text="On the clock of its zone; the first handoff.")
    ends_at = WallClockField(null=True, blank=True)
    restrictions = models.JSONField(
        default=list, blank=True, help_text='Hours in which it counts: [{"weekdays": [0], "begins": "09:00", ...}].'
    )

    objects: ClassVar[models.Manager[OnCallLayer]]

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(rotation__in=OnCallRotation.values), name="on_call_rotation_known"),
            models.CheckConstraint(condition=Q(interval__gte=1), name="on_call_turn_has_length"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")), name="on_call_layer_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OnCallParticipant(models.Model):
    """A person's place in the turns of a layer. Those of one turn are on call together.

    Who is in a layer can't be deleted: the turns of all others would move.
    """

    layer = models.ForeignKey(OnCallLayer, on_delete=models.CASCADE, related_name="participants")
    turn = models.PositiveSmallIntegerField()
    place = models.PositiveSmallIntegerField(default=0)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[models.Manager[OnCallParticipant]]

    class Meta:
        ordering = ["turn", "place", "id"]
        constraints = [
            models.UniqueConstraint(fields=["layer", "turn", "person"], name="on_call_person_once_in_a_turn")
        ]

    def __str__(self) -> str:
        return f"{self.person}, turn {self.turn + 1}"


class CalendarManager(models.Manager["OnCallCalendar"]):
    """Calendars without their addresses, which are read where one is fetched."""

    def get_queryset(self) -> models.QuerySet[OnCallCalendar]:
        """Leave the address out: one that can't be decrypted must not make its schedule's page unreadable."""
        return super().get_queryset().defer("url")


class OnCallCalendar(models.Model):
    """A calendar kept elsewhere and read in: its shifts are overrides of the schedule.

    With a `host` it is read from an address every hour; `url` is that address, which is often secret by itself.
    """

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="calendars")
    name = models.CharField(max_length=100)
    warnings = models.JSONField(default=list, blank=True)
    imported_at = models.DateTimeField(default=timezone.now, help_text="When its shifts were taken last.")
    imported_by_name = models.CharField(max_length=150, blank=True)

    url = EncryptedTextField(blank=True, editable=False)
    host = models.CharField(max_length=255, blank=True, editable=False, help_text="What may be shown of the address.")
    etag = models.CharField(max_length=500, blank=True, editable=False)
    last_modified = models.CharField(max_length=100, blank=True, editable=False)
    tried_at = models.DateTimeField(null=True, blank=True, editable=False)
    answered_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="When it was read last, or said that nothing changed."
    )
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="In a row.")
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)

    objects: ClassVar[CalendarManager] = CalendarManager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["schedule", "name"], name="on_call_calendar_once"),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None, last_error="")
                | (Q(failures__gt=0, failing_since__isnull=False) & ~Q(last_error="")),
                name="on_call_calendar_fails_with_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OnCallOverride(models.Model):
    """People who take over for a time. With `replaces` it is a swap: they take only what that person has of it."""

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="overrides")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    replaces = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    author_name = models.CharField(max_length=150)
    calendar = models.ForeignKey(
        OnCallCalendar, null=True, blank=True, on_delete=models.CASCADE, related_name="overrides"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[OnCallOverride]]

    class Meta:
        ordering = ["starts_at", "id"]
        verbose_name = "on-call override"
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="on_call_override_ends_after_start")
        ]
        indexes = [
            # The page of a schedule, and every look at who is on call: what is not over.
            models.Index(fields=["schedule", "ends_at"], name="on_call_override_end")
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%d %b %H:%M} to {self.ends_at:%d %b %H:%M} UTC"


class OnCallOffer(models.Model):
    """A person would like to give a time of theirs away. They stay on call until somebody takes it over."""

    schedule = models.ForeignKey(OnCallSchedule, on_delete=models.CASCADE, related_name="offers")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=OfferState.choices, default=OfferState.OPEN)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    override = models.OneToOneField(
        OnCallOverride, null=True, blank=True, on_delete=models.SET_NULL, related_name="offer"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[OnCallOffer]]

    class Meta:
        ordering = ["starts_at", "id"]
        verbose_name = "offer of a shift"
        verbose_name_plural = "offers of shifts"
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OfferState.values), name="on_call_offer_state_known"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="on_call_offer_ends_after_start"),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.starts_at:%d %b %H:%M} to {self.ends_at:%d %b %H:%M} UTC"


class OnCallFeed(models.Model):
    """The secret address of a calendar: of a schedule, or of a person's shifts in all schedules.

    Found by the hash of its token; the token itself is kept encrypted, so that its link can be shown again.
    """

    schedule = models.OneToOneField(
        OnCallSchedule, null=True, blank=True, on_delete=models.CASCADE, related_name="feed"
    )
    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    token = EncryptedTextField()
    token_hash = models.BinaryField(max_length=32, unique=True)
    made_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[models.Manager[OnCallFeed]]

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(schedule=None, person__isnull=False) | Q(person=None, schedule__isnull=False),
                name="on_call_feed_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"Feed of {self.schedule or self.person}"
