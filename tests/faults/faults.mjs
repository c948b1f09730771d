// Lets each system call and allocation of a request fail once: the first, the
// second, and so on until a request goes by without a fault.  Then the answer
// is 503 or 500 with a sentence, and nothing is recorded; or it is the right
// one, and all of it is recorded, once.  The same delivery sent again, as its
// sender would, is recorded once in all; and the file is whole.
//
// usage: FCGI_REQUEST=... INGEST=... AGENTLENS_LOG=... FAULT=... SEED=n
//        node faults.mjs FOLDER MODE LIMIT
//
// MODE is cgi or fcgi.  LIMIT is how many calls of a series fail, by chance;
// 0 for all.  Prints a table, and what is wrong; then the exit status is 1.
// ONLY=SCENARIO/CALL/ERROR runs a part, of which any may be empty; TRACE=1 prints each fault.

import { execFile, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { existsSync, openSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import net from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const [folder, mode, limitText] = process.argv.slice(2);
const limit = Number(limitText) || Infinity;
const database = `${folder}/agentlens.db`, socket = `${folder}/ingest.sock`, control = `${folder}/control`;
const secrets = { agentgate: "agentgate-test-secret-0123456789", formbridge: "formbridge-test-secret-0123456789" };

// mulberry32, as in generate.mjs.
let state = Number(process.env.SEED) >>> 0;
function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = state;
	t = Math.imul(t ^ (t >>> 15), t | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

// --- What fails, in the order of fault.c ---------------------------------------

const errnos = { EINTR: 4, EIO: 5, EAGAIN: 11, ENOMEM: 12, EACCES: 13, EMFILE: 24, ENOSPC: 28, EPIPE: 32, ENOLCK: 37,
	EDQUOT: 122, short: -1 };
// A lasting error is that of all such calls from there on.  A responder waits
// until there is memory for a request, so that only CGI runs out for good; one
// call in five does.
const noMemory = "ENOMEM lasting";
const calls = [
	["write", "EIO", "ENOSPC", "EDQUOT", "EINTR", "short", "EIO lasting", "ENOSPC lasting"],
	["sync", "EIO", "ENOSPC", "EDQUOT", "EINTR", "EIO lasting"],
	["open", "EIO", "ENOSPC", "EDQUOT", "ENOMEM", "EINTR", "EMFILE", "EACCES", "EMFILE lasting"],
	["truncate", "EIO", "ENOSPC", "EDQUOT", "EINTR", "ENOSPC lasting"],
	["lock", "EIO", "ENOLCK", "EINTR", "EAGAIN"],
	["memory", "ENOMEM", ...(mode === "cgi" ? [noMemory] : [])],
	["map", "ENOMEM", "EAGAIN", "ENOMEM lasting"],
	["queue", "ENOSPC", "ENOMEM", "EINTR"],
	["events", "ENOMEM", "EMFILE", "EINTR"],
	["read", "EIO", "EINTR"],
	["receive", "EINTR"],
	["unlink", "EIO", "EACCES"],
	["thread", "EAGAIN"],
	["random", "EINTR"],
	["send", "EIO", "EPIPE", "EINTR", "short"],
	["look", "EIO", "ENOMEM", "EACCES", "EACCES lasting"],
	["poll", "ENOMEM", "EINTR"],
	["close", "EIO", "EINTR"],
];

// Where a library ends the process: what it says then.  Nobody is answered,
// the web server starts another one, and the sender sends again.
const endings = [
	{ library: "libfcgi", calls: ["memory"], says: /fcgiapp\.c:\d+: .*Assertion/ },
	{ library: "libgcrypt", calls: ["memory", "open"], says: /libgcrypt: |^\s*Fatal error: |Fatal: .*(fips|memory)/m },
];

// Where SQLite fails with what was committed already: the journal was removed,
// and then the folder could not be synced, or a lock not be lowered; or the
// log was written and never synced, nor could it be emptied at the end.  It
// might not survive a power cut, so that 503 is right; who sends again gets
// the answer of what is recorded, unless nothing names the delivery.
const isUnsettled = (call, error) => error === "EIO lasting" && call === "sync" ||
	journal === "delete" && ["sync", "lock"].includes(call);

// What leaves nothing behind to be answered with.
const silencing = new Set(["send EIO", "send EPIPE"]);

const head = Buffer.alloc(160);
const page = (writeFileSync(control, head), openSync(control, "r+"));
function arm(call, error, number) {
	head.fill(0);
	const [name, lasting] = error.split(" ");
	head.writeInt32LE(errnos[name], 4);
	head.writeBigInt64LE(BigInt(lasting === undefined ? number : -number), 8);
	writeSync(page, head, 0, head.length, 0);
	head.writeInt32LE(calls.findIndex(([name]) => name === call) + 1, 0);
	writeSync(page, head, 0, 4, 0);
}
function disarm() {
	writeSync(page, Buffer.alloc(4), 0, 4, 0);
	readSync(page, head, 0, head.length, 0);
	const text = (from, size) => head.toString("latin1", from, from + size).replace(/\0.*$/s, "");
	return { count: Number(head.readBigInt64LE(16)), fired: head.readBigInt64LE(24) !== 0n,
		where: `${text(32, 24)}() of ${text(56, 104)}`, library: text(56, 104).replace(/\.so.*/, "") };
}

// --- The program as a FastCGI responder and as CGI ------------------------------

function record(type, content) {
	const bytes = Buffer.alloc(8 + content.length);
	bytes.set([1, type, 0, 1]);
	bytes.writeUInt16BE(content.length, 4);
	content.copy(bytes, 8);
	return bytes;
}
function stream(type, bytes) {
	const records = [];
	for (let at = 0; at < bytes.length; at += 65528)
		records.push(record(type, bytes.subarray(at, at + 65528)));
	return [...records, record(type, Buffer.alloc(0))];
}
function length(n) {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE((n | 0x80000000) >>> 0);
	return bytes;
}
function encode(variables, body) {
	const pairs = Object.entries(variables).map(([name, value]) => Buffer.concat([length(name.length), length(value.length),
		Buffer.from(name + value)]));
	return Buffer.concat([record(1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0])), ...stream(4, Buffer.concat(pairs)),
		...stream(5, Buffer.from(body))]);
}
function decode(bytes) {
	const out = [];
	let ended = false;
	for (let at = 0; at + 8 <= bytes.length && !ended;) {
		const end = at + 8 + bytes.readUInt16BE(at + 4);
		ended = bytes[at + 1] === 3 && end <= bytes.length;
		if (bytes[at + 1] === 6)
			out.push(bytes.subarray(at + 8, end));
		at = end + bytes[at + 6];
	}
	return ended ? parse(Buffer.concat(out)) : parse(Buffer.alloc(0));
}

// A CGI response; status 0 when there is no whole one.
function parse(bytes) {
	const text = bytes.toString(), end = text.indexOf("\r\n\r\n");
	const headers = Object.fromEntries(text.slice(0, Math.max(end, 0)).split("\r\n").map((line) => line.toLowerCase().split(": ")));
	const body = text.slice(end + 4);
	const whole = end >= 0 && headers["content-length"] === String(Buffer.byteLength(body));
	return { status: whole ? Number.parseInt(headers.status ?? "200", 10) : 0, headers, text: body };
}

const environment = { PATH: process.env.PATH, HOME: folder, INGEST_CONFIG: `${folder}/settings.conf`, DB_PATH: database,
	AGENTGATE_WEBHOOK_SECRET: secrets.agentgate, FORMBRIDGE_WEBHOOK_SECRET: secrets.formbridge, INGEST_THREADS: "2",
	// libseccomp 2.5.4 loads a filter for ever where one of its allocations fails.
	INGEST_BUSY_MS: "2000", INGEST_SANDBOX: "off" };
writeFileSync(environment.INGEST_CONFIG, "", { mode: 0o600 });
const preload = { LD_PRELOAD: process.env.FAULT, FAULT_CONTROL: control };
let journal = "wal", responder = null;

async function start() {
	rmSync(socket, { force: true });
	const child = spawn(process.env.FCGI_REQUEST, ["-l", socket, "env", ...Object.entries(preload).map(([k, v]) => `${k}=${v}`),
		process.env.INGEST], { env: { ...environment, INGEST_JOURNAL: journal }, stdio: ["ignore", "ignore", "pipe"] });
	responder = { child, log: "", ended: null };
	const mine = responder;
	child.stderr.on("data", (data) => { mine.log += data; });
	mine.end = once(child, "close").then(([code, signal]) => { mine.ended = { code, signal }; });
	for (let tries = 0; !existsSync(socket) && mine.ended === null; tries++) {
		if (tries === 5000)
			throw new Error("no socket");
		await pause(1);
	}
}
async function stop(signal) {
	if (responder === null)
		return;
	const { child, end } = responder;
	child.kill(signal);
	const late = setTimeout(() => { tell("the end", `none after ${signal}`); child.kill("SIGKILL"); }, 10000);
	await end;
	clearTimeout(late);
	responder = null;
}
process.on("exit", () => responder?.child.kill("SIGKILL"));

function ask(variables, body) {
	return new Promise((resolve) => {
		const chunks = [], connection = net.connect(socket);
		connection.setTimeout(15000, () => connection.destroy());
		connection.on("data", (chunk) => chunks.push(chunk));
		connection.on("error", () => {});
		connection.on("close", () => resolve(decode(Buffer.concat(chunks))));
		connection.write(encode(variables, body));
	});
}
async function runCgi(variables, body) {
	const child = spawn(process.env.INGEST, [], { env: { ...environment, INGEST_JOURNAL: journal, ...preload, ...variables } });
	const out = [];
	let log = "";
	child.stdout.on("data", (data) => out.push(data));
	child.stderr.on("data", (data) => { log += data; });
	child.stdin.on("error", () => {});
	child.stdin.end(body);
	const [code, signal] = await once(child, "close");
	return { ...parse(Buffer.concat(out)), log, ended: { code, signal } };
}
async function send({ variables, body }) {
	if (mode === "cgi")
		return runCgi(variables, body);
	if (responder === null)
		await start();
	const answer = await ask(variables, body);
	// Of one that is dying it may be known a little later.
	if (answer.status === 0)
		await Promise.race([responder.end, pause(100)]);
	return { ...answer, log: responder.log, ended: responder.ended };
}
async function begin(name) {
	await stop("SIGKILL");
	journal = name;
	for (const end of ["", "-wal", "-shm", "-journal"])
		rmSync(database + end, { force: true });
}

// --- What is sent ----------------------------------------------------------------

let nonce = 0;
const text = (value) => JSON.stringify(JSON.stringify(value));
const variables = (body, more) => ({ GATEWAY_INTERFACE: "CGI/1.1", SERVER_PROTOCOL: "HTTP/1.1", REQUEST_METHOD: "POST",
	SCRIPT_NAME: "/api/events/ingest", REMOTE_ADDR: "192.0.2.7", CONTENT_TYPE: "application/json",
	CONTENT_LENGTH: String(Buffer.byteLength(body)), ...more });
const signed = (source, body, wanted, more) => ({ body, good: 201, wanted, variables: variables(body, {
	[`HTTP_X_${source.toUpperCase()}_SIGNATURE`]: createHmac("sha256", secrets[source]).update(body).digest("hex"), ...more }) });
// Fields as AgentGate's escalation sends them: strings that hold JSON.
const approval = () => signed("agentgate", `{"event":"request.created","data":{"request":{"id":"r1","action":"send",` +
	`"params":${text({ to: ["a@example.com", 1.5, null], b: "2", 1: "1" })},"context":${text({ agentlens_session_id: `s${++nonce % 3}`,
		agentId: "agent", note: "x".repeat(300) })},"status":"pending"}},"timestamp":1730000000000,"n":${nonce}}`,
{ event_type: "approval_requested", agent_id: "agent",
	payload: '{"requestId":"r1","action":"send","params":{"1":"1","to":["a@example.com",1.5,null],"b":"2"},"urgency":"normal"}' },
{ HTTP_IDEMPOTENCY_KEY: `key-${nonce}` });
const bareForm = () => signed("formbridge", `{"submissionId":"sub","intakeId":"form","state":"submitted","fields":{"a":1,"b":[]},` +
	`"metadata":{"createdAt":"2026-01-01T00:00:00Z","updatedAt":"2026-01-01T00:00:01Z","createdBy":{"kind":"human","id":"me"}},` +
	`"n":${++nonce}}`,
{ event_type: "form_completed", payload: '{"submissionId":"sub","formId":"form","completedBy":"me","durationMs":1000}' });
function unsigned() {
	const body = `{"source":"generic","event":"e","data":{"type":"t","data":{"n":[1,"two",{"k":"v"}]}},"n":${++nonce}}`;
	return { body, variables: variables(body), good: 201, unnamed: true,
		wanted: { event_type: "custom", payload: '{"type":"t","data":{"n":[1,"two",{"k":"v"}]}}' } };
}
const large = () => signed("agentgate", `{"event":"test","data":{"d":"${"d".repeat(950000)}"},` +
	`"context":{"agentlens_session_id":"large"},"n":${++nonce}}`, { event_type: "custom" });
const refused = () => ({ ...signed("agentgate", `{"event":"request.unheard","data":{},"n":${++nonce}}`), good: 400,
	sentence: "Unknown event type 'request.unheard' for source 'agentgate'", reason: "unknown-event: request.unheard" });
const health = () => ({ body: "", good: 200, variables: variables("", { REQUEST_METHOD: "GET", PATH_INFO: "/health" }) });
async function sendFirst(delivery) {
	delivery.first = (await send(delivery)).text;
}
// Its end, orderly, once it has answered; with whatever comes of it.
async function endAfter(delivery, armNow) {
	const answer = await send(delivery);
	armNow();
	await stop("SIGTERM");
	return answer;
}
async function sendLarge() {
	for (let i = 0; i < 3; i++)
		await send(large());
}

// Brief: all that is tried where LIMIT is set, since it takes long.
// Before: done first, without a fault.  Start: a responder's start belongs to
// it.  End: its end, and nothing else.  Fresh: on a new file.  Share: the part
// of the faults that is tried, where there are thousands of the same kind;
// After: ms in which they come.
const scenarios = [
	{ name: "signed", make: approval },
	{ name: "bare form", make: bareForm },
	{ name: "unsigned", make: unsigned },
	{ name: "sent again", make: approval, before: sendFirst },
	{ name: "refused", make: refused },
	{ name: "health", make: health },
	{ name: "rollback journal", make: approval, journal: "delete" },
	{ name: "start", make: approval, mode: "fcgi", start: true },
	{ name: "end", make: approval, mode: "fcgi", end: true, brief: ["write", "sync", "truncate"] },
	{ name: "new file", make: approval, fresh: true },
	{ name: "new file with rollback journal", make: approval, fresh: true, journal: "delete" },
	{ name: "checkpoint", make: large, before: sendLarge, mode: "fcgi", share: 0.05, after: 30, brief: ["write", "sync"],
		calls: ["write", "sync", "truncate", "lock", "memory", "map", "read"] },
];

// --- What must hold -----------------------------------------------------------------

const table = new Map(), libraries = new Map(), wrong = [];
let faults = 0, files = 0, sinceNew = 0;
function tell(where, what) {
	wrong.push(`${where}: ${what}`);
	if (wrong.length <= (Number(process.env.SHOW) || 20))
		console.log(`WRONG ${where}: ${what}`);
}
function tally(key, answer) {
	const row = table.get(key) ?? {};
	row[answer] = (row[answer] ?? 0) + 1;
	table.set(key, row);
}

// sqlite3 as one process; it has the file open only while it is asked.
const reader = spawn("sqlite3", ["-batch", "-json", ":memory:"], { stdio: ["pipe", "pipe", "pipe"] });
let said = "", wake = () => {};
reader.stdout.setEncoding("utf8").on("data", (data) => { said += data; wake(); });
reader.stderr.setEncoding("utf8").on("data", (data) => { said += `error: ${data}`; wake(); });
async function query(...statements) {
	said = "";
	reader.stdin.write(`.open '${database}'\n.timeout 10000\n` +
		statements.map((s) => `${s};\n.print "\\036"\n`).join("") + ".open :memory:\n.print \"\\035\"\n");
	while (!said.endsWith("\x1d\n") && reader.exitCode === null)
		await new Promise((resolve) => { wake = resolve; });
	if (said.includes("error: "))
		throw new Error(`sqlite3: ${said.slice(0, 1000)}`);
	return said.slice(0, -2).split("\x1e\n").slice(0, -1).map((rows) => (rows === "" ? [] : JSON.parse(rows)));
}

const hashed = (e) => JSON.stringify({ v: 2, id: e.id, timestamp: e.timestamp, sessionId: e.session_id, agentId: e.agent_id,
	eventType: e.event_type, severity: e.severity, payload: 0, metadata: 0, prevHash: e.prev_hash })
	.replace('"payload":0,"metadata":0', () => `"payload":${e.payload},"metadata":${e.metadata}`);

// All of the file: its pages, chains, counters, and the delivery of each event.
async function checkFile(where) {
	const [integrity, events, counters, alone] = await query("PRAGMA integrity_check",
		"SELECT * FROM events ORDER BY tenant_id, session_id, timestamp, id",
		`SELECT id FROM sessions s WHERE event_count <> (SELECT count(*) FROM events e WHERE e.session_id = s.id)`,
		`SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM ingest_deliveries WHERE event_id IS NOT NULL)
			UNION ALL SELECT event_id FROM ingest_deliveries WHERE event_id NOT IN (SELECT id FROM events)`);
	let last = null;
	files++;
	if (integrity.length !== 1 || integrity[0].integrity_check !== "ok")
		tell(where, `integrity: ${JSON.stringify(integrity)}`);
	for (const e of events) {
		const previous = last?.session_id === e.session_id ? last : null;
		if (createHash("sha256").update(hashed(e)).digest("hex") !== e.hash)
			tell(where, `hash of ${e.id}`);
		if (e.prev_hash !== (previous?.hash ?? null) || (previous !== null && previous.id >= e.id))
			tell(where, `link of ${e.id}`);
		last = e;
	}
	for (const { id } of [...counters, ...alone])
		tell(where, `a counter that is wrong, or an event without its delivery: ${id}`);
}

const isSentence = ({ status, headers, text: said }) => {
	const json = /^\{"error":"[A-Z][^"]{8,}","status":(\d+)\}$/.exec(said);
	return json !== null && Number(json[1]) === status && (status !== 503 || Number(headers["retry-after"]) > 0);
};

// What the answer to the fault came to; `unsure` when there was none.
function judge(where, call, error, delivery, answer) {
	if (answer.status === delivery.good && (delivery.sentence === undefined || answer.text.includes(delivery.sentence)))
		return String(answer.status);
	if (answer.status === 500 || answer.status === 503) {
		if (!isSentence(answer))
			tell(where, `no sentence: ${answer.status} ${answer.text}`);
		return String(answer.status);
	}
	const ending = endings.find(({ calls: may, says }) => may.includes(call) && answer.ended?.signal === "SIGABRT" &&
		says.test(answer.log));
	if (answer.status === 0 && ending !== undefined)
		return `ended by ${ending.library}`;
	if (answer.status === 0 && silencing.has(`${call} ${error}`))
		return "no answer";
	// The start of a responder may fail, with a line that says why.
	if (answer.status === 0 && answer.ended !== null && answer.ended.code > 0 && /agentlens-ingest.*: ./.test(answer.log))
		return "no start, a line";
	tell(where, `${answer.status} ${answer.text} ${JSON.stringify(answer.ended)} ${answer.log.slice(-300)}`);
	return "wrong";
}

// The same once more, with nothing in its way; then what is in the file.
async function sendAgain(where, call, error, delivery, answer, outcome) {
	if (responder?.ended)
		responder = null;
	const again = await send(delivery);
	const replayed = again.headers["idempotent-replayed"] === "true";
	if (again.status !== delivery.good)
		return tell(where, `sent again: ${again.status} ${again.text} ${again.log.slice(-3000)}`);
	if (delivery.good === 200)
		return undefined;
	const [rows] = await query(`SELECT d.reason, d.event_id, e.* FROM ingest_deliveries d LEFT JOIN events e ON e.id = d.event_id
		WHERE d.body = CAST('${delivery.body.replaceAll("'", "''")}' AS BLOB)`);
	const before = outcome === "201" || delivery.first !== undefined;
	const open = outcome === "503" && isUnsettled(call, error);
	const sure = before || (/^50[03]$/.test(outcome) && !open);
	if (delivery.good === 400)
		return rows.length === 1 && rows[0].reason === delivery.reason && rows[0].event_id === null ? undefined :
			tell(where, `refused, and kept as ${JSON.stringify(rows)}`);
	// Where nothing names a delivery, it is recorded each time.
	const recorded = delivery.unnamed ? rows.length - 1 : Number(replayed);
	if (open && recorded > 0)
		tally("of these, recorded all the same", outcome);
	if (rows.length < 1 || rows.length > (delivery.unnamed ? 2 : 1) || (sure && recorded !== Number(before)))
		tell(where, `${outcome}, and recorded ${recorded} times; in all ${rows.length} rows`);
	const texts = rows.map((r) => `{"ok":true,"eventId":"${r.event_id}","eventType":"${r.event_type}","sessionId":"${r.session_id}"}`);
	const answers = [delivery.first ?? again.text, again.text, ...(outcome === "201" ? [answer.text] : [])];
	for (const one of answers)
		if (!texts.includes(one) || (!delivery.unnamed && one !== answers[0]))
			tell(where, `answered ${one}, stored ${texts}`);
	for (const row of rows)
		for (const [name, value] of Object.entries(delivery.wanted))
			if (row[name] !== value)
				tell(where, `${name} is ${row[name]}`);
	return undefined;
}

async function oneFault(scenario, call, error, number) {
	const place = `${mode}, ${scenario.name}, ${call} ${error}, number ${number}`;
	const delivery = scenario.make();
	// Small files, so that each can be looked at as a whole.
	if (scenario.fresh || sinceNew++ % 60 === 0)
		await begin(scenario.journal ?? "wal");
	if (!scenario.fresh && sinceNew % 60 === 1)
		await send(approval());
	await scenario.before?.(delivery);
	// What it leaves is what the start has to mend.
	if (scenario.start)
		await stop("SIGKILL");
	else if (mode === "fcgi" && responder === null && !scenario.fresh)
		await send(health());
	else if (mode === "fcgi" && responder === null)
		await start();
	const answer = scenario.end ? await endAfter(delivery, () => arm(call, error, number)) :
		(arm(call, error, number), await send(delivery));
	if (scenario.after !== undefined)
		await pause(scenario.after);
	const at = disarm();
	if (number === 0 || !at.fired) {
		if (answer.status !== delivery.good)
			tell(place, `without a fault: ${answer.status} ${answer.text} ${answer.log}`);
		return at;
	}
	faults++;
	const where = `${place}, ${at.where}`;
	const outcome = judge(where, call, error, delivery, answer);
	tally(`${call} ${error}`, outcome);
	if (process.env.TRACE !== undefined)
		console.log(`${Math.round(performance.now())} ${where}: ${outcome}`);
	if (call === "memory")
		libraries.set(at.library, (libraries.get(at.library) ?? 0) + 1);
	await sendAgain(where, call, error, delivery, answer, outcome);
	if (scenario.name !== "checkpoint" || faults % 20 === 0)
		await checkFile(where);
	return at;
}

// So many of a list, by chance.
function some(list, most) {
	const left = [...list];
	while (left.length > most)
		left.splice(Math.floor(random() * left.length), 1);
	return left;
}
// The numbers of a series of `count` calls that are tried.
const chosen = (count, share, call) => some(Array.from({ length: count }, (_, i) => i + 1),
	Math.min(limit === Infinity ? count : call === "memory" ? limit * 10 : limit, Math.ceil(count * (share ?? 1))));
async function series(scenario, call, error) {
	const { count } = await oneFault(scenario, call, error, 0);
	const share = error === noMemory ? 0.2 : scenario.share;
	for (const number of chosen(count, share, call))
		await oneFault(scenario, call, error, number);
	// Threads and time make the number of calls differ a little.
	if (limit === Infinity && share === undefined && count > 0)
		for (let number = count + 1; (await oneFault(scenario, call, error, number)).fired;)
			number++;
}

const [onlyScenario, onlyCall, onlyError] = process.env.ONLY?.split("/") ?? [];
const started = performance.now();
for (const scenario of scenarios) {
	if ((scenario.mode ?? mode) !== mode || (onlyScenario || scenario.name) !== scenario.name)
		continue;
	sinceNew = 0;
	const before = [faults, performance.now()];
	for (const [call, ...errors] of calls)
		if ((onlyCall || call) === call && (scenario.calls ?? [call]).includes(call) &&
			(limit === Infinity || (scenario.brief ?? [call]).includes(call)))
			for (const error of some(errors, limit === Infinity ? errors.length : 2))
				if ((onlyError || error) === error)
					await series(scenario, call, error);
	// The program's own judge, once a scenario; there is a file by now.
	await send(approval());
	const { stdout } = await promisify(execFile)(process.env.AGENTLENS_LOG, ["verify", "-d", database],
		{ env: environment }).catch((error) => error);
	if (!stdout.startsWith("SOUND"))
		tell(scenario.name, `agentlens-log verify: ${stdout}`);
	console.log(`${mode} ${scenario.name}: ${faults - before[0]} faults in ${((performance.now() - before[1]) / 1000).toFixed(1)} s`);
}
await stop("SIGTERM");
reader.stdin.end();

for (const [key, row] of table)
	console.log(`${mode} ${key}: ${Object.entries(row).map(([answer, n]) => `${n} x ${answer}`).join("; ")}`);
console.log(`${mode} memory, by who asked: ${[...libraries].map(([name, n]) => `${n} x ${name}`).join("; ")}`);
console.log(`${mode}: ${faults} faults, ${files} times all of the file checked, ${wrong.length} wrong, ` +
	`${((performance.now() - started) / 1000).toFixed(0)} s`);
process.exitCode = wrong.length === 0 && faults > 0 ? 0 : 1;
