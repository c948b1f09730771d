// Instructions a request, by part: what `make bench-cpu` runs.
//
//   REQUESTS=2000  over how many requests they are counted
//   QUICK=1        200
//
// The FastCGI program is run under callgrind, twice: with few requests and
// with REQUESTS more of them. The difference is theirs alone. Valgrind runs
// one thread at a time, so waiting for each other costs nothing here.

import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { secret } from "./bodies.mjs";
import { freshBodies } from "./load.mjs";
import { number, quick, save } from "./results.mjs";
import { ingest, output, program, start, stop, until, work } from "./server.mjs";

const requests = number("REQUESTS", quick ? 200 : 2000);
const few = 100;
const modes = [
	{ title: "one at a time", connections: 1 },
	{ title: "64 connections", connections: 64 },
];

/*
 * The parts, as sums of the inclusive cost of calls. A name is a function;
 * "caller>callee" only its calls from there; "-" takes it out, because it
 * happens within another and is counted elsewhere.
 */
const parts = {
	"accept and read": ["handle_events", "fcgi_request_open", "request_read_body"],
	"JSON": ["json_read", "free_values>json_object_put", "ingest_handle>json_object_put"],
	"HMAC and keys": ["digest_hmac_sha256", "scheme_read", "digest_equal", "digest_sha256", "-event_hash>digest_sha256"],
	"mapping": ["source_find", "envelope_open", "envelope_fill", "envelope_sent_at", "mapping_find", "mapping_apply", "envelope_close", "mapping_free", "-envelope_open>json_read", "-field_read_object>json_read"],
	"canonical text and chain": ["event_build", "event_seal", "event_free"],
	"SQLite": ["engine_begin", "record_append", "engine_end", "engine_checkpoint", "-event_seal"],
	"reply": ["reply_write", "request_answer"],
};

// --- Counting --------------------------------------------------------------

function writeRequests(file, count) {
	const bodies = freshBodies(1000, 1, count);
	writeFileSync(file, readFileSync(bodies, "utf8").replace(/^/gm, "HTTP_X_AGENTGATE_SIGNATURE=").replace(/HTTP_X_AGENTGATE_SIGNATURE=$/, ""));
	rmSync(bodies);
}

async function count(total, connections) {
	const file = join(work, "callgrind.out"), socket = join(work, "cpu.sock"), lines = join(work, "requests");
	const database = join(work, "cpu.db");
	writeRequests(lines, total);
	const child = start(program("tests/lib/fcgi-request"), ["-l", socket, "valgrind", "--tool=callgrind",
		`--callgrind-out-file=${file}`, "--quiet", ingest],
		{ env: { PATH: process.env.PATH, HOME: work, DB_PATH: database, AGENTGATE_WEBHOOK_SECRET: secret, INGEST_SANDBOX: "off" }, stdio: ["ignore", "ignore", "inherit"] });
	await until("the responder's socket", () => existsSync(socket));
	const answers = await output(program("tests/lib/fcgi-request"), ["-b", lines, "-c", String(connections), socket,
		"GATEWAY_INTERFACE=CGI/1.1", "SERVER_SOFTWARE=lighttpd/1.4.69", "SERVER_PROTOCOL=HTTP/1.1", "REQUEST_METHOD=POST",
		"SCRIPT_NAME=/api/events/ingest", "REQUEST_URI=/api/events/ingest", "CONTENT_TYPE=application/json", "REMOTE_ADDR=127.0.0.1"]);
	await stop(child);
	await until("callgrind's figures", () => existsSync(file));
	const recorded = answers.split("\n").filter((line) => line.startsWith("201\t")).length;
	if (recorded !== total)
		throw new Error(`${recorded} of ${total} requests were answered 201:\n${answers.slice(0, 500)}`);
	const figures = readCallgrind(readFileSync(file, "utf8"));
	for (const made of [file, socket, database, `${database}-wal`, `${database}-shm`])
		rmSync(made, { force: true });
	return figures;
}

/*
 * Reads callgrind's file (its format is in Valgrind's manual, "Callgrind
 * Format Specification"): per function the instructions of its own, and those
 * of each call from one function to another with all that they call.
 */
function readCallgrind(text) {
	const names = new Map();
	const self = new Map(), calls = new Map();
	const add = (map, key, n) => map.set(key, (map.get(key) ?? 0) + n);
	let object = "", calledObject = null, current = "", callee = null;
	for (const line of text.split("\n")) {
		const [, what, id, full] = /^(c?ob|c?fn)=(\(\d+\))(?: (.*))?$/.exec(line) ?? [];
		if (what !== undefined) {
			const isObject = what.endsWith("ob");
			const key = isObject ? `ob${id}` : id;
			// Callgrind counts levels of recursion as name'2, name'3; and what
			// has no name has its library's.
			if (full !== undefined)
				names.set(key, isObject ? full.replace(/.*\//, "") : full.startsWith("0x") ?
					`${(what === "cfn" ? calledObject : null) ?? object}: ${full.replace(/^0x0*/, "0x")}` : full.replace(/'\d+$/, ""));
			if (what === "ob")
				object = names.get(key);
			else if (what === "cob")
				calledObject = names.get(key);
			else if (what === "fn")
				current = names.get(key);
			else
				callee = names.get(key);
		} else if (/^[+\-*\d]/.test(line)) {
			const cost = Number(line.split(" ").at(1));
			if (callee === null)
				add(self, current, cost);
			else
				add(calls, `${current}>${callee}`, cost);
			callee = calledObject = null;
		}
	}
	return { self, calls };
}

// --- Adding up -------------------------------------------------------------

function each(more, less, name) {
	const result = new Map();
	for (const [key, n] of more[name])
		result.set(key, (n - (less[name].get(key) ?? 0)) / requests);
	return result;
}

// The inclusive cost of a function: what its callers spent on it.
function inclusive(calls, term) {
	if (term.includes(">"))
		return calls.get(term) ?? 0;
	let sum = 0;
	for (const [key, n] of calls) {
		const [caller, callee] = key.split(">");
		if (callee === term && caller !== term)
			sum += n;
	}
	return sum;
}

function addUp(more, less) {
	const self = each(more, less, "self"), calls = each(more, less, "calls");
	const total = [...self.values()].reduce((a, b) => a + b, 0);
	const known = new Set([...calls.keys()].flatMap((key) => key.split(">")));
	for (const term of Object.values(parts).flat())
		if (!/^-|>|checkpoint/.test(term) && !known.has(term))
			console.log(`there is no function ${term} any more; see the parts in bench/cpu.mjs`);
	const rows = Object.entries(parts).map(([name, terms]) => ({ name,
		instructions: terms.reduce((sum, term) => sum + (term.startsWith("-") ? -inclusive(calls, term.slice(1)) : inclusive(calls, term)), 0) }));
	rows.push({ name: "threads, log, and the rest", instructions: total - rows.reduce((sum, row) => sum + row.instructions, 0) });
	const top = [...self].sort(([, a], [, b]) => b - a).slice(0, 25).map(([name, instructions]) => ({ name, instructions }));
	return { parts: rows, top };
}

for (const mode of modes) {
	const less = await count(few, mode.connections);
	const more = await count(few + requests, mode.connections);
	Object.assign(mode, addUp(more, less));
	console.log(`${mode.title}: ${mode.parts.map((p) => `${p.name} ${Math.round(p.instructions)}`).join(", ")}`);
}
save("cpu", { requests, modes });
