"""Tables of requests, queries, spans and their minutes, which Django's own operations can't make."""

from __future__ import annotations

from django.db import migrations

CREATE_REQUESTS = """
CREATE TABLE monitoring_request (
    application_id integer NOT NULL,
    started_at timestamptz NOT NULL,
    record_id uuid NOT NULL,
    duration double precision NOT NULL,
    endpoint_id bigint NOT NULL,
    status smallint NOT NULL,
    failed boolean NOT NULL,
    url text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    user_key bytea,
    trace_id text NOT NULL,
    span_id text NOT NULL
) PARTITION BY RANGE (started_at);
-- The writer: a repetition. Also the sum of a minute, and the newest requests.
CREATE UNIQUE INDEX monitoring_request_once ON monitoring_request (application_id, started_at, record_id);
-- One endpoint's newest requests.
CREATE INDEX monitoring_request_endpoint ON monitoring_request (application_id, endpoint_id, started_at);
-- A trace, and the request of an error.
CREATE INDEX monitoring_request_trace ON monitoring_request (application_id, trace_id) WHERE trace_id <> '';
-- What one person did.
CREATE INDEX monitoring_request_user ON monitoring_request (application_id, user_key, started_at) WHERE user_key IS NOT NULL;
"""

CREATE_QUERIES = """
CREATE TABLE monitoring_query (
    application_id integer NOT NULL,
    started_at timestamptz NOT NULL,
    record_id uuid NOT NULL,
    duration double precision NOT NULL,
    statement_id bigint NOT NULL,
    parameter_count integer,
    failed boolean NOT NULL,
    endpoint text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL
) PARTITION BY RANGE (started_at);
-- The writer: a repetition. Also the sum of a minute.
CREATE UNIQUE INDEX monitoring_query_once ON monitoring_query (application_id, started_at, record_id);
-- One statement's newest and slowest runs.
CREATE INDEX monitoring_query_statement ON monitoring_query (application_id, statement_id, started_at);
-- A trace.
CREATE INDEX monitoring_query_trace ON monitoring_query (application_id, trace_id) WHERE trace_id <> '';
"""

CREATE_SPANS = """
CREATE TABLE monitoring_span (
    application_id integer NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    started_at timestamptz NOT NULL,
    duration double precision NOT NULL,
    parent_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    operation text NOT NULL,
    failed boolean NOT NULL,
    service text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    attributes jsonb NOT NULL
) PARTITION BY RANGE (started_at);
-- The writer: a repetition. Also the waterfall of a trace.
CREATE UNIQUE INDEX monitoring_span_once ON monitoring_span (application_id, trace_id, span_id, started_at);
"""

CREATE_SUMS = """
CREATE TABLE monitoring_{one}_minute (
    application_id integer NOT NULL,
    minute timestamptz NOT NULL,
    owner_id bigint NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    count integer NOT NULL,
    failed integer NOT NULL,
    slow integer NOT NULL,
    seconds double precision NOT NULL,
    longest double precision NOT NULL,
    buckets integer[] NOT NULL,
    sketch bytea NOT NULL
) PARTITION BY RANGE (minute);
-- The sums of an hour, and the last minutes of everything.
CREATE UNIQUE INDEX monitoring_{one}_minute_once
    ON monitoring_{one}_minute (application_id, minute, owner_id, release, environment);

-- Minutes that have to be summed (again). Many rows may name the same minute, so that no two writers wait for each other.
CREATE TABLE monitoring_{many}_mark (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL,
    minute timestamptz NOT NULL
);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0013_session_and_log_tables")]

    operations = [
        migrations.RunSQL(CREATE_REQUESTS, "DROP TABLE monitoring_request"),
        migrations.RunSQL(CREATE_QUERIES, "DROP TABLE monitoring_query"),
        migrations.RunSQL(CREATE_SPANS, "DROP TABLE monitoring_span"),
        migrations.RunSQL(
            CREATE_SUMS.format(one="endpoint", many="request"),
            "DROP TABLE monitoring_endpoint_minute; DROP TABLE monitoring_request_mark",
        ),
        migrations.RunSQL(
            CREATE_SUMS.format(one="statement", many="query"),
            "DROP TABLE monitoring_statement_minute; DROP TABLE monitoring_query_mark",
        ),
    ]
