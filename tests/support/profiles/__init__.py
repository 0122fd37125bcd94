"""Profiles of others than the demo."""

from __future__ import annotations

from pathlib import Path

EARLIER = Path(__file__).with_name("earlier-demo.yaml")
"""That of the demo before this one, with its traps."""
