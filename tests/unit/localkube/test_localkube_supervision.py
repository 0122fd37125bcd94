"""supervisor's configuration, read back by supervisor itself."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from localkube import LocalKubeError
from localkube.preflight import check_paths
from localkube.supervisord_config import Program, configuration, find, misread, sections


def read(path: Path) -> dict[str, object]:
    """Program name -> supervisor's own view of it."""
    options = ServerOptions()
    options.realize(["-c", str(path)], doc="")
    return {
        process.name: process
        for group in options.process_group_configs
        for process in group.process_configs
    }


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "supervisord.conf"


def test_a_command_and_its_environment_arrive_unchanged(config: Path, tmp_path: Path) -> None:
    program = Program("one", ["/bin/a b", "--x=100%", 'say "hi"'], {"KEY": "50%,a b"})
    config.write_text(configuration(tmp_path, [program]))
    known = read(config)["one"]
    assert shlex.split(known.command) == program.command
    assert known.environment["KEY"] == "50%,a b"


def test_a_folder_with_spaces_and_per_cent_signs_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "100% of it, c%20d"
    (folder / "groups").mkdir(parents=True)
    (folder / "groups" / "east.conf").write_text(sections(folder, [Program("one", ["x"])]))
    config = folder / "supervisord.conf"
    config.write_text(configuration(folder, [], include="groups/*.conf"))
    assert read(config)["one"].stdout_logfile == f"{folder}/one.log"  # type: ignore[attr-defined]


def test_a_deferred_program_waits_and_a_single_run_is_repeated_only_on_failure(
    config: Path, tmp_path: Path
) -> None:
    programs = [Program("later", ["x"], autostart=False), Program("once", ["y"], once=True)]
    config.write_text(configuration(tmp_path, programs))
    known = read(config)
    assert not known["later"].autostart
    assert known["once"].autorestart.__name__ == "RestartWhenExitUnexpected"


def test_logs_are_bounded(config: Path, tmp_path: Path) -> None:
    config.write_text(configuration(tmp_path, [Program("one", ["x"])]))
    known = read(config)["one"]
    assert known.stdout_logfile_maxbytes == 5 * 1024 * 1024
    assert known.stdout_logfile_backups == 1


def test_the_programs_of_a_group_are_found_by_the_include(config: Path, tmp_path: Path) -> None:
    (tmp_path / "groups").mkdir()
    text = sections(tmp_path, [Program("a", ["x"]), Program("b", ["y"])], group="east-cluster")
    (tmp_path / "groups" / "east.conf").write_text(text)
    config.write_text(configuration(tmp_path, [], include="groups/*.conf"))
    options = ServerOptions()
    options.realize(["-c", str(config)], doc="")
    assert [group.name for group in options.process_group_configs] == ["east-cluster"]


def test_no_supervisord_is_found_where_none_runs(tmp_path: Path) -> None:
    assert find(tmp_path / "supervisord.conf") is None


@given(st.text(st.sampled_from("a \t\n\r\"'\\;#%$&()=,[]*?!~`{}|<>:é"), min_size=1, max_size=6))
def test_a_path_that_is_not_refused_is_read_as_it_is(name: str) -> None:
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / name
        if misread(folder):
            return
        folder.mkdir()
        file = Path(outer) / "supervisord.conf"
        program = Program("p", [f"{folder}/p", "more"], {"PYTHONPATH": str(folder)})
        file.write_text(configuration(folder, [program]))
        found = cast(Any, read(file)["p"])
        assert shlex.split(found.command) == program.command
        assert found.environment["PYTHONPATH"] == str(folder)
        assert found.stdout_logfile == str(folder / "p.log")


@pytest.mark.parametrize("name", ["C #1", "a ;b", 'a "b"', "a\\b", "a'", "a\nb", "a\rb"])
def test_a_path_that_would_be_misread_is_refused(name: str) -> None:
    for pair in ((Path("/home") / name, Path("/c")), (Path("/d"), Path("/home") / name / "cache")):
        with pytest.raises(LocalKubeError, match="which supervisord takes for something else: "):
            check_paths(*pair)
    check_paths(Path("/home/a b%c's (1)"), Path("/home/b/.cache"))
