// The FastCGI protocol on a socket, one case after the other.
//
// usage: node fastcgi.mjs SOCKET CASE
//
// Exit status 1, with what was seen, when the case does not hold.
import { ABORT, BEGIN, END, GET_VALUES, GET_VALUES_RESULT, PARAMS, Peer, STDIN, begin, head, pair, record, request, sleep, stream } from "../lib/fcgi.mjs";

const [path, name] = process.argv.slice(2);
let n = 0;
const body = () => JSON.stringify({ source: "generic", event: "e", data: { n: ++n } });

function must(holds, seen) {
	if (holds)
		return;
	console.log(`not so: ${seen}`);
	process.exit(1);
}
async function answers(peer, statuses) {
	await peer.until((p) => p.ends.length >= statuses.split(" ").length || p.closed);
	must(peer.statuses === statuses, `answers ${peer.statuses}, not ${statuses}`);
}
async function closes(peer, what = "it") {
	must(await peer.until((p) => p.closed, 5000), `${what} is not closed`);
}

const cases = {
	async follow() {
		// All at once, and each byte alone.
		const all = Buffer.concat([1, 2, 3, 4, 5].map(() => request({}, body(), { keep: true })));
		const peer = new Peer(path);
		peer.send(all);
		await answers(peer, "201 201 201 201 201");
		peer.send(request({}, body(), { keep: true, id: 77 }));
		await answers(peer, "201 201 201 201 201 201");
		must(peer.ends[5].id === 77, `the id ${peer.ends[5].id}`);
		peer.send(request({}, body()));
		await answers(peer, "201 201 201 201 201 201 201");
		await closes(peer);
		const slow = new Peer(path), bytes = Buffer.concat([request({}, body(), { keep: true }), request({}, body())]);
		for (const byte of bytes) {
			slow.send(Buffer.from([byte]));
			await sleep(1);
		}
		await answers(slow, "201 201");
	},
	async abort() {
		const peer = new Peer(path);
		peer.send(Buffer.concat([head({ REQUEST_METHOD: "POST" }, { keep: true }), record(STDIN, Buffer.from(body())), record(ABORT)]));
		await answers(peer, "-");
		// One of a request that was answered before it came is nothing.
		peer.send(Buffer.concat([record(ABORT), begin({ keep: true }), record(ABORT), request({}, body(), { keep: true })]));
		await answers(peer, "- - 201");
		peer.send(Buffer.concat([record(ABORT), head({ REQUEST_METHOD: "POST" }), record(ABORT)]));
		await answers(peer, "- - 201 -");
		await closes(peer);
	},
	async values() {
		const peer = new Peer(path);
		const ask = Buffer.concat([pair("FCGI_MPXS_CONNS", ""), pair("FCGI_MAX_CONNS", ""), pair("NO_SUCH", ""), pair("FCGI_MAX_REQS", "")]);
		peer.send(Buffer.concat([record(GET_VALUES, ask, { id: 0 }), head({ REQUEST_METHOD: "GET", PATH_INFO: "/health" }),
			record(GET_VALUES, ask, { id: 0, padding: 5 }), record(STDIN)]));
		await answers(peer, "200");
		const values = peer.records.filter((r) => r.type === GET_VALUES_RESULT).map((r) => r.content.toString("latin1"));
		must(values.length === 2, `${values.length} answers`);
		for (const value of values)
			must(/^\x0f\x01FCGI_MPXS_CONNS0\x0e.FCGI_MAX_CONNS(\d+)\x0d.FCGI_MAX_REQS\1$/s.test(value), JSON.stringify(value));
	},
	async role() {
		for (const role of [2, 3, 9]) {
			const peer = new Peer(path);
			peer.send(begin({ role, keep: true }));
			await answers(peer, "-");
			must(peer.ends[0].content[4] === 3, `protocol status ${peer.ends[0].content[4]}`);
			await closes(peer);
		}
	},
	async padding() {
		const peer = new Peer(path), all = request({}, body());
		all[all.length - 2] = 3;
		peer.send(all);
		await sleep(300);
		must(peer.bytes.length === 0, "an answer before the last padding");
		peer.send(Buffer.alloc(3));
		await answers(peer, "201");
	},
	async disorder() {
		const good = head({ REQUEST_METHOD: "POST" }, { keep: true });
		const lie = Buffer.concat([Buffer.from([255, 255, 255, 254, 255, 255, 255, 254]), Buffer.alloc(300, 65)]);
		const kinds = {
			"a second beginning": [good, begin()],
			"a beginning of another": [good, begin({ id: 2 })],
			"a beginning of no request": [begin({ id: 0 })],
			"a beginning of 7 bytes": [record(BEGIN, Buffer.from([0, 1, 1, 0, 0, 0, 0]))],
			"a beginning of 9 bytes": [record(BEGIN, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0, 0]))],
			"a body of another": [good, record(STDIN, Buffer.from("x"), { id: 2 })],
			"parameters of another": [begin(), record(PARAMS, pair("A", "b"), { id: 2 })],
			"an abort of another": [good, record(ABORT, undefined, { id: 2 })],
			"an abort with a content": [good, record(ABORT, Buffer.from("x"))],
			"a body without a beginning": [record(STDIN, Buffer.from("x"))],
			"a body before its parameters": [begin(), record(STDIN, Buffer.from("x"))],
			"parameters within the body": [good, record(PARAMS, pair("A", "b"))],
			"an unknown record": [good, record(8, Buffer.from("x"))],
			"an answer": [good, record(END, Buffer.alloc(8))],
			"unknown management": [record(77, Buffer.alloc(8), { id: 0 })],
			"many questions": [record(GET_VALUES, Buffer.concat(Array(40).fill(pair("FCGI_MAX_CONNS", ""))), { id: 0 })],
			"a question that lies": [record(GET_VALUES, Buffer.from([200, 1]), { id: 0 })],
			"a question that goes beyond its end": [record(GET_VALUES, Buffer.from([1, 5, 65, 66]), { id: 0 })],
			"another version": [Buffer.from([2, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])],
			"a parameter that is longer than all": [begin(), stream(PARAMS, Buffer.from([5, 5, 65, 66]))],
			"a value that is longer than what is left": [begin(), stream(PARAMS, Buffer.from([1, 5, 65, 66]))],
			"lengths beyond all": [begin(), stream(PARAMS, lie)],
			"half a length": [begin(), stream(PARAMS, Buffer.from([200, 0, 0]))],
			"a name without bytes": [begin(), stream(PARAMS, pair("", "x"))],
			"= in a name": [begin(), stream(PARAMS, pair("A=B", "x"))],
			"NUL in a name": [begin(), stream(PARAMS, pair("A\0B", "x"))],
			"NUL in a value": [begin(), stream(PARAMS, pair("A", "x\0y"))],
			"too many parameters": [begin(), stream(PARAMS, Buffer.concat(Array(4097).fill(pair("A", ""))))],
			"too long parameters": [begin(), ...Array(9).fill(record(PARAMS, Buffer.alloc(65528, 1)))],
		};
		for (const [kind, pieces] of Object.entries(kinds)) {
			const peer = new Peer(path);
			peer.send(Buffer.concat(pieces));
			await closes(peer, kind);
			must(peer.bytes.length === 0, `an answer to ${kind}`);
		}
	},
	// A guard in front of libfcgi once read these in one way, and libfcgi in
	// another: a length that lies came through, and ended the process.
	async twoReaders() {
		const lie = Buffer.concat([Buffer.from([255, 255, 255, 254, 255, 255, 255, 254]), Buffer.alloc(100, 65)]);
		const kinds = {
			"padding that does not come": [[begin({ padding: 255, sent: 0 }), record(PARAMS, lie)]],
			"padding that does not come, on a kept connection": [
				[begin({ keep: true }), record(PARAMS, undefined, { padding: 255, sent: 0 }), record(STDIN)], [begin(), record(PARAMS, lie)]],
			"parameters of a third": [
				[begin({ keep: true }), record(PARAMS), begin({ id: 2 }), record(STDIN)], [begin({ id: 3 }), record(PARAMS, lie, { id: 3 })]],
		};
		for (const [kind, pieces] of Object.entries(kinds)) {
			const peer = new Peer(path);
			for (const piece of pieces) {
				peer.send(Buffer.concat(piece));
				await sleep(200);
			}
			await closes(peer, kind);
			must(peer.bytes.length === 0, `an answer to ${kind}`);
		}
	},
	// The limit of 2 seconds is one for the parameters, and one for the body.
	async twoLimits() {
		const peer = new Peer(path), all = request({}, body()), parts = [all.subarray(0, 16), all.subarray(16, all.length - 8), all.subarray(-8)];
		for (const part of parts) {
			peer.send(part);
			await sleep(1400);
		}
		await answers(peer, "201");
	},
	async late() {
		const peer = new Peer(path);
		peer.send(Buffer.concat([head({ REQUEST_METHOD: "POST" }, { keep: true }), record(STDIN, Buffer.from("{"))]));
		await answers(peer, "408");
		await closes(peer);
		const headless = new Peer(path);
		headless.send(begin());
		await closes(headless);
		must(headless.bytes.length === 0, "an answer without parameters");
	},
};

if (!(name in cases))
	throw new Error(`no such case: ${name}`);
await cases[name]();
process.exit(0);
