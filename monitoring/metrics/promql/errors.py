"""What can be wrong with a query: written wrongly, not supported, not computable, or too large."""

from __future__ import annotations


class PromQLError(Exception):
    """A query that has no answer; `message` is fit to be shown to whoever wrote it.

    `position` is the offset of the offending character in the query, or None where it is not known.
    """

    def __init__(self, message: str, position: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


class ParseError(PromQLError):
    """The query is not PromQL, or combines types that do not go together."""


class Unsupported(PromQLError):
    """The query is PromQL, but uses something that this engine does not have.

    `feature` says what kind of thing it is ("function", "aggregation", "modifier" ...), `name` which one.
    """

    def __init__(self, feature: str, name: str, position: int | None = None) -> None:
        super().__init__(f"{feature} {name} is not supported", position)
        self.feature = feature
        self.name = name


class EvaluationError(PromQLError):
    """The query is sound, but these data or these times leave it without an answer."""


class QueryTimeout(PromQLError):
    """The query takes longer than it may."""

    def __init__(self) -> None:
        super().__init__("query timed out in expression evaluation; ask for fewer series or a shorter time")


class LimitExceeded(PromQLError):
    """The query would read or make more than one query may."""
