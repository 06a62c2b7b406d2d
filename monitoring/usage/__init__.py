"""What people use: events of features, clicks and page views. Only kept so far; analytics build on it."""

from __future__ import annotations
