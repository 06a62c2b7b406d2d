"""Where the engines live: short enough for the kernel, readable by every client library."""

from __future__ import annotations

from pathlib import Path

import environ
import psycopg
import redis
from hypothesis import given
from hypothesis import strategies as st

from config.engines import locations

_NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cc", "Cs", "Z"]), min_size=1
)
_DIRECTORIES = st.lists(_NAMES.filter(lambda name: name not in {".", ".."}), min_size=1, max_size=6).map(
    lambda parts: Path("/", *parts)
)


@given(_DIRECTORIES)
def test_sockets__any_directory__fit_into_the_kernels_limit(data_dir: Path) -> None:
    """The longest socket name that either engine makes stays below 108 bytes."""
    assert len(bytes(locations.find_valkey_socket(data_dir))) < 108
    assert len(bytes(locations.find_postgres_socket_dir(data_dir) / ".s.PGSQL.5432")) < 108


@given(_DIRECTORIES)
def test_urls__any_directory__are_read_back_by_the_clients(data_dir: Path) -> None:
    """libpq, django-environ and redis-py all find the sockets that the engines made."""
    url = locations.postgres_url(data_dir)
    host = str(locations.find_postgres_socket_dir(data_dir))
    assert psycopg.conninfo.conninfo_to_dict(url)["host"] == host
    assert environ.Env.db_url_config(url)["OPTIONS"]["host"] == host
    assert redis.connection.parse_url(locations.valkey_url(data_dir, 1)) == {
        "path": str(locations.find_valkey_socket(data_dir)),
        "db": 1,
        "connection_class": redis.connection.UnixDomainSocketConnection,
    }


def test_socket_root__short_directory__is_inside_it() -> None:
    """Nothing outside DATA_DIR is used unless it must be."""
    assert locations.find_socket_root(Path("/srv/var")) == Path("/srv/var/run")


def test_socket_root__long_directories__do_not_meet() -> None:
    """Two long directories get two places."""
    first, second = (locations.find_socket_root(Path("/") / ("x" * 120) / name) for name in ("a", "b"))
    assert first.parent == Path("/tmp")
    assert first != second
