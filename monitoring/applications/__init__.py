"""Applications (deployments of an ERP) and the keys they report with."""

from __future__ import annotations
