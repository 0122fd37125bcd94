"""Colours of clusters are told apart, however many there are."""

from __future__ import annotations

import itertools

import pytest

from foundation.colours import cluster_colours


def parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


@pytest.mark.parametrize("name", ["east{}-cluster", "us-west-{}", "shop-{}"])
def test_thirteen_clusters_have_thirteen_colours(name: str) -> None:
    colours = cluster_colours(name.format(number) for number in range(1, 14)).values()
    assert len(colours) == 13
    for one, other in itertools.combinations(map(parts, colours), 2):
        assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 24, (one, other)
    assert max(min(parts(colour)) for colour in colours) < 200, "none is nearly white"
