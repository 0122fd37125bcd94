"""Colours of regions and clusters: the same on the portal, in the live view and in reports."""

from __future__ import annotations

from collections.abc import Iterable
from zlib import crc32

#: Colours of the two regions that the demo starts with, by a part of the region's name.
_KNOWN = {"east": "#d97706", "west": "#2563eb"}
#: Colours for other regions; all of them dark enough for white letters on top.
_OTHERS = ("#059669", "#7c3aed", "#db2777", "#0e7490", "#b91c1c", "#4d7c0f")


def region_colour(region: str) -> str:
    """Return the CSS colour that stands for a region; a region always has the same."""
    for part, colour in _KNOWN.items():
        if part in region:
            return colour
    return _OTHERS[crc32(region.encode()) % len(_OTHERS)]


def cluster_colours(clusters: Iterable[str]) -> dict[str, str]:
    """Return a colour of its own to each cluster, by name.

    It is that of the region of its name, lighter for each further cluster of the same.
    """
    shown: dict[str, str] = {}
    lighter: dict[str, int] = {}
    for name in sorted(set(clusters)):
        colour = region_colour(name)
        shown[name] = _shade(colour, lighter.get(colour, 0))
        lighter[colour] = lighter.get(colour, 0) + 1
    return shown


def _shade(colour: str, lighter: int) -> str:
    """Return the colour, so many steps nearer to white; it never gets there."""
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{255 - round((255 - part) * 0.62**lighter):02x}" for part in parts)
