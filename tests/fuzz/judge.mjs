// The second judge: what our reader and writer of JSON made of the inputs of a
// corpus, held against node's own.
//
//   replay -t TARGET FILE... | node judge.mjs TARGET
//
// Each text that we wrote must be what JSON.stringify(JSON.parse(text)) gives.
// And what the inputs of the target "json" were taken for must be what node
// takes them for, but for what the design says: no text that is not UTF-8, at
// most 64 levels, no number beyond the doubles, and U+FFFD for a surrogate
// that stands alone.
import { readFileSync } from 'node:fs';

const DEPTH_MAX = 64;

function wellFormed(value) {
	if (typeof value === 'string')
		return value.replace(/\p{Surrogate}/gu, '\ufffd');
	if (Array.isArray(value))
		return value.map(wellFormed);
	if (value === null || typeof value !== 'object')
		return value;
	// Without a prototype "__proto__" is a key like any other.
	const object = Object.create(null);
	for (const key of Object.keys(value))
		object[wellFormed(key)] = wellFormed(value[key]);
	return object;
}

// What is refused for its depth or for a number may be hidden from node by a
// later duplicate of its key, so it is looked for in the text.
function goesBeyond(text) {
	const plain = text.replace(/"(?:[^"\\]|\\.)*"/gs, '""');
	let depth = 0;
	for (const [token] of plain.matchAll(/[[\]{}]|-?\d[\d.eE+-]*/g)) {
		if (token === '[' || token === '{')
			depth++;
		else if (token === ']' || token === '}')
			depth--;
		else if (!Number.isFinite(Number(token)))
			return true;
		if (depth > DEPTH_MAX)
			return true;
	}
	return false;
}

// What should be written for an input; null: it should be refused.
function expected(file) {
	let text;
	try {
		text = new TextDecoder('utf-8', { fatal: true })
			.decode(readFileSync(file));
		const value = JSON.parse(text);
		return goesBeyond(text) ? null : JSON.stringify(wellFormed(value));
	} catch {
		return null;
	}
}

function fail(file, what) {
	console.log(`${file}: ${what}`);
	process.exitCode = 1;
}

let file = '', judged = 0;
for (const line of readFileSync(0, 'utf8').split('\n')) {
	const tab = line.indexOf('\t');
	const word = line.slice(0, tab), text = line.slice(tab + 1);
	if (tab < 0)
		continue;
	if (word === 'input') {
		file = text;
		continue;
	}
	judged++;
	if (word !== 'refused' && JSON.stringify(JSON.parse(text)) !== text)
		fail(file, `${word} is no fixed point: ${text}`);
	if (process.argv[2] !== 'json')
		continue;
	const should = expected(file);
	if (word === 'written' && should !== text)
		fail(file, `written as ${text}, but node has ${should}`);
	if (word === 'refused' && should !== null)
		fail(file, `refused (${text}), but node has ${should}`);
}
console.log(`${judged} judged`);
