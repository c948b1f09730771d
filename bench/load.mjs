// One cell: a server, a load upon it, and the check of what it left.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeBodies } from "./bodies.mjs";
import { output, source, startServer, until, usage, work } from "./server.mjs";
import { lastId, verify } from "./verify.mjs";

// No responder here is faster than this; a load that runs out is void.
const RATE_MAX = 40000;

let runs = 0;
let warmUpLines = [];
function warmUpLine() {
	if (warmUpLines.length === 0)
		warmUpLines = readFileSync(freshBodies(1000, 1, 100), "utf8").trimEnd().split("\n");
	return warmUpLines.pop();
}

// Posts one delivery until it is answered 201, which also opens the database,
// so that this is not measured.
export async function warmUp(server) {
	const [signature, body] = warmUpLine().split("\t");
	let last = "no answer";
	await until("a first answer 201", async () => {
		try {
			const answer = await fetch(server.url, { method: "POST", body,
				headers: { "Content-Type": "application/json", "X-AgentGate-Signature": signature } });
			last = `${answer.status} ${await answer.text()}`;
			return answer.status === 201;
		} catch (error) {
			last = String(error.cause ?? error);
			return false;
		}
	}).catch((error) => {
		throw new Error(`${error.message}; the last was ${last}\n${server.log()}`);
	});
}

// A file of deliveries for a load of so many seconds, kept for other cells
// that begin with a fresh database.
const prepared = new Map();
export function bodiesFor(sessions, seconds) {
	const name = `bodies-${sessions}-${seconds}`;
	if (!prepared.has(name))
		prepared.set(name, freshBodies(sessions, seconds));
	return prepared.get(name);
}

// ... and one that no other cell has had.
export function freshBodies(sessions, seconds, rate = RATE_MAX) {
	return makeBodies(join(work, `bodies-${++runs}`), Math.ceil(rate * seconds), sessions, `${Date.now().toString(36)}${runs}`);
}

export async function wrk(url, connections, seconds, bodies, ...options) {
	const text = await output("wrk", ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "30s",
		"-s", join(source, "bench/wrk.lua"), url, "--", bodies, ...options]);
	const line = text.split("\n").find((l) => l.startsWith("{"));
	if (line === undefined)
		throw new Error(`wrk printed no result: ${text}`);
	return JSON.parse(line);
}

/*
 * Measures one cell and returns {rate, p50, p99, max (ms), memory (MiB), user,
 * system, web (microseconds of processor time for an event, of the responder
 * and the web server)}; or throws, when the cell is void.
 */
export async function measure({ server: how, connections, seconds, bodies, records = true }) {
	const server = await startServer(how);
	try {
		await warmUp(server);
		const after = records ? lastId(server.database) : null;
		const pids = server.responders(), before = usage(pids), web = usage(server.webServer());
		const result = await wrk(server.url, connections, seconds, bodies, ...(records ? [] : ["loop"]));
		const used = usage(pids), webUsed = usage(server.webServer());
		await server.stop();

		if (result.failed > 0 || result.broken > 0)
			throw new Error(`${result.failed} answers were errors, ${result.broken} did not come\n${server.log()}`);
		if (result.exhausted)
			throw new Error("the prepared deliveries ran out");
		if (records) {
			// Some deliveries may be recorded without their answer being
			// counted: those in flight when the load ended.
			const rows = await verify(server.database, after);
			if (rows < result.answers || rows > result.answers + connections)
				throw new Error(`${result.answers} answers, but ${rows} rows`);
		}
		const each = (ms) => ms * 1000 / result.answers;
		return {
			rate: result.answers / result.seconds,
			p50: result.p50, p99: result.p99, max: result.max,
			memory: used.memory,
			user: each(used.user - before.user),
			system: each(used.system - before.system),
			web: each(webUsed.user + webUsed.system - web.user - web.system),
		};
	} finally {
		await server.stop().catch(() => {});
		server.remove();
	}
}
