"""Outgoing messages: a ledger row for every mail, webhook and message, sent by workers until it is through or given up visibly."""

from __future__ import annotations
