"""REST: escalation policies with their steps."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.api.bodies import grant_of, read_body, read_change, refuse
from alerts.api.chains import ChainImportMixin
from alerts.api.policy_serializers import PolicyInput, PolicyOutput, draft_steps
from alerts.models import Policy
from alerts.selectors import list_policies
from alerts.services.policies import PolicyInUse, PolicyInvalid, delete_policy, save_policy
from config.api.authentication import KeyGrant
from config.api.errors import Conflict
from config.api.idempotency import answer_once


class PolicyViewSet(
    ChainImportMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Policy]
):
    """Policies: those of the key's application can be changed; those of all can be read, and named by rules and routes."""

    queryset = Policy.objects.none()
    serializer_class = PolicyOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Policy]:
        """Return the policies that the key's application may use."""
        if not isinstance(self.request.auth, KeyGrant):
            return Policy.objects.none()  # the schema is being written
        return list_policies(application_id=self.request.auth.application_id)

    @extend_schema(summary="The escalation policies that this application may use")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List policies, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One escalation policy")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a policy with its steps."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make an escalation policy", request=PolicyInput, responses={201: PolicyOutput})
    def create(self, request: Request) -> Response:
        """Make a policy of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change an escalation policy", request=PolicyInput, responses=PolicyOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; `steps` are replaced as a whole. Groups of alerts that are open go on as they began."""
        policy, change = self._own(), read_change(request)
        known = {name: value for name, value in PolicyOutput(policy).data.items() if name in PolicyInput().fields}
        self._save(policy, read_body(PolicyInput(data={**known, **change})))
        return Response(PolicyOutput(self.get_object()).data)

    @extend_schema(summary="Delete an escalation policy", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a policy; refused while a rule or a route names it."""
        try:
            delete_policy(policy=self._own())
        except PolicyInUse as error:
            raise Conflict(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        policy = Policy(application_id=grant_of(request).application_id)
        self._save(policy, read_body(PolicyInput(data=request.data)))
        made = self.get_queryset().get(pk=policy.pk)
        return Response(PolicyOutput(made).data, status=status.HTTP_201_CREATED)

    def _save(self, policy: Policy, body: dict[str, Any]) -> None:
        """Store a checked body; raise BodyInvalid."""
        steps = body.pop("steps")
        for name, value in body.items():
            setattr(policy, name, value)
        try:
            save_policy(policy=policy, steps=draft_steps(steps, application_id=grant_of(self.request).application_id))
        except PolicyInvalid as error:
            raise refuse(error.placed) from error

    def _own(self) -> Policy:
        """Return a policy of the key's own application; raise NotFound or Conflict."""
        policy: Policy = self.get_object()
        if policy.application_id is None:
            raise Conflict("This policy is for all applications, so it is changed in the admin.")
        return policy
