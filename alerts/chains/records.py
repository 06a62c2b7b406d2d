"""What a document of escalation chains holds, and what can be said about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.escalation import StepKind

MAX_BYTES = 1024 * 1024
#: Each is checked and written by itself, about a hundred statements for one of twenty steps.
MAX_CHAINS = 200


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one place of the document, like `escalation_policies[3].type`; empty: about all of it."""

    path: str
    message: str

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.path}: {self.message}" if self.path else self.message


class ChainFileInvalid(Exception):
    """A document that can't be used; `errors` says all that is wrong with it."""

    def __init__(self, errors: Iterable[Remark]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(map(str, self.errors)))


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody or something that a step reaches, by what it may be called here: the first name that is known counts.

    `email` is known of people only, and comes before their names.
    """

    names: tuple[str, ...]
    email: str = ""

    def __str__(self) -> str:
        """What it is called in the document."""
        return " · ".join(name for name in (*self.names[:1], self.email) if name) or "(without a name)"


@dataclass(frozen=True, slots=True)
class ChainStep:
    """A step with a counterpart here. The fields are those of escalation.Step; hours are in UTC."""

    path: str
    kind: StepKind
    targets: tuple[Target, ...] = ()
    seconds: int = 0
    count: int = 0
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain: its steps in order, and what of it is not taken over."""

    path: str
    name: str
    steps: tuple[ChainStep, ...]
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainFile:
    """A document that can be used, and what is said about it beside its chains."""

    chains: tuple[Chain, ...]
    remarks: tuple[Remark, ...] = ()
