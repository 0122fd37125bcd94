"""Commands run to their end, and what they print."""

from __future__ import annotations

import pytest

from foundation import commands


def test_what_is_no_text_is_no_defect_of_ours() -> None:
    assert commands.output(["printf", r"a\377b"]) == "a\ufffdb"
    with pytest.raises(commands.Failed, match="a\ufffdb"):
        commands.output(["sh", "-c", r"printf 'a\377b' >&2; exit 1"])
