"""What the command lines of traffic and drills read alike."""

from __future__ import annotations

import argparse


def positive(text: str) -> float:
    """A number above 0. Raises `argparse.ArgumentTypeError` for anything else."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value
