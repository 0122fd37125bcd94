#!/usr/bin/env bash
# pybreaker 1.4.1, circuitbreaker 2.1.3, aiobreaker 1.2.0, purgatory 3.0.1 (Python); opossum 9.0.0 and cockatiel 3.2.1
# (Node) beside them. Needs Python 3.11, Node 20 with npm, and the network.
#
# Each breaker opens after five failures. Four situations of a failover: ten calls at once while all is well; ten calls
# at once when the open time is over; ten calls in a row to a frozen service, given up by their caller's time-out
# (asyncio.timeout, AbortSignal); a slow call from before the outage that succeeds when the breaker is open.
# Expected: calls run side by side; one is the trial, the others are refused; time-outs open the breaker; an old
#   success does not close it. Node's breakers do so.
# Happens: pybreaker holds its lock during the call: threads that share a breaker wait for each other, as long as the
#   slow service takes, and no time-out of theirs bounds it. The three for asyncio let all ten calls through to the
#   service that has just come back. A cancelled call is no failure for aiobreaker, and a success for circuitbreaker:
#   neither opens, however long the service is frozen. circuitbreaker closes for the old success.
# Why it matters: a breaker in front of a frozen region is to stop the waiting. pybreaker makes one slow call block all
#   threads before anything has failed; the two others never open where deadlines are the caller's.
# Seen:
#                    ten at once   after the open time   given up by caller   old success
#   pybreaker        in turn       1 of 10 tried         -                    -
#   circuitbreaker   together      10 of 10 tried        stays closed         closes
#   aiobreaker       together      10 of 10 tried        stays closed         stays open
#   purgatory        together      10 of 10 tried        opens                stays open
#   opossum          together      1 of 10 tried         opens                stays open
#   cockatiel        together      1 of 10 tried         opens                stays open
# shellcheck source=findings/lib.sh
. "$(dirname "$0")/lib.sh"
need node npm
packages pybreaker==1.4.1 circuitbreaker==2.1.3 aiobreaker==1.2.0 purgatory==3.0.1
mkdir "$work/node"
cat >"$work/breakers.py" <<'PY'
import asyncio
import datetime
import threading
import time

import aiobreaker
import circuitbreaker
import purgatory
import pybreaker


def row(name, *cells):
    print("".join(f"{cell:{width}}" for cell, width in zip((name, *cells), (17, 14, 22, 21, 0), strict=True)))


def together(begin):
    return "together" if time.monotonic() - begin < 1.5 else "in turn"


def in_threads():
    """Measure pybreaker, which is for threads."""

    def ten(what):
        def one():
            try:
                breaker.call(what)
            except (OSError, pybreaker.CircuitBreakerError):
                pass

        threads = [threading.Thread(target=one) for _ in range(10)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    def fail():
        tried.append(1)
        time.sleep(0.3)
        raise OSError

    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=1)
    begin = time.monotonic()
    ten(lambda: time.sleep(0.3))
    at_once = together(begin)
    tried = []
    ten(fail)
    tried.clear()
    time.sleep(1.2)
    ten(fail)
    row("pybreaker", at_once, f"{len(tried)} of 10 tried", "-", "-")


def circuitbreaker_():
    breaker = circuitbreaker.CircuitBreaker(failure_threshold=5, recovery_timeout=1)

    def call(what):
        return breaker.decorate(what)()

    return call


def aiobreaker_():
    return aiobreaker.CircuitBreaker(fail_max=5, timeout_duration=datetime.timedelta(seconds=1)).call_async


def purgatory_():
    factory = purgatory.AsyncCircuitBreakerFactory(default_threshold=5, default_ttl=1)

    async def call(what):
        async with await factory.get_breaker("service"):
            return await what()

    return call


async def takes():
    await asyncio.sleep(0.3)


async def frozen():
    await asyncio.sleep(100)


async def fails():
    raise OSError


async def open_(call):
    for _ in range(5):
        await asyncio.gather(call(fails), return_exceptions=True)


async def is_open(call):
    ran = []

    async def run():
        ran.append(1)

    await asyncio.gather(call(run), return_exceptions=True)
    return not ran


async def in_tasks(name, make):
    begin = time.monotonic()
    call = make()
    await asyncio.gather(*(call(takes) for _ in range(10)))
    at_once = together(begin)

    tried = []

    async def fail():
        tried.append(1)
        await asyncio.sleep(0.3)
        raise OSError

    call = make()
    await open_(call)
    assert await is_open(call)
    await asyncio.sleep(1.5)
    await asyncio.gather(*(call(fail) for _ in range(10)), return_exceptions=True)

    call = make()
    for _ in range(10):
        try:
            async with asyncio.timeout(0.05):
                await call(frozen)
        except Exception:  # its time-out, or the breaker is open
            pass
    given_up = "opens" if await is_open(call) else "stays closed"

    call = make()
    answered = asyncio.Event()

    async def old_call():
        await answered.wait()

    old = asyncio.create_task(call(old_call))
    await asyncio.sleep(0.05)
    await open_(call)
    assert await is_open(call)
    answered.set()
    await old
    row(name, at_once, f"{len(tried)} of 10 tried", given_up, "stays open" if await is_open(call) else "closes")


row("", "ten at once", "after the open time", "given up by caller", "old success")
in_threads()
for make in circuitbreaker_, aiobreaker_, purgatory_:
    asyncio.run(in_tasks(make.__name__.rstrip("_"), make))
PY
cat >"$work/node/breakers.js" <<'JS'
const Opossum = require("opossum");
const { circuitBreaker, ConsecutiveBreaker, handleAll } = require("cockatiel");

const makers = {
  opossum: () => {
    const breaker = new Opossum((what) => what(), { timeout: false, resetTimeout: 1000, volumeThreshold: 5 });
    return (what) => breaker.fire(what);
  },
  cockatiel: () => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new ConsecutiveBreaker(5) });
    return (what) => breaker.execute(what);
  },
};
const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
const fails = async () => {
  throw new Error();
};
const ten = (call, what) => Promise.allSettled(Array.from({ length: 10 }, () => call(what)));

async function open(call) {
  for (let each = 0; each < 5; each++) await call(fails).catch(() => {});
}

async function isOpen(call) {
  let ran = false;
  await call(async () => (ran = true)).catch(() => {});
  return !ran;
}

async function measure(name, make) {
  const begin = Date.now();
  await ten(make(), () => sleep(0.3));
  const atOnce = Date.now() - begin < 1500 ? "together" : "in turn";

  let call = make();
  let tried = 0;
  await open(call);
  await sleep(1.5);
  await ten(call, async () => {
    tried++;
    await sleep(0.3);
    throw new Error();
  });

  call = make();
  for (let each = 0; each < 10; each++) {
    const signal = AbortSignal.timeout(50);
    const frozen = () => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await call(frozen).catch(() => {});
  }
  const givenUp = (await isOpen(call)) ? "opens" : "stays closed";

  call = make();
  let answer;
  const old = call(() => new Promise((resolve) => (answer = resolve)));
  await open(call);
  answer();
  await old;
  const after = (await isOpen(call)) ? "stays open" : "closes";
  const cells = [name.padEnd(17), atOnce.padEnd(14), `${tried} of 10 tried`.padEnd(22), givenUp.padEnd(21), after];
  console.log(cells.join(""));
}

(async () => {
  for (const name in makers) await measure(name, makers[name]);
  process.exit();
})();
setInterval(() => {}, 1000);
JS
(cd "$work/node" && npm install --silent --no-audit --no-fund opossum@9.0.0 cockatiel@3.2.1)
python -W ignore "$work/breakers.py" >"$work/seen"
node "$work/node/breakers.js" >>"$work/seen"
cat "$work/seen"
[ "$(cat "$work/seen")" = "$(sed -n '/^# Seen/,/^# shell/s/^#   //p' "$0")" ] || fail "CHANGED: other than described"
