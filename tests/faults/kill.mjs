// Kills responders under lighttpd at moments by chance, while senders deliver
// as AgentGate and FormBridge do, and keeps a ledger.
//
// usage: SEED=n node kill.mjs FOLDER URL LIGHTTPD_PID KILLS DATABASE
//
// Time is a hundredth of the products': AgentGate tries 3 times, at the ticks
// of a scanner, which also sends again what was accepted; FormBridge 5 times,
// after 1, 2, 4 and 8 s, and once more while the first is in flight.  When the
// kills are over, what is not acknowledged yet is sent until it is.  Leaves
// FOLDER/lines and FOLDER/answers for verify.mjs.

import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { setTimeout as pause } from "node:timers/promises";

const secrets = {
	agentgate: "agentgate-test-secret-0123456789",
	formbridge: "formbridge-test-secret-0123456789",
};

// mulberry32, as in generate.mjs.
function generator(seed) {
	let state = seed >>> 0;
	const random = () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let t = state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
	const below = (n) => Math.floor(random() * n);
	return { random, below, between: (low, high) => low + below(high - low + 1) };
}

const signature = (source, body) => createHmac("sha256", secrets[source]).update(body).digest("hex");

// The value of the queue's semaphore of a database, as ftok(3) names it; null
// when there is none.
function semaphoreOf(database) {
	const [device, inode] = execFileSync("stat", ["-c", "%d %i", database], { encoding: "utf8" }).split(" ").map(BigInt);
	const key = Number((0x41n << 24n) | ((device & 0xffn) << 16n) | (inode & 0xffffn));
	const line = execFileSync("cat", ["/proc/sysvipc/sem"], { encoding: "utf8" }).split("\n").slice(1)
		.map((l) => l.trim().split(/\s+/).map(Number)).find((f) => f[0] === key);
	if (line === undefined)
		return null;
	const shown = execFileSync("ipcs", ["-s", "-i", String(line[1])], { encoding: "utf8" });
	return Number(/semnum\s+value[^\n]*\n\s*0\s+(\d+)/.exec(shown)[1]);
}

const [folder, url, server, killsText, database] = process.argv.slice(2);
const { below, between } = generator(Number(process.env.SEED));
const kills = Number(killsText), agent = new http.Agent({ keepAlive: false, maxSockets: 64 });
const ledger = [], statuses = new Map();
const faults = [];
let killed = 0, sent = 0;

function post(delivery) {
	sent++;
	return new Promise((resolve) => {
		const done = (status, text = "") => {
			statuses.set(status, (statuses.get(status) ?? 0) + 1);
			if (status === 201 && delivery.answer !== undefined && delivery.answer !== text)
				faults.push(`two answers: ${delivery.answer} and ${text}`);
			if (status === 201)
				delivery.answer = text;
			resolve(status);
		};
		const call = http.request(url, { method: "POST", agent, timeout: 20000,
			headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(delivery.body),
				[delivery.header]: delivery.prefix + signature(delivery.source, delivery.body) } }, (answer) => {
			let text = "";
			answer.on("data", (data) => { text += data; });
			answer.on("end", () => done(answer.statusCode, text));
			answer.on("error", () => done(0));
		});
		call.on("error", () => done(0));
		call.on("timeout", () => call.destroy());
		call.end(delivery.body);
	});
}

function make() {
	const n = ledger.length + 1;
	const delivery = below(2) === 0 ? { source: "agentgate", header: "X-AgentGate-Signature", prefix: "",
		body: `{"event":"request.approved","data":{"request":{"id":"r${n}","action":"send","context":{"agentlens_session_id":"s${n % 7}"},` +
			`"decidedBy":"me"}},"timestamp":${Date.now()}}` }
		: { source: "formbridge", header: "X-FormBridge-Signature", prefix: "sha256=",
			body: `{"source":"formbridge","event":"submission.completed","data":{"submissionId":"f${n}","formId":"form","formName":"${"f".repeat(below(3000))}"},` +
			`"context":{"agentlens_session_id":"s${n % 7}"}}` };
	ledger.push(delivery);
	return delivery;
}
async function agentgate(delivery) {
	for (let attempt = 0; attempt < 3; attempt++) {
		if (await post(delivery) === 201)
			break;
		await pause(300);
	}
	// The scanner has no lock.
	if (below(10) === 0)
		await post(delivery);
}
async function formbridge(delivery) {
	for (let attempt = 0, wait = 10; attempt < 5; attempt++, wait *= 2) {
		const first = post(delivery);
		const second = below(20) === 0 ? post(delivery) : first;
		if ((await Promise.all([first, second])).includes(201))
			break;
		await pause(wait);
	}
}
const children = () => readFileSync(`/proc/${server}/task/${server}/children`, "utf8").trim().split(/\s+/).filter((pid) => pid !== "").map(Number);

async function sender() {
	while (killed < kills) {
		const delivery = make();
		await (delivery.source === "agentgate" ? agentgate : formbridge)(delivery);
		await pause(below(40));
	}
}
async function killer() {
	const end = Date.now() + kills * 8000 + 60000;
	while (killed < kills && Date.now() < end) {
		await pause(between(20, 600));
		const pids = children();
		if (pids.length === 0)
			continue;
		try {
			process.kill(pids[below(pids.length)], "SIGKILL");
			killed++;
		} catch {
			/* It was gone already. */
		}
	}
	if (killed < kills)
		faults.push(`only ${killed} kills`);
	killed = kills;
}

await Promise.all([killer(), ...Array.from({ length: 8 }, sender)]);
const open = ledger.filter((delivery) => delivery.answer === undefined);
async function each(list, work) {
	for (let at = 0; at < list.length; at += 32)
		await Promise.all(list.slice(at, at + 32).map(work));
}
await each(open, async (delivery) => {
	for (let tries = 0; delivery.answer === undefined && tries < 200; tries++)
		if (await post(delivery) !== 201)
			await pause(50);
});

// Every one once more: a 201 is one for ever.
await each(ledger, async (delivery) => {
	if (await post(delivery) !== 201)
		faults.push(`not acknowledged again: ${delivery.body}`);
});

// Nobody writes now, and a lock that is left would keep the next one out.
const value = semaphoreOf(database);
if (value !== null && value !== 0)
	faults.push(`the queue's semaphore is ${value}`);
try {
	execFileSync("sqlite3", ["-batch", database, "BEGIN IMMEDIATE; ROLLBACK;"], { stdio: "pipe" });
} catch (error) {
	faults.push(`a lock is left: ${error.stderr}`);
}
writeFileSync(`${folder}/lines`, ledger.map(({ header, body }) => `HTTP_${header.toUpperCase().replaceAll("-", "_")}=x\t${body}\n`).join(""));
writeFileSync(`${folder}/answers`, ledger.map(({ answer }, i) => `${answer === undefined ? "000" : "201"}\t${i + 1}\t${answer ?? "-"}\n`).join(""));
console.log(`${kills} kills; ${ledger.length} deliveries, sent ${sent} times; ${open.length} given up by their senders; ` +
	`answers ${[...statuses].sort().map(([status, n]) => `${status}: ${n}`).join(", ")}; ${faults.length} wrong`);
for (const fault of faults.slice(0, 8))
	console.log(`WRONG ${fault.slice(0, 200)}`);
process.exit(faults.length === 0 && ledger.length > kills ? 0 : 1);
