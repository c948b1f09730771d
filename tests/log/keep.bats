# Seals and proofs against other people's arithmetic; export, import, prune;
# and files that cannot be read as they should.
#
# run: once, 10 s

load ../lib/helper
load ../lib/log

setup_file() {
	make_log "$BATS_FILE_TMPDIR" 21
}

setup() {
	log_setup
	cp "$BATS_FILE_TMPDIR/agentlens.db" "$db"
	seal=$BATS_FILE_TMPDIR/seal
}

# ends STATUS COMMAND...: the exit status is this.
ends() {
	local status=0
	"${@:2}" >"$dir/out" 2>"$dir/err" || status=$?
	equal "status of ${*:2}" "$1" "$status" || { cat "$dir/out" "$dir/err"; return 1; }
}

@test "a seal's roots are what node computes from the rows" {
	command -v node >/dev/null || skip 'node is not installed'
	sqlite3 -batch -json "$db" "SELECT id, hash, tenant_id, verified_agent_id, pricing_version, org_id, project_id FROM events ORDER BY rowid" >"$dir/events.json"
	sqlite3 -batch -json "$db" "SELECT id, sent_at, lower(hex(key)) AS key, lower(hex(idempotency_key)) AS name, event_id, source, received_at, remote_addr, signature, hex(body) AS body FROM ingest_deliveries ORDER BY id" >"$dir/deliveries.json"
	node --input-type=module - "$dir" >"$dir/roots" <<-'END'
		import { createHash } from "node:crypto";
		import { readFileSync } from "node:fs";
		const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
		const read = (name) => JSON.parse(readFileSync(`${process.argv[2]}/${name}.json`, "utf8"));
		const leaf = (data) => sha(Buffer.from([0]), Buffer.from(JSON.stringify(data)));
		const root = (l) => {
			if (l.length === 1)
				return l[0];
			let k = 1;
			while (k * 2 < l.length)
				k *= 2;
			return sha(Buffer.from([1]), root(l.slice(0, k)), root(l.slice(k)));
		};
		const of = new Map();
		const deliveries = read("deliveries").map((d) => {
			const hash = leaf({ v: 1, delivery: d.id, sentAt: d.sent_at, key: d.key || null, source: d.source,
				receivedAt: d.received_at, remoteAddr: d.remote_addr, signature: d.signature,
				bodySha256: sha(Buffer.from(d.body, "hex")).toString("hex") });
			of.set(d.event_id, { name: d.name || null, hash: hash.toString("hex") });
			return hash;
		});
		const events = read("events").map((e) => leaf({ v: 1, id: e.id, hash: e.hash, tenantId: e.tenant_id,
			verifiedAgentId: e.verified_agent_id, pricingVersion: e.pricing_version, orgId: e.org_id,
			projectId: e.project_id, idempotencyKey: of.get(e.id).name, delivery: of.get(e.id).hash }));
		console.log(`events-root: ${root(events).toString("hex")}`);
		console.log(`deliveries-root: ${root(deliveries).toString("hex")}`);
	END
	equal roots "$(cat "$dir/roots")" "$(grep -- -root: "$seal")"
}

@test "every event can be proved, without the file, and by openssl" {
	local id n=0 leaf
	for id in $(query 'SELECT id FROM events'); do
		n=$((n + 1))
		tool prove "$id" --seal "$seal" >"$dir/proof.$n"
	done
	equal events 21 "$n"
	leaf=$({ printf '\0'; sed -n 's/^event-data: //p' "$dir/proof.5" | tr -d '\n'; } | openssl dgst -sha256 -r | cut -c 1-64)
	equal leaf "$(sed -n 's/^leaf: //p' "$dir/proof.5")" "$leaf"
	rm "$db"
	for ((; n > 0; n--)); do
		tool check-proof --seal "$seal" "$dir/proof.$n"
		sed 's/^path: ./path: x/' "$dir/proof.$n" >"$dir/other"
		ends 2 tool check-proof "$dir/other"
		sed 's/^index: .*/index: 21/' "$dir/proof.$n" >"$dir/other"
		ends 1 tool check-proof "$dir/other"
		sed 's/"orgId":"default"/"orgId":"other"/' "$dir/proof.$n" >"$dir/other"
		ends 1 tool check-proof "$dir/other"
		sed 's/"source":"/&x/' "$dir/proof.$n" >"$dir/other"
		ends 1 tool check-proof "$dir/other"
	done
}

@test "an old seal holds while the file grows" {
	MODE=cgi post '{"source":"generic","event":"e","data":{}}'
	equal events 22 "$(query 'SELECT count(*) FROM events')"
	tool verify --seal "$seal"
	ends 1 tool prove "$(query 'SELECT max(id) FROM events')" --seal "$seal"
	tool seal >"$dir/new"
	tool verify --seal "$dir/new"
}

@test "one seal goes on where another ended: proved without the file" {
	local i
	for i in 1 2 3 4 5; do
		tool seal >"$dir/seal.$i"
		MODE=cgi post '{"source":"generic","event":"e","data":{"n":'"$i"'}}'
	done
	: >"$dir/nothing.db"
	tool seal -d "$dir/nothing.db" >"$dir/seal.0"
	for i in 0 1 2 3 4 5; do
		tool prove --from "$dir/seal.$i" --seal "$dir/seal.5" >"$dir/proof.$i"
	done
	ends 1 tool prove --from "$dir/seal.5" --seal "$dir/seal.1"
	ends 64 tool prove --from "$dir/seal.1" --seal "$dir/seal.5" id
	query "UPDATE events SET org_id = 'x' WHERE rowid = 2"
	ends 1 tool prove --from "$dir/seal.1" --seal "$dir/seal.5"
	rm "$db"
	for i in 0 1 2 3 4 5; do
		tool check-proof --from "$dir/seal.$i" --seal "$dir/seal.5" "$dir/proof.$i"
	done
	for i in events deliveries; do
		sed "s/^$i: ....../$i: 000000/" "$dir/proof.2" >"$dir/other"
		ends 1 tool check-proof --from "$dir/seal.2" --seal "$dir/seal.5" "$dir/other"
		# A seal whose beginning is another.
		sed "s/^$i-root: ....../$i-root: 000000/" "$dir/seal.2" >"$dir/other"
		ends 1 tool check-proof --from "$dir/other" --seal "$dir/seal.5" "$dir/proof.2"
	done
	ends 1 tool check-proof --from "$dir/seal.3" --seal "$dir/seal.5" "$dir/proof.2"
	ends 2 tool check-proof --from "$dir/seal.2" --seal "$dir/seal.5" "$dir/seal.2"
	ends 2 tool check-proof --seal "$dir/seal.5" "$dir/proof.2"
	ends 64 tool check-proof --from "$dir/seal.2" "$dir/proof.2"
}

@test "export --csv: no cell is a formula" {
	local value
	for value in '=1+1' '+1' '-1' '@SUM(A1)' 'a=b'; do
		post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"context\":{\"agentId\":\"$value\",\"agentlens_session_id\":\"csv\"}}"
		recorded custom
	done
	tool export --csv >"$dir/cells"
	for value in =1+1 +1 -1 '@SUM(A1)'; do
		row "$value"
		grep -qF ",\"'$value\"," "$dir/cells"
		fails grep -qF ",\"$value\"," "$dir/cells"
	done
	grep -qF ',"a=b",' "$dir/cells"
	# JSON lines are as stored.
	tool export | grep -qF '"=1+1"'
}

@test "export and import: not a byte is another" {
	tool export --deliveries >"$dir/lines"
	tool import -d "$dir/other.db" "$dir/lines"
	tool verify -d "$dir/other.db" --seal "$seal"
	tool export --deliveries -d "$dir/other.db" | cmp - "$dir/lines"
	local columns='id, timestamp, session_id, agent_id, event_type, severity, payload, metadata, prev_hash, hash, tenant_id'
	equal events "$(query "SELECT rowid, $columns FROM events")" "$(sqlite3 "$dir/other.db" "SELECT rowid, $columns FROM events")"
	equal sessions "$(query 'SELECT * FROM sessions ORDER BY id')" "$(sqlite3 "$dir/other.db" 'SELECT * FROM sessions ORDER BY id')"
	equal lines 22 "$(tool export --csv | wc -l)"
	ends 2 tool import -d "$dir/other.db" "$dir/lines"
	sed 's/alice/mallory/' "$dir/lines" >"$dir/changed"
	ends 2 tool import -d "$dir/third.db" "$dir/changed"
	grep -q 'does not come to its hash' "$dir/err"
	equal events 0 "$(sqlite3 "$dir/third.db" 'SELECT count(*) FROM events')"
}

@test "prune keeps the proof" {
	local id
	id=$(query 'SELECT id FROM events WHERE rowid = 3')
	tool prune --before 2100-01-01 --dry-run
	tool verify --seal "$seal"
	tool prune --before 2100-01-01 --bodies --yes
	equal bodies 3 "$(query 'SELECT count(*) FROM ingest_deliveries WHERE length(body) > 0')"
	equal events 21 "$(query 'SELECT count(*) FROM events')"
	tool verify --seal "$seal"
	tool prune --before 2100-01-01 --yes
	equal events 3 "$(query 'SELECT count(*) FROM events')"
	equal sessions 1 "$(query 'SELECT count(*) FROM sessions')"
	tool verify --seal "$seal"
	tool prove "$id" --seal "$seal" >"$dir/proof"
	tool check-proof --seal "$seal" "$dir/proof"
	# The responder goes on, and knows what it had.
	post_all "$BATS_FILE_TMPDIR/lines" 1
	equal answers 21 "$(grep -c '^201' "$dir/answers")"
	equal events 3 "$(query 'SELECT count(*) FROM events')"
	MODE=cgi post '{"source":"generic","event":"e","data":{}}'
	tool verify --seal "$seal"
	query "DELETE FROM ingest_pruned WHERE event_id = '$id'"
	ends 1 tool verify
	grep -q "$id" "$dir/out"
}

# post_session COUNT SESSION: so many events of one session.
post_session() {
	local i
	for ((i = 0; i < $1; i++)); do
		printf 'HTTP_X=x\t{"source":"generic","event":"e","data":{"n":%d},"context":{"agentlens_session_id":"%s"}}\n' "$i" "$2"
	done >"$dir/more"
	MODE=fcgi post_all "$dir/more" 4
	equal answers "$1" "$(grep -c '^201' "$dir/answers")"
}

# kill_prune N: prune, ended by SIGKILL when it writes to the disk the Nth time.
# Leaks cannot be looked for in what is traced.
kill_prune() {
	launcher=(env ASAN_OPTIONS=detect_leaks=0 strace -f -o "$dir/trace" -e trace=fdatasync -e "inject=fdatasync:signal=KILL:when=$1")
	tool prune --before 2100-01-01 --yes >/dev/null 2>&1 || :
	launcher=()
}

@test "what prune was killed in the middle of holds, and the next one ends it" {
	local n half=0
	command -v strace >/dev/null || skip 'strace is not installed'
	strace -o /dev/null true || skip 'strace may not be used here'
	post_session 600 long
	post_session 1 last
	stop
	query 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	tool seal >"$dir/new"
	cp "$db" "$dir/whole.db"
	for ((n = 1; n < 40; n++)); do
		cp "$dir/whole.db" "$db"
		rm -f "$db-wal" "$db-shm" "$dir/trace"
		kill_prune "$n"
		tool verify --json --seal "$dir/new" >"$dir/found" || { cat "$dir/found"; return 1; }
		grep -q SIGKILL "$dir/trace" || break
		if grep -q '"sessionsHalfPruned":1' "$dir/found"; then
			: $((half += 1))
			tool export --deliveries >"$dir/lines"
			rm -f "$dir/other.db"
			tool import -d "$dir/other.db" "$dir/lines"
			tool verify -d "$dir/other.db" --seal "$dir/new"
			tool export --deliveries -d "$dir/other.db" | cmp - "$dir/lines"
			tool prune --before 2100-01-01 --yes
			tool verify --json --seal "$dir/new" | grep -q '"events":1,.*"sessionsHalfPruned":0'
		fi
	done
	# 600 events are three slices, so it was half-way twice at least.
	((half >= 2 && n < 40)) || { echo "half-way $half times of $n"; return 1; }
}

@test "what is left of a session that prune had begun and that went on" {
	local n
	command -v strace >/dev/null || skip 'strace is not installed'
	strace -o /dev/null true || skip 'strace may not be used here'
	post_session 600 long
	post_session 1 last
	stop
	for ((n = 1; n < 40; n++)); do
		kill_prune "$n"
		! tool verify --json | grep -q '"sessionsHalfPruned":1' || break
	done
	((n < 40))
	post_session 1 long
	tool verify --json | grep -q '"sessionsHalfPruned":1'
	# What it links to has to be what was kept, and all of it.
	stop
	query 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	cp "$db" "$dir/half.db"
	query "DELETE FROM ingest_pruned WHERE position = (SELECT max(position) FROM ingest_pruned WHERE session_id = 'long')"
	ends 1 tool verify --json
	grep -q '"sessionId":"long".*"table":"events","field":"prev_hash"' "$dir/out"
	cp "$dir/half.db" "$db"
	rm -f "$db-wal" "$db-shm"
	tool verify
	query "UPDATE sessions SET event_count = event_count - 1 WHERE id = 'long'"
	ends 1 tool verify --json
	grep -q '"sessionId":"long".*"table":"sessions","field":"event_count","expected":"601","found":"600"' "$dir/out"
}

@test "prune keeps no responder waiting, however long a session is" {
	local pid n=0
	with INGEST_BUSY_MS=200
	# Only prune looks at them, so that they need no true hashes.
	query "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
		INSERT INTO events (rowid, id, timestamp, session_id, agent_id, event_type, payload, prev_hash, hash, project_id)
		SELECT 1000 + i, printf('0%025d', i), '2020-01-01T00:00:00.000Z', 'long', 'bot', 'custom', '{}',
			iif(i = 1, NULL, printf('%064x', i - 1)), printf('%064x', i), 'default' FROM n;
		INSERT INTO sessions (id, agent_id, started_at, event_count) VALUES ('long', 'bot', '2020-01-01T00:00:00.000Z', 50000)"
	MODE=fcgi post '{"source":"generic","event":"e","data":{}}'
	equal code 201 "$code"
	tool prune --before 2021-01-01 --yes >"$dir/pruned" 3>&- &
	pid=$!
	while kill -0 "$pid" 2>/dev/null && ((n < 100000)); do
		MODE=fcgi post '{"source":"generic","event":"e","data":{}}'
		equal code 201 "$code"
		: $((n += 1))
	done
	wait "$pid"
	equal events $((22 + n)) "$(query 'SELECT count(*) FROM events')"
	((n > 0))
}

@test "export carries what prune has kept, and import lets in no broken chain of it" {
	local id
	tool prune --before 2100-01-01 --bodies --yes
	MODE=cgi post '{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s3"}}'
	MODE=cgi post '{"source":"generic","event":"e","data":{}}'
	tool prune --before 2100-01-01 --yes
	MODE=cgi post '{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s3"}}'
	equal events 2 "$(query 'SELECT count(*) FROM events')"
	tool verify --seal "$seal"
	tool export --deliveries >"$dir/lines"
	equal pruned "$(query 'SELECT count(*) FROM ingest_pruned')" "$(grep -c '"table":"ingest_pruned"' "$dir/lines")"
	tool import -d "$dir/other.db" "$dir/lines"
	tool verify --seal "$seal" -d "$dir/other.db"
	tool export --deliveries -d "$dir/other.db" | cmp - "$dir/lines"
	local columns='pruned_at, delivery_id, delivery_leaf, position, event_id, tenant_id, session_id, prev_hash, hash, event_leaf'
	equal kept "$(query "SELECT $columns FROM ingest_pruned ORDER BY delivery_id")" \
		"$(sqlite3 "$dir/other.db" "SELECT $columns FROM ingest_pruned ORDER BY delivery_id")"
	id=$(query "SELECT event_id FROM ingest_pruned WHERE session_id = 's3' AND prev_hash IS NOT NULL ORDER BY position LIMIT 1")
	grep -v "\"table\":\"ingest_pruned\".*\"event_id\":\"$id\"" "$dir/lines" >"$dir/changed"
	ends 2 tool import -d "$dir/third.db" "$dir/changed"
	grep -q 'does not link to what was pruned before it' "$dir/err"
}

@test "import waits for its lines without the lock" {
	local writer
	tool export --deliveries >"$dir/lines"
	rm "$db"
	mkfifo "$dir/pipe"
	tool import -d "$db" "$dir/pipe" >"$dir/imported" 3>&- &
	writer=$!
	exec 4>"$dir/pipe"
	head -n 5 "$dir/lines" >&4
	with INGEST_BUSY_MS=100
	until_true test -s "$db"
	MODE=cgi post '{"source":"generic","event":"e","data":{}}'
	exec 4>&-
	equal code 201 "$code"
	wait "$writer" || :
}

@test "prune asks, and does nothing unasked" {
	ends 64 tool prune --before 2100-01-01 </dev/null
	ends 64 tool prune --yes
	ends 2 tool prune --before 2100-01-01 --yes -d "$dir/none.db"
	[ ! -e "$dir/none.db" ]
	equal events 21 "$(query 'SELECT count(*) FROM events')"
}

@test "files that are empty, of AgentLens, damaged, newer, or closed" {
	local command
	: >"$dir/empty.db"
	sqlite3 "$dir/theirs.db" "ATTACH '$db' AS ours; CREATE TABLE events AS SELECT *, 1 AS more FROM ours.events;
		CREATE TABLE sessions AS SELECT * FROM ours.sessions; CREATE TABLE agents AS SELECT * FROM ours.agents"
	head -c 20000 "$db" >"$dir/cut.db"
	cp "$db" "$dir/flipped.db"
	printf '\377\377' | dd of="$dir/flipped.db" bs=1 seek=$((4096 * $(query "SELECT rootpage - 1 FROM sqlite_schema WHERE name = 'events'"))) conv=notrunc status=none
	cp "$db" "$dir/newer.db"
	sqlite3 "$dir/newer.db" 'PRAGMA user_version = 9'
	head -c 8192 /dev/urandom >"$dir/random.db"
	sqlite3 "$dir/foreign.db" 'CREATE TABLE x (y)'
	for command in verify seal export 'export --csv' 'prune --dry-run --before 1d'; do
		row "$command"
		# shellcheck disable=SC2086
		{
			ends 0 tool $command -d "$dir/empty.db"
			ends 0 tool $command -d "$dir/theirs.db"
			ends 2 tool $command -d "$dir/cut.db"
			ends 2 tool $command -d "$dir/flipped.db"
			ends 2 tool $command -d "$dir/newer.db"
			grep -q 'version 9' "$dir/err"
			ends 2 tool $command -d "$dir/random.db"
			ends 2 tool $command -d "$dir/foreign.db"
			ends 2 tool $command -d "$dir/missing.db"
			ends 2 tool $command -d "$dir"
		}
	done
	[ ! -s "$dir/empty.db" ]
}

@test "a copy that nobody may write is read; one that nobody may read is not" {
	sqlite3 "$db" 'PRAGMA journal_mode = WAL' >/dev/null
	read_only_database
	tool verify --seal "$seal"
	chmod 0 "$db"
	ends 2 tool verify
	grep -q 'Permission denied' "$dir/err"
}

@test "a file that is being written" {
	local i
	for ((i = 0; i < 400; i++)); do
		printf 'HTTP_X=x\t{"source":"generic","event":"e","data":{"n":%d},"context":{"agentlens_session_id":"s%d"}}\n' "$i" $((i % 7))
	done >"$dir/more"
	MODE=fcgi start
	MODE=fcgi post_all "$dir/more" 4 &
	local writer=$!
	for ((i = 0; i < 10; i++)); do
		tool verify --seal "$seal"
		tool seal >"$dir/seal.$i"
	done
	wait "$writer"
	equal answers 400 "$(grep -c '^201' "$dir/answers")"
	for ((i = 0; i < 10; i++)); do
		tool verify --seal "$dir/seal.$i"
	done
}
