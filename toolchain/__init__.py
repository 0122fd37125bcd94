"""The tools that the demo runs on: what they are, where they come from, how they are found.

Arrows inside this package point one way: `commands` -> `setup` -> `build` -> `tools` -> `pins`.
"""

from __future__ import annotations

from toolchain.errors import UserError


class ToolchainError(UserError):
    """What went wrong, and the command that mends it, in one or two lines for a person."""


class ToolMissing(ToolchainError):
    """A tool is not there (yet)."""
