"""The routing tree and the matchers against Alertmanager's own tool, over generated trees, labels and spellings.

`amtool config routes test` says which receivers a label set ends at, in order; `amtool config routes show` how it reads
a matcher. It takes one label set per call, and starting it takes far longer than answering; so one call asks many trees:
they hang below one root that matches everything and goes on to the next, each with receivers of its own.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from alerts.routing.matchers import OPERATORS, Matcher, MatcherInvalid, parse_matchers, write_matchers
from alerts.routing.tree import Route, resolve

BUNDLES = 16
TREES_PER_BUNDLE = 20
LABEL_SETS_PER_BUNDLE = 20
SPELLINGS = 300
THREADS = 3
RECEIVERS = tuple(f"r{number}" for number in range(6))
NAMES = ("a", "b", "c", "severity")
VALUES = ("", "1", "2", "12", "critical", "Critical", "é", "a b", 'say "no"', "x,y", "{x}", "back\\slash", "two\nlines")
EXPRESSIONS = (
    "1|2",
    ".*",
    ".+",
    "",
    "1.*",
    "(?i)critical",
    "[^1]",
    r"\d+",
    "a b|x,y",
    r"two\nlines",
    "é?",
    '"',
    "[{]x}",
)

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Question:
    """Trees, the file that says the same to Alertmanager, and a label set."""

    roots: tuple[Route, ...]
    config: Path
    labels: dict[str, str]


def find_amtool() -> str:
    amtool = shutil.which("amtool")
    assert amtool, "amtool is missing: apt-get install prometheus-alertmanager"
    return amtool


def ask_all(ask: Callable[[Asked], Answer], questions: list[Asked]) -> list[Answer]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(ask, questions))


def generate_tree(chance: random.Random) -> Route:
    ids = iter(range(1, 10_000))
    return Route(
        route_id=next(ids), receiver=chance.choice(RECEIVERS), children=tuple(_generate_children(chance, ids, depth=1))
    )


def _generate_children(chance: random.Random, ids: Iterator[int], depth: int) -> Iterator[Route]:
    for _ in range(chance.choice([1, 2, 3, 5]) if depth == 1 else chance.choice([0, 0, 1, 2, 3]) if depth < 5 else 0):
        yield Route(
            route_id=next(ids),
            matchers=tuple(generate_matcher(chance) for _ in range(chance.choice([0, 1, 1, 1, 2]))),
            receiver=chance.choice([None, *RECEIVERS]),
            continues=chance.random() < 0.4,
            children=tuple(_generate_children(chance, ids, depth + 1)),
        )


def generate_matcher(chance: random.Random) -> Matcher:
    operator = chance.choice(OPERATORS)
    return Matcher(chance.choice(NAMES), operator, chance.choice(EXPRESSIONS if "~" in operator else VALUES))


def generate_labels(chance: random.Random) -> dict[str, str]:
    return {name: chance.choice(VALUES) for name in NAMES if chance.random() < 0.7}


def name_receivers(route: Route, tree: int) -> Route:
    """Return a tree whose receivers are its own."""
    return replace(
        route,
        receiver=route.receiver and f"{tree}.{route.receiver}",
        children=tuple(name_receivers(child, tree) for child in route.children),
    )


def write_config(roots: Sequence[Route]) -> dict[str, Any]:
    names = ["root", *(f"{tree}.{name}" for tree in range(len(roots)) for name in RECEIVERS)]
    trees = [{**write_route(root), "continue": True} for root in roots]
    return {"route": {"receiver": "root", "routes": trees}, "receivers": [{"name": name} for name in names]}


def write_route(route: Route) -> dict[str, Any]:
    """Matchers are written as one text or as a list of texts, which is the same."""
    texts = [write_matchers(route.matchers)] if route.route_id % 2 else [str(matcher) for matcher in route.matchers]
    written: dict[str, Any] = {
        "continue": route.continues,
        "routes": [write_route(child) for child in route.children],
    }
    if route.matchers:
        written["matchers"] = texts
    if route.receiver is not None:
        written["receiver"] = route.receiver
    return written


def ask_receivers(question: Question) -> list[str]:
    """Return what amtool says of a label set, which it reads as it reads matchers."""
    labels = [str(Matcher(name, "=", value)) for name, value in question.labels.items()]
    result = subprocess.run(
        [find_amtool(), "config", "routes", "test", f"--config.file={question.config}", *labels],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return result.stdout.strip().split(",")


def generate_bundle(chance: random.Random, config: Path) -> list[Question]:
    """Return some trees in one file, with some label sets."""
    trees = [generate_tree(chance) for _ in range(TREES_PER_BUNDLE)]
    roots = tuple(name_receivers(tree, number) for number, tree in enumerate(trees))
    config.write_text(json.dumps(write_config(roots), ensure_ascii=False))
    return [Question(roots, config, generate_labels(chance)) for _ in range(LABEL_SETS_PER_BUNDLE)]


def test_resolve__generated_trees__receivers_are_alertmanagers(tmp_path: Path) -> None:
    chance = random.Random(20260311)
    questions = [
        question for number in range(BUNDLES) for question in generate_bundle(chance, tmp_path / f"bundle_{number}.yml")
    ]

    answers = ask_all(ask_receivers, questions)

    found = [[resolve(root, question.labels) for root in question.roots] for question in questions]
    ours = [[str(route.receiver) for routes in each for route in routes] for each in found]
    different = [
        (question.labels, mine, theirs)
        for question, mine, theirs in zip(questions, ours, answers, strict=True)
        if mine != theirs
    ]
    assert different == []
    cases = [routes for each in found for routes in each]
    assert len(cases) >= 6_000
    assert sum(len(routes) > 1 for routes in cases) > 600
    assert sum(len(routes[0].path) > 2 for routes in cases) > 600


def ask_matchers(config: Path) -> tuple[Matcher, ...] | str:
    """Return the matchers that amtool reads in the one route below the root, or its words of refusal."""
    result = subprocess.run(
        [find_amtool(), "config", "routes", "show", f"--config.file={config}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if result.returncode:
        return result.stderr
    shown = result.stdout.partition("receiver: root\n")[2].partition("── ")[2].partition("  receiver: other")[0]
    return () if shown == "default-route" else parse_matchers(shown)


def generate_spelling(chance: random.Random) -> str:
    """Matchers as somebody may type them, mostly right."""
    parts = [
        _mostly(chance, ["a", "b_2", "c:d", " a "], ["1a", "é", "", "a-b", '"a"'])
        + _mostly(chance, ["=", "!=", "=~", "!~", " = ", " =~\t", "\n!= "], ["==", "!", "", "~"])
        + _generate_value(chance)
        for _ in range(chance.choice([0, 1, 1, 2, 3]))
    ]
    text = chance.choice([",", ", ", " ,", ",\n"]).join(parts) + _mostly(chance, ["", "", ",", ", "], [",,"])
    opening, closing = _mostly(chance, [("{", "}"), ("{ ", " }"), ("", "")], [("{", ""), ("", "}"), ("{{", "}}")])
    return opening + text + closing


def _generate_value(chance: random.Random) -> str:
    pieces = ["x", "y|z", ".*", " ", "\\\\", '\\"', "\\n", "\\d", "é", "[0-9]"]
    value = "".join(chance.choice(pieces) for _ in range(chance.randint(0, 3)))
    quoted = "".join(chance.choice([*pieces, ",", "{1}", "\n", "'", "="]) for _ in range(chance.randint(0, 4)))
    return _mostly(chance, [value, f'"{quoted}"', f'"{value}"'], [f'"{value}', f'{value}"', quoted, f"={value}", "x("])


def _mostly(chance: random.Random, right: list[Answer], wrong: list[Answer]) -> Answer:
    return chance.choice(wrong if chance.random() < 0.08 else right)


def read_ours(text: str) -> tuple[Matcher, ...] | str:
    try:
        return parse_matchers(text)
    except MatcherInvalid as refused:
        return refused.message


def sort_matchers(matchers: tuple[Matcher, ...]) -> list[tuple[str, str, str]]:
    return sorted((matcher.name, matcher.operator, matcher.value) for matcher in matchers)


@pytest.mark.timeout(200)
def test_parse_matchers__generated_spellings__are_read_and_refused_as_by_alertmanager(tmp_path: Path) -> None:
    """But for the three things of which `matchers` says that they are refused here."""
    chance = random.Random(20260312)
    texts = [generate_spelling(chance) for _ in range(SPELLINGS)]
    configs = []
    for number, text in enumerate(texts):
        route = {"receiver": "root", "routes": [{"receiver": "other", "matchers": [text]}]}
        configs.append(tmp_path / f"spelling_{number}.yml")
        configs[-1].write_text(json.dumps({"route": route, "receivers": [{"name": "root"}, {"name": "other"}]}))

    answers = ask_all(ask_matchers, configs)

    ours = [read_ours(text) for text in texts]
    stricter = 0
    for text, mine, theirs in zip(texts, ours, answers, strict=True):
        if isinstance(mine, str) and not isinstance(theirs, str):
            assert re.search("brace|^The value of .* begins with ", mine), (text, mine, theirs)
            stricter += 1
        elif isinstance(mine, str):
            assert isinstance(theirs, str), (text, mine, theirs)
        else:
            assert not isinstance(theirs, str), (text, mine, theirs)
            assert sort_matchers(mine) == sort_matchers(theirs), text
    assert sum(isinstance(mine, tuple) and len(mine) > 0 for mine in ours) > SPELLINGS / 3
    assert sum(isinstance(mine, str) for mine in ours) - stricter > SPELLINGS / 10
