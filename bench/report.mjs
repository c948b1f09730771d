// Writes RESULTS.md from the figures of the parts.

import { median, percent, show, spread, table } from "./statistics.mjs";

const titles = {
	null: "the ceiling: reads, answers 201, does nothing",
	ours: "ours",
	single: "ours, one thread, one event a commit",
	four: "ours, 4 processes",
	php: "PHP under php-fpm",
	loop: "a bare loop of the same SQLite transaction",
	nullCgi: "a CGI that only prints a header",
	cgi: "ours as plain CGI",
};
const times = (x) => (Number.isNaN(x) ? "–" : `${x.toPrecision(3)} ×`);
const good = (cell) => (cell?.rounds ?? []).filter((r) => r.void === undefined);
const values = (cell, name) => good(cell).map((r) => r[name]);

// The ratio of two cells in each round, so that what slowed a round slowed both.
function ratios(cell, other, name = "rate") {
	return (cell?.rounds ?? []).flatMap((r, i) => {
		const o = other?.rounds[i];
		return r.void !== undefined || o === undefined || o.void !== undefined ? [] : [r[name] / o[name]];
	});
}

// --- Side by side ----------------------------------------------------------

function finder({ cells }) {
	return (contender, { connections = 64, sessions = 1000, synchronous = "full" } = {}) => cells.find((c) =>
		c.contender === contender && c.connections === connections && c.sessions === sessions && c.synchronous === synchronous);
}

function describe({ connections, sessions, synchronous }) {
	const many = sessions === 0 ? "a new session each" : sessions === 1 ? "one session" : `${show(sessions)} sessions`;
	return `${connections} connection${connections === 1 ? "" : "s"}, ${many}, ${synchronous.toUpperCase()}`;
}

function compareTable(cells, ours) {
	const rows = cells.map((cell) => {
		const tail = values(cell, "p99").map((p99, i) => p99 / values(cell, "p50")[i]);
		const cpu = values(cell, "user").map((user, i) => user + values(cell, "system")[i]);
		return [titles[cell.contender], spread(ratios(ours, cell), times), spread(values(cell, "rate")), spread(values(cell, "p50")),
			spread(values(cell, "p99")), spread(tail), show(median(values(cell, "memory").filter(Boolean))), show(median(cpu.filter((x) => x > 0)))];
	});
	return table(["", "ours to it", "events/s", "p50 ms", "p99 ms", "p99 / p50", "memory MiB", "CPU µs/event"], rows);
}

function compareSection(figures) {
	const { cells, rounds, seconds, processes } = figures;
	const groups = [...new Set(cells.filter((c) => !/cgi/i.test(c.contender)).map(describe))];
	const voids = cells.flatMap((c) => c.rounds.filter((r) => r.void !== undefined).map((r) => `- ${titles[c.contender]}, ${describe(c)}: ${r.void.trim()}`));
	const shown = (cell) => !/cgi/i.test(cell.contender);
	return `## Side by side

Medians of ${rounds} rounds, all cells in turn, ${seconds} s each; ranges in parentheses. The ceiling runs with ${processes.null}
processes and PHP with ${processes.php}: these were the fastest here. Memory is the most that the responder ever
had, of several processes the sum. CPU is the responder's processor time. The load has a core of its own at
most, and everything shares the machine.

${groups.map((name) => {
		const own = cells.filter((c) => shown(c) && describe(c) === name);
		return `### ${name}\n\n${compareTable(own, own.find((c) => c.contender === "ours"))}\n`;
	}).join("\n")}
${voids.length === 0 ? "No cell was void." : `Void cells:\n\n${voids.join("\n")}`}
`;
}

function cgiSection({ cells, starts }) {
	const groups = [...new Set(cells.filter((c) => c.contender === "cgi").map((c) => c.connections))];
	const find = (contender, connections) => cells.find((c) => c.contender === contender && c.connections === connections);
	const rows = groups.flatMap((connections) => ["nullCgi", "cgi"].map((contender) => {
		const cell = find(contender, connections);
		return [`${titles[contender]}, ${connections} connection${connections === 1 ? "" : "s"}`,
			spread(ratios(find("nullCgi", connections), cell), times), spread(values(cell, "rate")), spread(values(cell, "p50")), spread(values(cell, "p99"))];
	}));
	const start = [
		["header", titles.nullCgi],
		["version", "ours, `--version`: loaded and ended"],
		["replay", `ours, an event that is there already, in a file of ${show(starts.events)}: opened, found, answered`],
		["small", "ours, an event recorded, in a file of one event"],
		["big", `ours, an event recorded, in a file of ${show(starts.events)} events`],
	].map(([name, title]) => [title, spread(own(starts, name)), ...["wall", "p99", "cpu"].map((what) => spread(starts[name].map((r) => r[what])))]);
	return `## Plain CGI

Through lighttpd's mod_cgi:

${table(["", "time to that of a header", "requests/s", "p50 ms", "p99 ms"], rows)}

Started by itself, ${starts.runs} times a round, on a file of ${show(starts.events)} events (${show(starts.bytes / 2 ** 20)} MiB). "Its own" is the time
beyond that of the program that only prints a header.

${table(["", "its own ms", "ms", "p99 ms", "CPU ms"], start)}
`;
}

const own = (starts, name, what = "wall") => starts[name].map((r, i) => r[what] - starts.header[i][what]);

// --- Growth ----------------------------------------------------------------

function growthSection({ files, rounds, seconds, connections, space, memory }) {
	const base = (file) => files.find((f) => f.events === 0 && f.sessions === file.sessions);
	const rows = files.map((file) => [file.title, ...["rate", "p99"].flatMap((name) => [
		spread(ratios(file, base(file), name), percent), spread(values(file, name))])]);
	const total = space.rows.reduce((sum, r) => sum + r.bytes, 0);
	return `## Growth

${connections} connections, ${seconds} s a cell, medians of ${rounds} rounds; ratios are to the empty file of the same round.

${table(["file", "events/s to empty", "events/s", "p99 to empty", "p99 ms"], rows)}

A file of ${show(space.events)} events has ${show(total / 2 ** 20)} MiB, **${show(total / space.events)} bytes an event**, measured with ${space.tool}:

${table(["", "share", "bytes an event", "filled"], space.rows.map((r) => [`${r.index ? "index" : "table"} \`${r.name}\``, percent(r.bytes / total),
		show(r.bytes / space.events), percent(r.used / r.bytes)]))}

Memory of one process at ${connections} connections while it recorded ${show(memory.at(-1).events)} events: ${memory.map((m) =>
		`${show(m.memory)} MiB after ${show(m.events)}`).join(", ")}.
`;
}

// --- Instructions ----------------------------------------------------------

function cpuSection({ requests, modes }) {
	const names = modes[0].parts.map((p) => p.name);
	const total = (mode) => mode.parts.reduce((sum, p) => sum + p.instructions, 0);
	const rows = names.map((name) => [name, ...modes.flatMap((mode) => {
		const n = mode.parts.find((p) => p.name === name).instructions;
		return [percent(n / total(mode)), show(n)];
	})]);
	rows.push(["**all**", ...modes.flatMap((mode) => ["", `**${show(total(mode))}**`])]);
	return `## Instructions a request

Counted by callgrind over ${show(requests)} requests to the FastCGI program, less those of starting it; the kernel's are not in it.
Valgrind's processor has no SHA instructions: where there are some, as on most servers, hashing takes a fraction of this.

${table(["", ...modes.flatMap((m) => ["share", m.title])], rows)}

The functions that use most themselves (${modes.at(-1).title}):

${table(["function", "share", "instructions"], modes.at(-1).top.map((f) => [`\`${f.name}\``, percent(f.instructions / total(modes.at(-1))), show(f.instructions)]))}
`;
}

// --- Backpressure ----------------------------------------------------------

function backpressureSection({ runs }) {
	return `## Backpressure

A process takes connections while all their requests together have less than 32 MiB. Those beyond wait, in this order: in the
listen queue of the responder's socket (\`listen-backlog\` in lighttpd's fastcgi.server, 1024 unless set, and never above net.core.somaxconn), then, when
lighttpd has \`server.max-connections\` open, unaccepted in the kernel. Where lighttpd accepts more than the listen queue
holds, it answers 500 itself. While another program holds the file, a request waits INGEST_BUSY_MS, then it is answered 503
with Retry-After.

${runs.map((run) => `### ${run.title}

${run.about}

${table(["second", "201", "503 with Retry-After", "other"], run.seconds.map((s) => [s.second, show(s.recorded), show(s.busy), s.other]))}

${run.conclusion}
`).join("\n")}`;
}

// --- Goals -----------------------------------------------------------------

// A goal: what, at least or at most, and the values of the rounds.
function compareGoals(figures) {
	const find = finder(figures);
	const ours = find("ours");
	const tail = (connections) => values(find("ours", { connections }), "p99").map((p99, i) => p99 / values(find("ours", { connections }), "p50")[i]);
	const cgi = (contender) => figures.cells.find((c) => c.contender === contender && c.connections === 1);
	return [
		["64 connections: ours to the ceiling", "≥", 0.5, ratios(ours, find("null")), percent],
		["64 connections: ours to one thread, one event a commit", "≥", 6, ratios(ours, find("single")), times],
		["64 connections: ours to PHP", "≥", 10, ratios(ours, find("php")), times],
		["8 connections: p99 to p50", "≤", 4, tail(8), times],
		["64 connections: p99 to p50", "≤", 4, tail(64), times],
		["1 connection: ours to the bare SQLite loop", "≥", 0.85, ratios(find("ours", { connections: 1 }), find("loop", { connections: 1 })), percent],
		["plain CGI: time to that of a header", "≤", 2, ratios(cgi("nullCgi"), cgi("cgi")), times],
		["memory at 64 connections, MiB", "≤", 16, values(ours, "memory"), show],
		[`start-up of plain CGI of its own, file of ${show(figures.starts.events)} events, ms`, "≤", 3, own(figures.starts, "replay"), show],
	];
}

function growthGoals({ files, memory }) {
	const base = (file) => files.find((f) => f.events === 0 && f.sessions === file.sessions);
	return [
		...files.filter((f) => f.events > 0).flatMap((file) => [
			[`${file.title}: events/s to the empty file's`, "≥", 0.9, ratios(file, base(file)), percent],
			[`${file.title}: p99 to the empty file's`, "≤", 1.1, ratios(file, base(file), "p99"), percent],
		]),
		[`memory after ${show(memory.at(-1).events)} events to that after ${show(memory[0].events)}`, "≤", 1.05, [memory.at(-1).memory / memory[0].memory], percent],
	];
}

const backpressureGoals = ({ runs }) => runs.filter((run) => run.goal).map((run) => [`backpressure, ${run.title}: answers neither 201 nor 503 with Retry-After`, "≤", 0, [run.failed], show]);

function goalsSection(parts) {
	const goals = [
		...(parts.compare ? compareGoals(parts.compare) : []),
		...(parts.growth ? growthGoals(parts.growth) : []),
		...(parts.backpressure ? backpressureGoals(parts.backpressure) : []),
	];
	return `## Goals

${table(["", "goal", "reached", ""], goals.map(([what, direction, goal, reached, format]) => {
		const met = reached.length > 0 && (direction === "≥" ? median(reached) >= goal : median(reached) <= goal);
		return [what, `${direction} ${format(goal)}`, spread(reached, format), met ? "met" : "**missed**"];
	}))}
`;
}

function machineSection(parts) {
	const machines = Object.entries(parts).map(([name, { machine }]) => [name, machine]);
	const facts = Object.keys(machines[0][1]);
	const same = (fact) => machines.every(([, m]) => m[fact] === machines[0][1][fact]);
	return `## Machine

${facts.map((fact) => (same(fact) ? `- ${fact}: ${machines[0][1][fact]}` :
		`- ${fact}:\n${machines.map(([name, m]) => `  - ${name}: ${m[fact]}`).join("\n")}`)).join("\n")}
`;
}

export function report(parts) {
	return [
		"# Results\n\nWritten by `make bench` and its like, which leave the values of every round in `bench/results/` of the build folder. Change the bench, not this file.\n",
		...Object.entries(parts).filter(([, { quick }]) => quick).map(([name]) =>
			`**The part "${name}" is from a quick run, which only tries the tools: its figures mean nothing.**\n`),
		goalsSection(parts),
		machineSection(parts),
		...(parts.compare ? [compareSection(parts.compare), cgiSection(parts.compare)] : []),
		...(parts.growth ? [growthSection(parts.growth)] : []),
		...(parts.cpu ? [cpuSection(parts.cpu)] : []),
		...(parts.backpressure ? [backpressureSection(parts.backpressure)] : []),
	].join("\n");
}
