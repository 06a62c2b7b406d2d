"""The Feedback room: feedback, surveys and tickets."""

from __future__ import annotations

from django.apps import AppConfig


class FeedbackConfig(AppConfig):
    """Wires the room into Django."""

    name = "feedback"
    verbose_name = "Feedback"
