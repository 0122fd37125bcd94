"""What soaks are tested with: three clusters, and what they hold at the beginning."""

from __future__ import annotations

from drills.soak.resources import Sample
from drills.stack import EDGE

CLUSTERS = ("east-cluster", "west-cluster", EDGE)
BEGIN = Sample(memory=3 << 30, files=4000, cgroups=90, processes=120)
