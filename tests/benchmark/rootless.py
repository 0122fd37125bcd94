"""What it costs to do without root: `./demo up` and `destroy`, by turns as root and without."""

from __future__ import annotations

from tests.benchmark.measure import Samples
from tests.support.checkout import Checkout
from tests.support.user_namespace import entered


def one_round(demo: Checkout, samples: Samples) -> None:
    """Brings the demo up and takes it down, as root and then in a user namespace."""
    with entered(demo) as inside:
        for copy, how in ((demo, ", as root"), (inside, ", without root")):
            samples.add(f"up{how}", copy.demo("up").seconds)
            samples.add(f"destroy{how}", copy.demo("destroy").seconds)
