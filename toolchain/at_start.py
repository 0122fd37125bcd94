"""What each Python of the project's environment does before anything else; `venv` puts it there.

Ctrl-C while modules are imported, a fifth of a second and more, would show a traceback of that.
"""

from __future__ import annotations

import os
import sys
from types import TracebackType

_INTERRUPTED = 130
"""As `foundation.entry` has it, which cannot be imported yet."""


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if kind is not KeyboardInterrupt or hasattr(sys, "ps1"):  # somebody types
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    sys.stderr.write("\nInterrupted.\n")
    os._exit(_INTERRUPTED)  # Python's own code would be 1


if any(word.endswith("pulumi-language-python-exec") for word in sys.orig_argv):
    # Pulumi's SDK is imported before the program is reached: see `foundation.pulumi_process`
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
else:
    sys.excepthook = _show
