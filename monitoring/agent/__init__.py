"""The host agent: measures the machine it runs on and its PostgreSQL, and reports over HTTP.

Free of Django, apart from the command that starts it, so that it stays small on the ERP's server.
"""

from __future__ import annotations
