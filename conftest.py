"""What holds for the tests of every layer."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from toolchain.patience import VARIABLE

# A machine's patience is not inherited, as by copies of the checkout: tests say what they wait for.
os.environ.pop(VARIABLE, None)

# Tests assert no times: on a busy machine one draw may take seconds. Examples come afresh in each
# run, so that nothing is kept in the checkout.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("project")
