// Connections that send a part of a request, and then nothing.
//
// usage: node hold.mjs SOCKET COUNT BYTES
//
// Each announces a body of 1 MiB and sends BYTES of it; one that is closed is
// begun anew.  Prints a line once all have sent what they send.
import net from "node:net";
import { STDIN, head, record } from "../lib/fcgi.mjs";

const [path, count, bytes] = process.argv.slice(2);
const part = Buffer.concat([head({ REQUEST_METHOD: "POST", CONTENT_LENGTH: 1048576 }),
	...Array.from({ length: Math.ceil(bytes / 50000) }, (_, i) => record(STDIN, Buffer.alloc(Math.min(50000, bytes - i * 50000), 32)))]);
let sent = 0;

function hold() {
	const socket = net.connect(path);
	socket.on("connect", () => socket.write(part, () => {
		if (++sent === Number(count))
			console.log("held");
	}));
	socket.on("data", () => {});
	socket.on("error", () => {});
	socket.on("close", () => setTimeout(hold, 100));
}
for (let i = 0; i < Number(count); i++)
	hold();
