// Records of FastCGI, and a connection that counts what comes back.
import net from "node:net";

export const BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, GET_VALUES = 9, GET_VALUES_RESULT = 10;

export function record(type, content = Buffer.alloc(0), { id = 1, padding = 0, sent = padding, length = content.length } = {}) {
	return Buffer.concat([Buffer.from([1, type, id >> 8, id & 255, length >> 8, length & 255, padding, 0]), content, Buffer.alloc(sent)]);
}
function size(n) {
	return n < 128 ? Buffer.from([n]) : Buffer.from([n >> 24 | 128, n >> 16 & 255, n >> 8 & 255, n & 255]);
}
export function pair(name, value) {
	return Buffer.concat([size(Buffer.byteLength(name)), size(Buffer.byteLength(value)), Buffer.from(name + value)]);
}
export function begin({ id = 1, keep = false, role = 1, ...options } = {}) {
	return record(BEGIN, Buffer.from([0, role, keep ? 1 : 0, 0, 0, 0, 0, 0]), { id, ...options });
}
export function stream(type, bytes, id = 1) {
	const records = [];
	for (let at = 0; at < bytes.length; at += 65528)
		records.push(record(type, bytes.subarray(at, at + 65528), { id }));
	return Buffer.concat([...records, record(type, undefined, { id })]);
}
export function head(variables, { id = 1, keep = false } = {}) {
	const pairs = Buffer.concat(Object.entries(variables).map(([name, value]) => pair(name, String(value))));
	return Buffer.concat([begin({ id, keep }), stream(PARAMS, pairs, id)]);
}
export function request(variables, body, options = {}) {
	const bytes = Buffer.from(body);
	return Buffer.concat([head({ REQUEST_METHOD: "POST", CONTENT_LENGTH: bytes.length, ...variables }, options),
		stream(STDIN, bytes, options.id)]);
}

// All whole records of what came.
export function records(bytes) {
	const all = [];
	for (let at = 0; at + 8 <= bytes.length;) {
		const end = at + 8 + bytes.readUInt16BE(at + 4);
		if (end + bytes[at + 6] > bytes.length)
			break;
		all.push({ type: bytes[at + 1], id: bytes.readUInt16BE(at + 2), content: bytes.subarray(at + 8, end) });
		at = end + bytes[at + 6];
	}
	return all;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A connection: what came of it, and whether it was closed.
export class Peer {
	constructor(path) {
		this.bytes = Buffer.alloc(0);
		this.closed = false;
		this.socket = net.connect(path);
		this.socket.on("data", (data) => { this.bytes = Buffer.concat([this.bytes, data]); });
		this.socket.on("error", () => {});
		this.socket.on("end", () => { this.closed = true; });
		this.socket.on("close", () => { this.closed = true; });
	}
	send(bytes) {
		this.socket.write(bytes);
	}
	get records() {
		return records(this.bytes);
	}
	get ends() {
		return this.records.filter((r) => r.type === END);
	}
	// The statuses of the answers that ended, "-" for none.
	get statuses() {
		let text = "";
		const all = [];
		for (const r of this.records) {
			if (r.type === STDOUT)
				text += r.content;
			if (r.type === END) {
				all.push(/^Status: (\d+)/m.exec(text)?.[1] ?? "-");
				text = "";
			}
		}
		return all.join(" ");
	}
	async until(condition, ms = 10000) {
		for (const end = Date.now() + ms; !condition(this);) {
			if (Date.now() > end)
				return false;
			await sleep(5);
		}
		return true;
	}
	end() {
		this.socket.destroy();
	}
}
