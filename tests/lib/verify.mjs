// Reads a database back and checks all of it with code of its own: the chain,
// the texts, the rows, and what each body should have become.
//
// usage: node verify.mjs DATABASE LINES ANSWERS
//
// LINES are the deliveries that generate.mjs made; ANSWERS has a line for each
// answer: status, line number, body, parted by tabs.  Says what is wrong, and
// then has exit status 1.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [database, linesFile, answersFile] = process.argv.slice(2);
let wrong = 0;

function check(what, good, detail = "") {
	if (good || wrong++ > 20)
		return;
	console.log(`${what}${detail === "" ? "" : `\n  ${detail}`}`);
}
function same(what, expected, got) {
	check(what, expected === got, `expected: ${expected}\n  got:      ${got}`);
}

// Through hex, so that no shell of SQLite's has a say in what a text is.
function select(columns, from) {
	const list = columns.map((c) => `iif(${c} IS NULL, 'null', hex(CAST(${c} AS BLOB)))`).join(", ");
	const out = execFileSync("sqlite3", ["-batch", "-separator", "|", database, `SELECT ${list} FROM ${from}`],
		{ encoding: "utf8", maxBuffer: 2 ** 30 });
	return out.split("\n").filter((line) => line !== "").map((line) =>
		Object.fromEntries(line.split("|").map((cell, i) =>
			[columns[i], cell === "null" ? null : Buffer.from(cell, "hex").toString("utf8")])));
}

// --- The chain -----------------------------------------------------------

const events = select(["id", "timestamp", "session_id", "agent_id", "event_type", "severity", "payload", "metadata",
	"prev_hash", "hash", "tenant_id"], "events ORDER BY tenant_id, session_id, timestamp, id");

let last = null;
for (const e of events) {
	const first = last === null || last.tenant_id !== e.tenant_id || last.session_id !== e.session_id;
	const hashed = JSON.stringify({ v: 2, id: e.id, timestamp: e.timestamp, sessionId: e.session_id, agentId: e.agent_id,
		eventType: e.event_type, severity: e.severity, payload: 0, metadata: 0, prevHash: e.prev_hash })
		.replace(/"payload":0,"metadata":0(?=,"prevHash":(null|"[0-9a-f]{64}")\}$)/,
			() => `"payload":${e.payload},"metadata":${e.metadata}`);
	same(`${e.id}: hash`, createHash("sha256").update(hashed, "utf8").digest("hex"), e.hash);
	same(`${e.id}: link`, first ? null : last.hash, e.prev_hash);
	check(`${e.id}: form of the id`, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(e.id));
	check(`${e.id}: form of the time`, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(e.timestamp), e.timestamp);
	check(`${e.id}: time in the future`, Date.parse(e.timestamp) <= Date.now(), e.timestamp);
	// Ordered by time, the ids must ascend by themselves.
	check(`${e.id}: order of the ids`, first || last.id < e.id, first ? "" : last.id);
	for (const name of ["payload", "metadata"])
		same(`${e.id}: ${name} is no fixed point`, JSON.stringify(JSON.parse(e[name])), e[name]);
	check(`${e.id}: size`, Buffer.byteLength(e.payload) <= 10240 && Buffer.byteLength(e.metadata) <= 10240 + 100);
	last = e;
}

// --- The rows ------------------------------------------------------------

const lines = readFileSync(linesFile, "utf8").split("\n").slice(0, -1);
const answers = readFileSync(answersFile, "utf8").split("\n").slice(0, -1).map((line) => line.split("\t"));
const byId = new Map(events.map((e) => [e.id, e]));
const answered = new Set();

same("number of answers", lines.length, answers.length);
same("number of events", answers.filter(([status]) => status === "201").length, events.length);

const sessions = select(["id", "tenant_id", "event_count", "started_at", "last_event_at"], "sessions");
same("number of sessions", new Set(events.map((e) => `${e.tenant_id}\0${e.session_id}`)).size, sessions.length);
for (const s of sessions) {
	const own = events.filter((e) => e.tenant_id === s.tenant_id && e.session_id === s.id);
	same(`session ${s.id}: event_count`, own.length, Number(s.event_count));
	same(`session ${s.id}: last_event_at`, own.at(-1)?.timestamp, s.last_event_at);
}

const deliveries = new Map(select(["event_id", "body"], "ingest_deliveries WHERE event_id IS NOT NULL").map((d) => [d.event_id, d.body]));
same("number of deliveries", events.length, deliveries.size);

// --- What each body should have become ------------------------------------

// A copy with U+FFFD for every lone surrogate.
const wellFormed = (s) => s.replace(/[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]/g, (m) => (m.length === 2 ? m : "\ufffd"));
function set(object, key, value) {
	Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
}
function mended(value) {
	if (typeof value === "string")
		return wellFormed(value);
	if (Array.isArray(value))
		return value.map(mended);
	if (value === null || typeof value !== "object")
		return value;
	const copy = {};
	for (const [k, v] of Object.entries(value))
		set(copy, wellFormed(k), mended(v));
	return copy;
}
const own = (object, key) => (object !== undefined && object !== null && Object.hasOwn(object, key) ? object[key] ?? undefined : undefined);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const asObject = (value) => (typeof value === "string" ? mended(JSON.parse(value)) : value);
const first = (object, ...names) => names.map((n) => own(object, n)).find((v) => v !== undefined);

function decision(f) {
	const reason = first(f, "reason", "decisionReason");
	return { requestId: first(f, "requestId", "id") ?? "", action: own(f, "action") ?? "",
		decidedBy: first(f, "decidedBy", "approvedBy", "deniedBy") ?? "system", ...(reason ? { reason } : {}) };
}
function formName(f) {
	return own(f, "formName") ? { formName: f.formName } : {};
}
const submission = (f) => ({ submissionId: first(f, "submissionId", "id") ?? "", formId: own(f, "formId") ?? "" });
const submitted = (f) => ({ ...submission(f), ...formName(f), fieldCount: own(f, "fieldCount") ?? 0 });
const completed = (f) => ({ ...submission(f), completedBy: own(f, "completedBy") ?? "unknown", durationMs: own(f, "durationMs") ?? 0 });
const expired = (f) => ({ ...submission(f), expiredAfterMs: own(f, "expiredAfterMs") ?? 0 });
const custom = (f, body) => ({ type: body.event, data: body.data });
const types = {
	"request.created": ["approval_requested", (f) => ({ requestId: first(f, "requestId", "id") ?? "", action: own(f, "action") ?? "",
		params: asObject(own(f, "params") ?? {}), urgency: own(f, "urgency") ?? "normal" })],
	"request.approved": ["approval_granted", decision],
	"request.denied": ["approval_denied", decision],
	"request.expired": ["approval_expired", decision],
	"request.decided": [(f) => (f.status === "approved" ? "approval_granted" : "approval_denied"), decision],
	"request.escalated": ["custom", custom],
	"budget.threshold": ["custom", custom],
	test: ["custom", custom],
	"submission.created": ["form_submitted", submitted],
	"submission.completed": ["form_completed", completed],
	"submission.expired": ["form_expired", expired],
};

function parseTime(value) {
	if (value === undefined || typeof value === "number")
		return value;
	const zone = /(Z|[+-]\d\d:\d\d)$/.test(value) ? "" : "Z";
	return Date.parse(value.replace(" ", "T") + zone);
}

// A bare body of FormBridge, in the words of the canonical form.
function translated(body) {
	const m = own(body, "metadata") ?? {};
	const by = own(m, "createdBy");
	const age = Math.max(0, parseTime(m.updatedAt) - parseTime(m.createdAt));
	const fields = { submissionId: body.submissionId, formId: body.intakeId, completedBy: isObject(by) ? by.id : by,
		durationMs: age, expiredAfterMs: age, fieldCount: Object.keys(body.fields).length };
	const [type, make] = { submitted: ["form_completed", completed], approved: ["form_completed", completed],
		finalized: ["form_completed", completed], expired: ["form_expired", expired], cancelled: ["form_expired", expired],
		rejected: ["form_expired", expired] }[body.state] ?? ["form_submitted", submitted];
	return { source: "formbridge", event: `submission.${body.state}`, type, payload: make(fields), reported: m.updatedAt,
		agent: isObject(by) ? (by.kind === "agent" ? by.id : undefined) : by, correlation: body.submissionId };
}
function mapped(body, signedBy) {
	if (own(body, "state") !== undefined)
		return translated(body);
	const source = signedBy;
	const common = { source, event: body.event, reported: own(body, "timestamp") };
	if (source === "generic") {
		const payload = { type: own(body.data, "type") ?? "generic", data: own(body.data, "data") ?? body.data };
		return { ...common, type: own(body.data, "eventType") ?? "custom", payload };
	}
	const fields = source === "agentgate" && isObject(own(body.data, "request")) ? body.data.request : body.data;
	const [type, make] = types[body.event];
	// Events that are kept as they came have no field `id`, unless it is a request's.
	const names = source === "formbridge" ? ["submissionId", "id"]
		: make === custom && fields === body.data ? ["requestId"] : ["requestId", "id"];
	return { ...common, type: typeof type === "string" ? type : type(fields), payload: make(fields, body),
		correlation: first(fields, ...names) };
}
function contextOf(body, source) {
	let context = own(body, "context");
	if (context === undefined && source === "agentgate")
		context = own(own(body.data, "request"), "context") ?? own(body.data, "context");
	return context === undefined ? {} : asObject(context);
}
function truncated(text) {
	const size = Buffer.byteLength(text);
	return size <= 10240 ? text : JSON.stringify({ type: "_truncated", data: { _truncated: true, originalSize: size, maxSize: 10240,
		preview: wellFormed(text.slice(0, 200)) + "..." } });
}
const reserved = new Set(["source", "webhookEvent", "verifiedAgentId", "verifiedAgentMethod", "verifiedOnBehalfOf",
	"reportedTimestamp", "contextTruncated"]);

function checkEvent(e, raw, signedBy, where) {
	const body = mended(JSON.parse(raw));
	const m = mapped(body, signedBy);
	const context = contextOf(body, m.source);
	same(`${where}: event type`, m.type, e.event_type);
	same(`${where}: session`, own(context, "agentlens_session_id") || `unlinked_${m.correlation || e.id}`, e.session_id);
	same(`${where}: agent`, first(context, "agentlens_agent_id", "agent_id", "agentId") || m.agent || "external", e.agent_id);
	same(`${where}: payload`, truncated(JSON.stringify(m.payload)), e.payload);

	const metadata = { source: m.source, webhookEvent: m.event };
	const short = { ...metadata, contextTruncated: true };
	for (const [k, v] of Object.entries(context))
		if (!reserved.has(k))
			set(metadata, k, v);
	const time = parseTime(m.reported);
	const moved = time !== undefined && new Date(time).toISOString() !== e.timestamp;
	for (const o of [metadata, short])
		if (moved)
			o.reportedTimestamp = m.reported;
	const text = JSON.stringify(metadata);
	same(`${where}: metadata`, Buffer.byteLength(text) <= 10240 ? text : JSON.stringify(short), e.metadata);
	same(`${where}: kept body`, raw, deliveries.get(e.id));
}

for (const [status, number, text] of answers) {
	const where = `line ${number}`;
	same(`${where}: status, ${text}`, "201", status);
	if (status !== "201")
		continue;
	const answer = JSON.parse(text);
	const event = byId.get(answer.eventId);
	check(`${where}: answered twice with ${answer.eventId}`, !answered.has(answer.eventId));
	answered.add(answer.eventId);
	check(`${where}: ${answer.eventId} is not in the file`, event !== undefined);
	if (event === undefined)
		continue;
	same(`${where}: answer`, JSON.stringify({ ok: true, eventId: event.id, eventType: event.event_type, sessionId: event.session_id }), text);
	const fields = lines[number - 1].split("\t");
	const signedBy = /^HTTP_X_(\w+)_SIGNATURE=/.exec(lines[number - 1])?.[1].toLowerCase() ?? "generic";
	checkEvent(event, fields.at(-1), signedBy, where);
}

if (wrong > 20)
	console.log(`... and ${wrong - 20} more`);
console.log(`${events.length} events in ${sessions.length} sessions, ${wrong} faults`);
process.exit(wrong === 0 ? 0 : 1);
