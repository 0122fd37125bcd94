// Sends a steady flow by what Node has built in, at its defaults: fetch, HTTP/2 or WebSocket.
// It ends with its standard input. The authority comes by NODE_EXTRA_CA_CERTS.
import http2 from "node:http2";
import { createInterface } from "node:readline";
import { byWebSocket, flow } from "./flow.mjs";

const plan = JSON.parse(process.argv[2]);
const BODY = '{"from":"checking","to":"savings","amount":"25.00"}';

function wanted(number, id) {
  const post = number % 2 === 1;
  const headers = { "x-demo-request": id };
  if (post) Object.assign(headers, { "idempotency-key": id, "content-type": "application/json" });
  return { method: post ? "POST" : "GET", headers, body: post ? BODY : undefined };
}

async function byFetch(number, id) {
  const answer = await fetch(plan.url, wanted(number, id));
  await answer.arrayBuffer();
  return [answer.status, answer.headers.get("x-served-by-cluster") ?? ""];
}

let session;

function connected() {
  if (!session || session.closed || session.destroyed) {
    session = http2.connect(plan.url);
    session.on("error", () => {}); // each stream tells its own
  }
  return session;
}

function byHttp2(number, id) {
  const { method, headers, body } = wanted(number, id);
  return new Promise((good, bad) => {
    const { pathname } = new URL(plan.url);
    const stream = connected().request({ ":method": method, ":path": pathname, ...headers });
    let answer;
    stream.on("response", (found) => (answer = found));
    stream.on("error", bad);
    stream.on("end", () => answer && good([answer[":status"], answer["x-served-by-cluster"] ?? ""]));
    stream.on("close", () => bad(new Error(`the stream closed: code ${stream.rstCode}`)));
    stream.resume();
    stream.end(body);
  });
}

const ask = { fetch: byFetch, http2: byHttp2, websocket: byWebSocket(plan) }[plan.way];
const end = flow(plan, ask, (line) => process.stdout.write(JSON.stringify(line) + "\n"));

createInterface({ input: process.stdin }).on("close", async () => {
  await end();
  process.stdout.write("", () => process.exit(0));
});
