"""Is it well? What load balancers, the supervisor and the System page ask."""

from __future__ import annotations
