"""Usage events on their way in. Pure.

Times are aware and in UTC, empty texts mean "not said"; adapters cut, scrub and bound, the writer refuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

MAX_NAME, MAX_TARGET, MAX_PROPERTIES = 100, 250, 20

#: What a person did: used a feature, saw a page, clicked, clicked in anger, began a visit.
KINDS = ("feature", "page", "click", "rage_click", "session")


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """One thing that a person did. `kind` is one of KINDS; `name` is the feature's name, empty for the other kinds.

    `target` describes what was clicked (never its text), `properties` what the page adds (plain values, scrubbed). `page`,
    `device` and the others are those of `browser.records.VitalRecord`. `ip` is cut off unless the operator keeps whole
    ones. `record_id` tells a repetition from a second event.
    """

    application_id: int
    at: datetime
    kind: str
    name: str = ""
    page: str = ""
    target: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    release: str = ""
    environment: str = ""
    device: str = ""
    browser: str = ""
    os: str = ""
    ip: str = ""
    session_key: str = ""
    user_key: bytes | None = None
    record_id: UUID | None = None
