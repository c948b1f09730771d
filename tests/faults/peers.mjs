// Peers that no web server is: each opens a connection to a FastCGI socket
// and misbehaves on it until it is closed.
//
// usage: node peers.mjs SOCKET ROUNDS LIMIT_MS
//
// In each round all kinds come at once.  Exit status 1, with their names, when
// some are still connected after LIMIT_MS.
import net from "node:net";

const [path, rounds, limit] = process.argv.slice(2);
const BEGIN = 1, ABORT = 2, PARAMS = 4, STDIN = 5, GET_VALUES = 9;

function record(type, content = Buffer.alloc(0), id = 1, length = content.length, version = 1) {
	return Buffer.concat([Buffer.from([version, type, id >> 8, id & 255, length >> 8, length & 255, 0, 0]), content]);
}
function pair(name, value) {
	return Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]);
}
const begin = record(BEGIN, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]));
const params = Buffer.concat([record(PARAMS, pair("REQUEST_METHOD", "POST")), record(PARAMS)]);
const head = Buffer.concat([begin, params]);
const body = Buffer.from('{"source":"generic","event":"bad","data":{}}');
const names = Buffer.concat(Array(200).fill(pair("FCGI_MAX_CONNS", "")));

let seed = 12345;
function random() {
	seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
	return seed >> 8;
}

// first: bytes at once; then: pieces, one each 50 ms, for ever; end: close.
const kinds = {
	"silent": {},
	"a byte at a time, head": { then: (i) => Buffer.concat([begin, record(PARAMS, Buffer.alloc(60000, 1))]).subarray(i, i + 1) },
	"a byte at a time, body": { first: head, then: (i) => record(STDIN, Buffer.alloc(60000, 32)).subarray(i, i + 1) },
	"small parameters for ever": { first: begin, then: (i) => record(PARAMS, pair(`N${i}`, "x")) },
	"small bodies for ever": { first: head, then: () => record(STDIN, Buffer.from(" ")) },
	"other requests' records for ever": { first: head, then: () => record(STDIN, body, 2) },
	"other requests' records before the head": { then: () => record(STDIN, body, 2) },
	"closes before the head": { end: true },
	"closes in a record header": { first: begin.subarray(0, 5), end: true },
	"closes in the head": { first: begin, end: true },
	"closes in the body": { first: Buffer.concat([head, record(STDIN, body)]), end: true },
	"another version": { first: record(BEGIN, Buffer.alloc(8), 1, 8, 7) },
	"an unknown type": { first: Buffer.concat([begin, record(99, body)]) },
	"an unknown type in the body": { first: Buffer.concat([head, record(99, body)]) },
	"an unknown role": { first: record(BEGIN, Buffer.from([0, 9, 0, 0, 0, 0, 0, 0])) },
	"a record shorter than its length": { first: Buffer.concat([head, record(STDIN, body, 1, 65535)]) },
	"a name longer than its record": { first: Buffer.concat([begin, record(PARAMS, Buffer.from([255, 255, 255, 255, 1, 65])), record(PARAMS)]) },
	"a name and a value longer than all numbers": { first: Buffer.concat([begin,
		record(PARAMS, Buffer.concat([Buffer.alloc(8, 255), Buffer.alloc(5000, 65)])), record(PARAMS)]) },
	"two beginnings": { first: Buffer.concat([begin, begin, begin]) },
	"two requests at once": { first: Buffer.concat([begin, record(BEGIN, Buffer.from([0, 1, 1, 0, 0, 0, 0, 0]), 2), params, record(STDIN, body, 2)]) },
	"asks for values": { first: record(GET_VALUES, pair("FCGI_MPXS_CONNS", ""), 0) },
	"asks for 200 values": { first: record(GET_VALUES, names, 0), then: () => record(GET_VALUES, names, 0) },
	"asks for 200 values in the body": { first: Buffer.concat([head, record(GET_VALUES, names, 0), record(STDIN, body)]) },
	"unknown management": { first: Buffer.concat([record(77, body, 0), begin]) },
	"aborts in the head": { first: Buffer.concat([begin, record(ABORT)]) },
	"aborts in the body": { first: Buffer.concat([head, record(STDIN, body), record(ABORT)]) },
	"a body before the head": { first: record(STDIN, body) },
	"many parameters": { first: Buffer.concat([begin, ...Array(2000).fill(record(PARAMS, pair("A".repeat(100), "B".repeat(100))))]) },
	"parameters without end": { first: Buffer.concat([begin, ...Array(300).fill(record(PARAMS, Buffer.concat(Array(250).fill(pair("A".repeat(100), "B".repeat(100))))))]) },
	"noise": { first: Buffer.from(Array.from({ length: 3000 }, random)) },
	"noise after the head": { first: Buffer.concat([head, Buffer.from(Array.from({ length: 3000 }, random))]) },
};

function misbehave([name, { first, then, end }]) {
	return new Promise((resolve) => {
		const socket = net.connect(path);
		let timer = null, n = 0;
		const late = setTimeout(() => done(name), Number(limit));
		const done = (result) => {
			clearTimeout(late);
			clearInterval(timer);
			socket.destroy();
			resolve(result);
		};
		socket.on("error", () => done(null));
		socket.on("close", () => done(null));
		socket.on("end", () => done(null));
		socket.on("data", () => {});
		socket.on("connect", () => {
			if (first)
				socket.write(first);
			if (end)
				socket.end(() => done(null));
			if (then)
				timer = setInterval(() => socket.write(then(n++)), 50);
		});
	});
}

let failed = false;
for (let round = 0; round < Number(rounds); round++) {
	const held = (await Promise.all(Object.entries(kinds).map(misbehave))).filter((name) => name !== null);
	for (const name of held)
		console.log(`still connected: ${name}`);
	failed ||= held.length > 0;
}
process.exit(failed ? 1 : 0);
