"""Source maps: uploaded with each build, they turn minified stacks back into the code that people wrote."""

from __future__ import annotations
