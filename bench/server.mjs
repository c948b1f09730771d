// Starts what is measured, each time in a folder of its own: lighttpd as in
// examples/lighttpd.conf, and behind it a FastCGI program, php-fpm, or CGI.

import { execFileSync, spawn } from "node:child_process";
import { createServer } from "node:net";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { secret } from "./bodies.mjs";

export const source = process.env.srcdir;
export const build = process.env.builddir;
export const program = (name) => join(build, name);
export const ingest = program("agentlens-ingest");

// Everything made goes in here, and away at the end, whatever the end is.
export const work = mkdtempSync(join(process.env.TMPDIR ?? tmpdir(), "agentlens-bench."));
const running = new Set();
process.on("exit", () => {
	for (const child of running)
		child.kill("SIGTERM");
	rmSync(work, { recursive: true, force: true });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
	process.on(signal, () => process.exit(1));

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, condition, ms = 15000) {
	const end = Date.now() + ms;
	while (!await condition()) {
		if (Date.now() > end)
			throw new Error(`waited in vain: ${what}`);
		await sleep(10);
	}
}

export function start(command, args, options) {
	const child = spawn(command, args, { stdio: "ignore", ...options });
	child.on("error", (error) => { throw error; });
	running.add(child);
	child.on("exit", () => running.delete(child));
	return child;
}

// What a command that ends by itself prints; the status must be 0.
export async function output(command, args) {
	const child = start(command, args, { stdio: ["ignore", "pipe", "inherit"] });
	let text = "";
	child.stdout.setEncoding("utf8").on("data", (data) => { text += data; });
	const status = await new Promise((resolve) => child.on("close", resolve));
	if (status !== 0)
		throw new Error(`${command} failed: ${text}`);
	return text;
}

function isAlive(pid) {
	try {
		return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
	} catch {
		return false;
	}
}

export async function stop(child, descendants = []) {
	child.kill("SIGTERM");
	await until("a server to end", () => child.exitCode !== null || child.signalCode !== null);
	await until("a responder to end", () => !descendants.some(isAlive));
}

// Those that end meanwhile, as CGI programs do, are none.
function children(pid) {
	try {
		const own = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
		return own.flatMap((child) => [child, ...children(child)]);
	} catch {
		return [];
	}
}

// What a process used: the most memory it ever had, and processor time.
export function usage(pids) {
	let memory = 0, user = 0, system = 0;
	for (const pid of pids) {
		memory += Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /s, "").split(" ");
		user += Number(stat[11]) * 10;
		system += Number(stat[12]) * 10;
	}
	return { memory: memory / 1024, user, system }; // MiB, ms, ms
}

async function freePort() {
	const server = createServer();
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address();
	await new Promise((resolve) => server.close(resolve));
	return port;
}

// --- The configuration -----------------------------------------------------

const example = readFileSync(join(source, "examples/lighttpd.conf"), "utf8");
const blockStart = example.indexOf('$HTTP["url"]');

function replaced(text, from, to) {
	if (!text.includes(from))
		throw new Error(`examples/lighttpd.conf has no ${from}`);
	return text.replace(from, to);
}

const configurations = {
	// The example as it is, but for the number of processes.
	fastcgi: ({ processes }) => replaced(example, '"max-procs" => 1,', `"max-procs" => ${processes},`),
	php: ({ folder }) => `${example.slice(0, blockStart)}
fastcgi.server = ( ".php" => ( ( "socket" => "${folder}/php.sock" ) ) )
`,
	cgi: ({ settings }) => `${replaced(example.slice(0, blockStart), '"mod_fastcgi"', '"mod_cgi", "mod_setenv"')}
cgi.assign = ( ".cgi" => "" )
setenv.set-environment = ( "INGEST_CONFIG" => "${settings}" )
`,
};
const paths = { fastcgi: "/api/events/ingest", php: "/ingest.php", cgi: "/ingest.cgi" };

function writeSettings(folder, settings) {
	const file = join(folder, "settings.conf");
	writeFileSync(file, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(""), { mode: 0o600 });
	return file;
}

// The tables as a user would make them at installation.
function makeTables(database) {
	execFileSync("sqlite3", ["-batch", database], { input:
		`PRAGMA journal_mode = WAL;\n${readFileSync(join(source, "src/store/schema.sql"), "utf8")}`, stdio: ["pipe", "ignore", "inherit"] });
}

export const phpFpm = ["php-fpm", "php-fpm8.4", "php-fpm8.3", "php-fpm8.2", "php-fpm8.1"].map((name) => join("/usr/sbin", name)).find(existsSync);

async function startPhp(folder, processes, environment) {
	const file = join(folder, "php-fpm.conf");
	const user = process.getuid() === 0 ? "user = root\ngroup = root\n" : "";
	copyFileSync(join(source, "bench/rivals/ingest.php"), join(folder, "htdocs/ingest.php"));
	makeTables(environment.DB_PATH);
	writeFileSync(file, `[global]
error_log = ${folder}/php-fpm.log
[bench]
${user}listen = ${folder}/php.sock
pm = static
pm.max_children = ${processes}
clear_env = no
php_admin_value[opcache.enable] = 1
php_admin_value[opcache.validate_timestamps] = 0
`);
	const master = start(phpFpm, ["-F", ...(user === "" ? [] : ["-R"]), "-y", file],
		{ env: { ...process.env, ...environment } });
	await until("php-fpm's socket", () => existsSync(`${folder}/php.sock`));
	return master;
}

// --- The server ------------------------------------------------------------

/*
 * kind: "fastcgi", "php" or "cgi"; program: what answers; processes: how many
 * of it; settings: beyond the usual ones; database: a file that is there
 * already, else a new one.
 */
export async function startServer({ kind, program: executable, processes = 1, settings = {}, database }) {
	const folder = mkdtempSync(join(work, "server."));
	const all = { DB_PATH: database ?? join(folder, "agentlens.db"), AGENTGATE_WEBHOOK_SECRET: secret, ...settings };
	const settingsFile = writeSettings(folder, all);
	const port = await freePort();

	mkdirSync(join(folder, "htdocs"));
	if (kind === "cgi") {
		copyFileSync(executable, join(folder, "htdocs/ingest.cgi"));
		chmodSync(join(folder, "htdocs/ingest.cgi"), 0o755);
	}
	writeFileSync(join(folder, "lighttpd.conf"), configurations[kind]({ folder, processes, settings: settingsFile }));
	const php = kind === "php" ? await startPhp(folder, processes, all) : null;
	const lighttpd = start("lighttpd", ["-D", "-f", join(folder, "lighttpd.conf")], {
		env: { PATH: process.env.PATH, PROGRAM: executable ?? "/nonexistent", BIND: "127.0.0.1", PORT: String(port), RUN_DIR: folder, SETTINGS: settingsFile },
	});
	// As CGI they come and go.
	const responders = () => (kind === "cgi" ? [] : children((php ?? lighttpd).pid));

	return {
		database: all.DB_PATH,
		url: `http://127.0.0.1:${port}${paths[kind]}`,
		log: () => ["lighttpd.log", "php-fpm.log"].map((name) => join(folder, name)).filter(existsSync)
			.map((file) => readFileSync(file, "utf8")).join("").slice(-2000),
		responders,
		webServer: () => [lighttpd.pid],
		async stop() {
			const pids = children(lighttpd.pid);
			await stop(lighttpd, pids);
			if (php !== null)
				await stop(php);
		},
		remove: () => rmSync(folder, { recursive: true, force: true }),
	};
}
