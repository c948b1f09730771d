# agentlens-log backup: a whole copy, also while events arrive.
#
# run: once, 8 s

load ../lib/helper
load ../lib/log

setup() {
	log_setup
	MODE=fcgi
}

@test "backup: whole, checked, mode 0600, and ends while events arrive" {
	local journal before
	for journal in wal delete; do
		row "$journal"
		rm -f "$db"*
		with INGEST_JOURNAL="$journal"
		arrivals
		deliver agentgate '{"source":"agentgate","event":"request.approved","data":{"requestId":"req_9","action":"send","decidedBy":"alice"}}'
		recorded approval_granted
		printf 'a key' >"$db.key"
		before=$(grep -c ^201 "$dir/arrived")
		(umask 000 && tool backup "$dir/copy.db" >"$dir/out")
		no_more_arrivals
		equal mode 600 "$(stat -c %a "$dir/copy.db")"
		equal 'beside the copy' "$dir/copy.db" "$(echo "$dir"/copy.db*)"
		equal 'journal of the copy' delete "$(sqlite3 "$dir/copy.db" 'PRAGMA journal_mode')"
		[ "$(sqlite3 "$dir/copy.db" 'SELECT count(*) FROM events')" -gt "$before" ]
		grep -qx "$dir/copy.db: a whole copy, checked: $(sqlite3 "$dir/copy.db" \
			'SELECT count(*) FROM events') events, .* deliveries, $(stat -c %s "$dir/copy.db") bytes" "$dir/out"
		tool verify -d "$dir/copy.db" >"$dir/out"
		# What was answered is in the file itself, which goes on.
		counted events $(($(grep -c ^201 "$dir/arrived") + 1))
		equal 'other answers' 0 "$(grep -vc ^201 "$dir/arrived")"
		stop
		rm "$dir/copy.db"
	done
}

@test "backup: what was there is the same in the copy, row for row" {
	post '{"source":"generic","event":"e","data":{"n":1}}'
	post '{"source":"generic","event":"e","data":{"n":2}}'
	query 'DELETE FROM events WHERE rowid = 1'
	tool backup --json "$dir/copy.db" >"$dir/out"
	equal json "{\"backup\":\"$dir/copy.db\",\"events\":1,\"deliveries\":2,\"bytes\":$(stat -c %s "$dir/copy.db")}" "$(cat "$dir/out")"
	equal dump "$(query .dump)" "$(sqlite3 "$dir/copy.db" .dump)"
	equal rowid 2 "$(sqlite3 "$dir/copy.db" 'SELECT rowid FROM events')"
	# As a file that a responder goes on with.
	stop
	db=$dir/copy.db
	with DB_PATH="$db"
	post '{"source":"generic","event":"e","data":{"n":3}}'
	recorded custom
	counted events 2
}

@test "backup: nothing is written over what is there" {
	local there
	post '{"source":"generic","event":"e","data":{}}'
	for there in copy.db copy.db-wal copy.db-journal; do
		row "$there"
		printf 'mine' >"$dir/$there"
		run tool backup "$dir/copy.db"
		equal status 2 "$status"
		equal sentence "agentlens-log: $dir/$there is there already, and nothing is written over it" "$output"
		equal content mine "$(cat "$dir/$there")"
		equal 'beside it' "$dir/$there" "$(echo "$dir"/copy.db*)"
		rm "$dir/$there"
	done
	ln -s nowhere "$dir/copy.db"
	run tool backup "$dir/copy.db"
	equal status 2 "$status"
	[ ! -e "$dir/nowhere" ]
	rm "$dir/copy.db"
	run tool backup "$db"
	equal status 2 "$status"
	run tool backup "$dir/nowhere/copy.db"
	equal status 2 "$status"
	[[ $output == *'No such file or directory'* ]]
}

@test "backup: of a damaged file there is none" {
	local i
	for i in {1..40}; do
		post '{"source":"generic","event":"e","data":{"n":'"$i"'}}'
	done
	stop
	query 'PRAGMA journal_mode = DELETE' >/dev/null
	dd if=/dev/urandom of="$db" bs=4096 seek=$(($(stat -c %s "$db") / 4096 - 2)) count=1 conv=notrunc 2>/dev/null
	run tool backup "$dir/copy.db"
	equal status 2 "$status"
	[[ $output == *copy.db* || $output == *agentlens.db* ]]
	equal 'left behind' '' "$(find "$dir" -name 'copy.db*')"
}

@test "backup: a disk that is full leaves nothing behind" {
	local i source=$db
	for i in {1..20}; do
		post '{"source":"generic","event":"e","data":{"data":"'"$(printf '%09000d' 0)"'"}}'
	done
	recorded custom
	stop
	small_disk 64k
	run tool backup -d "$source" "$dir/small/copy.db"
	equal status 2 "$status"
	[[ $output == *'full'* ]]
	equal 'left behind' '' "$("${launcher[@]}" ls "$dir/small")"
}
