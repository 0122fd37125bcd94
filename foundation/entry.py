"""The one way in which a command of the demo ends: exit code, and a line for people.

Only the standard library is imported here: `demo` needs this before the virtual environment exists.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

from foundation.errors import UsageError, UserError

FAILED = 1
USAGE = 2
INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""
NOT_READ = 141
"""128 and the number of SIGPIPE: whoever read what is printed has ended, as `head` does."""


def entry(
    main: Callable[[], int], *, interrupted: str = "Interrupted.", failed: int = FAILED
) -> int:
    """Run `main` and return its exit code; an error for people becomes a line and a code.

    A UserError is printed as `error: …` and gives `failed`, as does a full disk. A UsageError gives
    2 and Ctrl-C 130, after the line `interrupted`. Output that nobody reads any more gives 141 and
    nothing is said. Any other exception is a defect of the demo and passes.
    """
    try:
        code = main()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # what is still kept for it would fail once more at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOT_READ
    except UsageError as error:
        print(error, file=sys.stderr)
        return USAGE
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return failed
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        where = f" at {error.filename}" if error.filename else ""
        print(f"error: a disk is full{where}: free some, then run this again", file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED
