"""`task lint:profile`: what it prints of a profile, and of a file that is none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.profile.lint import traps
from components.profile.lint.__main__ import main
from components.profile.lint.model import Context
from components.profile.model import http_profile
from foundation.project import ROOT
from tests.support.profiles import EARLIER


def test_the_command_says_that_the_shipped_profile_is_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main([]) == 0
    assert capsys.readouterr().out == (
        "manifests/http-profile.yaml: no traps (2 clusters on envoy, mode active)\n"
    )


def test_the_command_shows_each_trap_with_key_reason_and_fix(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(EARLIER), "--clusters", "3", "--platform", "tetrate"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    context = Context(str(EARLIER), 3, "tetrate")
    seen = traps(http_profile(yaml.safe_load(EARLIER.read_text())), context)
    assert f"{EARLIER}: {len(seen)} traps (3 clusters on tetrate, mode active)" in shown
    for trap in seen:
        assert f"{trap.key}: {trap.found} why {trap.why} fix {trap.fix}" in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("a: [", "is not YAML: while parsing"),
        ("\xff", "is not YAML: 'utf-8' codec can't decode"),
        ("", "holds 0 documents; name a file with one profile"),
        ("{}\n---\n{}", "holds 2 documents; name a file with one profile"),
        ("{apiVersion: v1, kind: ConfigMap}", "this is no profile"),
        ("[]", "the document must be a mapping"),
    ],
)
def test_the_command_says_in_one_line_why_a_file_is_no_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, message: str
) -> None:
    file = tmp_path / "mine.yaml"
    if text is not None:
        file.write_text(text, encoding="latin-1")
    assert main([str(file)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {file}")
    assert message in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("wrong", ["0", "two"])
def test_the_command_wants_a_number_of_clusters(
    capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    with pytest.raises(SystemExit):
        main(["--clusters", wrong])
    assert "argument --clusters" in capsys.readouterr().err
