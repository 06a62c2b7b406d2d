"""What Sentry's SDKs send: envelopes and the older store requests."""

from __future__ import annotations
