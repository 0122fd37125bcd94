"""Colours of regions and clusters: the same on the portal, in the live view and in reports."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable
from zlib import crc32

#: Colours of the two regions that the demo starts with, by a part of the region's name.
_KNOWN = {"east": "#d97706", "west": "#2563eb"}
#: Colours for other regions; all of them dark enough for large white letters on top.
_OTHERS = ("#059669", "#7c3aed", "#db2777", "#0e7490", "#b91c1c", "#4d7c0f")

_TURN = 0.09
"""Part of the circle of hues between two pairs of clusters of one region."""

_MOST = 40
"""Shades of a region's colour that are tried for a cluster."""

_APART = 36
"""Least sum of the differences in red, green and blue, each to 255, of two clusters' colours."""


def region_colour(region: str) -> str:
    """Return the CSS colour that stands for a region; a region always has the same."""
    for part, colour in _KNOWN.items():
        if part in region:
            return colour
    return _OTHERS[crc32(region.encode()) % len(_OTHERS)]


def cluster_colours(clusters: Iterable[str]) -> dict[str, str]:
    """Return a colour of its own to each cluster, by name.

    It is that of the region of its name, lighter for the second cluster of the same, and of other
    hues for further ones.
    """
    shown: dict[str, str] = {}
    for name in sorted(set(clusters)):
        own = region_colour(name)
        shades = (_shade(own, number) for number in range(_MOST))
        apart = (one for one in shades if all(_distance(one, o) > _APART for o in shown.values()))
        shown[name] = next(apart, own)
    return shown


def _distance(one: str, other: str) -> int:
    return sum(abs(a - b) for a, b in zip(_parts(one), _parts(other), strict=True))


def _parts(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _shade(colour: str, number: int) -> str:
    """Return the colour of so many-th cluster of a region: one in two is lighter."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in _parts(colour)))
    turned = colorsys.hls_to_rgb(hue + _TURN * (number // 2), lightness, saturation)
    lighter = (1 - (1 - part) * 0.62 ** (number % 2) for part in turned)
    return "#" + "".join(f"{round(255 * part):02x}" for part in lighter)
