"""REST: channels of the application that the key belongs to. Secrets go in and never come out."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.channel_limits import MAX_LIMIT_COUNT, MAX_LIMIT_MINUTES
from alerts.channel_parts import MAX_URL
from alerts.enums import ChannelKind, Severity
from alerts.models import Channel
from alerts.selectors import list_channels
from alerts.services.channels import ChannelInvalid, TooManyTests, delete_channel, save_channel, send_test
from config.actors import actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict, RateLimited
from config.api.errors import NotFound as NothingHere
from config.api.idempotency import answer_once

#: Secret parts by the names they have in a body.
PART_NAMES = ("url", "account_sid", "auth_token", "from_number")


class ChannelOutput(serializers.ModelSerializer[Channel]):
    """A channel. `application` null: it belongs to all and is changed in the admin. Secrets are not shown."""

    class Meta:
        model = Channel
        fields = [
            "id",
            "name",
            "kind",
            "address",
            "application",
            "enabled",
            "is_default",
            "title_template",
            "body_template",
            "limit_count",
            "limit_minutes",
            "limit_critical",
            "quiet_from",
            "quiet_until",
            "quiet_weekdays",
            "quiet_zone",
            "quiet_below",
            "created_at",
        ]
        read_only_fields = fields


def _secret(help_text: str) -> serializers.CharField:
    return serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=MAX_URL, default="", help_text=help_text
    )


class ChannelInput(serializers.Serializer[Channel]):
    """A channel of the key's own application. Secret parts that are left out stay as they are."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    address = serializers.CharField(
        max_length=5_000, allow_blank=True, default="", help_text="Readable: addresses, numbers, URL, or a room's name."
    )
    enabled = serializers.BooleanField(default=True)
    signing_secret = _secret("Webhook: signs every call.")
    url = _secret("Slack, Teams, other service: the secret address.")
    account_sid = _secret("SMS, telephone: of the account at Twilio.")
    auth_token = _secret("SMS, telephone.")
    from_number = _secret("SMS, telephone: like +15005550006.")
    title_template = serializers.CharField(max_length=4_000, allow_blank=True, default="")
    body_template = serializers.CharField(max_length=4_000, allow_blank=True, default="")
    limit_count = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT_COUNT, allow_null=True, default=None)
    limit_minutes = serializers.IntegerField(min_value=1, max_value=MAX_LIMIT_MINUTES, allow_null=True, default=None)
    limit_critical = serializers.BooleanField(default=False)
    quiet_from = serializers.TimeField(allow_null=True, default=None)
    quiet_until = serializers.TimeField(allow_null=True, default=None)
    quiet_weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        max_length=7,
        default=list,
        help_text="0 is Monday; empty: every day.",
    )
    quiet_zone = serializers.CharField(max_length=64, default="UTC")
    quiet_below = serializers.ChoiceField(choices=Severity.choices, default=Severity.CRITICAL.value)


class TestOutput(serializers.Serializer[Any]):
    """How many recipients a test goes to; each is a delivery."""

    recipients = serializers.IntegerField()


class ChannelViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Channel]):
    """Channels: those of the key's application can be changed; those that belong to all can be read and named by rules."""

    queryset = Channel.objects.none()
    serializer_class = ChannelOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Channel]:
        """Return the channels that the key's application may use."""
        if not isinstance(self.request.auth, KeyGrant):
            return Channel.objects.none()  # the schema is being written
        return list_channels(application_id=self.request.auth.application_id)

    @extend_schema(summary="The channels that this application may use")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List channels, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One channel")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a channel, without its secrets."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make a channel", request=ChannelInput, responses={201: ChannelOutput})
    def create(self, request: Request) -> Response:
        """Make a channel of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a channel", request=ChannelInput, responses=ChannelOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays, secrets too."""
        channel = self._own()
        if not isinstance(request.data, dict):
            raise BodyInvalid("Send a JSON object.")
        body = ChannelInput(data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        _save(channel, {name: value for name, value in body.validated_data.items() if name in request.data})
        return Response(ChannelOutput(channel).data)

    @extend_schema(summary="Delete a channel", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a channel; rules that name it go on without it."""
        delete_channel(channel=self._own())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Send a test", request=None, responses={202: TestOutput})
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Queue a test message to everyone the channel reaches; 409 if that is nobody, 429 after five of them in an hour."""
        return answer_once(request, lambda: self._test(request))

    def _create(self, request: Request) -> Response:
        body = ChannelInput(data=request.data)
        body.is_valid(raise_exception=True)
        channel = Channel(application_id=_grant(request).application_id)
        _save(channel, body.validated_data)
        return Response(ChannelOutput(channel).data, status=status.HTTP_201_CREATED)

    def _test(self, request: Request) -> Response:
        try:
            sent = send_test(channel=self._own(), by=actor_of_key(_grant(request)))
        except TooManyTests as error:
            raise RateLimited(str(error), retry_after_seconds=ceil(error.wait.total_seconds())) from error
        if not sent:
            raise Conflict("It reaches nobody: give it an address or a number.")
        return Response({"recipients": sent}, status=status.HTTP_202_ACCEPTED)

    def _own(self) -> Channel:
        """Return a channel of the key's own application; raise NotFound or Conflict."""
        channel: Channel = self.get_object()
        if channel.application_id is None:
            raise Conflict("This channel belongs to all applications, so it is changed and tried in the admin.")
        return channel


def _save(channel: Channel, data: dict[str, Any]) -> None:
    """Store a checked body; raise BodyInvalid."""
    for name, value in data.items():
        if name not in PART_NAMES and name != "signing_secret":
            setattr(channel, name, value)
    if data.get("signing_secret"):
        channel.signing_secret = data["signing_secret"]
    if Channel.objects.filter(name=channel.name).filter(~Q(pk=channel.pk)).exists():
        raise BodyInvalid(
            "See errors for each field.", errors=[{"field": "name", "detail": "There is a channel of this name."}]
        )
    try:
        save_channel(channel=channel, parts={name: data.get(name, "") for name in PART_NAMES})
    except ChannelInvalid as error:
        errors = [{"field": name, "detail": words} for name, words in error.errors.items()]
        raise BodyInvalid("See errors for each field.", errors=errors) from error


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NothingHere
    return request.auth
