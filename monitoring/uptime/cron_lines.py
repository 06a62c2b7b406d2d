"""When a job should report, as its crontab says. Pure.

Lines are read on the clock of their time zone, as cron itself does it across the changes of summer time: a time that the clock
jumps over runs right after the jump, a time that comes twice runs once, and steps such as */5 go on by the clock.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from itertools import islice

from cronsim import CronSim, CronSimError

MAX_CHARACTERS = 200
EXAMPLE = "Write it like “0 3 * * *” (every night at three) or “*/15 8-18 * * 1-5”."
_WORDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def check_cron_line(line: str, time_zone: str) -> None:
    """Raise ValueError, with an example, unless there is a time that the line names in that zone."""
    list_cron_times(line, time_zone, after=datetime.now(UTC), count=1)


def find_zone(name: str) -> zoneinfo.ZoneInfo:
    """Return a time zone; raise ValueError if there is none of this name."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"“{name}” is not a time zone. Write it like Europe/Berlin.") from error


def find_next_time(line: str, time_zone: str, *, after: datetime) -> datetime:
    """Return the first time of a cron line after another, in UTC. Raises ValueError."""
    return list_cron_times(line, time_zone, after=after, count=1)[0]


def list_cron_times(line: str, time_zone: str, *, after: datetime, count: int) -> list[datetime]:
    """Return the next times of a cron line, in UTC. Raises ValueError for a line that is none or never comes."""
    text = " ".join(line.split())
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"It has more than {MAX_CHARACTERS} characters.")
    text = _WORDS.get(text.lower(), text)
    if len(text.split(" ")) != 5:
        raise ValueError(EXAMPLE)
    try:
        found = list(islice(CronSim(text, after.astimezone(find_zone(time_zone))), count))
    except CronSimError as error:
        raise ValueError(EXAMPLE) from error
    if len(found) < count:
        raise ValueError("No day of the calendar is like that.")
    return [moment.astimezone(UTC) for moment in found]
