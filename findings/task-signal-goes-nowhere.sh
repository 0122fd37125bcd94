#!/usr/bin/env bash
# go-task 3.54.0 (PyPI go-task-bin 3.54.0). Needs Python 3.11 and the network for pip.
#
# task runs two commands, one after the other, and gets a signal itself, as from docker stop, systemd, timeout or a CI
# runner that cancels a job. (Ctrl-C of a terminal goes to all processes of the group, so to the command as well.)
# Expected: SIGTERM ends the command, or task at least; the second command does not begin; the exit code is not 0.
# Happens: task says that it got the signal and goes on. The command is not told, the second command runs, the exit
#   code is 0. So it is with Ctrl-C where the command cleans up and exits 0, as a server does. The third signal
#   makes task exit 1, and the command runs on without it.
# Why it matters: a cancelled job goes on to its next step, and counts as a success. After the runner's SIGKILL the
#   drill still strikes, and nobody waits for it. Let a supervisor signal the group (setsid, kill -- -PID), or start
#   the long command without task.
# Seen:
#   1 SIGTERM to task: signals of the command: none; then: ended, second command; task exits 0
#   1 SIGINT to task: signals of the command: none; then: ended, second command; task exits 0
#   1 SIGINT to the group: signals of the command: SIGINT; then: cleaned up, second command; task exits 0
#   3 SIGTERM to task: signals of the command: none; then: ended; task exits 1
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages go-task-bin==3.54.0
cd "$work"
cat >Taskfile.yml <<'YAML'
version: "3"
silent: true
tasks:
  both: [python command.py, echo second command >>did]
YAML
cat >command.py <<'PY'
import pathlib
import signal
import sys
import time


def note(line):
    with pathlib.Path("did").open("a") as file:
        file.write(line + "\n")


def clean_up(number, frame):
    with pathlib.Path("signals").open("a") as file:
        file.write(signal.Signals(number).name + "\n")
    note("cleaned up")
    sys.exit()


for number in signal.SIGTERM, signal.SIGINT:
    signal.signal(number, clean_up)
pathlib.Path("begun").touch()
time.sleep(4)
note("ended")
PY
python - >seen <<'PY'
import os
import pathlib
import signal
import subprocess
import time

NAMES = "begun", "did", "signals"


def lines(name):
    path = pathlib.Path(name)
    return ", ".join(path.read_text().split("\n")[:-1]) if path.exists() else "none"


def run(count, number, to_group):
    """Print what `count` signals do to a running task."""
    for name in NAMES:
        pathlib.Path(name).unlink(missing_ok=True)
    task = subprocess.Popen(
        ["task", "both"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not pathlib.Path("begun").exists():
        time.sleep(0.05)
    for _ in range(count):
        (os.killpg if to_group else os.kill)(task.pid, number)
        time.sleep(0.3)
    code = task.wait(30)
    time.sleep(5)
    where = "the group" if to_group else "task"
    print(
        f"{count} {number.name} to {where}: signals of the command: {lines('signals')};"
        f" then: {lines('did')}; task exits {code}"
    )


run(1, signal.SIGTERM, False)
run(1, signal.SIGINT, False)
run(1, signal.SIGINT, True)
run(3, signal.SIGTERM, False)
PY
cat seen
[ "$(cat seen)" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$here/$(basename "$0")")" ] ||
  fail "CHANGED: other than described"
