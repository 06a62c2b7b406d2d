"""The table of error events that were counted without being kept, which Django's own operations can't make."""

from __future__ import annotations

from django.db import migrations

CREATE = """
CREATE TABLE monitoring_error_counted (
    application_id integer NOT NULL,
    event_id uuid NOT NULL,
    group_id bigint NOT NULL,
    received_at timestamptz NOT NULL
) PARTITION BY RANGE (received_at);
-- The digest: was this event counted already? And the group of an event that somebody names.
CREATE INDEX monitoring_error_counted_event ON monitoring_error_counted (application_id, event_id);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0018_mute_for_people_resolve_in_release")]

    operations = [migrations.RunSQL(CREATE, "DROP TABLE monitoring_error_counted")]
