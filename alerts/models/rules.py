"""Rules, and the channels by which they reach people."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from alerts.budgets import APPLICATION_SECONDS
from alerts.enums import ChannelKind, Severity
from config.crypto import EncryptedTextField
from config.lengths import describe_seconds

MAX_SECONDS = 30 * 86_400


class ChannelManager(models.Manager["Channel"]):
    """Channels without their secrets, which are read where something is signed or sent."""

    def get_queryset(self) -> models.QuerySet[Channel]:
        """Leave the secret out: one that can't be decrypted must not make the channel, and with it every rule, unreadable."""
        return super().get_queryset().defer("signing_secret", "credentials")


class Channel(models.Model):
    """A way to reach people: some mail addresses, a room of a chat, telephones, or a program that is called over HTTP."""

    name = models.CharField(max_length=100, unique=True, help_text="For example “Operations team”.")
    kind = models.CharField(max_length=10, choices=ChannelKind.choices, default=ChannelKind.EMAIL)
    address = models.TextField(
        blank=True,
        help_text="E-mail: one or more addresses, separated by commas; empty means everyone in ALERT_EMAILS, or else "
        "all administrators. Webhook: the URL that is called. SMS, telephone: numbers like +491701234567, separated by "
        "commas; empty: only people who chose it for themselves are reached. Other kinds: what the room is called, like #ops.",
    )
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Whose keys may change it over REST. Empty: it belongs to all, and is changed here only.",
    )
    credentials = EncryptedTextField(blank=True, editable=False, help_text="The secret parts of its kind, as JSON.")
    signing_secret = EncryptedTextField(
        blank=True, help_text="Webhook: signs every call, so that the receiver can tell it is from here."
    )
    enabled = models.BooleanField(default=True, help_text="Off: rules send nothing new through it.")
    is_default = models.BooleanField(
        "default", default=False, help_text="Used by every rule that names no channel of its own."
    )
    title_template = models.TextField(
        "title", blank=True, help_text="Empty: the usual one. E-mail: the subject. SMS and telephone have none."
    )
    body_template = models.TextField("text", blank=True, help_text="Empty: the usual one.")
    limit_count = models.PositiveIntegerField("at most (messages)", null=True, blank=True)
    limit_minutes = models.PositiveIntegerField("in (minutes)", null=True, blank=True)
    limit_critical = models.BooleanField(
        "limit critical ones, too", default=False, help_text="Off: what is critical always goes out."
    )
    quiet_from = models.TimeField("quiet from", null=True, blank=True)
    quiet_until = models.TimeField(
        "until", null=True, blank=True, help_text="Not after the beginning: on the next day."
    )
    quiet_weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    quiet_zone = models.CharField("time zone", max_length=64, blank=True, default="UTC")
    quiet_below = models.CharField(
        "hold what is below", max_length=10, choices=Severity.choices, default=Severity.CRITICAL
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[ChannelManager] = ChannelManager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_known"),
            models.CheckConstraint(
                condition=~Q(kind=ChannelKind.WEBHOOK) | ~Q(address=""), name="webhook_channel_has_address"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleQuerySet(models.QuerySet["Rule"]):
    """Rules."""

    def enabled(self) -> RuleQuerySet:
        """Rules that are evaluated."""
        return self.filter(enabled=True)

    def builtin(self) -> RuleQuerySet:
        """Rules that came with the product."""
        return self.exclude(builtin_key="")

    def for_application(self, application_id: int) -> RuleQuerySet:
        """Rules that judge this application: its own and those of all applications."""
        return self.filter(Q(application=None) | Q(application_id=application_id))


class Rule(models.Model):
    """When someone is to be told: a condition in PromQL, for how long it must hold, how bad it is, who hears of it.

    Services write these rows. The `last_...` fields are written by every evaluation and by nothing else.
    """

    name = models.CharField(max_length=150, help_text="In people's words, for example “CPU busy”.")
    slug = models.SlugField(max_length=150, unique=True, help_text="Short name for addresses.")
    application = models.ForeignKey(
        "monitoring.Application",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="Empty: every application, each judged by itself.",
    )
    condition = models.TextField(help_text="PromQL. Every series it returns is an alert.")
    clear_condition = models.TextField(
        blank=True,
        help_text="PromQL. If given, a firing alert stays until this returns its series (same labels).",
    )
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.WARNING)
    for_seconds = models.PositiveIntegerField(
        "for (seconds)",
        default=0,
        validators=[MaxValueValidator(MAX_SECONDS)],
        help_text="How long the condition must hold before anyone is told.",
    )
    keep_firing_for_seconds = models.PositiveIntegerField(
        "keep firing for (seconds)",
        default=0,
        validators=[MaxValueValidator(MAX_SECONDS)],
        help_text="How long the condition must be gone before the alert counts as resolved.",
    )
    no_data_after_seconds = models.PositiveIntegerField(
        "no data after (seconds)",
        default=0,
        validators=[MaxValueValidator(MAX_SECONDS)],
        help_text="How long a series must be missing before people are told that no data comes. 0: nobody is told, and an "
        "alert whose series vanishes ends.",
    )
    labels = models.JSONField(
        default=dict, blank=True, help_text="Added to its alerts' labels; values may be templates."
    )
    annotations = models.JSONField(
        default=dict, blank=True, help_text="summary, description and runbook; values may be templates."
    )
    channels = models.ManyToManyField(
        Channel, blank=True, related_name="rules", help_text="Who is told. None chosen: the default channels."
    )
    policy = models.ForeignKey(
        "alerts.Policy",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="rules",
        verbose_name="escalation policy",
        help_text="Whom its alerts reach, step by step. Takes the place of its channels.",
    )
    enabled = models.BooleanField(default=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    builtin_key = models.CharField(max_length=100, blank=True, editable=False)
    builtin_version = models.PositiveIntegerField(default=0, editable=False)
    builtin_shipped = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="The rule as it was shipped: what differs, an operator edited.",
    )
    origin = models.CharField(
        max_length=301,
        blank=True,
        editable=False,
        help_text="Group and alert of the rule file it was made from, by which the next import finds it.",
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    last_evaluated_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failure_told_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_duration_seconds = models.FloatField(null=True, blank=True, editable=False)

    objects: ClassVar[RuleQuerySet] = RuleQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["name", "-severity"]
        constraints = [
            models.CheckConstraint(condition=Q(severity__in=Severity.values), name="rule_severity_known"),
            models.CheckConstraint(condition=~Q(condition=""), name="rule_has_condition"),
            # One row for each built-in rule, so that two machines starting at once install it once.
            models.UniqueConstraint(fields=["builtin_key"], condition=~Q(builtin_key=""), name="rule_builtin_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({Severity(self.severity).label.lower()})"

    def get_absolute_url(self) -> str:
        """Address of the rule's page."""
        return reverse("admin:alerts_rule_change", args=[self.pk])

    @property
    def is_builtin(self) -> bool:
        """Whether it came with the product."""
        return bool(self.builtin_key)


class RuleMemory(models.Model):
    """The series of a rule that were there when it was evaluated last, so that one that goes missing is noticed.

    One row for each application that a rule with “no data after” judges, written when its series change, and when the rule
    begins or ceases to fail there; goes with the rule, the application, or the option.
    """

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="memories")
    application = models.ForeignKey("monitoring.Application", on_delete=models.CASCADE, related_name="+")
    watched = models.TextField(help_text="What was watched, in the form that the evaluation compares.")
    series = models.JSONField(default=dict, help_text="Labels by fingerprint.")
    failing_since = models.DateTimeField(
        null=True, help_text="Since when the rule can't be judged in this application."
    )
    written_at = models.DateTimeField()

    objects: ClassVar[models.Manager[RuleMemory]]

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "application"], name="one_memory_per_rule")]

    def __str__(self) -> str:
        return f"{len(self.series)} series of {self.rule}"


class EvaluationBacklog(models.Model):
    """An application whose rules take longer than its share of an evaluation, so that they take turns.

    Written by evaluations while that is so, and deleted by the first that judges all of them.
    """

    application = models.OneToOneField("monitoring.Application", on_delete=models.CASCADE, related_name="+")
    since = models.DateTimeField()
    unbroken_since = models.DateTimeField(null=True, help_text="Since when evaluations came without a long break.")
    judged = models.JSONField(default=dict, help_text="When each rule was judged last, by id; epoch seconds.")
    seconds = models.JSONField(default=dict, help_text="How long each rule took in it then, by id.")
    errors = models.JSONField(default=dict, help_text="Why rules failed in it then, by id; of those that did.")
    period_seconds = models.FloatField(null=True, help_text="Longest time between two judgements of a rule.")
    told_at = models.DateTimeField(null=True, blank=True)
    written_at = models.DateTimeField()

    objects: ClassVar[models.Manager[EvaluationBacklog]]

    class Meta:
        ordering = ["application_id"]

    def __str__(self) -> str:
        return f"{self.application}: {self.words}"

    @property
    def words(self) -> str:
        """How often its rules are evaluated now, and why."""
        often = f"every {describe_seconds(round(self.period_seconds))}" if self.period_seconds else "by turns"
        return f"evaluated {often}: its rules take longer than {APPLICATION_SECONDS:.0f} s together"
