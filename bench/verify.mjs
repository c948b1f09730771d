// Reads back what a load has left in a database.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

export function query(database, sql) {
	return execFileSync("sqlite3", ["-batch", "-readonly", "-cmd", ".timeout 10000", database, sql], { encoding: "utf8" }).trim();
}

// The highest id, after which the next load's events come.
export const lastId = (database) => query(database, "SELECT coalesce(max(id), '') FROM events");

/*
 * Checks the events after an id: that each one's hash is the SHA-256 of its
 * text and that it is linked to the one before it in its session; that there
 * is a delivery for each. For ids that need no escapes in JSON, as those of
 * bodies.mjs. Returns their number.
 */
export async function verify(database, after) {
	const sqlite = spawn("sqlite3", ["-batch", "-readonly", "-separator", " ", database, `
		SELECT hash, prev_hash IS (SELECT hash FROM events AS p
			WHERE p.tenant_id = e.tenant_id AND p.session_id = e.session_id
			AND (p.timestamp, p.id) < (e.timestamp, e.id)
			ORDER BY p.timestamp DESC, p.id DESC LIMIT 1),
			'{"v":2,"id":"' || id || '","timestamp":"' || timestamp
			|| '","sessionId":"' || session_id || '","agentId":"' || agent_id
			|| '","eventType":"' || event_type || '","severity":"' || severity
			|| '","payload":' || payload || ',"metadata":' || metadata
			|| ',"prevHash":' || iif(prev_hash IS NULL, 'null', '"' || prev_hash || '"') || '}'
		FROM events AS e WHERE id > '${after}'`], { stdio: ["ignore", "pipe", "inherit"] });
	const ended = new Promise((resolve) => sqlite.on("close", resolve));
	let events = 0;
	for await (const line of createInterface({ input: sqlite.stdout })) {
		const [hash, linked] = line.split(" ", 2);
		const text = line.slice(hash.length + 3);
		if (createHash("sha256").update(text).digest("hex") !== hash)
			throw new Error(`an event has a wrong hash: ${text}`);
		if (linked !== "1")
			throw new Error(`an event is not linked to the one before it: ${text}`);
		events++;
	}
	if (await ended !== 0)
		throw new Error("sqlite3 failed");
	const deliveries = Number(query(database, `SELECT count(*) FROM ingest_deliveries WHERE event_id > '${after}'`));
	if (deliveries !== events)
		throw new Error(`${events} events, but ${deliveries} deliveries`);
	return events;
}
