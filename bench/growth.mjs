// Small files against large ones, and what an event takes in them: what
// `make bench-growth` runs.
//
//   SIZES="10000 1000000 10000000"  events of the files
//   ROUNDS=3, SECONDS=10            as for bench/compare.mjs
//   FILES=folder                    where the files lie and stay, for another
//                                   run; else they are made and taken away
//   MEMORY_EVENTS=1000000           how many events one process records
//   QUICK=1                         small files, one short round
//
// A million events take about 1.7 GB and a minute to make. The files lie in
// TMPDIR; each round goes on with them.

import { execFileSync } from "node:child_process";
import { existsSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { freshBodies, measure, warmUp, wrk } from "./load.mjs";
import { number, quick, save } from "./results.mjs";
import { ingest, program, startServer, usage, work } from "./server.mjs";
import { show } from "./statistics.mjs";
import { query } from "./verify.mjs";

const rounds = number("ROUNDS", quick ? 1 : 3);
const seconds = number("SECONDS", quick ? 1 : 10);
const memoryEvents = number("MEMORY_EVENTS", quick ? 5000 : 1000000);
const sizes = (process.env.SIZES ?? (quick ? "1000 10000" : "10000 1000000 10000000")).split(/\s+/).map(Number);
const oneSession = quick ? 10000 : 1000000;
const connections = 64;

// Twenty events to a session; and where there is one session only, the load
// goes on with that one.
const files = [
	{ title: "empty", events: 0, sessions: 1000 },
	...sizes.map((events) => ({ title: `${show(events)} events`, events, sessions: 1000, made: Math.max(1000, events / 20) })),
	{ title: "empty, one session", events: 0, sessions: 1 },
	{ title: `one session of ${show(oneSession)} events`, events: oneSession, sessions: 1, made: 1 },
];

function checkSpace() {
	const bytes = files.reduce((sum, { events }) => sum + events * 2000, 0) + memoryEvents * 4000;
	const { bavail, bsize } = statfsSync(work);
	if (bavail * bsize < bytes)
		throw new Error(`the files need ${show(bytes / 1e9)} GB in ${work}; there are ${show(bavail * bsize / 1e9)}. Set TMPDIR or SIZES.`);
}

function makeFile(file) {
	file.rounds = [];
	if (file.events === 0)
		return;
	file.database = join(process.env.FILES ?? work, `${file.events}-events-${file.made}-sessions.db`);
	if (existsSync(file.database))
		return;
	const start = Date.now();
	execFileSync(program("bench/generate"), [file.database, String(file.events), String(file.made)]);
	console.log(`${file.title}: made in ${Math.round((Date.now() - start) / 1000)} s`);
}

async function measureFile(file) {
	const bodies = freshBodies(file.sessions, seconds, 25000);
	try {
		const result = await measure({ server: { kind: "fastcgi", program: ingest, database: file.database }, connections, seconds, bodies });
		console.log(`${file.title}: ${Math.round(result.rate)}/s, p50 ${result.p50} ms, p99 ${result.p99} ms`);
		return result;
	} catch (error) {
		console.log(`${file.title}: VOID: ${error.message}`);
		return { void: error.message };
	} finally {
		rmSync(bodies);
	}
}

// The share of each table and index. sqlite3_analyzer closes its report with
// SQL that fills a table, which is what can be read by a program.
function measureSpace(file) {
	const report = execFileSync("sqlite3_analyzer", [file.database], { encoding: "utf8", maxBuffer: 1 << 26 });
	const sql = report.slice(report.indexOf("BEGIN;"));
	const pageSize = Number(query(file.database, "PRAGMA page_size"));
	const out = execFileSync("sqlite3", ["-batch", ":memory:"], { encoding: "utf8", input: `${sql}
		SELECT name, is_index, (int_pages + leaf_pages + ovfl_pages) * ${pageSize},
			int_unused + leaf_unused + ovfl_unused FROM space_used ORDER BY 3 DESC;` });
	const rows = out.trim().split("\n").map((line) => line.split("|")).map(([name, index, bytes, unused]) =>
		({ name, index: index === "1", bytes: Number(bytes), used: Number(bytes) - Number(unused) }));
	return { tool: "sqlite3_analyzer", events: Number(query(file.database, "SELECT count(*) FROM events")),
		rows: rows.filter((row) => row.bytes / file.events >= 0.5) };
}

// The most memory one process ever had, again and again while it records.
async function measureMemory() {
	const server = await startServer({ kind: "fastcgi", program: ingest });
	const part = quick ? 1 : 10;
	const memory = [];
	let events = 0;
	await warmUp(server);
	while (events < memoryEvents) {
		const bodies = freshBodies(1000, part, 25000);
		events += (await wrk(server.url, connections, part, bodies)).answers;
		memory.push({ events, memory: usage(server.responders()).memory });
		rmSync(bodies);
	}
	await server.stop();
	server.remove();
	return memory;
}

checkSpace();
files.forEach(makeFile);
const space = measureSpace(files[quick ? 2 : Math.min(2, sizes.length)]);
for (let round = 0; round < rounds; round++)
	for (const file of files)
		file.rounds.push(await measureFile(file));
const memory = await measureMemory();
save("growth", { rounds, seconds, connections, files: files.map(({ database, ...file }) => file), space, memory });
