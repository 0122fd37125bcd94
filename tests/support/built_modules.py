"""Two small modules to build; a tool of the user's replaces the second."""

from __future__ import annotations

from toolchain import pins

ONE = pins.Module(
    "one",
    "example.org/one",
    "v1.2.3",
    (
        pins.Binary("first", "example.org/one/cmd/first"),
        pins.Binary("second", "example.org/one/cmd/second"),
    ),
)
HOST = pins.Module(
    "host",
    "example.org/host",
    "v3.0.0",
    (pins.Binary("host", "."),),
    replaced_by="first",
    on_path=False,
)
