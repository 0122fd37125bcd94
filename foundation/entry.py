"""The one way in which a command of the demo ends: exit code, and a line for people.

Only the standard library is imported here: `demo` needs this before the virtual environment exists.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from foundation.errors import UsageError, UserError

FAILED = 1
USAGE = 2
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


def entry(
    main: Callable[[], int], *, interrupted: str = "Interrupted.", failed: int = FAILED
) -> int:
    """Run `main` and return its exit code; an error for people becomes a line and a code.

    A UserError is printed as `error: …` and gives `failed`, a UsageError gives 2 and Ctrl-C 130,
    after the line `interrupted`. Any other exception is a defect of the demo and passes.
    """
    try:
        return main()
    except UsageError as error:
        print(error, file=sys.stderr)
        return USAGE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED
