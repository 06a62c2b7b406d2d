"""Random queries out of everything that is supported; mostly sensible, sometimes refused by either side."""

from __future__ import annotations

import random

SIMPLE_RANGE = [
    *("rate", "increase", "irate", "delta", "idelta", "changes", "resets", "deriv"),
    *("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time"),
    *("stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time", "absent_over_time"),
]
SELECTORS = [
    *("requests_total", 'requests_total{job="api"}', 'requests_total{code!="200"}', 'requests_total{code=~"5.."}'),
    *("load", "load", 'load{instance!~"a|b"}', 'load{zone=""}', 'load{zone="north"}', "limit", "lonely", "odd"),
    *('{__name__=~"load|limit"}', '{__name__=~"li.*", job="api"}', 'load{job=~".+", instance=~"[ab]"}', "nothing"),
    *('odd{kind="mixed"}', 'nothing{job="x", zone=~"a"}', 'load{job=~"api|"}', 'odd{kind!="mixed"}'),
]
WINDOWS = ["15s", "1m", "2m30s", "5m", "17m", "1h"]
OFFSETS = ["", "", "", " offset 3m", " offset -2m", " offset 1h"]
GROUPINGS = [
    "",
    " by (job)",
    " by (job, instance)",
    " without (instance)",
    " without (job, code)",
    " by (missing)",
    " by ()",
]
ARITHMETIC = ["+", "-", "*", "/", "%", "^", "atan2"]
COMPARISONS = ["==", "!=", ">", "<", ">=", "<="]
MATCHINGS = ["", "", " on(job)", " on(job, instance)", " ignoring(code)", " ignoring(instance, zone)", " on()"]
GROUPED = [
    " on(job) group_left",
    " on(job) group_left()",
    " ignoring(code) group_right",
    " on(job, instance) group_left(zone)",
]


class Expressions:
    """A seeded source of queries."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def pick(self, choices: list[str]) -> str:
        """One of them."""
        return self.random.choice(choices)

    def selector(self) -> str:
        """An instant selector."""
        return self.pick(SELECTORS) + self.pick(OFFSETS)

    def range_call(self) -> str:
        """A function of a range vector."""
        window = f"{self.pick(SELECTORS)}[{self.pick(WINDOWS)}]{self.pick(OFFSETS)}"
        match self.random.randrange(8):
            case 0:
                return f"quantile_over_time({self.number()}, {window})"
            case 1:
                return f"predict_linear({window}, {self.pick(['0', '600', '-3600'])})"
            case _:
                return f"{self.pick(SIMPLE_RANGE)}({window})"

    def number(self) -> str:
        """A scalar, also an odd one."""
        return self.pick(
            ["0.5", "0", "1", "0.99", "-1", "2", "NaN", "Inf", "-Inf", "1e3", "time() / 1e9", "scalar(lonely)"]
        )

    def vector(self, depth: int) -> str:
        """An instant vector."""
        if depth == 0:
            return self.selector() if self.random.random() < 0.5 else self.range_call()
        inner = self.vector(depth - 1)
        match self.random.randrange(9):
            case 0 | 1:
                return f"{self.pick(['sum', 'avg', 'min', 'max', 'count', 'group', 'stddev', 'stdvar'])}{self.pick(GROUPINGS)} ({inner})"
            case 2:
                return self.parametrised(inner)
            case 3:
                return self.instant_call(inner)
            case 4:
                return self.with_number(inner)
            case 5:
                return f"{self.number()} {self.pick(COMPARISONS)}{self.pick(['', ' bool'])} ({inner})"
            case 6:
                other = self.vector(depth - 1)
                return f"({inner}) {self.pick(['and', 'or', 'unless'])}{self.pick(MATCHINGS)} ({other})"
            case 7:
                return self.matched(inner, self.vector(depth - 1))
            case _:
                return f"-({inner})"

    def with_number(self, inner: str) -> str:
        """Arithmetic with a number; a remainder only of plain samples, as rounding errors decide that of others."""
        operator = self.pick(ARITHMETIC)
        return f"({self.selector() if operator == '%' else inner}) {operator} {self.number()}"

    def parametrised(self, inner: str) -> str:
        """An aggregation with a parameter."""
        match self.random.randrange(3):
            case 0:
                return f"{self.pick(['topk', 'bottomk'])}{self.pick(GROUPINGS)} ({self.pick(['1', '2', '100', '0', '-1', '1.9'])}, load)"
            case 1:
                return f"quantile{self.pick(GROUPINGS)} ({self.number()}, {inner})"
            case _:
                return f'count_values{self.pick(GROUPINGS)} ("value", round({self.selector()}, 10))'

    def instant_call(self, inner: str) -> str:
        """A function of an instant vector."""
        simple = ["abs", "sqrt", "exp", "ln", "log2", "log10", "sgn", "sort", "sort_desc", "absent"]
        match self.random.randrange(8):
            case 0:
                return f"clamp({inner}, {self.number()}, {self.number()})"
            case 1:
                return f"clamp_{self.pick(['min', 'max'])}({inner}, {self.pick(['0', '7.5', '-100'])})"
            case 2:
                return f'label_replace({inner}, "{self.pick(["job", "extra"])}", "{self.pick(["$1-x", "", "${1}y", "$$", "fixed"])}", "instance", "{self.pick(["(.*)", "(a|b)", ".+", ""])}")'
            case 3:
                return f"histogram_quantile({self.pick(['0.5', '0.9', '0', '1', '2', '-1', 'NaN'])}, {self.pick(['wait_bucket', 'rate(wait_bucket[5m])', inner])})"
            case 4:
                return f"vector(scalar({inner}))"
            case 5:
                # Near zero, as rounding errors of large times would decide what is computed from them.
                return f"timestamp({inner}) - 1.7e9"
            case _:
                return f"{self.pick(simple)}({inner})"

    def matched(self, left: str, right: str) -> str:
        """Arithmetic or comparison of two vectors."""
        if self.random.random() < 0.4:
            left, right = (
                self.pick(["load", "requests_total", "rate(requests_total[5m])"]),
                self.pick(["limit", "load", "load * 2"]),
            )
        operator = (
            self.pick(ARITHMETIC) if self.random.random() < 0.5 else self.pick(COMPARISONS) + self.pick(["", " bool"])
        )
        if operator == "%":
            left, right = self.selector(), self.selector()
        return f"({left}) {operator}{self.pick(MATCHINGS + GROUPED)} ({right})"

    def query(self) -> str:
        """A whole query."""
        kind = self.random.random()
        if kind < 0.05:
            return f"{self.number()} {self.pick(ARITHMETIC)} {self.number()}"
        return self.vector(self.random.choice([0, 0, 1, 1, 2, 3]))
