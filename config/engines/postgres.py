"""The embedded PostgreSQL: made at first start, reached through a socket in a closed directory, repaired after a crash."""

from __future__ import annotations

import locale
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from config.engines.accounts import ServiceAccount, choose_service_account
from config.engines.binaries import find_postgres_programs
from config.engines.children import Output, list_pids, read_record, send_signal, spawn_child, wait_until
from config.engines.engine import Engine, make_private_dir, make_run_dirs, open_for
from config.engines.errors import EngineError
from config.engines.locations import (
    POSTGRES_DATABASE,
    POSTGRES_PORT,
    POSTGRES_ROLE,
    find_cluster,
    find_postgres_socket_dir,
)

SUPERUSER = "postgres"
_INITDB_TIMEOUT_SECONDS = 120
# How long a server that lost its supervisor may take for its own clean end before it is ended.
_ORPHAN_PATIENCE_SECONDS = 10.0

# For a machine that also carries the rest of Postlaunch: all of it together idles below 1 GiB.
_SETTINGS: tuple[tuple[str, str, str], ...] = (
    ("listen_addresses", "''", "clients come through the socket only"),
    ("max_connections", "100", "two web processes, three workers, beat, agent and the operator's psql"),
    ("shared_buffers", "96MB", "the rest of the cache is the operating system's"),
    ("work_mem", "8MB", "sorts of one admin page"),
    ("maintenance_work_mem", "64MB", "index builds"),
    ("effective_cache_size", "512MB", "what the planner may count on"),
    ("wal_compression", "on", "full-page images are most of what small commits write"),
    ("max_wal_size", "2GB", "ingestion writes in long even streams; fewer checkpoints, fewer full-page images"),
    ("checkpoint_timeout", "15min", "the same; recovery after a crash reads at most this much"),
    ("random_page_cost", "1.1", "solid-state disks"),
    ("shared_preload_libraries", "'pg_stat_statements'", "the slow queries that the host agent reports"),
    ("track_io_timing", "on", "where a slow query spends its time"),
    ("io_workers", "2", "as many as a small machine has cores"),
    ("autovacuum_naptime", "30s", "small hot tables (outbox, deliveries) bloat fast"),
    ("log_destination", "stderr", "read by the supervisor"),
    ("logging_collector", "off", "the same"),
    ("log_line_prefix", "'[%p] '", "the supervisor adds the time"),
    ("log_checkpoints", "off", "routine"),
    ("log_lock_waits", "on", "a waiting statement names who holds it up"),
    ("log_timezone", "'UTC'", ""),
    ("timezone", "'UTC'", "stored instants are UTC"),
    ("datestyle", "'iso, ymd'", ""),
    ("lc_messages", "'C'", "messages that can be searched for"),
    ("default_text_search_config", "'pg_catalog.english'", ""),
)

_ACCESS_RULES = """\
# The socket lies in a directory that only this server's user (and root) can enter; nobody else gets this far.
local all all trust
"""

_MAIN_CONFIGURATION = """\
# Your own settings go below the first line; they win over those of postlaunch.conf, which each start writes anew.
include 'postlaunch.conf'
"""

_EXTENSIONS = ("pg_trgm", "unaccent", "pg_stat_statements")


class EmbeddedPostgres(Engine):
    """PostgreSQL 18 from its wheel on one DATA_DIR.

    `overrides` are settings of this run only, such as `{"fsync": "off"}` for tests.
    """

    name = "postgres"
    # Fast shutdown (ends sessions, writes a checkpoint), then immediate (recovery at the next start).
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]] = ((signal.SIGINT, 20), (signal.SIGQUIT, 5))

    def __init__(self, data_dir: Path, *, overrides: Mapping[str, str] | None = None) -> None:
        super().__init__(data_dir)
        self.overrides = dict(overrides or {})
        self.cluster = find_cluster(self.data_dir)

    @property
    def socket_dir(self) -> Path:
        """See `Engine.socket_dir`."""
        return find_postgres_socket_dir(self.data_dir)

    @property
    def pid_file(self) -> Path:
        """PostgreSQL's own record of its run."""
        return self.cluster / "postmaster.pid"

    def choose_account(self) -> ServiceAccount | None:
        """See `Engine.choose_account`."""
        return choose_service_account(cluster=self.cluster)

    def prepare(self) -> None:
        """Make the cluster at the first start; at later ones end leftovers and forget stale files."""
        make_run_dirs(self.data_dir)
        account = self.choose_account()
        self.sweep()
        make_private_dir(self.socket_dir, account)
        for stale in self.socket_dir.glob(".s.PGSQL.*"):
            stale.unlink()
        programs = find_postgres_programs(account)
        if not self.cluster.exists():
            self._create_cluster(account, programs)
        self._check_version(programs)
        # Nothing runs on this cluster any more, so the pid in there is of a process that is gone, even
        # where its number has been given to another one meanwhile, which PostgreSQL would take for itself.
        self.pid_file.unlink(missing_ok=True)
        self._write_as_cluster_owner("postlaunch.conf", _render_settings())

    def spawn(self, *, output: Output = None) -> subprocess.Popen[bytes]:
        """See `Engine.spawn`."""
        account = self.choose_account()
        server = find_postgres_programs(account) / "postgres"
        with open_for(account, self.cluster, self.socket_dir) as ((cluster, sockets), inherited):
            argv = [str(server), "-D", cluster, "-p", str(POSTGRES_PORT)]
            argv += ["-c", f"unix_socket_directories={sockets}", "-c", "unix_socket_permissions=0700"]
            for setting, value in self.overrides.items():
                argv += ["-c", f"{setting}={value}"]
            return self._spawn(argv, account=account, inherited=inherited, output=output, death_signal=signal.SIGINT)

    def is_ready(self) -> bool:
        """Whether the spawned server says that it takes connections: the same line that pg_ctl waits for."""
        try:
            lines = self.pid_file.read_text().splitlines()
        except OSError:
            return False
        return (
            len(lines) >= 8
            and self.process is not None
            and lines[0] == str(self.process.pid)
            and lines[7].strip() == "ready"
        )

    def complete_start(self) -> None:
        """Make the role, the database and the extensions, as far as they are missing."""
        self.run_sql("template1", _render_role() + _render_extensions())
        if not self._has_database():
            self.run_sql("template1", f"CREATE DATABASE {POSTGRES_DATABASE} OWNER {POSTGRES_ROLE};")
        self.run_sql(POSTGRES_DATABASE, _render_extensions())

    def run_sql(self, database: str, sql: str) -> str:
        """Run SQL as the superuser; returns what psql prints, one row a line. Raises EngineError."""
        argv = [str(find_postgres_programs(None) / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        argv += ["-h", str(self.socket_dir), "-p", str(POSTGRES_PORT), "-U", SUPERUSER, "-d", database, "-f", "-"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(
            argv,
            input=sql.encode(),
            capture_output=True,
            env={**environment, "PGOPTIONS": "-c client_min_messages=warning"},
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise EngineError(f"PostgreSQL refused to be set up: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode()

    def sweep(self) -> None:
        """Wait for, and then end, every process that an earlier run left working on this cluster."""
        # A server whose supervisor was killed is already shutting down by its parent-death signal, and is given
        # time for its checkpoint. Backends whose server was killed leave at their next wait, which a busy or
        # stopped one does not reach.
        is_server_left = self._find_server() is not None
        for number, patience_seconds in (
            (signal.SIGINT, _ORPHAN_PATIENCE_SECONDS if is_server_left else 1.0),
            (signal.SIGQUIT, 3.0),
            (signal.SIGKILL, 5.0),
        ):
            for pid in self._select_targets(number):
                send_signal(pid, number)
            if wait_until(lambda: not list_cluster_processes(self.cluster), timeout_seconds=patience_seconds):
                super().sweep()
                return
        left = list_cluster_processes(self.cluster)
        raise EngineError(f"Processes {left} work on {self.cluster} and cannot be ended.")

    def _select_targets(self, number: signal.Signals) -> list[int]:
        """SIGINT is for a server alone: to a backend it means no more than to cancel its statement."""
        if number is not signal.SIGINT:
            return list_cluster_processes(self.cluster)
        server = self._find_server()
        return [] if server is None else [server]

    def _find_server(self) -> int | None:
        record = read_record(self.record_file)
        return record.pid if record is not None and record.is_running() else None

    def _create_cluster(self, account: ServiceAccount | None, programs: Path) -> None:
        """Run initdb beside the final place and move it there when it is complete."""
        staging = self.cluster.with_name("postgres.new")
        if staging.exists():
            shutil.rmtree(staging)
        make_private_dir(staging, account)
        with (
            open_for(account, staging) as ((directory,), inherited),
            tempfile.TemporaryFile() as log,
        ):
            process = spawn_child(
                _build_initdb_command(programs, directory),
                account=account,
                inherited=inherited,
                output=log,
                cwd="/",
                death_signal=signal.SIGKILL,
            )
            try:
                code = process.wait(timeout=_INITDB_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
            if code != 0:
                log.seek(0)
                raise EngineError(
                    f"PostgreSQL could not make its data directory: {log.read().decode(errors='replace')}"
                )
        for name, text in (("pg_hba.conf", _ACCESS_RULES), ("postgresql.conf", _MAIN_CONFIGURATION)):
            (staging / name).write_text(text)
        staging.rename(self.cluster)

    def _check_version(self, programs: Path) -> None:
        made_with = (self.cluster / "PG_VERSION").read_text().strip()
        program = subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, text=True, check=True)
        installed = program.stdout.split()[-1].partition(".")[0]
        if made_with != installed:
            raise EngineError(
                f"{self.cluster} was made by PostgreSQL {made_with}, and PostgreSQL {installed} is installed. "
                "Dump it with the version that made it and load it into a new DATA_DIR: see docs/operations.md."
            )

    def _write_as_cluster_owner(self, name: str, text: str) -> None:
        path = self.cluster / name
        path.write_text(text)
        owner = self.cluster.stat()
        if path.stat().st_uid != owner.st_uid:
            os.chown(path, owner.st_uid, owner.st_gid)
        path.chmod(0o600)

    def _has_database(self) -> bool:
        query = f"SELECT 1 FROM pg_database WHERE datname = '{POSTGRES_DATABASE}';"  # noqa: S608  (a constant)
        return bool(self.run_sql("template1", query).strip())


def list_cluster_processes(cluster: Path) -> list[int]:
    """The pids of all processes at work in a cluster: a server and all its backends have it as working directory."""
    try:
        home = cluster.stat()
    except FileNotFoundError:
        return []
    found = []
    for pid in list_pids():
        try:
            place = Path(f"/proc/{pid}/cwd").stat()
            program = Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            # Gone meanwhile, or another user's, who cannot work in our closed directory.
            continue
        if (place.st_dev, place.st_ino) == (home.st_dev, home.st_ino) and program == "postgres":
            found.append(pid)
    return found


def _build_initdb_command(programs: Path, directory: str) -> list[str]:
    # The built-in provider knows Unicode's letters, sorts by code point at full speed, and does not change under
    # the data when the operating system is upgraded, as the C library's collations do. Full-text parsing and
    # pg_trgm still ask the C library what a letter is, hence its C.UTF-8 where there is one.
    return [
        str(programs / "initdb"),
        f"--pgdata={directory}",
        f"--username={SUPERUSER}",
        "--auth=trust",
        "--encoding=UTF8",
        "--data-checksums",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--locale=C",
        f"--lc-ctype={'C.UTF-8' if _has_utf8_locale() else 'C'}",
    ]


def _has_utf8_locale() -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return False
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return True


def _render_settings() -> str:
    lines = ["# Written at each start. Put your own settings into postgresql.conf."]
    for name, value, reason in _SETTINGS:
        lines.append(f"{name} = {value}" + (f"  # {reason}" if reason else ""))
    return "\n".join(lines) + "\n"


def _render_role() -> str:
    """Not a superuser: SQL that slips through the application cannot read files of the server or run programs."""
    return f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{POSTGRES_ROLE}') THEN
        CREATE ROLE {POSTGRES_ROLE} LOGIN CREATEDB;
    END IF;
END $$;
GRANT pg_monitor TO {POSTGRES_ROLE};
"""


def _render_extensions() -> str:
    """In template1 too, so that databases made from it (the tests') have those that only a superuser can add."""
    return "".join(f"CREATE EXTENSION IF NOT EXISTS {extension};\n" for extension in _EXTENSIONS)
