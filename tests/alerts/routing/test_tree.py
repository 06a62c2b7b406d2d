from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from alerts.routing.matchers import Matcher, matches, parse_matchers
from alerts.routing.tree import ResolvedRoute, Route, resolve

LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]), max_size=3)
MATCHERS = st.lists(
    st.builds(Matcher, st.sampled_from("abc"), st.sampled_from(["=", "!=", "=~"]), st.sampled_from(["", "1", "2"])),
    max_size=2,
).map(tuple)


def route(route_id: int, text: str = "", *children: Route, continues: bool = False) -> Route:
    return Route(
        route_id=route_id,
        matchers=parse_matchers(text),
        receiver=f"r{route_id}",
        continues=continues,
        children=children,
    )


def resolve_ids(root: Route, **labels: str) -> list[int]:
    return [resolved.route_id for resolved in resolve(root, labels)]


def make_routes(children: st.SearchStrategy[list[Route]]) -> st.SearchStrategy[Route]:
    return st.builds(
        Route, route_id=st.just(0), matchers=MATCHERS, continues=st.booleans(), children=children.map(tuple)
    )


def give_ids(root: Route, ids: Iterator[int]) -> Route:
    return replace(root, route_id=next(ids), children=tuple(give_ids(child, ids) for child in root.children))


TREES = st.recursive(
    make_routes(st.just([])), lambda children: make_routes(st.lists(children, max_size=3)), max_leaves=12
).map(lambda root: give_ids(root, count(1)))


def test_resolve__no_child_matches__is_the_route_itself() -> None:
    assert resolve_ids(route(1, "", route(2, "a=1")), a="2") == [1]


def test_resolve__two_children_match__is_the_first() -> None:
    assert resolve_ids(route(1, "", route(2, "a=1"), route(3, "a=1")), a="1") == [2]


def test_resolve__first_continues__is_both() -> None:
    root = route(1, "", route(2, "a=1", continues=True), route(3, "b=1"), route(4, "a=1"), route(5))

    assert resolve_ids(root, a="1") == [2, 4]


def test_resolve__child_has_children__is_the_deepest_and_never_its_parent_too() -> None:
    root = route(1, "", route(2, "a=1", route(3, "b=1"), continues=True), route(4, "a=1"))

    assert resolve_ids(root, a="1", b="1") == [3, 4]
    assert resolve_ids(root, a="1") == [2, 4]


def test_resolve__grandchild_continues__its_parent_still_stops() -> None:
    root = route(1, "", route(2, "a=1", route(3, "", continues=True)), route(4, "a=1"))

    assert resolve_ids(root, a="1") == [3]


def test_resolve__root_with_matchers__matches_all_the_same() -> None:
    assert resolve_ids(route(1, "a=1"), a="2") == [1]


def test_resolve__route_without_a_receiver__has_its_parents() -> None:
    middle = Route(route_id=2, receiver="b", children=(Route(route_id=3),))

    assert resolve(Route(route_id=1, receiver="a", children=(middle,)), {}) == [
        ResolvedRoute(route_id=3, receiver="b", path=(1, 2, 3))
    ]


@given(TREES, LABELS)
def test_resolve__any_tree__every_end_is_reached_through_matches_and_has_no_matching_child(
    root: Route, labels: dict[str, str]
) -> None:
    ends = resolve(root, labels)

    assert ends
    for end in ends:
        node = root
        assert end.path[0] == root.route_id
        for route_id in end.path[1:]:
            node = next(child for child in node.children if child.route_id == route_id)
            assert matches(node.matchers, labels)
        assert not any(matches(child.matchers, labels) for child in node.children)


@given(TREES, LABELS)
def test_resolve__everything_continues__ends_are_kept_in_order_and_only_added_to(
    root: Route, labels: dict[str, str]
) -> None:
    ends = [end.path for end in resolve(root, labels)]

    more = [end.path for end in resolve(let_continue(root), labels)]

    assert [path for path in more if path in ends] == ends


def let_continue(root: Route) -> Route:
    return replace(root, continues=True, children=tuple(map(let_continue, root.children)))
