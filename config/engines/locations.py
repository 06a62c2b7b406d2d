"""Where the embedded engines keep their files and how clients reach them; a function of DATA_DIR alone.

Free of Django, because the settings are built from it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

POSTGRES_DATABASE = "postlaunch"
POSTGRES_ROLE = "postlaunch"
POSTGRES_PORT = 5432

# sockaddr_un holds 108 bytes with the closing zero; the rest is for the engines' own temporary names.
SOCKET_PATH_LIMIT_BYTES = 100
_LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432"


def find_run_dir(data_dir: Path) -> Path:
    """The directory of sockets, pid files and `bootstrap.json`."""
    return data_dir.absolute() / "run"


def find_log_dir(data_dir: Path) -> Path:
    """The directory of the merged log and its rotated predecessors."""
    return data_dir.absolute() / "log"


def find_secrets_dir(data_dir: Path) -> Path:
    """The directory of generated secrets (mode 0700)."""
    return data_dir.absolute() / "secrets"


def find_cluster(data_dir: Path) -> Path:
    """PostgreSQL's own data directory."""
    return data_dir.absolute() / "postgres"


def find_lock_file(data_dir: Path) -> Path:
    """The file that whoever runs on `data_dir` keeps locked."""
    return data_dir.absolute() / "lock"


def find_socket_root(data_dir: Path) -> Path:
    """The parent of both engines' socket directories.

    Inside DATA_DIR where a socket's path stays short enough for the kernel, otherwise a directory
    under the system's temporary one, named after a hash of DATA_DIR and the user.
    """
    run_dir = find_run_dir(data_dir)
    if len(os.fsencode(run_dir / _LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT_BYTES:
        return run_dir
    name = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:16]
    return Path("/tmp") / f"postlaunch-{name}"  # noqa: S108  (owner and mode are checked before use)


def find_postgres_socket_dir(data_dir: Path) -> Path:
    """The directory of PostgreSQL's socket: what libpq calls the host."""
    return find_socket_root(data_dir) / "postgres"


def find_valkey_socket(data_dir: Path) -> Path:
    """The path of Valkey's socket."""
    return find_socket_root(data_dir) / "valkey" / "valkey.sock"


def postgres_settings(data_dir: Path) -> dict[str, str]:
    """The connection part of Django's `DATABASES["default"]` for the embedded PostgreSQL."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": POSTGRES_DATABASE,
        "USER": POSTGRES_ROLE,
        "PASSWORD": "",
        "HOST": str(find_postgres_socket_dir(data_dir)),
        "PORT": str(POSTGRES_PORT),
    }


def postgres_url(data_dir: Path) -> str:
    """The same address as a URL that libpq, psycopg and django-environ all read."""
    host = quote(str(find_postgres_socket_dir(data_dir)), safe="")
    return f"postgres://{POSTGRES_ROLE}@/{POSTGRES_DATABASE}?host={host}&port={POSTGRES_PORT}"


def valkey_url(data_dir: Path, db: int) -> str:
    """The address of database `db` of the embedded Valkey, for redis-py and Django's cache."""
    return f"unix://{quote(str(find_valkey_socket(data_dir)))}?db={db}"


def valkey_broker_url(data_dir: Path) -> str:
    """The address of database 0 of the embedded Valkey, in the form that Celery understands."""
    return f"redis+socket://{quote(str(find_valkey_socket(data_dir)))}?virtual_host=0"
