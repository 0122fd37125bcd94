"""What is done on a system, and a row of a table for each: pure, nothing runs here."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass

from foundation.errors import last_line

USER = "presenter"
"""The ordinary user of a system."""


@dataclass(frozen=True)
class Step:
    """A command in the checkout, and by what it is judged."""

    title: str
    command: tuple[str, ...]
    seconds: float
    """How long it may take on a common machine."""
    needs: tuple[str, ...] = ()
    """Titles of the steps without which this one says nothing."""
    user: str = "root"
    shows: str = ""
    """Expression; what it matches last in the output is the row's verdict."""
    refused: str = ""
    """Text with which the command has to refuse; else it has to succeed."""


@dataclass(frozen=True)
class Row:
    """How a step ended."""

    title: str
    seconds: float
    verdict: str
    is_good: bool

    def __str__(self) -> str:
        return f"| {self.title} | {self.seconds:.0f} s | {self.verdict} |"


HEADING = "| step | time | verdict |\n|---|---|---|"

_TESTS = ("./demo", "test", "tests/unit", "-q")
_COUNTS = r"\d+ (?:passed|failed).*?(?= in \d)"
_THERE_AND_BACK = (
    "./demo pulumi config set lbMode standby && ./demo up"
    " && ./demo pulumi config rm lbMode && ./demo up"
)

STEPS = (
    Step("set-up", ("./demo", "setup"), 600),
    Step("unit tests", _TESTS, 900, ("set-up",), shows=_COUNTS),
    Step("up", ("./demo", "up"), 300, ("set-up",)),
    Step(
        "traffic, 10 s",
        ("./demo", "task", "generate-traffic", "--", "--rate=50", "--duration=10"),
        90,
        ("up",),
    ),
    Step("drill `workload-gone`", ("./demo", "task", "drill", "--", "workload-gone"), 180, ("up",)),
    Step("switch to standby and back", ("sh", "-c", _THERE_AND_BACK), 240, ("up",)),
    Step("destroy", ("./demo", "destroy"), 180, ("set-up",)),
)
"""What root does; then it is looked at what is left."""

_NOT_ALLOWED = "does not allow clusters without root"

USER_STEPS = (
    Step("a user: set-up", ("./demo", "setup"), 600, user=USER),
    Step("a user: unit tests", _TESTS, 900, ("a user: set-up",), USER, shows=_COUNTS),
    Step(
        "a user: `up` is refused",
        ("./demo", "up"),
        90,
        ("a user: set-up",),
        USER,
        refused=_NOT_ALLOWED,
    ),
)


_LEFT = """{
pgrep --list-name 'kube|containerd|etcd|envoy|runc'
find /sys/fs/cgroup -name 'localkube*'
grep localkube /proc/self/mountinfo
ls -d .demo/west 2>/dev/null
git status --porcelain
} | { ! grep .; }"""

_DELEGATED = """
cd /sys/fs/cgroup/localkube-*.service
test "$(cat cpu.weight)" = 10000
unit=$(basename "$PWD")
states=$(systemctl show "$unit" --property=Delegate,ActiveState --value | sort | xargs)
test "$states" = "active yes"  # in an order that depends on systemd's version
nodes=$(ls -d */kubepods | wc -l)
limits=$(cat */kubepods/*/pod*/memory.max */kubepods/pod*/memory.max | grep -c -v max)
test "$nodes" -gt 0
test "$limits" -gt 0
echo "$nodes nodes, $limits pods with a limit of memory in $unit"
"""


_CONFINED = """
test "$(cat /sys/module/apparmor/parameters/enabled)" = Y
confined=$(cat /proc/[0-9]*/attr/current | grep -c 'cri-containerd.apparmor.d.*(enforce)')
echo "$confined processes confined"
"""


def matching(command: str, pattern: str) -> str:
    """Return a shell command that shows all that a command prints, and fails without a match."""
    return f"{command} | awk '{{ print }} /{pattern}/ {{ found = 1 }} END {{ exit !found }}'"


# emulated, a hundred requests a second are too many, and times say nothing
_FEW = matching("./demo task generate-traffic -- --rate=5 --duration=20", "^ *all requests +[1-9]")


def _struck(fault: str) -> Step:
    command = matching(
        f"./demo task drill -- {fault} --rate=5 --baseline=20 --hold=30", "^ *met +lost: "
    )
    return Step(f"drill `{fault}`, 5/s", ("sh", "-c", command), 240)


_STRUCK = ("workload-gone", "pods-hang", "gateway-hangs", "cluster-power", "region-cut")
"""One fault by each means: objects, processes of containers and of a node, nodes, the network."""

_SLOWLY = {
    "traffic, 10 s": (Step("traffic, 5/s", ("sh", "-c", _FEW), 90, shows=r"all requests.*"),),
    "drill `workload-gone`": tuple(map(_struck, _STRUCK)),
}
_IN_MACHINE = tuple(
    each
    for step in STEPS
    if step.title not in ("set-up", "unit tests")
    for each in _SLOWLY.get(step.title, (step,))
)

BOOTED = (
    *(
        dataclasses.replace(step, needs=() if step.title == "up" else ("up",))
        for step in _IN_MACHINE[:-1]
    ),
    # an update that failed has made it too
    Step(
        "cgroups are delegated",
        ("sh", "-ec", _DELEGATED),
        30,
        shows=r"\d+ nodes, .*(?= in localkube)",
    ),
    Step("AppArmor", ("sh", "-ec", _CONFINED), 30, ("up",), shows=r"\d+ processes confined"),
    dataclasses.replace(_IN_MACHINE[-1], needs=()),
    Step("what is left", ("sh", "-c", _LEFT), 60, ("destroy",)),
    Step("systemd", ("systemctl", "is-system-running"), 30),
)
"""What root does in a system that was booted, in which everything is set up already."""

_SYSTEMD_OF_USER = f"""
loginctl enable-linger {USER}
until systemctl is-active user@$(id --user {USER}); do sleep 1; done
test -e /proc/sys/net/bridge || modprobe br_netfilter
sysctl --ignore --write kernel.apparmor_restrict_unprivileged_userns=0
"""

_DELEGATED_TO_USER = """
export XDG_RUNTIME_DIR=/run/user/$(id --user)
unit=localkube-rootless.service
show="systemctl --user show --value $unit"
test "$($show --property=Delegate,ActiveState | sort | xargs)" = "active yes"
cd /sys/fs/cgroup$($show --property=ControlGroup)
test -z "$(cat cgroup.procs)"
nodes=$(ls -d localkube/*/*/kubepods | wc -l)
limits=$(cat localkube/*/*/kubepods/pod*/memory.max localkube/*/*/kubepods/*/pod*/memory.max |
  grep -c -v max)
test "$nodes" -gt 0
test "$limits" -gt 0
echo "$nodes nodes, $limits pods with a limit of memory in $unit: $(cat cgroup.controllers)"
"""

_MAP = "echo cat /proc/self/uid_map | ./demo shell | grep -E '^ +1 +[0-9]+ +6553[56]$'"

BOOTED_USER = (
    Step(
        "refused until the administrator has done it",
        ("./demo", "up"),
        90,
        user=USER,
        shows=r"kernel\.\w+ is \d|user\.\w+ is \d",
        refused=_NOT_ALLOWED,
    ),
    Step("the administrator", ("sh", "-ec", _SYSTEMD_OF_USER), 60),
    Step("enter", ("sh", "-c", _MAP), 60, ("the administrator",), USER),
    *(
        dataclasses.replace(step, user=USER, needs=("enter",) if step.title == "up" else ("up",))
        for step in _IN_MACHINE[:-1]
    ),
    Step(
        "cgroups are delegated",
        ("sh", "-ec", _DELEGATED_TO_USER),
        30,
        user=USER,
        shows=r"\d+ nodes, .*",
    ),
    dataclasses.replace(_IN_MACHINE[-1], needs=(), user=USER),
    Step("what is left", ("sh", "-c", _LEFT), 60, ("destroy",)),
    Step("systemd", ("systemctl", "is-system-running"), 30),
)
"""What an ordinary user does in such a system, after what its administrator does once."""


def chosen(walk: tuple[Step, ...], tests: bool) -> tuple[Step, ...]:
    """Return the steps of a walk, those that run tests only if they are wanted."""
    return tuple(step for step in walk if tests or step.command != _TESTS)


def lacking(step: Step, rows: Iterable[Row]) -> str:
    """Return the title of a step that this one needs and that did not end well, or ""."""
    good = {row.title for row in rows if row.is_good}
    return next((title for title in step.needs if title not in good), "")


def judged(step: Step, code: int | None, output: str, seconds: float) -> Row:
    """Return the row of a step that ended with an exit code, or None when it took too long."""
    shown = re.findall(step.shows, output)[-1:] if step.shows else []
    if code is None:
        return Row(step.title, seconds, "FAILED: not within its time", False)
    if step.refused:
        good = code != 0 and step.refused in output
        why = shown[0] if shown else "ok"
        text = why if good else f"FAILED: ended with {code}, without “{step.refused}”"
    else:
        good = code == 0
        said = shown[0] if shown else last_line(output)
        text = (shown[0] if shown else "ok") if good else f"FAILED: {said}"
    return Row(step.title, seconds, text, good)


def left_over(seconds: float, found: list[str]) -> Row:
    """Return the row of what was found after `destroy`."""
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    verdict = f"FAILED: {', '.join(found[:3])}{more}" if found else "nothing"
    return Row("what is left", seconds, verdict, not found)
