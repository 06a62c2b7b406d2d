"""One module for each kind of item that envelopes carry: from its payload to records."""

from __future__ import annotations
