"""What the operator reads when everything runs."""

from __future__ import annotations

import json
from typing import Any

from config.engines.locations import find_run_dir
from config.supervisor.log import Log
from config.supervisor.plan import Plan

#: Keys of bootstrap.json that are shown, in this order, each with its label.
_LINES = (
    ("username", "Log in as"),
    ("password", "Password"),
    ("application", "Watching"),
    ("connect_command", "Connect an ERP"),
    ("connect_url", "or in the admin"),
)


def show_banner(log: Log, plan: Plan) -> None:
    """Say that everything is ready, where, and how to go on.

    The password is shown on the terminal only, and only the first time; the log never has it. It is kept in a file that
    only this user can read.
    """
    summary = _read_summary(plan)
    password_file = plan.data_dir / "secrets" / "admin_password"
    if "password" not in summary and password_file.exists():
        summary["password"] = f"as in {password_file}, unless it was changed"
    log.say(f"Postlaunch is ready at {plan.address}")
    lines = ["", f"  {'Address':<16}{plan.address}/admin/"]
    lines += [f"  {label:<16}{summary[key]}" for key, label in _LINES if summary.get(key)]
    lines += [f"  {'Log':<16}{plan.data_dir / 'log' / 'postlaunch.log'}", "", "  Ctrl-C stops everything.", ""]
    for line in lines:
        log.show(line)


def _read_summary(plan: Plan) -> dict[str, Any]:
    path = find_run_dir(plan.data_dir) / "bootstrap.json"
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
