"""What the application may use, as its page in the admin says; the agent asks for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allocation:
    """Allocated bandwidth in bytes per second and storage in bytes; None where nobody has stated one."""

    bandwidth_bytes_per_second: int | None = None
    storage_bytes: int | None = None
