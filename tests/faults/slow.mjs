// How long a small signed request takes, first alone and then beside others
// that want all there is.
//
// usage: node slow.mjs SECRET WHERE KIND COUNT
//
// WHERE: a FastCGI socket, or http://… of a web server before one.
// KIND:  slow   COUNT connections that send a byte a second, and come again
//        heavy  COUNT connections that send bodies of 1 MB, one after the other
//
// Prints both medians and the worst, in ms.  Exit status 1 when the median
// beside them is more than 3 times the one alone, which counts as 5 ms at least,
// or when a request was not answered 201.
import { createHmac } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { Peer, begin, head, record, request, PARAMS, sleep, stream, STDIN } from "../lib/fcgi.mjs";

const [secret, where, kind, count] = process.argv.slice(2);
const url = where.startsWith("http") ? new URL(where) : null;
const asked = 41;
let n = 0;

function overHttp(body, signature) {
	return new Promise((resolve) => {
		const sent = http.request(url, { method: "POST", agent: false, headers: { "Content-Type": "application/json", "Content-Length": body.length,
			"X-AgentGate-Signature": signature } }, (answer) => {
			answer.resume();
			answer.on("end", () => resolve(String(answer.statusCode)));
		});
		sent.on("error", (error) => resolve(error.message));
		sent.end(body);
	});
}
async function overSocket(body, signature) {
	const peer = new Peer(where);
	peer.send(request({ HTTP_X_AGENTGATE_SIGNATURE: signature }, body));
	await new Promise((resolve) => { peer.socket.on("close", resolve); peer.socket.setTimeout(30000, () => peer.end()); });
	return peer.statuses;
}
async function measure() {
	const all = [];
	for (let i = 0; i < asked; i++) {
		const body = JSON.stringify({ event: "request.approved", data: { request: { id: `r${process.pid}_${++n}`, action: "a", status: "approved" } },
			timestamp: Date.now() });
		const signature = createHmac("sha256", secret).update(body).digest("hex"), before = process.hrtime.bigint();
		const status = await (url === null ? overSocket : overHttp)(body, signature);
		if (status !== "201")
			throw new Error(`answered ${status}`);
		all.push(Number(process.hrtime.bigint() - before) / 1e6);
		await sleep(20);
	}
	all.sort((a, b) => a - b);
	return { median: all[asked >> 1], worst: all.at(-1) };
}

let open = 0;
function drip() {
	const socket = url === null ? net.connect(where) : net.connect(url.port, url.hostname);
	let timer = null;
	socket.on("connect", () => {
		open++;
		// A request of which all but the body is there, and that comes too.
		socket.write(url === null ? head({ REQUEST_METHOD: "POST", CONTENT_LENGTH: 1000 }) :
			`POST ${url.pathname} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`);
		timer = setInterval(() => socket.write(url === null ? record(STDIN, Buffer.from(" ")) : " "), 1000);
	});
	socket.on("data", () => {});
	socket.on("error", () => {});
	socket.on("close", () => {
		open -= timer === null ? 0 : 1;
		clearInterval(timer);
		setTimeout(drip, 200);
	});
}
async function heavy() {
	for (;;) {
		const peer = new Peer(where);
		const item = "2.2250738585072011e-308,";
		peer.send(request({}, `{"source":"generic","event":"e","data":{"data":[${item.repeat(40000)}1],"n":${++n}}}`));
		await new Promise((resolve) => { peer.socket.on("close", resolve); });
	}
}

const alone = (await measure(), await measure());
for (let i = 0; i < Number(count); i++)
	if (kind === "heavy")
		heavy();
	else
		setTimeout(drip, i);
await sleep(3000);
if (kind === "slow" && open < Number(count) * 0.9)
	throw new Error(`only ${open} are connected`);
const beside = await measure();
console.log(`median ${alone.median.toFixed(1)} ms alone, ${beside.median.toFixed(1)} ms beside ${count}; worst ${alone.worst.toFixed(1)} and ${beside.worst.toFixed(1)}`);
process.exit(beside.median <= 3 * Math.max(alone.median, 5) ? 0 : 1);
