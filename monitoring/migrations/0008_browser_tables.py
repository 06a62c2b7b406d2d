"""Tables of web vitals and usage events, which Django's own operations can't make, and the hours of vitals."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

CREATE_VITALS = """
CREATE TABLE monitoring_browservital (
    application_id integer NOT NULL,
    record_id uuid NOT NULL,
    at timestamptz NOT NULL,
    name text NOT NULL,
    value double precision NOT NULL,
    page text NOT NULL,
    url text NOT NULL,
    detail text NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    device text NOT NULL,
    browser text NOT NULL,
    os text NOT NULL,
    connection text NOT NULL,
    navigation text NOT NULL,
    session_key text NOT NULL,
    user_key bytea,
    trace_id text NOT NULL
) PARTITION BY RANGE (at);
-- The writer: a repetition.
CREATE UNIQUE INDEX monitoring_browservital_once ON monitoring_browservital (application_id, record_id, at);
-- The roll-up of an hour, and the last hour's figures.
CREATE INDEX monitoring_browservital_time ON monitoring_browservital (application_id, at);
-- One page's story: its slow assets, long tasks, newest measurements.
CREATE INDEX monitoring_browservital_page ON monitoring_browservital (application_id, page, at);

-- Hours that have to be rolled up (again). Many rows may name the same hour, so that no two writers wait for each other.
CREATE TABLE monitoring_vital_mark (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id integer NOT NULL,
    hour timestamptz NOT NULL
);
"""

CREATE_USAGE = """
CREATE TABLE monitoring_usageevent (
    application_id integer NOT NULL,
    record_id uuid NOT NULL,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    page text NOT NULL,
    target text NOT NULL,
    properties jsonb NOT NULL,
    release text NOT NULL,
    environment text NOT NULL,
    device text NOT NULL,
    browser text NOT NULL,
    os text NOT NULL,
    ip text NOT NULL,
    session_key text NOT NULL,
    user_key bytea
) PARTITION BY RANGE (at);
-- The writer: a repetition.
CREATE UNIQUE INDEX monitoring_usageevent_once ON monitoring_usageevent (application_id, record_id, at);
-- What people did lately, by kind: features, rage clicks of a page.
CREATE INDEX monitoring_usageevent_kind ON monitoring_usageevent (application_id, kind, at);
"""


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0007_uptime")]

    operations = [
        migrations.AlterField(
            model_name="lossaccount",
            name="signal",
            field=models.CharField(
                choices=[
                    ("points", "Metric points"),
                    ("errors", "Errors"),
                    ("transactions", "Transactions"),
                    ("spans", "Spans"),
                    ("logs", "Log lines"),
                    ("sessions", "Sessions"),
                    ("feedback", "Feedback"),
                    ("vitals", "Web vitals"),
                    ("events", "Usage events"),
                    ("check_ins", "Check-ins"),
                    ("attachments", "Attachments"),
                    ("profiles", "Profiles"),
                    ("replays", "Replays"),
                    ("security", "Security reports"),
                    ("client_reports", "Reports of losses"),
                    ("other", "Unknown kinds"),
                    ("bodies", "Unreadable requests"),
                ],
                max_length=20,
            ),
        ),
        migrations.RunSQL(CREATE_VITALS, "DROP TABLE monitoring_browservital; DROP TABLE monitoring_vital_mark"),
        migrations.RunSQL(CREATE_USAGE, "DROP TABLE monitoring_usageevent"),
        migrations.CreateModel(
            name="BrowserVital",
            fields=[],
            options={"managed": False, "db_table": "monitoring_browservital"},
        ),
        migrations.CreateModel(
            name="UsageEvent",
            fields=[],
            options={"managed": False, "db_table": "monitoring_usageevent"},
        ),
        migrations.CreateModel(
            name="VitalHour",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField()),
                ("name", models.CharField(max_length=32)),
                (
                    "dimension",
                    models.CharField(
                        choices=[
                            ("all", "All pages"),
                            ("page", "Page"),
                            ("device", "Device"),
                            ("browser", "Browser"),
                            ("connection", "Connection"),
                            ("release", "Release"),
                        ],
                        max_length=12,
                    ),
                ),
                ("member", models.CharField(max_length=250)),
                ("count", models.IntegerField()),
                ("good", models.IntegerField()),
                ("poor", models.IntegerField()),
                ("sketch", models.BinaryField()),
                (
                    "application",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="monitoring.application",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="vitalhour",
            constraint=models.UniqueConstraint(
                fields=("application", "dimension", "hour", "name", "member"), name="vital_hour_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="vitalhour",
            constraint=models.CheckConstraint(
                condition=models.Q(("count__gte", models.F("good") + models.F("poor"))), name="vital_hour_adds_up"
            ),
        ),
    ]
