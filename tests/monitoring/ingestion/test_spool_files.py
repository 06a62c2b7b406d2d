"""Files of the spool: durable, bounded, read back as written, whatever happened to them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.ingestion.spool_files import SegmentBroken, Spool, SpoolFull, read_entries, taken


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """A spool with room for 1,000 bytes."""
    return Spool(tmp_path / "spool", max_bytes=1_000)


def read_all(spool: Spool) -> list[bytes]:
    """Return all entries in order."""
    return [entry for path in spool.list_segments() for entry in read_entries(path)]


def test_spool__entries_of_several_segments__come_back_in_order(spool: Spool) -> None:
    for number in range(12):
        spool.append([b"%d" % number, b"x"])
        spool.finish()
    assert read_all(spool) == [each for number in range(12) for each in (b"%d" % number, b"x")]


def test_spool__nobody_else_reads_what_it_keeps(spool: Spool) -> None:
    spool.append([b"one"])
    (path,) = spool.list_segments()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_spool__full__keeps_nothing_of_what_has_no_room(spool: Spool) -> None:
    spool.append([b"a" * 600])
    with pytest.raises(SpoolFull):
        spool.append([b"b" * 100, b"c" * 400])
    spool.append([b"d" * 100])
    assert [entry[:1] for entry in read_all(spool)] == [b"a", b"d"]


def test_spool__disk_takes_no_more__says_so_and_goes_on_with_what_follows(spool: Spool) -> None:
    spool.append([b"before"])
    # A limit on the size of this process's files is a full disk to it; the signal that comes with it is not heard.
    program = f"""
import resource, signal
from pathlib import Path
from monitoring.ingestion.spool_files import Spool, SpoolFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(spool.directory)!r}), max_bytes=1_000)
resource.setrlimit(resource.RLIMIT_FSIZE, (60, -1))
spool.append([b"first"])
try:
    spool.append([b"x" * 100])
except SpoolFull as error:
    print(error)
spool.append([b"last"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "too large" in done.stdout
    assert read_all(spool) == [b"before", b"first", b"last"]


@pytest.mark.parametrize("missing", range(1, 13))
def test_read__end_torn_off__gives_what_is_whole(spool: Spool, missing: int) -> None:
    spool.append([b"whole", b"torn"])
    (path,) = spool.list_segments()
    os.truncate(path, path.stat().st_size - missing)
    assert list(read_entries(path)) == [b"whole"]


def test_read__entry_changed_on_disk__gives_those_before_it(spool: Spool) -> None:
    spool.append([b"good", b"spoilt", b"after"])
    (path,) = spool.list_segments()
    path.write_bytes(path.read_bytes().replace(b"spoilt", b"spoilT"))
    entries = read_entries(path)
    assert next(entries) == b"good"
    with pytest.raises(SegmentBroken):
        next(entries)


def test_taken__segment_being_written__is_left_to_its_writer(spool: Spool) -> None:
    spool.append([b"one"])
    (path,) = spool.list_segments()
    with taken(path) as is_mine:
        assert not is_mine
    spool.finish()
    with taken(path) as is_mine, taken(path) as is_anothers:
        assert is_mine
        assert not is_anothers


def test_taken__writer_was_killed__is_anybodys(spool: Spool) -> None:
    program = (
        "import os, signal; from pathlib import Path; from monitoring.ingestion.spool_files import Spool\n"
        f"Spool(Path({str(spool.directory)!r}), max_bytes=1000).append([b'kept'])\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -9
    (path,) = spool.list_segments()
    with taken(path) as is_mine:
        assert is_mine
        assert list(read_entries(path)) == [b"kept"]


def test_taken__segment_that_is_gone__is_nobodys(spool: Spool, tmp_path: Path) -> None:
    with taken(tmp_path / "none.spool") as is_mine:
        assert not is_mine


def test_set_aside__entry__is_a_segment_that_can_be_moved_back(spool: Spool) -> None:
    path = spool.set_aside([b"poison"])
    assert (read_all(spool), spool.count_aside()) == ([], 1)
    path.rename(spool.directory / path.name)
    assert (read_all(spool), spool.count_aside()) == ([b"poison"], 0)
