# The mixed run: odd deliveries of all kinds, several at a time, and the file
# read back by independent code.
#
# run: cgi fcgi, 8 s

load ../lib/helper

# How many; as CGI each is a process of its own.
[ "$MODE" = cgi ] && deliveries=300 || deliveries=3000

generate() {
	env "${settings[@]}" SEED="$SEED" node "$SOURCE_DIR/tests/lib/generate.mjs" "$1" >"$dir/lines"
}

@test "a mixed run leaves a file that an independent reader finds right" {
	command -v node >/dev/null || skip 'node is not installed'
	SEED=${SEED:-$((RANDOM << 15 | RANDOM))}
	echo "# SEED=$SEED tests/run chain repeats this run" >&3
	generate "$deliveries"
	post_all "$dir/lines" 8
	node "$SOURCE_DIR/tests/lib/verify.mjs" "$db" "$dir/lines" "$dir/answers"
}

@test "the same again with one process for each of four clients, on one file" {
	command -v node >/dev/null || skip 'node is not installed'
	[ "$MODE" = fcgi ] || skip 'as CGI there always are'
	SEED=${SEED:-$((RANDOM << 15 | RANDOM))}
	echo "# SEED=$SEED tests/run chain repeats this run" >&3
	generate 1000
	local i pids=()
	for i in 0 1 2 3; do
		awk -v part="$i" 'NR % 4 == part' "$dir/lines" >"$dir/lines.$i"
		start "part$i"
		"$FCGI_REQUEST" -b "$dir/lines.$i" -c 4 "$socket" REQUEST_METHOD=POST >"$dir/answers.$i" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	# The numbers of the parts' lines, in those of the whole.
	for i in 0 1 2 3; do
		awk -v FS='\t' -v OFS='\t' -v part="$i" '{ $2 = ($2 - (part > 0)) * 4 + part; print }' "$dir/answers.$i"
	done >"$dir/answers"
	node "$SOURCE_DIR/tests/lib/verify.mjs" "$db" "$dir/lines" "$dir/answers"
}

@test "the reader finds a byte that was changed" {
	command -v node >/dev/null || skip 'node is not installed'
	SEED=1 generate 20
	post_all "$dir/lines" 4
	node "$SOURCE_DIR/tests/lib/verify.mjs" "$db" "$dir/lines" "$dir/answers"
	stop
	local change
	for change in "payload = replace(payload, '{', '{ ')" "hash = 'x' || substr(hash, 2)" "prev_hash = NULL" \
		"timestamp = '2026-01-01T00:00:00.000Z'" "agent_id = 'me'" "metadata = '{}'"; do
		row "$change"
		rm -f "$dir"/changed.db*
		query "VACUUM INTO '$dir/changed.db'"
		sqlite3 "$dir/changed.db" "UPDATE events SET $change WHERE id = (SELECT max(id) FROM events WHERE prev_hash IS NOT NULL)"
		! node "$SOURCE_DIR/tests/lib/verify.mjs" "$dir/changed.db" "$dir/lines" "$dir/answers" || return 1
	done
}
