"""Tables of packed points and rollups, partitioned by time. Fresh points have a table for each slot, made as it opens."""

from __future__ import annotations

from django.db import migrations

CREATE_CHUNKS = """
CREATE TABLE monitoring_point_chunk (
    application integer NOT NULL,
    series integer NOT NULL,
    start bigint NOT NULL,       -- first and last time in it, epoch milliseconds, within one UTC day
    stop bigint NOT NULL,
    slot integer NOT NULL,       -- the slot it was packed from
    count integer NOT NULL,
    payload bytea NOT NULL       -- monitoring/metrics/chunks.py
) PARTITION BY RANGE (start);
-- Payloads are compressed already.
ALTER TABLE monitoring_point_chunk ALTER COLUMN payload SET STORAGE EXTERNAL;
-- Every query and chart: one series, a stretch of time.
CREATE INDEX monitoring_point_chunk_series ON monitoring_point_chunk (application, series, start);
"""

CREATE_MINUTES = """
CREATE TABLE monitoring_rollup_minute (
    application integer NOT NULL,
    series integer NOT NULL,
    start bigint NOT NULL,       -- start of the UTC day, epoch milliseconds
    payload bytea NOT NULL       -- monitoring/metrics/rollup.py, encode_minutes
) PARTITION BY RANGE (start);
ALTER TABLE monitoring_rollup_minute ALTER COLUMN payload SET STORAGE EXTERNAL;
-- Queries older than the raw points; and a day is never rolled up twice.
CREATE UNIQUE INDEX monitoring_rollup_minute_series ON monitoring_rollup_minute (application, series, start);
"""

CREATE_HOURS = """
CREATE TABLE monitoring_rollup_hour (
    bucket bigint NOT NULL,      -- start of the hour; all times epoch milliseconds
    first_time bigint NOT NULL,
    last_time bigint NOT NULL,
    first double precision NOT NULL,
    last double precision NOT NULL,
    sum double precision NOT NULL,
    min double precision NOT NULL,
    max double precision NOT NULL,
    increase double precision NOT NULL,
    application integer NOT NULL,
    series integer NOT NULL,
    slot integer NOT NULL,       -- the slot it was made from; an hour may have a partial row of each of several
    count integer NOT NULL,
    sketch bytea NOT NULL        -- monitoring/metrics/sketch.py
) PARTITION BY RANGE (bucket);
ALTER TABLE monitoring_rollup_hour ALTER COLUMN sketch SET STORAGE EXTERNAL;
-- Queries over weeks and years.
CREATE INDEX monitoring_rollup_hour_series ON monitoring_rollup_hour (application, series, bucket);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0002_series_slots_and_loss_account")]

    operations = [
        migrations.RunSQL(CREATE_CHUNKS, "DROP TABLE monitoring_point_chunk"),
        migrations.RunSQL(CREATE_MINUTES, "DROP TABLE monitoring_rollup_minute"),
        migrations.RunSQL(CREATE_HOURS, "DROP TABLE monitoring_rollup_hour"),
    ]
