// Figures, and where they are kept: the values of every round in PART.json in
// the build folder, and bench/RESULTS.md, which is made from all parts.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { build, ingest, phpFpm, program, source, work } from "./server.mjs";
import { report } from "./report.mjs";

export const quick = (process.env.QUICK ?? "") !== "";
export const number = (name, fallback) => Number(process.env[name] || fallback);

// A quick run only tries the tools; its figures do not replace real ones.
const folder = join(build, quick ? "bench/quick" : "bench/results");
const partNames = ["compare", "growth", "cpu", "backpressure"];

function output(command, ...args) {
	try {
		return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
	} catch (error) {
		return `${error.stdout ?? ""}${error.stderr ?? ""}`.trim();
	}
}

// What a write and a sync of one page cost here: the floor of every commit.
function syncTimes() {
	const [count, , p50, p99] = output(program("bench/sqlite-loop"), "--sync", join(work, "sync"), "2000").split(" ").map(Number);
	return `${p50} µs (median of ${count}; p99 ${p99} µs)`;
}

export function machine() {
	const [type, , size] = output("df", "--output=fstype,source,size", "-h", work).split("\n").at(-1).split(/\s+/);
	const versions = output(ingest, "--version").split("\n").join(", ");
	return {
		date: new Date().toISOString().slice(0, 10),
		processor: `${cpus()[0].model}, ${cpus().length} cores`,
		memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
		kernel: `Linux ${release()}`,
		"file system": `${type}, ${size}`,
		"a page written and synced": syncTimes(),
		versions: [versions, output("lighttpd", "-v").split(" ")[0], output("wrk", "-v").split(" ").slice(0, 2).join(" "),
			phpFpm ? output(phpFpm, "-v").split(" ").slice(0, 2).join(" ") : "no PHP", `gcc ${output("gcc", "-dumpfullversion")}`].join("; "),
	};
}

// The report in the source tree is replaced only when every part was measured
// in this build folder: otherwise it would lose what is missing here.
export function save(part, figures) {
	mkdirSync(folder, { recursive: true });
	writeFileSync(join(folder, `${part}.json`), `${JSON.stringify({ quick, machine: machine(), ...figures }, null, "\t")}\n`);
	const parts = Object.fromEntries(partNames
		.map((name) => [name, join(folder, `${name}.json`)])
		.filter(([, file]) => existsSync(file))
		.map(([name, file]) => [name, JSON.parse(readFileSync(file, "utf8"))]));
	const missing = partNames.filter((name) => parts[name] === undefined);
	const written = [join(folder, "RESULTS.md")];
	if (!quick && missing.length === 0)
		written.push(join(source, "bench/RESULTS.md"));
	for (const file of written)
		writeFileSync(file, report(parts));
	console.log(`Written: ${written.join(", ")}`);
	if (!quick && missing.length > 0)
		console.log(`bench/RESULTS.md is left as it was until these are measured too: ${missing.join(", ")}`);
}
