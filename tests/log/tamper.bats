# Every kind of change to a file of 200 events, one at a time: verify finds it
# and names the right event.
#
# run: once, 5 s

load ../lib/helper
load ../lib/log

setup_file() {
	make_log "$BATS_FILE_TMPDIR" 200
}

setup() {
	log_setup
	cp "$BATS_FILE_TMPDIR/agentlens.db" "$db"
	seal=$BATS_FILE_TMPDIR/seal
}

# change SQL: makes a change, as somebody who knows SQLite well.
change() {
	cp "$BATS_FILE_TMPDIR/agentlens.db" "$db"
	sqlite3 -batch "$db" "PRAGMA ignore_check_constraints = 1; $1"
	fails cmp -s "$BATS_FILE_TMPDIR/agentlens.db" "$db"
}

# found WHAT REGEX [OPTION...]: verify finds the last change, in a line that
# matches.
found() {
	local status=0
	tool verify --json "${@:3}" >"$dir/found" 2>"$dir/err" || status=$?
	[ "$status" = 1 ] && grep -qE "$2" "$dir/found" || {
		echo "$1: status $status, wanted $2"
		cat "$dir/found" "$dir/err"
		return 1
	}
}

# An event in the middle of a session; of a signed delivery.
event="(SELECT event_id FROM ingest_deliveries WHERE id = 101)"
id_of() {
	sqlite3 -batch "$BATS_FILE_TMPDIR/agentlens.db" "SELECT event_id FROM ingest_deliveries WHERE id = $1"
}

@test "the file as it is" {
	tool verify --seal "$seal"
	tool verify
}

@test "each column of events" {
	local id column value
	id=$(id_of 101)
	while IFS='|' read -r column value; do
		row "$column"
		change "UPDATE events SET $column = $value WHERE id = $event"
		found "$column" "\"eventId\":\"$id\",\"table\":\"events\",\"field\":\"$column\""
	done <<-'END'
		timestamp|'2024-01-01T00:00:00.000Z'
		session_id|'s5'
		agent_id|'other'
		event_type|'approval_denied'
		severity|'error'
		payload|replace(payload, 'alice', 'mallory')
		payload|payload || char(0) || 'x'
		payload|CAST(payload AS BLOB)
		metadata|replace(metadata, 'agentgate', 'agentgatf')
		prev_hash|iif(substr(prev_hash, 1, 1) = '0', '1', '0') || substr(prev_hash, 2)
		prev_hash|NULL
		hash|iif(substr(hash, 1, 1) = '0', '1', '0') || substr(hash, 2)
		verified_agent_id|'x'
		pricing_version|'x'
		org_id|'x'
		project_id|'x'
		tenant_id|'x'
	END
}

@test "an event's id" {
	change "UPDATE events SET id = '1' || substr(id, 2) WHERE id = $event"
	found id "\"eventId\":\"$(id_of 101)\".*\"table\":\"events\"|\"eventId\":\"1[^\"]*\",\"table\""
}

@test "each column of a signed delivery" {
	local id column value
	id=$(id_of 101)
	while IFS='|' read -r column value; do
		row "$column = $value"
		change "UPDATE ingest_deliveries SET $column = $value WHERE id = 101"
		found "$column" "\"eventId\":\"$id\",\"table\":\"ingest_deliveries\",\"field\":\"$column\""
	done <<-'END'
		sent_at|sent_at + 1
		key|randomblob(32)
		key|NULL
		source|'formbridge'
		received_at|'2099-01-01T00:00:00.000Z'
		received_at|'2020-01-01T00:00:00.000Z'
		received_at|'yesterday'
		signature|iif(substr(signature, 1, 1) = '0', '1', '0') || substr(signature, 2)
		signature|NULL
		body|CAST(replace(CAST(body AS TEXT), 'alice', 'mallory') AS BLOB)
		body|CAST(CAST(body AS TEXT) || ' ' AS BLOB)
		body|x''
		body|CAST('no JSON' AS BLOB)
	END
}

@test "each column of an unsigned delivery" {
	local id column value
	id=$(id_of 102)
	while IFS='|' read -r column value; do
		row "$column = $value"
		change "UPDATE ingest_deliveries SET $column = $value WHERE id = 102"
		found "$column" "\"eventId\":\"$id\",\"table\":\"ingest_deliveries\",\"field\":\"($column)\""
	done <<-'END'
		sent_at|sent_at + 1
		source|'agentgate'
		body|CAST(replace(CAST(body AS TEXT), '"n":', '"n":1') AS BLOB)
	END
	change "UPDATE ingest_deliveries SET key = randomblob(32) WHERE id = 102"
	found key "\"eventId\":\"$id\",\"table\":\"ingest_deliveries\",\"field\":\"(key|signature)\""
	change "UPDATE ingest_deliveries SET signature = hex(randomblob(32)) WHERE id = 102"
	found signature "\"eventId\":\"$id\",\"table\":\"ingest_deliveries\",\"field\":\"(key|signature)\""
}

@test "what a delivery belongs to" {
	change "UPDATE ingest_deliveries SET event_id = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE id = 101"
	found 'another id' "\"eventId\":\"($(id_of 101)|01ARZ3NDEKTSV4RRFFQ69G5FAV)\""
	change "UPDATE ingest_deliveries SET event_id = NULL, reason = 'Invalid' WHERE id = 101"
	found 'no id' "\"eventId\":\"$(id_of 101)\""
}

@test "what only a seal commits to" {
	local id column
	id=$(id_of 102)
	for column in remote_addr idempotency_key; do
		row "$column"
		change "UPDATE ingest_deliveries SET $column = 'x' WHERE id = 102"
		tool verify
		found "$column" "\"eventId\":\"$id\"" --seal "$seal"
	done
	change "UPDATE ingest_deliveries SET body = CAST(CAST(body AS TEXT) || ' ' AS BLOB) WHERE id = 102"
	found 'white space' "\"eventId\":\"$id\"" --seal "$seal"
}

@test "each counter of a session" {
	local column value
	while IFS='|' read -r column value; do
		row "$column"
		change "UPDATE sessions SET $column = $value WHERE id = 's3'"
		found "$column" "\"sessionId\":\"s3\".*\"table\":\"sessions\",\"field\":\"$column\""
	done <<-'END'
		event_count|event_count - 1
		tool_call_count|7777
		error_count|1
		llm_call_count|1
		agent_id|'x'
		started_at|'2020-01-01T00:00:00.000Z'
		ended_at|'2020-01-01T00:00:00.000Z'
		status|'completed'
		last_event_at|'2020-01-01T00:00:00.000Z'
	END
	change "DELETE FROM sessions WHERE id = 's3'"
	found 'the row' '"sessionId":"s3".*"table":"sessions"'
	change "UPDATE sessions SET tenant_id = 'x' WHERE id = 's3'"
	found 'the tenant' '"sessionId":"s3".*"table":"sessions"'
}

@test "a deletion" {
	change "DELETE FROM events WHERE id = $event"
	found 'an event' "\"eventId\":\"$(id_of 101)\""
	change "DELETE FROM events WHERE id = $event; DELETE FROM ingest_deliveries WHERE id = 101"
	found 'with its delivery' '1 row is missing before [0-9A-Z]+'
	found 'with its delivery' "(after $(id_of 100)|before $(id_of 102))"
	change "DELETE FROM ingest_deliveries WHERE id = 101"
	found 'a delivery' "\"eventId\":\"$(id_of 101)\",\"table\":\"ingest_deliveries\""
	change "DELETE FROM ingest_deliveries WHERE event_id IN (SELECT id FROM events WHERE session_id = 's3');
		DELETE FROM events WHERE session_id = 's3'; DELETE FROM sessions WHERE id = 's3'"
	found 'a whole session' 'missing before'
	change 'DROP TABLE ingest_deliveries'
	found 'the table' '"table":"ingest_deliveries"'
}

@test "an insertion" {
	change "INSERT INTO events SELECT '7' || substr(id, 2), timestamp, session_id, agent_id, event_type, severity, payload,
		metadata, prev_hash, hash, tenant_id, verified_agent_id, pricing_version, org_id, project_id FROM events WHERE id = $event"
	found 'an event' "\"eventId\":\"7$(id_of 101 | cut -c 2-)\""
	change "INSERT INTO ingest_deliveries SELECT 9999, sent_at, NULL, NULL, event_id, reason, source, received_at, remote_addr, signature, body FROM ingest_deliveries WHERE id = 101"
	found 'a delivery' "\"eventId\":\"$(id_of 101)\""
	change "INSERT INTO ingest_deliveries SELECT NULL, sent_at, randomblob(32), NULL, NULL, 'no', source, received_at, remote_addr, hex(randomblob(32)), body FROM ingest_deliveries WHERE id = 101"
	found 'a refused one' '"fault":"delivery 201: '
}

@test "a swap" {
	change "UPDATE events SET payload = (SELECT payload FROM events WHERE id = (SELECT event_id FROM ingest_deliveries WHERE id = 104)) WHERE id = $event"
	found payloads "\"eventId\":\"$(id_of 101)\",\"table\":\"events\",\"field\":\"payload\""
	change "UPDATE ingest_deliveries SET body = (SELECT o.body FROM ingest_deliveries AS o WHERE o.id = 204 - ingest_deliveries.id)
		WHERE id IN (101, 103)"
	found bodies "\"eventId\":\"($(id_of 101)|$(id_of 103))\",\"table\":\"ingest_deliveries\",\"field\":\"body\""
	change "UPDATE events SET rowid = -1 WHERE rowid = 101; UPDATE events SET rowid = 101 WHERE rowid = 102; UPDATE events SET rowid = 102 WHERE rowid = -1"
	found places "\"eventId\":\"($(id_of 101)|$(id_of 102))\"" --seal "$seal"
}

# What covers its tracks: the newest event with its delivery, and the counters.
cut='DELETE FROM events WHERE id = (SELECT max(id) FROM events);
	DELETE FROM ingest_deliveries WHERE id = 200;
	UPDATE sessions SET event_count = (SELECT count(*) FROM events WHERE session_id = sessions.id),
		last_event_at = (SELECT max(timestamp) FROM events WHERE session_id = sessions.id),
		tool_call_count = (SELECT count(*) FROM events WHERE session_id = sessions.id AND event_type = '"'tool_call'"')'

@test "the tail cut off" {
	change 'DELETE FROM events WHERE id = (SELECT max(id) FROM events)'
	found 'an event' "\"eventId\":\"$(id_of 200)\""
	change "$cut"
	tool verify
	found 'with a seal' "\"eventId\":\"$(id_of 200)\"" --seal "$seal"
}

@test "each column of a delivery that was refused" {
	local column value
	MODE=cgi deliver agentgate '{"event":"request.nonsense","data":{"request":{"id":"x"}},"timestamp":1700000000999}'
	equal code 400 "$code"
	tool seal >"$dir/new"
	query 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	cp "$db" "$dir/refused.db"
	while IFS='|' read -r column value; do
		row "$column = $value"
		cp "$dir/refused.db" "$db"
		query "UPDATE ingest_deliveries SET $column = $value WHERE id = 201"
		found "$column" "\"fault\":\"delivery 201: .*\"field\":\"$column\""
	done <<-'END'
		sent_at|sent_at + 1
		key|randomblob(32)
		key|NULL
		source|'formbridge'
		reason|'Invalid'
		received_at|'yesterday'
		received_at|'2999-01-01T00:00:00.000Z'
		signature|iif(substr(signature, 1, 1) = '0', '1', '0') || substr(signature, 2)
		signature|NULL
		body|CAST(CAST(body AS TEXT) || ' ' AS BLOB)
		body|x''
	END
	for value in "received_at = '2020-01-01T00:00:00.000Z'" "remote_addr = 'x'"; do
		cp "$dir/refused.db" "$db"
		query "UPDATE ingest_deliveries SET $value WHERE id = 201"
		found "$value" 'deliveries 201 to 201 is not what is here' --seal "$dir/new"
	done
	cp "$dir/refused.db" "$db"
	query "UPDATE ingest_deliveries SET reason = NULL, event_id = '01ARZ3NDEKTSV4RRFFQ69G5FAV' WHERE id = 201"
	found event '"eventId":"01ARZ3NDEKTSV4RRFFQ69G5FAV"'
	cp "$dir/refused.db" "$db"
	query 'DELETE FROM ingest_deliveries WHERE id = 201'
	tool verify
	found 'it is gone' '201 are sealed, and 200 are here' --seal "$dir/new"
}

@test "each column of what prune has kept" {
	local id last column value
	tool prune --before 2100-01-01 --yes
	tool verify --seal "$seal"
	cp "$db" "$dir/pruned.db"
	id=$(query "SELECT event_id FROM ingest_pruned WHERE session_id = 's3' ORDER BY position LIMIT 1 OFFSET 3")
	last=$(query "SELECT event_id FROM ingest_pruned WHERE session_id = 's3' ORDER BY position DESC LIMIT 1")
	while IFS='|' read -r column value; do
		for of in "$id" "$last"; do
			row "$column = $value of $of"
			cp "$dir/pruned.db" "$db"
			query "PRAGMA ignore_check_constraints = 1; UPDATE ingest_pruned SET $column = $value WHERE event_id = '$of'"
			fails cmp -s "$dir/pruned.db" "$db"
			found "$column" "\"sessionId\":\"s3\".*\"table\":\"ingest_pruned\"|missing before|\"eventId\":\"$of\""
		done
	done <<-'END'
		pruned_at|'yesterday'
		delivery_id|9999
		delivery_id|NULL
		delivery_leaf|randomblob(32)
		position|9999
		position|NULL
		event_id|'01ARZ3NDEKTSV4RRFFQ69G5FAV'
		tenant_id|'x'
		prev_hash|hash
		prev_hash|NULL
		hash|prev_hash
		event_leaf|randomblob(32)
		event_leaf|NULL
	END
	cp "$dir/pruned.db" "$db"
	query "UPDATE ingest_pruned SET session_id = 'x' WHERE event_id = '$id'"
	found session "\"eventId\":\"$id\"|\"sessionId\":\"s3\".*\"table\":\"ingest_pruned\""
	query "DELETE FROM ingest_pruned WHERE session_id = 's3'"
	found 'a session' 'missing before'
}

@test "a seal that was changed, or is of another key" {
	sed 's/^events-root: ../events-root: 00/' "$seal" >"$dir/other"
	found root 'root' --seal "$dir/other"
	printf 'a key\n' >"$dir/key"
	tool seal --key "$dir/key" >"$dir/keyed"
	tool verify --seal "$dir/keyed" --key "$dir/key"
	sed 's/^time: 2/time: 1/' "$dir/keyed" >"$dir/other"
	local status=0
	tool verify --seal "$dir/other" --key "$dir/key" || status=$?
	equal status 2 "$status"
	printf 'another\n' >"$dir/key"
	status=0
	tool verify --seal "$dir/keyed" --key "$dir/key" || status=$?
	equal status 2 "$status"
}
