#!/usr/bin/env bash
# Pulumi's Python SDK 3.272.0. Needs Python 3.11 and the network for pip.
#
# A program registers resources that do not depend on each other, by the SDK's own mocks, whose engine takes 2 ms to
# answer each. What the program's process hands to asyncio.wait is counted, and its processor time.
# Expected: the work for a resource is the same in a large program as in a small one.
# Happens: the SDK first waits for the registrations that have begun, one after another. When a program of plain
#   statements has ended none has, for the event loop had no turn. So the SDK waits for the first of all outputs that
#   are pending, then for the first of the rest, and so on; each wait adds a callback to each of them and takes it away.
#   The slower the engine, the more waits. Four times the resources take seven times the processor or more.
#   A program that ends with one turn of the loop, `await asyncio.sleep(0)`, is spared all of that.
# Why it matters: a stack of many clusters spends seconds in the program, in each preview and each update, and neither
#   parallelism nor more processors shorten that. Several smaller stacks do, and pulumi.run with such a turn.
# Seen:
#   400 resources   71768 tasks waited for, 179 a resource   0.7 s of the processor
#   1600 resources   875947 tasks waited for, 547 a resource   4.0 s of the processor
#   1600 resources, one turn of the loop   0 tasks waited for   1.6 s of the processor
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
packages pulumi==3.272.0
cat >"$work/program.py" <<'PY'
import asyncio
import sys
import time

import pulumi
from pulumi.runtime import Mocks, set_mocks
from pulumi.runtime.stack import run_pulumi_func

count, turns = map(int, sys.argv[1:])
waited = 0
original = asyncio.wait


def counted(tasks, **options):
    global waited
    tasks = list(tasks)
    waited += len(tasks)
    return original(tasks, **options)


class Engine(Mocks):
    """Answers each registration after 2 ms."""

    def new_resource(self, args):
        time.sleep(0.002)
        return args.name, args.inputs

    def call(self, args):
        return {}


class Thing(pulumi.CustomResource):
    def __init__(self, name):
        super().__init__("example:index:Thing", name, {"size": 1})


def program():
    for number in range(count):
        Thing(f"thing-{number}")
    return asyncio.sleep(0) if turns else None


async def main():
    set_mocks(Engine())
    await run_pulumi_func(program)


asyncio.wait = counted
asyncio.run(main())
print(waited, waited // count, f"{time.process_time():.1f}")
PY
for count in 400 1600; do
  read -r waited each seconds < <(python "$work/program.py" "$count" 0)
  printf '%s resources   %s tasks waited for, %s a resource   %s s of the processor\n' \
    "$count" "$waited" "$each" "$seconds"
  rates="${rates:-} $each"
done
read -r few many <<<"$rates"
[ $((many * 10)) -ge $((few * 15)) ] ||
  fail "a resource of 1,600 is waited for $many times, of 400 $few times: it grows no more"
read -r waited each seconds < <(python "$work/program.py" 1600 1)
printf '1600 resources, one turn of the loop   %s tasks waited for   %s s of the processor\n' "$waited" "$seconds"
[ "$waited" -lt 1600 ] || fail "after one turn of the loop $waited tasks are waited for"
