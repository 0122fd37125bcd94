"""How a command ends whose output nobody reads any more."""

from __future__ import annotations

import subprocess
import sys

import pytest

from foundation.entry import NOT_READ
from foundation.project import ROOT


@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_ends_early_is_no_defect(lines: int) -> None:
    program = (
        "import sys; from foundation.entry import entry\n"
        f"def main():\n  sys.stdin.read()\n  for n in range({lines}): print(n)\n  return 0\n"
        "sys.exit(entry(main))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdin is not None
    process.stdout.close()
    process.stdin.close()
    assert process.stderr is not None
    with process:
        assert process.stderr.read() == ""
    assert process.returncode == NOT_READ
