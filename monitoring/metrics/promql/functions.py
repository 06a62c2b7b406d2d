"""Functions of instant vectors.

Source: Prometheus 2.42, "Functions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from monitoring.metrics.promql.data import METRIC_NAME, BoolArray, FloatArray, Labels, Matcher, compile_anchored
from monitoring.metrics.promql.vectors import (
    StepVector,
    drop_absent,
    drop_name,
    merge_same_labels,
    single_element,
    take_rows,
)

ValueFunction = Callable[..., FloatArray]
"""Takes the values, shape (elements, steps), and the scalar arguments, each of shape (steps,)."""


def round_to(values: FloatArray, nearest: FloatArray | float = 1.0) -> FloatArray:
    """The nearest multiple, halves upwards."""
    inverse = 1.0 / nearest
    return np.floor(values * inverse + 0.5) / inverse


def clamp_min(values: FloatArray, lowest: FloatArray) -> FloatArray:
    """Values held above a bound; +Inf on either side wins even over NaN."""
    return np.where(np.isposinf(lowest) | np.isposinf(values), np.inf, np.maximum(lowest, values))


def clamp_max(values: FloatArray, highest: FloatArray) -> FloatArray:
    """Values held below a bound; -Inf on either side wins even over NaN."""
    return np.where(np.isneginf(highest) | np.isneginf(values), -np.inf, np.minimum(highest, values))


def clamp(values: FloatArray, lowest: FloatArray, highest: FloatArray) -> FloatArray:
    """Values held between two bounds."""
    return clamp_min(clamp_max(values, highest), lowest)


VALUE_FUNCTIONS: dict[str, ValueFunction] = {
    "abs": np.abs,
    "ceil": np.ceil,
    "clamp": clamp,
    "clamp_max": clamp_max,
    "clamp_min": clamp_min,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "round": round_to,
    "sgn": np.sign,
    "sqrt": np.sqrt,
}


def apply_to_values(name: str, vector: StepVector, arguments: Sequence[FloatArray]) -> StepVector:
    """A function of each element's value; the answer is no longer the metric, so its name goes."""
    values = VALUE_FUNCTIONS[name](vector.values, *arguments)
    present = vector.present
    if name == "clamp":
        present = present & ~(arguments[1] < arguments[0])
    labels = [drop_name(each) for each in vector.labels]
    return merge_same_labels(drop_absent(StepVector(labels, values, present)))


def absence(matchers: Sequence[Matcher], present: BoolArray) -> StepVector:
    """1 at the steps without any element, labelled with what the matchers ask for by equality."""
    missing: BoolArray = np.asarray(~present.any(axis=0))
    return drop_absent(single_element(labels_of_absence(matchers), np.ones(len(missing)), missing))


def labels_of_absence(matchers: Sequence[Matcher]) -> Labels:
    """The labels that the missing series would surely have: those asked for once, by equality."""
    labels: Labels = {}
    seen: set[str] = set()
    for matcher in matchers:
        if matcher.name == METRIC_NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            seen.add(matcher.name)
            labels[matcher.name] = matcher.value
        else:
            labels.pop(matcher.name, None)
    return {name: value for name, value in labels.items() if value}


def to_scalar(vector: StepVector) -> FloatArray:
    """The value of a vector's only element, NaN where there is none or more than one."""
    alone = vector.present.sum(axis=0) == 1
    return np.where(alone, np.where(vector.present, vector.values, 0.0).sum(axis=0), np.nan)


def sort_elements(vector: StepVector, *, descending: bool) -> StepVector:
    """Elements by value, NaN last; over several steps there is no one order and nothing is done."""
    if vector.steps != 1:
        return vector
    values = vector.values[:, 0]
    return take_rows(vector, np.argsort(-values if descending else values, kind="stable"))


def replace_label(vector: StepVector, destination: str, template: str, source: str, pattern: str) -> StepVector:
    """`destination` set from what the expression finds in `source`, where it matches the whole value.

    An empty result removes the label. Raises EvaluationError if elements end up with the same labels.
    """
    expression = compile_anchored(pattern)
    labels = []
    for element in vector.labels:
        found = expression.fullmatch(element.get(source, ""))
        if found is None:
            labels.append(element)
            continue
        text = expand_template(template, found)
        replaced = {name: value for name, value in element.items() if name != destination}
        labels.append({**replaced, destination: text} if text else replaced)
    return merge_same_labels(StepVector(labels, vector.values, vector.present))


TEMPLATE = re.compile(r"\$(?:\$|(?P<word>\w+)|\{(?P<braced>\w+)\})", re.ASCII)


def expand_template(template: str, found: Any) -> str:
    """The template with $1, ${1}, $name, ${name} replaced by what the groups matched and $$ by a dollar sign.

    A group that does not exist or took no part is empty.
    """

    def replace(reference: re.Match[str]) -> str:
        name = reference["word"] or reference["braced"]
        return "$" if name is None else group_text(found, name)

    return TEMPLATE.sub(replace, template)


def group_text(found: Any, name: str) -> str:
    """What a numbered or named group of a match found."""
    try:
        return str(found.group(int(name) if name.isdecimal() else name) or "")
    except (IndexError, KeyError):
        return ""
