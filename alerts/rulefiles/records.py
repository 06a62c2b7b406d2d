"""What a rule file holds, and what can be said about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from alerts.drafts import MAX_NAME

#: The group that rules are written in which no file named a group for.
GROUP = "postlaunch"
MAX_BYTES = 1024 * 1024
MAX_RULES = 2000
#: `group/alert`, in characters.
MAX_ORIGIN = 2 * MAX_NAME + 1


@dataclass(frozen=True, slots=True)
class FileError:
    """Why a file can't be used: the line (from 1), what stands there (“group node, alert Load, expr”), and the reason."""

    line: int
    where: str
    message: str

    def __str__(self) -> str:
        """All of it in one line."""
        place = f"{self.where}: " if self.where else ""
        return f"Line {self.line}: {place}{self.message}"


@dataclass(frozen=True, slots=True)
class FileWarning(FileError):
    """What is not taken over, or taken over as something else."""


class RuleFileInvalid(Exception):
    """A rule file that can't be used; `errors` says all that is wrong, by line."""

    def __init__(self, errors: Iterable[FileError]) -> None:
        self.errors = sorted(errors, key=lambda error: error.line)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True)
class FileRule:
    """An alerting rule as a file says it. Lengths of time are whole seconds; `severity` is one of the product's.

    The last fields have no place in Prometheus; None means that the file does not say. `channels` are names (empty: the
    default ones), `policy` is a name (empty: none), `application` a slug (empty: all applications), `owner` a user name
    (empty: nobody). `origin` is what the rule is known by from import to import, empty for `group/name`. `line` is where
    it begins, 0 outside a file.
    """

    group: str
    name: str
    condition: str
    severity: str = "warning"
    for_seconds: int = 0
    keep_firing_for_seconds: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    clear_condition: str | None = None
    no_data_after_seconds: int | None = None
    channels: tuple[str, ...] | None = None
    policy: str | None = None
    application: str | None = None
    enabled: bool | None = None
    owner: str | None = None
    origin: str = ""
    line: int = field(default=0, compare=False)

    @property
    def identity(self) -> str:
        """What it is known by, together with its severity and application."""
        return self.origin or f"{self.group}/{self.name}"

    @property
    def where(self) -> str:
        """Which rule it is, for errors and warnings."""
        return f"group {self.group}, alert {self.name}"


@dataclass(frozen=True, slots=True)
class FileGroup:
    """A group of a file. `interval_seconds` None: the file names none. `line` is where it begins."""

    name: str
    interval_seconds: int | None
    rules: tuple[FileRule, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file that can be used, in its order, and what is lost of it."""

    groups: tuple[FileGroup, ...]
    warnings: tuple[FileWarning, ...] = ()

    @property
    def rules(self) -> list[FileRule]:
        """The rules of all groups."""
        return [rule for group in self.groups for rule in group.rules]
