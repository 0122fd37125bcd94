"""docs/profile.md names every key of a profile, with the default that the code has."""

from __future__ import annotations

import re

import yaml

from components.profile.defaults import DEFAULTS
from components.profile.model import FAILBACK_RAMP, IDLE_TIMEOUT
from components.profile.requests import RequestRules
from components.routing.transport import PREFIX
from foundation import project

PAGE = (project.ROOT / "docs" / "profile.md").read_text()
FURTHER = {
    "connectionPool.http.retries.retryBackOff.maxInterval",
    "outlierDetection.maxEjectionTime",
}
"""Keys whose default follows from another key."""


def said(value: object) -> tuple[str, ...]:
    """The words for a default."""
    if value is None:
        return ("none", "no outlier detection")
    if isinstance(value, bool):
        return (f"`{str(value).lower()}`",)
    return (str(value), "no limit") if value == 0 else (str(value),)


def rows() -> dict[str, list[str]]:
    """Cells of each row of the first table, by its key."""
    first = PAGE.partition("## Annotations")[0]
    found = {}
    for line in first.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[cells[0].strip("`")] = cells
    return found


def test_every_key_is_on_the_page_and_no_other() -> None:
    assert set(rows()) == {*DEFAULTS, *FURTHER}


def test_the_page_says_what_a_missing_key_means() -> None:
    for key, default in DEFAULTS.items():
        left_out = rows()[key][2]
        if key.endswith("retryOn"):
            assert len(str(default.value).split(",")) == 7 and left_out == "seven"
            continue
        assert left_out in said(default.value), key


def test_the_page_says_what_the_delivered_file_has() -> None:
    file = yaml.safe_load((project.ROOT / "manifests" / "http-profile.yaml").read_text())
    traffic = file["spec"]["defaults"]["traffic"]["outbound"]["upstreamTrafficSettings"]
    for key, cells in rows().items():
        value = traffic[0]["settings"]["resilience"]
        for part in key.split("."):
            value = value[part]
        if key.endswith("retryOn"):
            assert len(value.split(",")) == 5 and cells[1] == "five conditions"
        elif isinstance(value, bool):
            assert cells[1] == f"`{str(value).lower()}`"
        else:
            assert cells[1].strip("`") == str(value), key


def test_every_annotation_is_on_the_page() -> None:
    own = {name.replace("_", "-") for name in RequestRules.__dataclass_fields__}
    named = {IDLE_TIMEOUT.removeprefix(PREFIX), FAILBACK_RAMP.removeprefix(PREFIX)}
    table = PAGE.partition("## Annotations")[2]
    found = set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.M))))
    assert found >= named and len(found) == len(own | named), (found, own)
