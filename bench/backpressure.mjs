// What happens to 1,000 connections when there is more than can be done: what
// `make bench-backpressure` runs.
//
//   CONNECTIONS=1000
//   SECONDS=10  of each of the three parts of a run
//   QUICK=1     two seconds each
//
// Every answer must be a 201, or a 503 that says when to come again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { freshBodies, warmUp, wrk } from "./load.mjs";
import { number, quick, save } from "./results.mjs";
import { ingest, sleep, startServer, usage } from "./server.mjs";
import { show } from "./statistics.mjs";
import { lastId, verify } from "./verify.mjs";

const connections = number("CONNECTIONS", 1000);
const seconds = number("SECONDS", quick ? 2 : 10);

const runs = [
	{
		title: "more than it can do",
		about: `${connections} connections all the time, with the usual settings.`,
		settings: {},
	},
	{
		title: "one thread",
		about: `The same with one worker, which never waits for the disk.`,
		settings: { INGEST_THREADS: 1 },
	},
	{
		title: "the file held by another program",
		about: `INGEST_BUSY_MS=500. In the middle third, ${seconds} s, another program holds a write transaction.`,
		settings: { INGEST_BUSY_MS: 500 },
		held: true,
	},
	{
		title: "three times as many",
		about: `${3 * connections} connections, with the usual settings: more than the listen queue of the socket holds unless it is made longer.`,
		settings: {},
		connections: 3 * connections,
	},
];

// Another program with a write transaction; returns what ends it.
async function hold(database) {
	const sqlite = spawn("sqlite3", ["-batch", "-cmd", ".timeout 10000", database], { stdio: ["pipe", "pipe", "inherit"] });
	sqlite.stdin.write("BEGIN IMMEDIATE; SELECT 'held';\n");
	await once(sqlite.stdout, "data");
	return async () => {
		sqlite.stdin.end("COMMIT;\n");
		await once(sqlite, "close");
	};
}

// {"<epoch> <status> plain|Retry-After": count} to a row a second.
function bySecond(tally, start) {
	const rows = new Map();
	for (const [key, n] of Object.entries(tally)) {
		const [, at, status] = /^(\d+) (.*)$/.exec(key);
		const second = Number(at) - start;
		if (!rows.has(second))
			rows.set(second, { second, recorded: 0, busy: 0, other: [] });
		const row = rows.get(second);
		if (status === "201")
			row.recorded += n;
		else if (status === "503 Retry-After")
			row.busy += n;
		else
			row.other.push(`${n} × ${status}`);
	}
	return [...rows.values()].sort((a, b) => a.second - b.second).map((row) => ({ ...row, other: row.other.join(", ") || "0" }));
}

async function measureRun(run) {
	const server = await startServer({ kind: "fastcgi", program: ingest, settings: run.settings });
	const long = 3 * seconds;
	const bodies = freshBodies(1000, long, 25000);
	await warmUp(server);
	const after = lastId(server.database);
	const before = usage(server.responders()).memory;
	const start = Math.floor(Date.now() / 1000);
	const load = wrk(server.url, run.connections ?? connections, long, bodies, "tally");
	if (run.held) {
		await sleep(seconds * 1000);
		const release = await hold(server.database);
		await sleep(seconds * 1000);
		await release();
	}
	const result = await load;
	const memory = usage(server.responders()).memory;
	const log = server.log();
	await server.stop();
	const rows = await verify(server.database, after);
	const table = bySecond(result.tally, start);
	const recorded = table.reduce((sum, r) => sum + r.recorded, 0);
	const busy = table.reduce((sum, r) => sum + r.busy, 0);
	const failed = Object.entries(result.tally).filter(([key]) => !/ 201$| 503 Retry-After$/.test(key)).reduce((sum, [, n]) => sum + n, 0) + result.broken;
	if (rows < recorded || rows > recorded + (run.connections ?? connections))
		throw new Error(`${recorded} answers 201, but ${rows} rows`);
	server.remove();
	rmSync(bodies);
	console.log(`${run.title}: ${recorded} × 201, ${busy} × 503, ${failed} failed, p99 ${result.p99} ms, ${show(memory)} MiB`);
	if (failed > 0)
		console.log(log.slice(-500));
	return { title: run.title, about: run.about, goal: run.connections === undefined, seconds: table, failed, conclusion:
		`${show(recorded)} events recorded, all of them found in the file and its chain; ${show(busy)} answers 503 with Retry-After; ` +
		`${show(failed)} other answers or broken connections. p50 ${show(result.p50)} ms, p99 ${show(result.p99)} ms, the slowest ${show(result.max)} ms. ` +
		`Memory: ${show(before)} MiB after the first event, at most ${show(memory)} MiB.` };
}

const measured = [];
for (const run of runs)
	measured.push(await measureRun(run));
save("backpressure", { connections, runs: measured });
