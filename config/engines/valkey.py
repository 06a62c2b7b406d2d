"""The embedded Valkey: broker, cache and rate limits; it keeps nothing on disk."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path
from typing import ClassVar

from config.engines.accounts import ServiceAccount, choose_service_account
from config.engines.binaries import find_valkey_server
from config.engines.children import Output
from config.engines.engine import Engine, make_private_dir, make_run_dirs, open_for
from config.engines.locations import find_cluster, find_valkey_socket

_ARGUMENTS = (
    # Reached through the socket only.
    ("port", "0"),
    ("unixsocketperm", "700"),
    # Nothing in here must last: work that must not be lost waits in PostgreSQL.
    ("save", ""),
    ("appendonly", "no"),
    # Full memory evicts cache entries and counters, which all have an expiry, and never a queue, which has none:
    # `noeviction` would refuse new tasks because of a full cache, `allkeys-*` would throw tasks away.
    ("maxmemory", "128mb"),
    ("maxmemory-policy", "volatile-lru"),
    ("databases", "16"),
    ("daemonize", "no"),
    ("loglevel", "warning"),
    # The logo is for terminals.
    ("always-show-logo", "no"),
)


class EmbeddedValkey(Engine):
    """Valkey 9 from its wheel on one DATA_DIR."""

    name = "valkey"
    stop_signals: ClassVar[tuple[tuple[signal.Signals, float], ...]] = ((signal.SIGTERM, 5),)
    # It warns of failing background saves; nothing is saved.
    noise: ClassVar[tuple[str, ...]] = ("WARNING Memory overcommit must be enabled!",)

    @property
    def socket_dir(self) -> Path:
        """See `Engine.socket_dir`."""
        return find_valkey_socket(self.data_dir).parent

    def choose_account(self) -> ServiceAccount | None:
        """The same user as PostgreSQL's."""
        return choose_service_account(cluster=find_cluster(self.data_dir))

    def prepare(self) -> None:
        """End leftovers and make the socket's directory; the server itself replaces a stale socket."""
        make_run_dirs(self.data_dir)
        self.sweep()
        make_private_dir(self.socket_dir, self.choose_account())

    def spawn(self, *, output: Output = None) -> subprocess.Popen[bytes]:
        """See `Engine.spawn`."""
        account = self.choose_account()
        server = find_valkey_server(account)
        with open_for(account, self.socket_dir) as ((directory,), inherited):
            argv = [str(server), "--unixsocket", f"{directory}/{find_valkey_socket(self.data_dir).name}"]
            argv += ["--dir", directory]
            for option, value in _ARGUMENTS:
                argv += [f"--{option}", value]
            return self._spawn(argv, account=account, inherited=inherited, output=output, death_signal=signal.SIGTERM)

    def is_ready(self) -> bool:
        """Whether the server answers PING."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(1)
                connection.connect(str(find_valkey_socket(self.data_dir)))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
