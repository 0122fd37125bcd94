"""What is said of a preview's results: in their order, in Markdown, of one job and of several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from foundation.errors import UserError
from preview import markdown, model, text
from preview.__main__ import main as preview
from preview.model import Change, Kind, Property, Result, StackDiff
from tests.support.preview_results import CHANGED, DEPLOYMENT, RESULT


def test_what_several_stacks_share_is_shown_once() -> None:
    (section,) = text.sections(RESULT)
    assert section.title == "east active; west active: 1 changed"
    assert section.lines == (f"~ {DEPLOYMENT} gateway", "    spec.replicas: 2 -> 3")
    shown = markdown.render(RESULT)
    assert shown.startswith(markdown.MARKER)
    assert "| west | standby | 54 | 0 | 0 | 0 | kept |" in shown
    assert shown.count("spec.replicas") == 1
    assert shown == markdown.render(RESULT)


def test_worst_comes_first() -> None:
    bad = StackDiff("west", "active", 0, head_problem="no\nway")
    violated = StackDiff("west", "standby", 1, (CHANGED,), violations=("load-balancer: a",))
    result = Result("a", "b", (violated, bad))
    titles = [section.title for section in text.sections(result)]
    assert titles == [
        "west active: fails",
        "west standby: policies violated",
        "west standby: 1 changed",
    ]
    assert not result.ok
    assert text.headline(result) == "1 of 2 previews fail and policies are violated in 1 of 2."


def test_a_stack_without_a_base_does_not_hide_what_changes_in_the_others() -> None:
    new = StackDiff("north", "active", 54, base_problem="no such stack")
    only = text.headline(Result("a", "b", (new,)))
    assert only == "The base cannot be previewed, so only what the head would make is shown."
    both = text.headline(Result("a", "b", (StackDiff("west", "active", 54, (CHANGED,)), new)))
    assert both == (
        "Resources change in 1 of 2 combinations of stack and mode; 1 has no base to compare with."
    )
    same = text.headline(Result("a", "b", (StackDiff("west", "active", 54), new, new)))
    assert same == (
        "Resources change in 0 of 3 combinations of stack and mode; 2 have no base to compare with."
    )


@pytest.mark.parametrize("lines", [10, 3000])
@pytest.mark.parametrize("sections", [1, 40])
def test_markdown_stays_below_githubs_limit_and_says_where_it_is_cut(
    lines: int, sections: int
) -> None:
    properties = tuple(Property(f"spec.a{n}", '"old"', '"new"') for n in range(lines))
    diffs = tuple(
        StackDiff(f"s{n}", "active", 1, (Change(Kind.CHANGED, "a:b:C", f"r{n}", properties),))
        for n in range(sections)
    )
    shown = markdown.render(Result("a", "b", diffs))
    assert len(shown) <= markdown.LIMIT < 65_536
    assert ("cut here" in shown) == (lines == 3000)
    assert shown.count("<details>") == shown.count("</details>")
    assert shown.count("```") % 2 == 0


def test_no_value_can_break_out_of_its_fold() -> None:
    evil = Property("data.a", lines=("+```", "+</details>", "+````", "+# shouted"))
    change = Change(Kind.CHANGED, "a:b:C", "<img>|x", (evil,))
    shown = markdown.render(Result("a", "b", (StackDiff("w|<b>", "active", 1, (change,)),)))
    fence = "`````diff"
    assert shown.count(fence) == 1
    inside, _, after = shown.partition(fence)[2].partition("\n`````\n")
    assert "shouted" in inside
    assert "shouted" not in after
    assert "<b>" not in shown


def test_results_of_several_jobs_become_one(tmp_path: Path) -> None:
    for number, one in enumerate(RESULT.diffs):
        model.write(Result("abc1234", "def5678", (one,)), tmp_path / f"{number}.json")
    assert model.read(sorted(tmp_path.glob("*.json"))) == RESULT
    with pytest.raises(UserError, match="every preview job failed"):
        model.read([])
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(UserError, match=r"torn\.json is no result of a preview"):
        model.read([tmp_path / "torn.json"])


def test_a_job_without_a_result_is_no_preview_without_changes(tmp_path: Path) -> None:
    for number, one in enumerate(RESULT.diffs):
        model.write(Result("abc1234", "def5678", (one,)), tmp_path / f"{number}.json")
    files = sorted(tmp_path.glob("*.json"))
    wanted = [(stack, mode) for stack in ("east", "west") for mode in ("active", "standby")]
    found = model.read(files, wanted)
    assert found.diffs[:3] == RESULT.diffs
    (lost,) = found.diffs[3:]
    assert (lost.stack, lost.mode, lost.ok) == ("east", "standby", False)
    assert "1 of 4 previews fail" in text.headline(found)
    assert "east standby: fails" in markdown.render(found)


def test_the_command_that_gathers_names_the_results_that_are_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write(RESULT, tmp_path / "some.json")
    assert preview([f"--results={tmp_path}"]) == 0
    assert preview([f"--results={tmp_path}", "--stack=west"]) == 1
    assert "west locality: fails" in capsys.readouterr().out
    assert preview([f"--results={tmp_path}", "--mode=active"]) == 0
    (tmp_path / "some.json").rename(tmp_path / "some")
    assert preview([f"--results={tmp_path / 'some'}"]) == 0


def test_a_run_in_which_every_job_was_lost_has_something_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the comment of the run before would stay, with what that found."""
    none, shown = tmp_path / "results", tmp_path / "preview.md"
    options = [f"--results={none}", "--stack=east", "--mode=active", f"--markdown={shown}"]
    assert preview(options) == 1
    assert "1 of 1 previews fail" in shown.read_text()
    assert preview([f"--results={none}"]) == 2
    assert "every preview job failed" in capsys.readouterr().err
    assert preview([f"--results={tmp_path}/no.json"]) == 2
    assert "no.json is no result of a preview" in capsys.readouterr().err


def test_a_result_of_an_older_version_has_no_note(tmp_path: Path) -> None:
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"base": "a", "head": "b", "diffs": []}))
    assert model.read([file]).note == ""
