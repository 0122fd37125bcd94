"""The trial on other distributions: which mirror, which steps, and what a row says."""

from __future__ import annotations

import json
import platform
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from foundation.errors import UserError
from tests.hosts import boot, guest, steps, systems, uml
from tests.hosts.room import environment
from tests.hosts.steps import (
    BOOTED,
    BOOTED_USER,
    STEPS,
    USER_STEPS,
    Row,
    Step,
    judged,
    lacking,
    left_over,
)

FIELDS = """\
# a comment between fields, and further fields on a line of their own
Types: deb-src
URIs: https://source.example/debian
Suites: trixie
Components: main

Types: deb
# more
URIs: https://first.example/debian
 https://second.example/debian
Suites: trixie trixie-updates
Components: main contrib
"""


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ([FIELDS], "https://first.example/debian"),
        ([FIELDS.replace("Types: deb\n", "Enabled: no\nTypes: deb\n")], ""),
        ([FIELDS.replace("Suites: trixie trixie-updates", "Suites: trixie-updates")], ""),
        ([FIELDS.replace("main contrib", "contrib")], ""),
        (["deb https://line.example/ubuntu/ trixie universe main"], "https://line.example/ubuntu/"),
        (["deb [arch=amd64 signed-by=/a.gpg]  https://a.example trixie main"], "https://a.example"),
        (["# deb https://a.example trixie main\ndeb-src https://a.example trixie main"], ""),
        (["deb https://a.example\ndeb"], ""),
        (["", "deb https://a.example sid main", FIELDS], "https://first.example/debian"),
    ],
)
def test_the_mirror_is_the_first_that_has_the_suite(sources: list[str], expected: str) -> None:
    assert systems.mirror_of(sources, "trixie") == expected


def test_a_mirror_that_is_named_goes_before_the_machines_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = systems.named("debian-13")
    monkeypatch.setenv(systems.MIRROR, "https://variable.example")
    assert systems.mirror_for(system, "") == "https://variable.example"
    assert systems.mirror_for(system, "https://given.example") == "https://given.example"


def test_a_machine_of_another_distribution_asks_for_a_mirror(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(systems.MIRROR, raising=False)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian"})
    with pytest.raises(UserError, match=r"\(debian\) names no mirror .* ubuntu-26\.04\.\n.*--mirr"):
        systems.mirror_for(systems.named("ubuntu-26.04"), "")


def test_an_unknown_system_is_told_its_neighbour() -> None:
    with pytest.raises(UserError, match="did you mean debian-13"):
        systems.named("debian-14")


def test_a_system_has_the_packages_that_the_clusters_look_for() -> None:
    command = systems.making(systems.named("ubuntu-24.04"), "https://a.example", Path("/root"))
    assert command[-3:] == ["noble", "/root", "https://a.example"]
    assert "--components=main,universe" in command
    (included,) = [word for word in command if word.startswith("--include=")]
    assert {"iproute2", "iptables", "gcc", "libc6-dev", "python3-venv"} <= set(
        included.removeprefix("--include=").split(",")
    )


@pytest.mark.parametrize(
    ("cpuinfo", "has_device", "expected"),
    [
        ("flags : fpu vmx", True, True),
        ("svm", True, True),
        ("svm", False, False),
        ("fpu", True, False),
    ],
)
def test_kvm_is_used_where_the_processor_helps(
    cpuinfo: str, has_device: bool, expected: bool
) -> None:
    assert boot.is_accelerated(cpuinfo, has_device) is expected


def test_the_kernel_of_the_system_is_booted(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    for name in ("vmlinuz-6.12.2", "initrd.img-6.12.2", "config-6.12.2"):
        (tmp_path / "boot" / name).touch()
    command = boot.machine(tmp_path, Path("/disk"), (Path("/console"), Path("/told")), False)
    words = dict(pairwise(command))
    assert words["-kernel"].endswith("/boot/vmlinuz-6.12.2")
    assert words["-initrd"].endswith("/boot/initrd.img-6.12.2")
    assert words["-accel"] == "tcg,thread=multi,tb-size=1024"
    lines = [word for word in command if word.startswith("file:")]
    assert lines == ["file:/console", "file:/told"]


def test_user_mode_linux_has_the_disk_and_both_lines(tmp_path: Path) -> None:
    kernel, disk = tmp_path / "kernel", tmp_path / "disk"
    # in the kernel's place a program that writes to both
    kernel.write_text('#!/bin/sh\necho "$TMPDIR $*"\necho told >&3\n')
    kernel.chmod(0o755)
    console, told = tmp_path / "console", tmp_path / "told"
    subprocess.run(uml.machine(kernel, disk, (console, told)), check=True)
    assert told.read_text() == "told\n"
    words = console.read_text().split()
    assert words[0] == "/dev/shm", "elsewhere its memory would be a file on a disk"
    assert {f"ubd0={disk}", "root=/dev/ubda", "ssl0=null,fd:1", "ssl1=null,fd:3"} <= set(words)


def test_every_step_needs_steps_before_it() -> None:
    for walk in (STEPS, USER_STEPS, BOOTED, BOOTED_USER):
        titles = [step.title for step in walk]
        assert len(set(titles)) == len(titles)
        for number, step in enumerate(walk):
            assert set(step.needs) <= set(titles[:number])


def test_tests_are_left_out_where_they_are_not_wanted() -> None:
    for walk in (STEPS, USER_STEPS):
        fewer = [step.title for step in steps.chosen(walk, tests=False)]
        assert fewer == [step.title for step in walk if "unit tests" not in step.title]
        assert len(fewer) == len(walk) - 1
        assert steps.chosen(walk, tests=True) == walk


def test_a_step_is_left_out_where_one_that_it_needs_failed() -> None:
    step = Step("switch", ("true",), 1, needs=("set-up", "up"))
    good, bad = Row("set-up", 1, "ok", True), Row("up", 1, "FAILED: no", False)
    assert lacking(step, [good, bad]) == "up"
    assert lacking(step, [good, Row("up", 1, "ok", True)]) == ""


COUNTS = "FAILED tests/unit/test_a.py::test_b - assert\n{} in 62.31s (0:01:02)\n"
TESTS = next(step for step in STEPS if step.title == "unit tests")
REFUSED = USER_STEPS[-1]


@pytest.mark.parametrize(
    ("step", "code", "output", "verdict"),
    [
        (STEPS[0], 0, "All tools are there", "ok"),
        (STEPS[0], 1, "trying\nerror: no disk\n", "FAILED: no disk"),
        (STEPS[0], None, "trying", "FAILED: not within its time"),
        (TESTS, 0, COUNTS.format("12 passed, 3 skipped"), "12 passed, 3 skipped"),
        (TESTS, 1, COUNTS.format("1 failed, 11 passed"), "FAILED: 1 failed, 11 passed"),
        (TESTS, 4, "error: no such file", "FAILED: no such file"),
        (REFUSED, 1, "error: this machine does not allow clusters without root yet", "ok"),
        (REFUSED, 0, "", f"FAILED: ended with 0, without “{REFUSED.refused}”"),
        (REFUSED, 1, "Traceback", f"FAILED: ended with 1, without “{REFUSED.refused}”"),
    ],
)
def test_a_row_says_how_a_step_ended(
    step: Step, code: int | None, output: str, verdict: str
) -> None:
    row = judged(step, code, output, 61.7)
    assert str(row) == f"| {step.title} | 62 s | {verdict} |"
    assert row.is_good == (not verdict.startswith("FAILED"))


def test_a_booted_system_tells_of_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "OUTPUT", tmp_path / "output")
    monkeypatch.setattr(guest, "SHOWING", "exec sleep 60")
    monkeypatch.setattr(guest, "system", lambda: "a system")
    work, told = tmp_path / "steps.json", tmp_path / "told"
    told.touch()

    def step(title: str, script: str, *needs: str) -> dict[str, object]:
        command = ["sh", "-c", script]
        where = {"folder": str(tmp_path), "environment": {"WORD": "word"}}
        return {"title": title, "command": command, "seconds": 0.5, "needs": needs, **where}

    all_steps = [
        step("good", 'echo "$WORD"; pwd; echo wrong >&2', "up"),
        step("up", 'echo "$WORD"; pwd; echo wrong >&2'),
        step("bad", "exit 3"),
        step("slow", "sleep 60", "up"),
        step("after", "true", "up", "bad"),
    ]
    work.write_text(json.dumps(all_steps))
    guest.main(str(work), str(told))
    first, *found = boot.told(told, lambda: True)
    assert (first["title"], first["output"]) == (guest.BEGIN, "a system")
    assert [(each["title"], each.get("code"), each.get("missing")) for each in found] == [
        ("good", None, "up"),
        ("up", 0, None),
        ("bad", 3, None),
        ("slow", None, None),
        ("after", None, "bad"),
    ]
    assert found[1]["output"] == f"word\n{tmp_path}\nwrong"


def test_a_line_that_is_not_whole_is_waited_for_and_a_dead_machine_is_not(tmp_path: Path) -> None:
    said = tmp_path / "told"
    said.write_text('{"title": "up"}\n{"title": "tr')
    turns = iter((True, False))
    assert list(boot.told(said, lambda: next(turns))) == [{"title": "up"}]


@pytest.mark.parametrize(("requests", "code"), [(100, 0), (0, 1)])
def test_a_step_that_is_judged_by_a_line_shows_all_of_its_command(requests: int, code: int) -> None:
    said = f"before\n  all requests  {requests}\nafter\n"
    command = steps.matching(f"printf '%s' '{said}'", "^ *all requests +[1-9]")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, said)


def test_what_is_left_is_named_and_no_good() -> None:
    assert left_over(0.2, []) == Row("what is left", 0.2, "nothing", True)
    row = left_over(0.2, ["process a", "process b", "port 1", "port 2"])
    assert not row.is_good
    assert row.verdict == "FAILED: process a, process b, port 1 and 1 more"


def test_commands_inside_get_few_variables_of_the_machine() -> None:
    base = {"https_proxy": "p", "PIP_CERT": "c", "PIP_FIND_LINKS": "/here", "KUBECONFIG": "k"}
    found = environment(base, steps.USER)
    assert found["HOME"] == "/home/presenter"
    assert found.items() >= {"https_proxy": "p", "PIP_CERT": "c"}.items()
    assert not found.keys() & {"PIP_FIND_LINKS", "KUBECONFIG"}
