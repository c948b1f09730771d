// Makes the deliveries of a load: AgentGate's request.approved, about 500
// bytes, each different and signed.  A line is the signature, a tab, the body.
//
// usage: node bodies.mjs FILE COUNT SESSIONS RUN
//
// SESSIONS is how many sessions take turns; 0 gives each delivery a new one.
// RUN is in every id: two runs have no delivery in common.

import { createHash, createHmac } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

// generate.c has the same secret and the same names.
export const secret = "bench-secret-0123456789abcdef";
export const sessionName = (n) =>
	`sess_${createHash("sha256").update(`session ${n}`).digest("hex").slice(0, 24)}`;

// Sent just before now, in order, as many to a millisecond as a load may have.
const eventsPerMs = 20;

function body(run, n, session, time) {
	const at = new Date(time).toISOString();
	return JSON.stringify({
		event: "request.approved",
		data: {
			request: {
				id: `req_${run}_${String(n).padStart(8, "0")}`,
				action: "send_email",
				params: { to: `customer${n}@example.com`, subject: "Your order is on its way", amount: 1234.5 },
				context: { agentlens_session_id: session, agentlens_agent_id: "agent-mailer" },
				status: "approved",
				urgency: "normal",
				createdAt: at,
				decidedAt: at,
				decidedBy: "alice@example.com",
				decisionReason: "Known recipient",
			},
		},
		timestamp: time,
	});
}

export function makeBodies(file, count, sessions, run) {
	const names = Array.from({ length: sessions }, (_, n) => sessionName(n));
	const start = Date.now() - Math.ceil(count / eventsPerMs);
	const out = openSync(file, "w");
	let lines = [];
	for (let n = 0; n < count; n++) {
		const session = sessions === 0 ? sessionName(`${run} ${n}`) : names[n % sessions];
		const text = body(run, n, session, start + Math.floor(n / eventsPerMs));
		lines.push(`${createHmac("sha256", secret).update(text).digest("hex")}\t${text}\n`);
		if (lines.length === 10000 || n === count - 1) {
			writeSync(out, lines.join(""));
			lines = [];
		}
	}
	closeSync(out);
	return file;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
	const [file, count, sessions, run] = process.argv.slice(2);
	makeBodies(file, Number(count), Number(sessions), run);
}
