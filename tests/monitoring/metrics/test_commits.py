"""Group commit: everyone is answered for their own work."""

from __future__ import annotations

import threading

import pytest

from monitoring.metrics.commits import GroupCommit


class Recorder:
    """Keeps what was committed together; holds the first commit until it is told to go on."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.started, self.go_on = threading.Event(), threading.Event()

    def commit(self, works: list[int]) -> None:
        first = not self.started.is_set()
        self.started.set()
        if first:
            self.go_on.wait(10)
        self.groups.append(works)
        if 13 in works:
            raise ValueError("13")
        if 99 in works:
            raise OSError("99")


def run_together(group: GroupCommit[int], recorder: Recorder, works: list[int]) -> dict[int, str]:
    """Run the first work, then the others while it commits; return what each met."""
    met: dict[int, str] = {}

    def run(work: int) -> None:
        try:
            group.run(work)
            met[work] = "done"
        except Exception as error:
            met[work] = type(error).__name__

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    threads[0].start()
    recorder.started.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(group._queue) < len(works) - 1:
        threading.Event().wait(0.001)
    recorder.go_on.set()
    for thread in threads:
        thread.join(10)
    return met


def test_group_commit__works_arriving_meanwhile__go_together() -> None:
    recorder = Recorder()
    group = GroupCommit(recorder.commit, size=lambda work: 1)
    assert run_together(group, recorder, [1, 2, 3, 4]) == {1: "done", 2: "done", 3: "done", 4: "done"}
    assert [sorted(works) for works in recorder.groups] == [[1], [2, 3, 4]]


def test_group_commit__more_than_fits__goes_in_several() -> None:
    recorder = Recorder()
    group = GroupCommit(recorder.commit, size=lambda work: 1, max_size=2)
    assert set(run_together(group, recorder, [1, 2, 3, 4, 5]).values()) == {"done"}
    assert [len(works) for works in recorder.groups] == [1, 2, 2]


def test_group_commit__one_spoils_the_group__others_are_tried_alone() -> None:
    recorder = Recorder()
    group = GroupCommit(recorder.commit, size=lambda work: 1, alone_after=(ValueError,))
    assert run_together(group, recorder, [1, 2, 13, 4]) == {1: "done", 2: "done", 13: "ValueError", 4: "done"}


def test_group_commit__database_away__everyone_hears_of_it_once() -> None:
    recorder = Recorder()
    group = GroupCommit(recorder.commit, size=lambda work: 1, alone_after=(ValueError,))
    assert run_together(group, recorder, [1, 99, 3]) == {1: "done", 99: "OSError", 3: "OSError"}
    assert len(recorder.groups) == 2


def test_group_commit__after_a_failure__goes_on() -> None:
    recorder = Recorder()
    recorder.started.set()
    group = GroupCommit(recorder.commit, size=lambda work: 1)
    with pytest.raises(ValueError):
        group.run(13)
    group.run(1)
    assert recorder.groups == [[13], [1]]


def test_group_commit__busy__waits_a_moment_for_more_but_never_after_a_single_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("monitoring.metrics.commits.time.sleep", waited.append)
    recorder = Recorder()
    group = GroupCommit(recorder.commit, size=lambda work: 1, max_size=2, gather_seconds=0.5)
    run_together(group, recorder, [1, 2, 3, 4, 5])
    assert [len(works) for works in recorder.groups] == [1, 2, 2]
    assert waited == [0.5]
    group.run(6)
    group.run(7)
    assert waited == [0.5, 0.5]
