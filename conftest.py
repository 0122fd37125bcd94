"""What holds for the tests of every layer."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Tests assert no times: on a busy machine one draw may take seconds. Examples come afresh in each
# run, so that nothing is kept in the checkout.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("project")
