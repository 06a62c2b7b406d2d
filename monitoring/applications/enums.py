"""Words of this room."""

from __future__ import annotations

from django.db import models

#: Environment of applications that are the product's own hosts.
HOST_ENVIRONMENT = "host"
#: Environment of the application that stands for this product itself.
OWN_ENVIRONMENT = "itself"
#: What the key of the agent that starts with the product is for.
AGENT_KEY_LABEL = "agent of this host"


class KeyKind(models.TextChoices):
    """Who holds a key: anyone who opens a page, or a server that can keep a secret."""

    PUBLIC = "public", "Public (browsers)"
    SECRET = "secret", "Secret (servers)"


class Scope(models.TextChoices):
    """What a key may do."""

    INGEST = "ingest", "Send telemetry"
    READ = "read", "Read"
    WRITE = "write", "Change"
    RELEASES = "releases", "Upload source maps"
