"""Alerts from outside: what the bodies of other systems say, and what follows from it. Pure.

Adapters (alertmanager, webhooks, generic) make Reports of bodies; judgement says what a report does to the alert it is about.
"""

from __future__ import annotations
