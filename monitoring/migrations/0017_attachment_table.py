"""The table of files that come with events, which Django's own operations can't make."""

from __future__ import annotations

from django.db import migrations, models

CREATE = """
CREATE SEQUENCE monitoring_attachment_id_seq;
CREATE TABLE monitoring_attachment (
    id bigint NOT NULL DEFAULT nextval('monitoring_attachment_id_seq'),
    application_id integer NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    name text NOT NULL,
    content_type text NOT NULL,
    kind text NOT NULL,
    size integer NOT NULL,            -- of the file as it came
    digest bytea NOT NULL,            -- of its name and content, to tell a repetition
    data bytea NOT NULL               -- zstd
) PARTITION BY RANGE (received_at);
ALTER SEQUENCE monitoring_attachment_id_seq OWNED BY monitoring_attachment.id;
ALTER TABLE monitoring_attachment ALTER COLUMN data SET STORAGE EXTERNAL;
-- The files of an event: on its page, and before more are taken.
CREATE INDEX monitoring_attachment_event ON monitoring_attachment (application_id, event_id);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0016_user_reports")]

    operations = [
        migrations.RunSQL(CREATE, "DROP TABLE monitoring_attachment"),
        migrations.CreateModel(
            name="Attachment",
            fields=[("id", models.BigAutoField(primary_key=True, serialize=False))],
            options={"db_table": "monitoring_attachment", "ordering": ["id"], "managed": False},
        ),
    ]
