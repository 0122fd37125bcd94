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

    A UserError is printed as `error: …` and gives `failed`, as do a full disk and a file that is
    not the user's. A UsageError gives 2 and Ctrl-C 130, after the line `interrupted`. Output that
    nobody reads any more gives 141 and nothing is said. Any other exception is a defect of the demo
    and passes.
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
        if (remedy := _remedy(error)) is None:
            raise
        print(f"error: {remedy}", file=sys.stderr)
        return failed
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr)
        return INTERRUPTED


def _remedy(error: OSError) -> str | None:
    """Return what is wrong with the machine's files, and what to do; None if it is not that."""
    if str(error.filename).startswith(("/proc/", "/sys/")):
        return None
    where = f" at {error.filename}" if error.filename else ""
    match error.errno:
        case errno.ENOSPC:
            return f"a disk is full{where}: free some, then run this again"
        case errno.EDQUOT:
            return f"your quota of the disk is used up{where}: free some, then run this again"
        case errno.EROFS:
            return f"the file system is read-only{where}: clone the project to another one"
        case errno.EACCES | errno.EPERM if error.filename:
            return (
                f"{error.filename} is not yours to use: run this as the user who ran ./demo before"
                " (root: sudo -E ./demo …), or have the file given to you (chown)"
            )
    return None
