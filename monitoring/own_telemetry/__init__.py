"""Postlaunch as one of the applications it watches: its own requests, queries and errors, by the same adapters and store.

`middleware`, `queries` and `logs` notice what happens, `recorder` keeps it for a second and stores what gathered.
"""

from __future__ import annotations
