// The FastCGI side alone, without a web server: what `make bench-door` runs.
//
//   OTHER=PATH    another build of the program, to be measured side by side
//   ROUNDS=5      of each, in turns
//   EVENTS=20000  of each cell
//   CONNECTIONS="1 64 256"
//   SLOW=1000     connections that send a byte a second; 0 leaves them out
//   QUICK=1       one round of 2,000 events
//
// Prints, for each number of connections, the processor time of the responder
// for an event, the events a second, and the most memory that it took; one
// request after the other the time of each; and how long a small request takes
// beside slow peers.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { makeBodies, secret } from "./bodies.mjs";
import { build, ingest, output, program, sleep, start, stop, until, usage, work } from "./server.mjs";

const quick = (process.env.QUICK ?? "") !== "";
const number = (name, fallback) => Number(process.env[name] || fallback);
const rounds = number("ROUNDS", quick ? 1 : 5), events = number("EVENTS", quick ? 2000 : 20000);
const slow = Number(process.env.SLOW ?? 1000);
const programs = { new: ingest, ...(process.env.OTHER ? { other: process.env.OTHER } : {}) };
const variables = ["GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE=lighttpd/1.4.69", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_METHOD=POST",
	"SERVER_NAME=localhost", "SERVER_PORT=80", "REMOTE_ADDR=127.0.0.1", "REMOTE_PORT=40000", "SCRIPT_NAME=/api/events/ingest",
	"REQUEST_URI=/api/events/ingest", "DOCUMENT_ROOT=/var/www/html", "CONTENT_TYPE=application/json", "HTTP_HOST=localhost",
	"HTTP_ACCEPT=*/*", "HTTP_USER_AGENT=AgentGate-Webhook/1.0"];
let runs = 0;

async function startResponder(executable) {
	const socket = join(work, `door-${++runs}.sock`), database = join(work, `door-${runs}.db`);
	const child = start(program("tests/lib/fcgi-request"), ["-l", socket, executable], { stdio: ["ignore", "ignore", "inherit"],
		env: { PATH: process.env.PATH, HOME: work, DB_PATH: database, AGENTGATE_WEBHOOK_SECRET: secret, INGEST_LOG: "error" } });
	await until("the responder's socket", () => existsSync(socket));
	return { child, socket, async end() {
		await stop(child);
		for (const suffix of ["", "-wal", "-shm"])
			rmSync(`${database}${suffix}`, { force: true });
	} };
}

function linesFor(count) {
	const file = makeBodies(join(work, "bodies"), count, 1000, `${Date.now().toString(36)}${++runs}`);
	writeFileSync(file, readFileSync(file, "utf8").replace(/^(?=.)/gm, "HTTP_X_AGENTGATE_SIGNATURE="));
	return file;
}

async function load(socket, count, connections, ...options) {
	const file = linesFor(count), before = process.hrtime.bigint();
	const answers = await output(program("tests/lib/fcgi-request"), ["-b", file, "-c", String(connections), ...options, socket, ...variables]);
	const seconds = Number(process.hrtime.bigint() - before) / 1e9;
	const good = answers.match(/^201/gm)?.length ?? 0;
	if (good !== count)
		throw new Error(`${good} of ${count} were answered 201`);
	return seconds;
}

async function cell(executable, connections, ...options) {
	const { child, socket, end } = await startResponder(executable);
	await load(socket, 200, 4);
	const count = connections === 1 ? Math.ceil(events / 10) : events;
	const before = usage([child.pid]);
	const seconds = await load(socket, count, connections, ...options);
	const after = usage([child.pid]);
	await end();
	return { processor: (after.user + after.system - before.user - before.system) * 1000 / count,
		rate: count / seconds, memory: after.memory };
}

// --- Slow peers ----------------------------------------------------------------

function record(type, content) {
	const bytes = Buffer.alloc(8 + content.length);
	bytes.set([1, type, 0, 1, content.length >> 8, content.length & 255]);
	content.copy(bytes, 8);
	return bytes;
}
function pair(name, value) {
	return Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
}
function request(body) {
	const signature = createHmac("sha256", secret).update(body).digest("hex");
	const all = { REQUEST_METHOD: "POST", CONTENT_LENGTH: String(Buffer.byteLength(body)), HTTP_X_AGENTGATE_SIGNATURE: signature };
	return Buffer.concat([record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])), record(4, Buffer.concat(Object.entries(all).map(([n, v]) => pair(n, v)))),
		record(4, Buffer.alloc(0)), record(5, Buffer.from(body)), record(5, Buffer.alloc(0))]);
}
function ask(socket, body) {
	const before = process.hrtime.bigint();
	return new Promise((resolve, reject) => {
		const connection = net.connect(socket, () => connection.write(request(body)));
		let text = "";
		connection.setTimeout(20000, () => connection.destroy(new Error("no answer in 20 s")));
		connection.on("data", (data) => { text += data; });
		connection.on("error", reject);
		connection.on("close", () => text.includes("Status: 201") ? resolve(Number(process.hrtime.bigint() - before) / 1e6) :
			reject(new Error(`no 201: ${text}`)));
	});
}
async function times(socket, count) {
	const all = [], end = Date.now() + 40000;
	for (let n = 0; n < count && Date.now() < end; n++) {
		const body = JSON.stringify({ event: "request.approved", data: { request: { id: `slow_${++runs}`, action: "deploy", status: "approved",
			context: { agentlens_session_id: "s" } } }, timestamp: Date.now() });
		all.push(await ask(socket, body).catch(() => 20000));
		await sleep(10);
	}
	all.sort((a, b) => a - b);
	return { median: all[all.length >> 1], worst: all.at(-1) };
}
async function besideSlow(executable) {
	const { socket, end } = await startResponder(executable);
	await times(socket, 20);
	const idle = await times(socket, quick ? 20 : 100);
	const script = `const net = require("net"); const head = Buffer.from([1,1,0,1,0,8,0,0,0,1,0,0,0,0,0,0]);
		const peer = () => { const s = net.connect(process.argv[1]); let timer; s.on("connect", () => { s.write(head);
			timer = setInterval(() => s.write("\\x01"), 1000); }); s.on("error", () => {}); s.on("data", () => {});
			s.on("close", () => { clearInterval(timer); setTimeout(peer, 100); }); };
		for (let i = 0; i < Number(process.argv[2]); i++) setTimeout(peer, i);`;
	const peers = spawn("node", ["-e", script, socket, String(slow)], { stdio: "ignore" });
	await sleep(slow + 2000);
	const beside = await times(socket, quick ? 5 : 100);
	peers.kill("SIGKILL");
	await end();
	return { idle, beside };
}

// --- The rounds ----------------------------------------------------------------

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const cells = (process.env.CONNECTIONS ?? "1 64 256").split(" ").filter(Boolean).flatMap((n) => [[Number(n)], [Number(n), "-k"]]);
for (const [connections, ...options] of cells) {
	const figures = Object.fromEntries(Object.keys(programs).map((name) => [name, []]));
	for (let round = 0; round < rounds; round++)
		for (const [name, executable] of Object.entries(programs))
			figures[name].push(await cell(executable, connections, ...options));
	for (const [name, all] of Object.entries(figures))
		console.log(`${name}\t${connections} connections${options.length ? ", kept" : ""}\t${median(all.map((c) => c.processor)).toFixed(1)} us/event\t${
			Math.round(median(all.map((c) => c.rate)))} events/s\t${median(all.map((c) => c.memory)).toFixed(1)} MiB`);
}
for (const [name, executable] of slow > 0 ? Object.entries(programs) : []) {
	const { idle, beside } = await besideSlow(executable);
	console.log(`${name}\tbeside ${slow} slow peers\tmedian ${beside.median.toFixed(1)} ms, worst ${beside.worst.toFixed(1)} ms (idle ${
		idle.median.toFixed(1)} and ${idle.worst.toFixed(1)} ms)`);
}
console.log(`Built in ${build}.`);
