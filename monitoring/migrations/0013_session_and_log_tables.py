"""Tables of sessions, of who was there, of log lines and of bodies seen, which Django's own operations can't make."""

from __future__ import annotations

from django.db import migrations

CREATE_SESSIONS = """
CREATE TABLE monitoring_session (
    application_id integer NOT NULL,
    started_at timestamptz NOT NULL,
    sid uuid NOT NULL,
    release_id bigint NOT NULL,
    environment text NOT NULL,
    outcome smallint NOT NULL,        -- 0 healthy, 1 errored, 2 abnormal, 3 crashed: the worst that was said
    errors integer NOT NULL,
    duration double precision,
    user_key bytea,
    received_at timestamptz NOT NULL
) PARTITION BY RANGE (started_at);
-- Each session once, however often it is reported.
CREATE UNIQUE INDEX monitoring_session_once ON monitoring_session (application_id, started_at, sid);
"""

CREATE_USERS = """
CREATE TABLE monitoring_session_user (
    release_id bigint NOT NULL,
    environment text NOT NULL,
    user_key bytea NOT NULL,
    day timestamptz NOT NULL,
    worst smallint NOT NULL           -- the worst outcome of the person's sessions on that day
) PARTITION BY RANGE (day);
-- Each person once a day; also what people are counted by.
CREATE UNIQUE INDEX monitoring_session_user_once ON monitoring_session_user (release_id, environment, user_key, day);
"""

CREATE_LOGS = """
CREATE SEQUENCE monitoring_logrecord_id_seq;
CREATE TABLE monitoring_logrecord (
    id bigint NOT NULL DEFAULT nextval('monitoring_logrecord_id_seq'),
    application_id integer NOT NULL,
    at timestamptz NOT NULL,
    severity smallint NOT NULL,
    logger text NOT NULL,
    body text NOT NULL,
    template text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    attributes jsonb NOT NULL
) PARTITION BY RANGE (at);
ALTER SEQUENCE monitoring_logrecord_id_seq OWNED BY monitoring_logrecord.id;
-- Logs, newest first; a search walks along it within its stretch of time.
CREATE INDEX monitoring_logrecord_newest ON monitoring_logrecord (application_id, at DESC, id DESC);
-- The same for what is worse than information, which is rare.
CREATE INDEX monitoring_logrecord_bad ON monitoring_logrecord (application_id, at DESC, id DESC) WHERE severity >= 13;
-- Search for any part of a line, from three characters on.
CREATE INDEX monitoring_logrecord_text ON monitoring_logrecord USING gin (body gin_trgm_ops);
-- The lines of a trace.
CREATE INDEX monitoring_logrecord_trace ON monitoring_logrecord (application_id, trace_id, at) WHERE trace_id <> '';
"""

CREATE_SEEN = """
CREATE TABLE monitoring_seen_body (
    application_id integer NOT NULL,
    body_key bytea NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (application_id, body_key)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
-- Every ten minutes: those that can't come again.
CREATE INDEX monitoring_seen_body_old ON monitoring_seen_body (seen_at);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0012_releases_and_logs")]

    operations = [
        migrations.RunSQL(CREATE_SESSIONS, "DROP TABLE monitoring_session"),
        migrations.RunSQL(CREATE_USERS, "DROP TABLE monitoring_session_user"),
        # Trusted: whoever owns the database may add it. Dropping it is left to them, somebody else may use it.
        migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS pg_trgm", migrations.RunSQL.noop),
        migrations.RunSQL(CREATE_LOGS, "DROP TABLE monitoring_logrecord"),
        migrations.RunSQL(CREATE_SEEN, "DROP TABLE monitoring_seen_body"),
    ]
