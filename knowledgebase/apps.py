"""The Knowledge base room: articles and the help centre."""

from __future__ import annotations

from django.apps import AppConfig


class KnowledgebaseConfig(AppConfig):
    """Wires the room into Django."""

    name = "knowledgebase"
    verbose_name = "Knowledge base"
