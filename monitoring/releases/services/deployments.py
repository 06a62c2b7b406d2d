"""Announcing that a release was put into use."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from monitoring.releases.models import Deployment
from monitoring.releases.services import note_releases

#: A clock may be a little ahead of ours; plans are not announced.
MAX_DEPLOYED_AHEAD = timedelta(minutes=10)


@transaction.atomic
def announce_deployment(
    *,
    application_id: int,
    version: str,
    environment: str = "",
    deployed_at: datetime | None = None,
    url: str = "",
    commit: str = "",
    by_name: str = "",
    now: datetime,
) -> tuple[Deployment, bool]:
    """Note a deployment and return it, with whether it is new.

    The same version, environment and time again are the same one. Without a time it is now, unless the newest deployment in
    that environment is of this version already: then it is that one.
    """
    (release,) = note_releases(seen={(application_id, version): deployed_at or now}, is_trusted=True).values()
    # A release that is announced before anything of it arrives begins with its first deployment.
    if deployed_at is not None and deployed_at < release.first_seen:
        release.first_seen = deployed_at
        release.save(update_fields=["first_seen"])
    if deployed_at is None:
        there = Deployment.objects.filter(release__application_id=application_id, environment=environment)
        newest = there.order_by("-deployed_at", "-pk").first()
        if newest is not None and newest.release_id == release.pk:
            return newest, False
    return Deployment.objects.get_or_create(
        release=release,
        environment=environment,
        deployed_at=deployed_at or now,
        defaults={"url": url, "commit": commit, "announced_by": by_name[:150]},
    )
