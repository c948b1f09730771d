// Everything side by side: what `make bench` runs.
//
//   ROUNDS=3   how often each cell is measured, all cells in turn
//   SECONDS=5  how long a cell lasts
//   FULL=1     every connections × sessions × synchronous, not one at a time
//   QUICK=1    one short round, to try the tools: its figures mean nothing

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bodiesFor, freshBodies, measure } from "./load.mjs";
import { number, quick, save } from "./results.mjs";
import { median } from "./statistics.mjs";
import { ingest, program, work } from "./server.mjs";
import { secret } from "./bodies.mjs";

const rounds = number("ROUNDS", quick ? 1 : 3);
const seconds = number("SECONDS", quick ? 1 : 5);

// --- What is compared ------------------------------------------------------

// "null" and "php" run with as many processes as are fastest here.
const fastest = { null: [1, 2, 4], php: [2, 4, 8, 16] };
const contenders = {
	null: (s) => ({ kind: "fastcgi", program: program("bench/null-responder"), processes: s.processes.null }),
	ours: (s) => ({ kind: "fastcgi", program: ingest, settings: { INGEST_SYNCHRONOUS: s.synchronous } }),
	single: (s) => ({ kind: "fastcgi", program: ingest,
		settings: { INGEST_SYNCHRONOUS: s.synchronous, INGEST_THREADS: 1, INGEST_BATCH: 1 } }),
	four: (s) => ({ kind: "fastcgi", program: ingest, processes: 4, settings: { INGEST_SYNCHRONOUS: s.synchronous } }),
	php: (s) => ({ kind: "php", processes: s.processes.php, settings: { INGEST_SYNCHRONOUS: s.synchronous } }),
	cgi: (s) => ({ kind: "cgi", program: ingest, settings: { INGEST_SYNCHRONOUS: s.synchronous } }),
	nullCgi: () => ({ kind: "cgi", program: program("bench/null-cgi") }),
};
const recordsNothing = new Set(["null", "nullCgi"]);
const servers = ["null", "ours", "single", "four", "php"];

// --- The cells -------------------------------------------------------------

const usual = { connections: 64, sessions: 1000, synchronous: "full" };
const all = { connections: [1, 8, 64, 256], sessions: [1, 1000, 0], synchronous: ["full", "normal"] };

// Each setting by itself against the usual ones, or all of them crossed.
function settings() {
	if (process.env.FULL)
		return all.connections.flatMap((connections) => all.sessions.flatMap((sessions) =>
			all.synchronous.map((synchronous) => ({ connections, sessions, synchronous }))));
	return [
		...all.connections.map((connections) => ({ ...usual, connections })),
		...all.sessions.filter((s) => s !== usual.sessions).map((sessions) => ({ ...usual, sessions })),
		...all.synchronous.filter((s) => s !== usual.synchronous).map((synchronous) => ({ ...usual, synchronous })),
	];
}

// What does nothing with a delivery is not measured for each kind of them.
const matters = (contender, setting) => !recordsNothing.has(contender) ||
	(setting.sessions === usual.sessions && setting.synchronous === usual.synchronous);

function makeCells() {
	const cells = settings().flatMap((setting) =>
		[...servers, ...(setting.connections === 1 ? ["loop"] : [])]
			.filter((contender) => matters(contender, setting))
			.map((contender) => ({ ...setting, contender, rounds: [] })));
	for (const connections of [1, 8])
		for (const contender of ["nullCgi", "cgi"])
			cells.push({ ...usual, connections, contender, rounds: [] });
	return cells;
}

// --- Measuring -------------------------------------------------------------

function runLoop(cell) {
	const database = join(work, "loop.db");
	const [count, took, p50, p99] = execFileSync(program("bench/sqlite-loop"), [database, String(seconds), cell.synchronous],
		{ encoding: "utf8" }).split(" ").map(Number);
	for (const suffix of ["", "-wal", "-shm"])
		rmSync(database + suffix, { force: true });
	return { rate: count / took, p50: p50 / 1000, p99: p99 / 1000 };
}

function runCell(cell, processes, long = seconds) {
	if (cell.contender === "loop")
		return runLoop(cell);
	return measure({ server: contenders[cell.contender]({ ...cell, processes }), connections: cell.connections, seconds: long,
		bodies: bodiesFor(cell.sessions, seconds), records: !recordsNothing.has(cell.contender) });
}

async function findFastest() {
	const found = {};
	for (const [contender, counts] of Object.entries(fastest)) {
		const rates = [];
		for (const count of counts) {
			const { rate } = await runCell({ ...usual, contender }, { [contender]: count }, Math.min(seconds, 3));
			rates.push([rate, count]);
		}
		rates.sort(([a], [b]) => b - a);
		found[contender] = rates[0][1];
		console.log(`${contender}: ${rates.map(([rate, count]) => `${count} processes ${Math.round(rate)}/s`).join(", ")}`);
	}
	return found;
}

async function measureCells(cells, processes) {
	for (let round = 1; round <= rounds; round++) {
		for (const cell of cells) {
			const name = `${cell.contender}, ${cell.connections} connections, ${cell.sessions || "new"} sessions, ${cell.synchronous}`;
			let result;
			try {
				result = await runCell(cell, processes);
				console.log(`${round}/${rounds} ${name}: ${Math.round(result.rate)}/s, p50 ${result.p50} ms, p99 ${result.p99} ms`);
			} catch (error) {
				result = { void: error.message };
				console.log(`${round}/${rounds} ${name}: VOID: ${error.message}`);
			}
			cell.rounds.push(result);
		}
	}
}

// --- Starting as CGI -------------------------------------------------------

// Of many runs: the median and p99 of the time, the median of processor time,
// in milliseconds.
function spawnTimes(runs, bodies, command, database) {
	const out = execFileSync(program("bench/spawn-times"), [String(runs), bodies, ...command], { encoding: "utf8",
		env: { HOME: work, DB_PATH: database, AGENTGATE_WEBHOOK_SECRET: secret } });
	const times = out.trim().split("\n").map((line) => line.split(" ").map((us) => Number(us) / 1000));
	const walls = times.map(([wall]) => wall).sort((a, b) => a - b);
	return { wall: median(walls), p99: walls[Math.floor(walls.length * 0.99)], cpu: median(times.map(([, cpu]) => cpu)) };
}

function measureStarts() {
	const events = number("EVENTS", quick ? 10000 : 1000000);
	const runs = quick ? 20 : 200;
	const big = join(work, "big.db"), small = join(work, "small.db"), same = join(work, "same");
	const starts = { events, runs, header: [], version: [], replay: [], small: [], big: [] };
	const different = () => freshBodies(1000, 1, runs);

	console.log(`making a file of ${events} events`);
	execFileSync(program("bench/generate"), [big, String(events), String(Math.ceil(events / 20))]);
	execFileSync(program("bench/generate"), [small, "1", "1"]);
	starts.bytes = statSync(big).size;
	// One delivery again and again: the file is opened and searched, the first
	// answer found, and nothing written.
	writeFileSync(same, readFileSync(freshBodies(1000, 1, 1), "utf8").repeat(runs));
	spawnTimes(1, same, [ingest], big);
	for (let round = 1; round <= rounds; round++) {
		starts.header.push(spawnTimes(runs, "-", [program("bench/null-cgi")], big));
		starts.version.push(spawnTimes(runs, "-", [ingest, "--version"], big));
		starts.replay.push(spawnTimes(runs, same, [ingest], big));
		starts.small.push(spawnTimes(runs, different(), [ingest], small));
		starts.big.push(spawnTimes(runs, different(), [ingest], big));
	}
	rmSync(big);
	return starts;
}

const processes = await findFastest();
const cells = makeCells();
await measureCells(cells, processes);
const starts = measureStarts();
save("compare", { rounds, seconds, processes, cells, starts });
