"""The product's own settings on a directory of this test run, where `tests/conftest.py` has the engines running.

Whatever a test starts as a process of its own (and xdist's workers) inherits the directory by the environment.
"""

from __future__ import annotations

import os

from tests.support.engines import choose_data_dir

os.environ["DATA_DIR"] = choose_data_dir()
# What tests do in their own process is recorded by nobody; installations that they start do as installations do.
os.environ["RECORD_ITSELF"] = "false"
# And nothing is kept for later: a database that a test takes away is away for that test alone.
os.environ["SPOOL_MAX_BYTES"] = "0"

from config.settings import *  # noqa: F403

del os.environ["RECORD_ITSELF"], os.environ["SPOOL_MAX_BYTES"]

# Each of xdist's workers has a database of the cache to itself, so that one may empty it without disturbing another.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_cache = CACHES["default"]  # noqa: F405
_cache["LOCATION"] = f"{_cache['LOCATION'][:-1]}{1 + _worker}"

# Hashing a password is slow on purpose; a test that signs someone in need not wait for it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
