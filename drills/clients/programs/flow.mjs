// A steady flow, for Node and for a page in a browser alike. Plan and lines: drills/clients/flow.py.

// Sends by `ask(number, id)` at the plan's rate, and tells of each request when it has ended.
// Returns what ends it: a function that waits for what is under way.
export function flow(plan, ask, tell) {
  const underWay = new Map();

  function told(id, due, status, cluster, error) {
    const seconds = (performance.now() - due) / 1000;
    tell({ id, due: (performance.timeOrigin + due) / 1000, seconds, status, cluster, error });
  }

  async function one(number) {
    const id = `${plan.run}-${number}`;
    // not when a busy program gets round to it; by a clock that nobody sets
    const due = begin + (number * 1000) / plan.rate;
    underWay.set(id, due);
    let said;
    try {
      said = [...(await ask(number, id)), ""];
    } catch (error) {
      said = [0, "", describe(error)];
    }
    if (underWay.delete(id)) told(id, due, ...said);
  }

  let number = 0;
  const begin = performance.now();
  let timer;
  function next() {
    one(number++);
    timer = setTimeout(next, Math.max(0, begin + (number * 1000) / plan.rate - performance.now()));
  }
  next();

  return () => {
    clearTimeout(timer);
    const end = performance.now() + plan.patience * 1000;
    return new Promise((over) => {
      const look = setInterval(() => {
        if (underWay.size && performance.now() < end) return;
        clearInterval(look);
        for (const [id, due] of underWay) told(id, due, 0, "", "no answer until the end");
        underWay.clear();
        over();
      }, 50);
    });
  };
}

// Asks by a message on one WebSocket, whose echo is the answer; by another one when it has ended.
export function byWebSocket(plan) {
  let socket; // a promise of one that is open
  const waiting = new Map();

  function opened() {
    socket ??= new Promise((good, bad) => {
      const made = new WebSocket(plan.url.replace(/\/$/, "").replace(/^http/, "ws") + "/api/socket");
      made.onopen = () => good(made);
      made.onmessage = ({ data }) => {
        waiting.get(data)?.good();
        waiting.delete(data);
      };
      made.onclose = ({ code, reason }) => {
        const problem = new Error(`closed: ${code} ${reason}`.trim());
        socket = undefined;
        bad(problem);
        for (const each of waiting.values()) each.bad(problem);
        waiting.clear();
      };
      made.onerror = () => {}; // `close` follows
    });
    return socket;
  }

  return async (number, id) => {
    const open = await opened();
    await new Promise((good, bad) => {
      waiting.set(id, { good, bad });
      open.send(id);
    });
    return [200, ""];
  };
}

function describe(error) {
  const cause = error.cause ? `: ${error.cause.code ?? ""} ${error.cause.message ?? error.cause}` : "";
  return `${error.name}: ${error.message}${cause}`.slice(0, 300);
}
