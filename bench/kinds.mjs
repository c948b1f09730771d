// Processor time a byte of body, by kind: what `make bench-kinds` runs.
//
//   BYTES=1000000  of each body
//   ROUNDS=5       bodies of each kind, all kinds in turn
//   QUICK=1        one round
//
// The whole request is taken, from the connection to the commit. Nobody may
// send what costs much more than text of the same length: the last column is
// how many times more it costs, and the goal is at most 6.

import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { number, quick } from "./results.mjs";
import { ingest, output, program, start, stop, until, work } from "./server.mjs";

const bytes = number("BYTES", 1000000);
const rounds = number("ROUNDS", quick ? 1 : 5);
const goal = 6;

// A list of what piece(i) makes, as long as is wanted.
function list(piece, open = "[", close = "]") {
	const parts = [];
	for (let len = 0, i = 0; len < bytes; i++) {
		parts.push(piece(i));
		len += parts.at(-1).length + 1;
	}
	return open + parts.join(",") + close;
}
const members = (piece) => list(piece, "{", "}");
const same = (text) => list(() => text);
const nested = (open, close, depth) => same(open.repeat(depth) + close.repeat(depth));

// Without randomness, so that two runs compare.
function random(i) {
	let x = (i + 1) * 2654435761 % 4294967296;
	x ^= x << 13; x ^= x >>> 17; x ^= x << 5;
	return (x >>> 0) / 4294967296;
}

export const kinds = {
	"text": () => JSON.stringify("The quick brown fox jumps over the lazy dog. ".repeat(bytes / 45)),
	"text of accents": () => JSON.stringify("ÄÖÜ äöü ß é è ".repeat(bytes / 24)),
	"escapes": () => `"${"\\u0001".repeat(bytes / 6)}"`,
	"short escapes": () => `"${"\\n".repeat(bytes / 2)}"`,
	"surrogate pairs": () => `"${"\\ud83d\\ude00".repeat(bytes / 12)}"`,
	"subnormal numbers": () => same("2.2250738585072011e-308"),
	"the smallest numbers": () => same("5e-324"),
	"short numbers": () => same("1e9"),
	"digits": () => same("7"),
	"fractions": () => same("1.5"),
	"17 digits": () => list((i) => (random(i) + 0.1).toFixed(17)),
	"numbers of any size": () => list((i) => `${random(i)}e${Math.floor(random(i + 7) * 600) - 300}`),
	"numbers of 20 digits": () => list((i) => String(BigInt(Math.floor(random(i) * 2 ** 52)) * 22253n + 10000000000000000001n)),
	"numbers of 800 digits": () => list((i) => `0.${"1234567890".repeat(80)}`),
	"a number half way": () => same(`9007199254740993.${"0".repeat(760)}1`),
	"exponents of many digits": () => same(`1e-${"0".repeat(300)}5`),
	"literals": () => same("null"),
	"empty texts": () => same('""'),
	"short texts": () => same('"a"'),
	"empty objects": () => same("{}"),
	"empty lists": () => same("[]"),
	"objects of one member": () => same('{"a":1}'),
	"objects of an empty one": () => same('{"":{}}'),
	"deep lists": () => nested("[", "]", 60),
	"deep objects": () => nested('{"":', "}", 59).replaceAll('"":}', '"":0}'),
	"many keys": () => members((i) => `"${i.toString(36)}k":0`),
	"long keys": () => members((i) => `"${"k".repeat(200)}${i}":0`),
	"one key again and again": () => members(() => '"a":0'),
	"index keys": () => members((i) => `"${i}":0`),
	"index keys backwards": () => members((i) => `"${4294967294 - i}":0`),
	"keys with NUL": () => members((i) => `"\\u0000${i.toString(36)}":0`),
	"white space": () => same(" ".repeat(50) + "0"),
};

// Nanoseconds that the threads of a process have had of a processor.
function spent(pid) {
	return readdirSync(`/proc/${pid}/task`).reduce((sum, task) =>
		sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]), 0);
}

async function measure(child, socket, kind, round) {
	const body = `{"source":"generic","event":"e${round}","data":{"data":${kinds[kind]()}}}`;
	const file = join(work, "request");
	writeFileSync(file, `${body}\n`);
	const before = spent(child.pid);
	const answer = await output(program("tests/lib/fcgi-request"), ["-b", file, socket,
		"REQUEST_METHOD=POST", "SCRIPT_NAME=/api/events/ingest", "REQUEST_URI=/api/events/ingest"]);
	if (!answer.startsWith("201\t"))
		throw new Error(`${kind}: ${answer.slice(0, 300)}`);
	return (spent(child.pid) - before) / Buffer.byteLength(body);
}

const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

const socket = join(work, "kinds.sock"), database = join(work, "kinds.db");
const child = start(program("tests/lib/fcgi-request"), ["-l", socket, ingest], { stdio: ["ignore", "ignore", "inherit"],
	env: { PATH: process.env.PATH, HOME: work, DB_PATH: database, INGEST_MAX_BODY: String(2 * bytes + 4096) } });
await until("the responder's socket", () => existsSync(socket));
const values = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
await measure(child, socket, "text", "warm");
for (let round = 0; round < rounds; round++)
	for (const kind of Object.keys(kinds))
		values[kind].push(await measure(child, socket, kind, round));
await stop(child);
rmSync(database);

const text = middle(values.text);
let above = 0;
console.log("kind of body".padEnd(28) + "ns/byte".padStart(9) + "of text".padStart(9));
for (const [kind, all] of Object.entries(values)) {
	const own = middle(all);
	above += own > goal * text;
	console.log(kind.padEnd(28) + own.toFixed(1).padStart(9) + (own / text).toFixed(1).padStart(9) + (own > goal * text ? "  above the goal" : ""));
}
process.exitCode = above === 0 ? 0 : 1;
