// Sends a steady flow by what Node has built in, fetch or WebSocket, at its defaults.
// Plan, lines and end are as in python_clients.py. The authority comes by NODE_EXTRA_CA_CERTS.
import { createInterface } from "node:readline";

const plan = JSON.parse(process.argv[2]);
const BODY = '{"from":"checking","to":"savings","amount":"25.00"}';
const underWay = new Map();

function tell(id, due, status, cluster, error) {
  const seconds = (Date.now() - due) / 1000;
  process.stdout.write(JSON.stringify({ id, due: due / 1000, seconds, status, cluster, error }) + "\n");
}

async function byFetch(number, id) {
  const post = number % 2 === 1;
  const headers = { "x-demo-request": id };
  if (post) Object.assign(headers, { "idempotency-key": id, "content-type": "application/json" });
  const answer = await fetch(plan.url, { method: post ? "POST" : "GET", headers, body: post ? BODY : undefined });
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get("x-served-by-cluster") ?? ""];
}

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

async function byWebSocket(number, id) {
  const open = await opened();
  await new Promise((good, bad) => {
    waiting.set(id, { good, bad });
    open.send(id);
  });
  return [200, ""];
}

const ask = { fetch: byFetch, websocket: byWebSocket }[plan.way];

function describe(error) {
  const cause = error.cause ? `: ${error.cause.code ?? ""} ${error.cause.message ?? error.cause}` : "";
  return `${error.name}: ${error.message}${cause}`.slice(0, 300);
}

async function one(number) {
  const id = `${plan.run}-${number}`;
  const due = Date.now();
  underWay.set(id, due);
  let said;
  try {
    said = [...(await ask(number, id)), ""];
  } catch (error) {
    said = [0, "", describe(error)];
  }
  if (underWay.delete(id)) tell(id, due, ...said);
}

let number = 0;
const begin = Date.now();
let timer;
function next() {
  one(number++);
  timer = setTimeout(next, Math.max(0, begin + (number * 1000) / plan.rate - Date.now()));
}
next();

createInterface({ input: process.stdin }).on("close", () => {
  clearTimeout(timer);
  const end = Date.now() + plan.patience * 1000;
  const look = setInterval(() => {
    if (underWay.size && Date.now() < end) return;
    clearInterval(look);
    for (const [id, due] of underWay) tell(id, due, 0, "", "no answer until the end");
    underWay.clear();
    process.stdout.write("", () => process.exit(0));
  }, 50);
});
