"""The oldest Kubernetes provider that is supported: up, switch, drift and destroy with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local import test_changed_by_hand, test_destroy, test_switch
from tests.support.checkout import Checkout, checkout
from toolchain import estimate, pins, setup, tools

NAME = "pulumi-resource-kubernetes"
MODULE = "pulumi-kubernetes-oldest"
ASKED = "TEST_OLDEST_PROVIDER"
"""Variable that has the provider built where it is not yet: minutes that every run would pay."""
BUILD_SECONDS = 1500
"""Longest time of the first test, which builds the provider where nobody has."""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script that starts the provider and notes down each start."""
    module = pins.module(MODULE)
    provider = tools.store_dir(module) / NAME
    if not provider.exists():
        if not os.environ.get(ASKED):
            pytest.skip(f"the oldest provider is not built; have it built: {ASKED}=1 ./demo test …")
        with setup.exclusive():
            setup.build_modules([(module, [NAME])])
            estimate.free_build_cache()
    folder = tmp_path_factory.mktemp("provider")
    script = f'#!/bin/sh\necho started >> {folder}/starts\nexec {provider} "$@"\n'
    (folder / NAME).write_text(script)
    (folder / NAME).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def copy(started: Path) -> Iterator[Checkout]:
    """A copy whose Pulumi uses that provider, with nothing up."""
    with checkout(provider=started) as made:
        yield made


@pytest.fixture(scope="module")
def up(copy: Checkout) -> str:
    """What the first `./demo up` printed."""
    return copy.demo("up").output


@pytest.mark.timeout(BUILD_SECONDS)
def test_after_the_first_update_there_is_nothing_to_do(demo: Checkout, started: Path) -> None:
    assert demo.preview() == []
    assert (started / "starts").read_text()


# tests of other modules, run again: `copy` and `up` of this one are what they act on
test_to_standby = test_switch.test_to_standby_all_requests_go_to_the_active_cluster
test_the_weight_in_standby = test_switch.test_the_weight_is_on_the_service
test_back_to_active = test_switch.test_back_to_active_both_answer
test_changes_by_hand = (
    test_changed_by_hand.test_what_was_patched_scaled_and_deleted_by_hand_is_set_back
)


def test_destroy_leaves_nothing(demo: Checkout) -> None:
    demo.demo("pulumi", "config", "rm", "lbMode")
    test_destroy.test_destroy_leaves_nothing(demo)
