"""Settings for a process that a test starts and that works on the test's own database."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

DATABASES["default"]["NAME"] = os.environ["POSTLAUNCH_TEST_DATABASE"]  # noqa: F405
