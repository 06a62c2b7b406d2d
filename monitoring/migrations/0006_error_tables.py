"""Tables of the inbox and of events, which Django's own operations can't make."""

from __future__ import annotations

from django.db import migrations

CREATE_INBOX = """
CREATE TABLE monitoring_error_inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    client_ip text NOT NULL,          -- only if the client asks for it and the operator allows it; else empty
    payload bytea NOT NULL,           -- as received, zstd
    set_aside_at timestamptz,         -- when it turned out that nothing can be made of it
    reason text NOT NULL DEFAULT ''
) WITH (
    -- Rows live for seconds: dead ones must go before the table grows over the cache.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1
);
ALTER TABLE monitoring_error_inbox ALTER COLUMN payload SET STORAGE EXTERNAL;
-- The same event sent again while the first one still waits.
CREATE UNIQUE INDEX monitoring_error_inbox_once ON monitoring_error_inbox (application_id, event_id);
-- The digest's claim.
CREATE INDEX monitoring_error_inbox_waiting ON monitoring_error_inbox (id) WHERE set_aside_at IS NULL;
"""

CREATE_EVENTS = """
CREATE SEQUENCE monitoring_errorevent_id_seq;
CREATE TABLE monitoring_errorevent (
    id bigint NOT NULL DEFAULT nextval('monitoring_errorevent_id_seq'),
    application_id integer NOT NULL,
    group_id bigint NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    level text NOT NULL,
    handled boolean NOT NULL,
    title text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    trace_id text NOT NULL,
    user_key bytea,
    tags jsonb NOT NULL,
    payload bytea NOT NULL            -- scrubbed, JSON, zstd
) PARTITION BY RANGE (received_at);
ALTER SEQUENCE monitoring_errorevent_id_seq OWNED BY monitoring_errorevent.id;
ALTER TABLE monitoring_errorevent ALTER COLUMN payload SET STORAGE EXTERNAL;
-- The digest: is this event here already? REST and links: one event.
CREATE INDEX monitoring_errorevent_event ON monitoring_errorevent (application_id, event_id);
-- An issue's page: its newest events, and from one to the next.
CREATE INDEX monitoring_errorevent_group ON monitoring_errorevent (group_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0005_errors_and_releases")]

    operations = [
        migrations.RunSQL(CREATE_INBOX, "DROP TABLE monitoring_error_inbox"),
        migrations.RunSQL(CREATE_EVENTS, "DROP TABLE monitoring_errorevent"),
    ]
