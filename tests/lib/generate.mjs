// Makes deliveries of all sources and forms, with odd strings, numbers and
// keys, all of them valid.
//
// usage: SEED=n node generate.mjs COUNT >LINES
//
// A line is what post_all() in helper.bash takes: the signature as a variable
// (none for generic), a tab, and the body.  The same SEED makes the same lines
// but for the times near now.  The secrets are in AGENTGATE_WEBHOOK_SECRET and
// FORMBRIDGE_WEBHOOK_SECRET.

import { createHmac } from "node:crypto";

const count = Number(process.argv[2]);
let state = Number(process.env.SEED) >>> 0;

// mulberry32: small, and good enough to be odd.
function random() {
	state = (state + 0x6d2b79f5) >>> 0;
	let t = state;
	t = Math.imul(t ^ (t >>> 15), t | 1);
	t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
	return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);
const chance = (p) => random() < p;
const pick = (list) => list[below(list.length)];
const times = (n, make) => Array.from({ length: n }, make);

// Everything below makes JSON text, not values: the same value can be written
// in many ways, and all of them must come out the same.

const hex4 = (unit) => {
	const digits = unit.toString(16).padStart(4, "0");
	return "\\u" + (chance(0.5) ? digits : digits.toUpperCase());
};
const asciiText = () => {
	const c = String.fromCharCode(0x20 + below(0x60));
	return c === '"' || c === "\\" ? "\\" + c : c;
};
const astral = () => 0x10000 + below(0x100000);
const pair = (c) => hex4(0xd800 + ((c - 0x10000) >> 10)) + hex4(0xdc00 + ((c - 0x10000) & 0x3ff));
const bmp = () => {
	const c = below(0x10000);
	return c < 0xa0 || (c >= 0xd800 && c < 0xe000) ? 0x20ac : c;
};
const pieces = [
	asciiText, asciiText, asciiText, asciiText,
	() => pick(['\\"', "\\\\", "\\/", "/", "\\b", "\\f", "\\n", "\\r", "\\t"]),
	() => hex4(below(0x20)),
	() => hex4(below(0x100)),
	() => "\\u0000",
	() => pick(["\x7f", "\\u007f", "\x80", "\x9f", "\\u0085", "\xa0", "\xad"]),
	() => pick(["\u2028", "\u2029", "\\u2028", "\ufeff", "\uffff", "\ufffd", "\u200d"]),
	() => String.fromCodePoint(bmp()),
	() => hex4(bmp()),
	() => String.fromCodePoint(astral()),
	() => pair(astral()),
	() => pick(["</script>", "%s%n", "${x}", "'; --", "e\u0301", "{}", "null"]),
];
const lonePieces = [
	() => hex4(0xd800 + below(0x400)) + "x",
	() => hex4(0xdc00 + below(0x400)),
	() => hex4(0xd800 + below(0x400)) + "\\n",
];
const text = (length, lone) => times(length, () => (lone && chance(0.1) ? pick(lonePieces)() : pick(pieces)())).join("");
const string = () => `"${text(below(12), true)}"`;

function bitPattern() {
	const view = new DataView(new ArrayBuffer(8));
	do {
		view.setUint32(0, below(4294967296));
		view.setUint32(4, below(4294967296));
	} while (!Number.isFinite(view.getFloat64(0)));
	return view.getFloat64(0);
}
// The many ways to write one double exactly, or more exactly than need be.
function spelled(x) {
	const exact = Math.abs(x) < 1e300 && Number.isInteger(x) && !Object.is(x, -0);
	const ways = [String(x), x.toExponential(), x.toExponential(20), x.toPrecision(17), x.toPrecision(25)];
	if (exact)
		ways.push(BigInt(x).toString(), BigInt(x) + ".0", BigInt(x) + "e0");
	const way = pick(ways);
	return chance(0.3) ? way.replace("e", "E") : way;
}
// Half-way between two neighbouring doubles, and one beside it.
function halfWay() {
	const exponent = 54 + below(400);
	const mantissa = (1n << 52n) + BigInt(below(2 ** 26)) * BigInt(2 ** 26) + BigInt(below(2 ** 26));
	const middle = (mantissa * 2n + 1n) << BigInt(exponent - 53);
	return String(middle + pick([-1n, 0n, 1n]));
}
const digits = (n) => String(1 + below(9)) + times(n - 1, () => below(10)).join("");
const numbers = [
	() => String(below(2000) - 1000),
	() => String(below(2000) - 1000),
	() => spelled(random()),
	() => spelled(Math.round(random() * 1e6) / 100),
	() => pick(["0", "-0", "-0.0", "0e9", "-0E-9", "0.000", "1.0", "1e0", "10e-1", "1E+2"]),
	() => spelled(below(1 << 30) * 5e-324),
	() => spelled(2 ** (below(2098) - 1074)),
	() => pick(["5.684341886080802e-14", "5e-324", "2.2250738585072014e-308", "1.7976931348623157e308", "9007199254740991",
		"9007199254740992", "9007199254740993", "-9007199254740993", "100000000000000000000", "1e20", "1e21", "1E21",
		"999999999999999900000", "0.000001", "1e-6", "1e-7", "0.0000001", "123e-20", "4.9e-324", "1e-400", "-1e-400"]),
	() => spelled(bitPattern()),
	() => spelled(bitPattern()),
	() => (chance(0.3) ? "-" : "") + digits(17 + below(9)),
	() => digits(1 + below(30)) + "." + digits(1 + below(30)),
	() => `${digits(1 + below(3))}.${digits(1 + below(20))}e${pick(["", "+", "-", "-0"])}${below(280)}`,
	halfWay,
];
const number = () => pick(numbers)();

const oddKeys = ['""', '"__proto__"', '"constructor"', '"toString"', '"10"', '"9"', '"0"', '"01"', '"-1"', '"1.5"', '"1e3"',
	'"4294967294"', '"4294967295"', '"4294967296"', '"9007199254740993"', '"a\\u0000b"', '"\\u0000"', '"\\""', '"\\u0031"',
	'"length"', '"type"', '"data"', '"id"', '"\u00e9"', '"e\u0301"', '" 1"'];

function object(depth, more = []) {
	const members = times(below(6), () => {
		const key = chance(0.5) ? pick(oddKeys) : `"${text(1 + below(6), false)}"`;
		return `${key}:${value(depth - 1)}`;
	});
	// One broken key at most: two of them may become one and the same.
	if (chance(0.05))
		members.push(`"k${pick(lonePieces)()}":${value(depth - 1)}`);
	// Duplicates, of which the last wins.
	if (members.length > 0 && chance(0.2)) {
		const key = /^"(?:[^"\\]|\\.)*"/.exec(pick(members))[0];
		members.push(`${key}:${value(depth - 1)}`);
	}
	return braces([...shuffled(members), ...more]);
}
const space = () => (chance(0.1) ? " ".repeat(1 + below(3)) : "");
const braces = (members) => `{${space()}${members.join(`,${space()}`)}${space()}}`;
function shuffled(list) {
	for (let i = list.length - 1; i > 0; i--) {
		const j = below(i + 1);
		[list[i], list[j]] = [list[j], list[i]];
	}
	return list;
}
function value(depth) {
	const kind = below(depth > 0 ? 10 : 6);
	if (kind < 2)
		return string();
	if (kind < 5)
		return number();
	if (kind < 6)
		return pick(["true", "false", "null"]);
	if (kind < 8)
		return `[${times(below(5), () => value(depth - 1)).join(",")}]`;
	return object(depth);
}

const sessions = ["s1", "s2", "s3", "sess_\u00f6dd \u{1f680}", 'q\\"\\\\', "10", "__proto__", ...times(8, (_, i) => `session-${i}`)];
const plain = () => `"${pick(["a", "b-", "c_", "\u00e9"])}${below(1e6)}"`;
// Ids have no control characters.
const visible = (text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text);
function id() {
	const odd = `"${text(1 + below(6), true)}"`;
	return chance(0.2) && visible(JSON.parse(odd)) ? odd : plain();
}
const isoTime = () => {
	const date = new Date(Date.now() - below(4e10)).toISOString();
	return pick([date, date.replace("Z", "+00:00"), date.replace("Z", ""), date.replace(/\.\d+/, ""), date.replace("T", " "),
		date.replace("Z", "+05:30"), date.replace("Z", "-11:00")]);
};
function time() {
	return pick([() => `"${isoTime()}"`, () => String(Date.now() - below(4e10)), () => String(Date.now() + below(1e9)),
		() => "1730000000000", () => '"2999-01-01T00:00:00Z"', () => "null"])();
}
function context() {
	const members = [];
	if (chance(0.8))
		members.push(`"agentlens_session_id":"${pick(sessions)}"`);
	if (chance(0.4))
		members.push(`"${pick(["agentlens_agent_id", "agent_id", "agentId"])}":${id()}`);
	if (chance(0.2))
		members.push(`"${pick(["source", "verifiedAgentId", "webhookEvent", "reportedTimestamp", "contextTruncated"])}":${string()}`);
	if (chance(0.02))
		members.push(`"large":"${text(6000, true)}"`);
	return object(3, members);
}
// Some of AgentGate's objects arrive as strings.
const asString = (json) => JSON.stringify(json);
const maybe = (p, member) => (chance(p) ? [member()] : []);

// The deep ones reach the 64 levels that are allowed, the body's included.
const deep = () => {
	const levels = 30 + below(32);
	return "[".repeat(levels) + number() + "]".repeat(levels);
};

function generic() {
	const inner = pick([() => value(5), () => value(5), () => object(6), deep, () => `"${text(3000 + below(4000), true)}"`]);
	const data = chance(0.8)
		? braces(shuffled([`"data":${inner()}`, ...maybe(0.7, () => `"type":${string()}`),
			...maybe(0.3, () => `"eventType":"${pick(["custom", "tool_call", "tool_error", "error", "session_started"])}"`)]))
		: object(4).replace(/"(type|data|\\u0064ata)":/g, '"x":');
	return [`"source":"generic"`, `"event":${plain()}`, `"data":${data}`, ...maybe(0.8, () => `"context":${context()}`)];
}
function request() {
	const decided = [...maybe(0.8, () => `"${pick(["decidedBy", "approvedBy", "deniedBy"])}":${string()}`),
		...maybe(0.8, () => `"${pick(["reason", "decisionReason"])}":${pick([string, () => "null", () => '""'])()}`)];
	const params = object(4);
	const inside = object(3, [`"agentlens_session_id":"${pick(sessions)}"`]);
	return [`"action":${string()}`, `"params":${chance(0.2) ? asString(params) : params}`, ...decided,
		...maybe(0.5, () => `"urgency":${string()}`), ...maybe(0.6, () => `"context":${chance(0.3) ? asString(inside) : inside}`)];
}
function agentgate() {
	const event = pick(["request.created", "request.approved", "request.denied", "request.expired", "request.decided",
		"request.escalated", "test", "budget.threshold"]);
	const fields = [`"${pick(["requestId", "id"])}":${id()}`, `"status":"${pick(["approved", "denied"])}"`, ...request()];
	const inner = braces(shuffled(fields));
	const data = chance(0.4) ? `{"request":${inner}}` : inner;
	return [`"event":"${event}"`, `"data":${data}`, ...maybe(0.5, () => `"source":"${pick(["agentgate", "server"])}"`),
		...maybe(0.3, () => `"context":${context()}`)];
}
function formbridge() {
	const event = pick(["submission.created", "submission.completed", "submission.expired"]);
	const data = [`"submissionId":${id()}`, `"formId":${id()}`, ...maybe(0.5, () => `"formName":${string()}`),
		...maybe(0.5, () => `"fieldCount":${number()}`), ...maybe(0.5, () => `"completedBy":${string()}`),
		...maybe(0.5, () => `"durationMs":${number()}`), ...maybe(0.5, () => `"expiredAfterMs":${number()}`)];
	return [`"source":"formbridge"`, `"event":"${event}"`, `"data":${braces(shuffled(data))}`,
		...maybe(0.6, () => `"context":${context()}`)];
}
function bare() {
	const creator = pick([() => `{"kind":"agent","id":${id()}}`, () => `{"kind":"human","id":${id()},"name":${string()}}`, id]);
	const metadata = [`"createdAt":"${isoTime()}"`, `"updatedAt":"${isoTime()}"`, ...maybe(0.8, () => `"createdBy":${creator()}`)];
	return [`"submissionId":${id()}`, `"intakeId":${id()}`, `"state":"${pick(["submitted", "approved", "finalized", "expired",
		"cancelled", "rejected", "draft", "needs_review"])}"`, `"fields":${object(4)}`, `"metadata":${braces(metadata)}`];
}

const sign = (name, body) =>
	createHmac("sha256", process.env[`${name.toUpperCase()}_WEBHOOK_SECRET`]).update(body).digest("hex");
const headers = {
	agentgate: (body) => `HTTP_X_AGENTGATE_SIGNATURE=${sign("agentgate", body)}\t`,
	formbridge: (body) => `HTTP_X_FORMBRIDGE_SIGNATURE=sha256=${sign("formbridge", body)}\t`,
	generic: () => "",
};

for (let n = 1; n <= count; n++) {
	const [source, make] = pick([["generic", generic], ["generic", generic], ["agentgate", agentgate], ["agentgate", agentgate],
		["formbridge", formbridge], ["formbridge", bare]]);
	const members = make();
	if (make !== bare)
		members.push(...maybe(0.6, () => `"timestamp":${time()}`));
	// Without it two of them might be the same delivery.
	members.push(`"n":${n}`);
	const body = braces(shuffled(members));
	process.stdout.write(`${headers[source](body)}${body}\n`);
}
