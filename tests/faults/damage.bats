# The database full, read-only, gone, damaged, newer, or left behind: 503 with
# a line that says what to do, and it goes on by itself once that is done.
#
# run: cgi fcgi, 22 s

load ../lib/helper

generic='{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s"}}'

# event NUMBER [SESSION]: posts an event that can be told from others.
event() {
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"n\":$1},\"context\":{\"agentlens_session_id\":\"${2-s}\"}}"
}

# logged TEXT: a line of the log holds it.
logged() {
	[ -e "$dir/responder.log" ] || : >"$dir/responder.log"
	cat "$dir/err" "$dir/responder.log" >"$dir/log"
	grep -qF -- "$1" "$dir/log" || {
		echo "not in the log: $1"
		cat "$dir/log"
		return 1
	}
}

# unavailable HINT: 503, and the log says what to do.
unavailable() {
	answered 503
	matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
	logged "$1"
}

# whole FILE EVENTS: the file has so many events, and is sound.
whole() {
	equal "integrity of $1" ok "$(sqlite3 "$1" 'PRAGMA integrity_check')"
	equal "events of $1" "$2" "$(sqlite3 "$1" 'SELECT count(*) FROM events')"
}


needs_responder() {
	[ "$MODE" = fcgi ] || skip 'as CGI the file is opened for each request'
}

@test "a disk that is full, and freed again" {
	small_disk 1m
	event 1
	recorded custom
	"${launcher[@]}" dd if=/dev/zero of="$dir/small/filler" bs=4096 2>/dev/null || :
	printf '{"source":"generic","event":"e","data":{"data":"%*s"}}' 9000 '' >"$dir/body"
	local i
	for i in {1..40}; do
		post_file "$dir/body"
		[ "$code" = 201 ] || break
	done
	unavailable 'make room'
	request GET PATH_INFO=/health </dev/null
	answered 503
	"${launcher[@]}" rm "$dir/small/filler"
	event 2
	recorded custom s
}

@test "a disk that is full, and the file removed to make room" {
	needs_responder
	small_disk 1m
	printf '{"source":"generic","event":"e","data":{"data":"%*s"}}' 9000 '' >"$dir/body"
	local i
	for i in {1..10}; do
		post_file "$dir/body"
		recorded custom
	done
	"${launcher[@]}" dd if=/dev/zero of="$dir/small/filler" bs=4096 2>/dev/null || :
	"${launcher[@]}" sh -c 'rm "$1"*' sh "$dir/small/agentlens.db"
	# The responder still has the file, and with it the room.
	event 11
	unavailable 'if it was removed, restart this program'
	stop
	event 12
	recorded custom s
}

@test "a file and folder that are read-only, and writable again" {
	event 1
	recorded custom
	stop
	read_only_database
	event 2
	unavailable 'must exist and be writable'
	chmod 0700 "$dir/closed"
	chmod 0600 "$db"
	event 3
	recorded custom s
	counted events 2
	chain_intact
}

@test "the file removed under a running responder" {
	needs_responder
	local files
	for files in "$db" "$db $db-wal" "$db $db-shm" "$db $db-wal $db-shm"; do
		row "$files"
		event 1
		recorded custom
		# shellcheck disable=SC2086
		rm $files
		event 2
		recorded custom
		equal n 2 "$(query "SELECT json_extract(payload, '\$.data.n') FROM events")"
		whole "$db" 1
		logged 'moved away, removed or replaced'
		query 'DELETE FROM events; DELETE FROM ingest_deliveries'
	done
}

@test "the file moved under a running responder takes along what was answered" {
	needs_responder
	event 1
	recorded custom
	event 2
	recorded custom
	mv "$db" "$dir/moved.db"
	event 3
	recorded custom s
	whole "$dir/moved.db" 2
	whole "$db" 1
	# And with all that belongs to it.
	mkdir "$dir/moved"
	mv "$db" "$db"-* "$dir/moved/"
	event 4
	recorded custom s
	whole "$dir/moved/agentlens.db" 1
	whole "$db" 1
	stop
	chain_intact
}

@test "the file replaced under a running responder" {
	needs_responder
	event 1
	recorded custom
	query "VACUUM INTO '$dir/copy.db'"
	event 2
	recorded custom
	mv "$dir/copy.db" "$db"
	event 3
	recorded custom s
	whole "$db" 2
	chain_intact
}

# taken N: sends an event, and tells whether it was recorded.
taken() {
	event "$1"
	grep -q '^Status: 201' "$dir/out" && return
	answered 503
	return 1
}

log_is_gone() {
	[ ! -e "$db-wal" ] && [ ! -e "$db-shm" ]
}

# Its log would be taken for that of the file that is there now.
@test "the file replaced or removed under an idle responder, and another begins" {
	needs_responder
	local how first second
	for how in replaced removed; do
		row "$how"
		start first
		first=$socket
		event 1
		recorded custom
		query "VACUUM INTO '$dir/copy.db'"
		event 2
		recorded custom s
		if [ "$how" = replaced ]; then
			ln "$db" "$dir/old.db"
			mv "$dir/copy.db" "$db"
		else
			mv "$db" "$dir/old.db"
		fi
		until_true log_is_gone
		whole "$dir/old.db" 2
		start second
		second=$socket
		for socket in "$second" "$first" "$second"; do
			event 3
			recorded custom s
		done
		[ "$how" = removed ] || whole "$db" 4
		[ "$how" = replaced ] || whole "$db" 3
		chain_intact
		stop
		socket=$first responder=${responders[-2]}
		stop
		rm -f "$db" "$dir"/*.db
	done
}

@test "the file moved, and a program reads it on: nothing has to wait" {
	needs_responder
	event 1
	recorded custom
	event 2
	recorded custom s
	look_begins
	echo "BEGIN; SELECT 'reads ' || count(*) FROM events;" >&"$look_fd"
	until_true grep -qx 'reads 2' "$dir/look.out"
	mv "$db" "$dir/moved.db"
	event 3
	recorded custom s
	look_ends
	whole "$dir/moved.db" 2
	whole "$db" 1
}

@test "the file moved under two responders, and after a checkpoint" {
	needs_responder
	local first second answers=0
	awk 'BEGIN { for (i = 1; i <= 900; i++)
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":\"%09000d\"}}\n", i }' >"$dir/many"
	start first
	first=$socket
	post_all "$dir/many" 16
	equal answers 900 "$(grep -c ^201 "$dir/answers")"
	start second
	second=$socket
	event 1
	recorded custom
	mv "$db" "$dir/moved.db"
	# A checkpoint may be at work in the moved file still: 503, and a sender
	# sends again.
	for socket in "$first" "$second" "$first" "$second"; do
		until_true taken 2
	done
	whole "$dir/moved.db" 901
	whole "$db" 4
	chain_intact
}

# long_body MEGABYTES: a body in $dir/long; of 6, it fills the thousand pages
# after which the log is copied beside the commits, and of 36 the eight thousand
# after which it is between them.
long_body() {
	printf '{"source":"generic","event":"e","data":{"data":"%*s"},"context":{"agentlens_session_id":"s"}}' "${1}000000" '' >"$dir/long"
}

@test "log and index removed under two responders: all that was answered is there" {
	needs_responder
	local first second files n=1
	with INGEST_MAX_BODY=8388608
	start first
	first=$socket
	# So long a log that another connection of the process copies it.
	long_body 6
	post_file "$dir/long"
	recorded custom
	start second
	second=$socket
	for files in "$db-wal" "$db-shm" "$db-wal $db-shm"; do
		row "$files"
		for socket in "$first" "$second" "$first"; do
			event 1
			recorded custom s
		done
		# shellcheck disable=SC2086
		rm $files
		for socket in "$second" "$first" "$second"; do
			event 2
			recorded custom s
		done
		n=$((n + 6))
		whole "$db" "$n"
	done
	logged 'its -wal or -shm was'
	chain_intact
}

# look_begins / look_ends: a program that has the file open, and has read it,
# as far as it can be read.
look_begins() {
	mkfifo "$dir/look.in"
	sqlite3 -batch "$db" <"$dir/look.in" >"$dir/look.out" 2>&1 3>&- &
	looker=$!
	exec {look_fd}>"$dir/look.in"
	echo 'SELECT count(*) FROM events;' >&"$look_fd"
	until_true test -s "$dir/look.out"
}

look_ends() {
	exec {look_fd}>&-
	wait "$looker" || :
	rm "$dir/look.in" "$dir/look.out"
}

# The new log is there, and empty.
@test "log and index removed and the file looked at: all that was answered is there" {
	needs_responder
	local files n=0
	for files in "$db-wal" "$db-shm" "$db-wal $db-shm"; do
		row "$files"
		event 1
		recorded custom
		event 2
		recorded custom s
		# It would see by itself before long.
		kill -STOP "$responder"
		# shellcheck disable=SC2086
		rm $files
		look_begins
		kill -CONT "$responder"
		event 3
		recorded custom s
		look_ends
		n=$((n + 3))
		whole "$db" "$n"
	done
	chain_intact
}

@test "log and index removed and another log written: the log says what may be lost" {
	needs_responder
	event 1
	recorded custom
	query 'PRAGMA wal_checkpoint' >"$dir/copied"
	event 2
	recorded custom s
	kill -STOP "$responder"
	rm "$db-wal" "$db-shm"
	look_begins
	echo "CREATE TABLE theirs (x); SELECT 'written';" >&"$look_fd"
	until_true grep -qx written "$dir/look.out"
	kill -CONT "$responder"
	event 3
	recorded custom s
	look_ends
	logged 'the last events in the old one may be lost'
	whole "$db" 2
	chain_intact
}

# in_the_middle FAULT COMMAND... <BODY: posts while COMMAND is run, in the middle
# of the commit, after what is committed was written and before its sync is over:
# each sync takes a second, or the first does and ends with that error.
in_the_middle() {
	command -v strace >/dev/null || skip 'strace is not installed (Debian: strace)'
	local tracer='' sender grown
	local trace=(strace -f -o "$dir/trace" -e trace=fdatasync
		-e "inject=fdatasync:delay_enter=1000000${1:+:error=$1:when=1}")
	cat >"$dir/body"
	# The log may be written from its beginning again.
	grown=$(wc -c <"$dir/body")
	! log_has "$grown" || grown=$(log_bytes)
	if [ "$MODE" = cgi ]; then
		launcher=(env ASAN_OPTIONS=detect_leaks=0 "${trace[@]}")
		"${launcher[@]}" true 2>"$dir/strace" || skip 'nothing can be traced'
	else
		"${trace[@]}" -p "$responder" 2>"$dir/strace" 3>&- &
		tracer=$!
		until_true grep -qE 'attached|not permitted' "$dir/strace"
		! grep 'not permitted' "$dir/strace" || skip 'nothing can be traced'
	fi
	post_file "$dir/body" &
	sender=$!
	until_true log_has "$grown"
	"${@:2}"
	wait "$sender"
	read_answer
	launcher=()
	[ -n "$tracer" ] || return 0
	kill "$tracer"
	wait "$tracer" || :
}

log_has() {
	[ -e "$db-wal" ] && [ "$(log_bytes)" -gt "$1" ]
}

# The connection that failed may hold what was answered; who only looks keeps
# SQLite from copying it when that is closed.
@test "the file moved in the middle of a commit: all that was answered is there" {
	needs_responder
	local fault line
	while IFS='|' read -r fault line; do
		row "$fault"
		event 1
		recorded custom
		event 2
		recorded custom s
		look_begins
		in_the_middle "$fault" mv "$db" "$dir/moved.db" <<<"$generic"
		unavailable "$line"
		event 3
		recorded custom s
		look_ends
		whole "$db" 1
		chain_intact
		equal 'what was answered' 2 "$(sqlite3 "$dir/moved.db" \
			"SELECT count(*) FROM events WHERE json_extract(payload, '$.data.n') IN (1, 2)")"
		stop
		rm "$db" "$dir/moved.db"
	done <<-'END'
		EIO|disk I/O error
		|in the middle of a commit
	END
}

# another_log: removes log and index, and writes others, which stay.
another_log() {
	rm "$db-wal" "$db-shm"
	look_begins
	echo "CREATE TABLE theirs (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
		INSERT INTO theirs SELECT randomblob(4000) FROM n; SELECT 'written';" >&"$look_fd"
	until_true grep -qx written "$dir/look.out" || cat "$dir/look.out"
}

# The log is so long by then that it is to be copied: by the checkpointer, by the
# committer, or at the commit of a CGI program; but not over that of another.
@test "log and index replaced in the middle of a long commit: the file stays whole" {
	local megabytes
	for megabytes in 6 36; do
		row "$megabytes MB"
		with INGEST_MAX_BODY=67108864
		event 1
		recorded custom
		query 'PRAGMA wal_checkpoint' >"$dir/copied"
		long_body "$megabytes"
		in_the_middle '' another_log <"$dir/long"
		unavailable 'in the middle of a commit'
		event 2
		recorded custom s
		look_ends
		whole "$db" 2
		equal 'false alarms' '' "$(grep -s 'no SQLite database' "$dir/responder.log")"
		equal 'of the other program' 2500 "$(query 'SELECT count(*) FROM theirs')"
		chain_intact
		stop
		rm "$db"
	done
}

@test "the files taken away again and again under load" {
	needs_responder
	local i file client
	with INGEST_LOG=error
	start
	awk 'BEGIN { for (i = 1; i <= 30000; i++)
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"n\":%d},\"context\":{\"agentlens_session_id\":\"s%d\"}}\n", i, i % 5 }' >"$dir/many"
	"$FCGI_REQUEST" -b "$dir/many" -c 16 "$socket" REQUEST_METHOD=POST >"$dir/answers" 3>&- &
	client=$!
	for i in {1..12}; do
		until_true made_progress
		case $((i % 4)) in
		0) mv "$db" "$dir/old$i.db" ;;
		1) rm -f "$db-wal" ;;
		2) rm -f "$db-shm" ;;
		3) rm -f "$db-wal" "$db-shm" ;;
		esac
	done
	until_true made_progress
	kill "$client"
	wait "$client" || :
	stop
	equal 'exit status' 0 "$exit_status"
	equal 'other answers' '' "$(grep -v -e ^201 -e ^503 -e ^000 "$dir/answers" | head -3)"
	sed -n 's/^201\t.*"eventId":"\([^"]*\)".*/\1/p' "$dir/answers" | sort >"$dir/ids"
	for file in "$db" "$dir"/old*.db; do
		equal "integrity of $file" ok "$(sqlite3 "$file" 'PRAGMA integrity_check')"
		sqlite3 "$file" 'SELECT id FROM events'
	done | sort >"$dir/stored"
	equal 'answered and not stored' '' "$(comm -23 "$dir/ids" "$dir/stored" | head -3)"
	equal 'stored twice' '' "$(uniq -d "$dir/stored" | head -3)"
}

# made_progress: a file is there, and 300 more were answered 201.
progress=0
made_progress() {
	local now
	now=$(grep -c ^201 "$dir/answers")
	[ "$now" -ge $((progress + 300)) ] && [ -e "$db-wal" ] || return 1
	progress=$now
}

@test "a damaged page, and the file moved away" {
	event 1
	recorded custom
	stop
	query 'PRAGMA journal_mode = DELETE' >/dev/null
	local page
	page=$(query "SELECT rootpage FROM sqlite_schema WHERE name = 'idx_ingest_chain'")
	printf '%4096s' '' | tr ' ' '\377' |
		dd of="$db" bs=4096 seek=$((page - 1)) conv=notrunc 2>/dev/null
	event 2
	unavailable 'the file is damaged'
	mv "$db" "$dir/damaged.db"
	rm -f "$db"-*
	event 3
	recorded custom s
	whole "$db" 1
}

# damaged_table: a file of 60 events, of whose table one page is damaged.
damaged_table() {
	local page i
	for i in {1..60}; do
		post '{"source":"generic","event":"e","data":{"n":'"$i"',"data":"'"$(printf '%0400d' 0)"'"}}'
	done
	recorded custom
	stop
	query 'PRAGMA journal_mode = DELETE' >/dev/null
	# The page that holds most of the text of the 30th event.
	page=$(LC_ALL=C grep -abo '"n":30,' "$db" | head -n 1 | cut -d : -f 1)
	printf '%4096s' '' | tr ' ' '\377' | dd of="$db" bs=4096 seek=$((page / 4096)) conv=notrunc 2>/dev/null
	[ "$(query 'PRAGMA integrity_check(1)')" != ok ]
}

# saved FILE: most of it is there, and the file is sound.
saved() {
	equal integrity ok "$(sqlite3 "$1" 'PRAGMA integrity_check')"
	local events deliveries
	events=$(sqlite3 "$1" 'SELECT count(*) FROM events')
	deliveries=$(sqlite3 "$1" 'SELECT count(*) FROM ingest_deliveries')
	echo "saved: $events events, $deliveries deliveries of 60"
	[ "$events" -ge 40 ]
	[ "$deliveries" -ge 40 ]
	[ $((events + deliveries)) -lt 120 ]
	equal 'rows with another number' '' "$(sqlite3 "$1" "ATTACH '$db' AS old;
		SELECT id FROM main.ingest_deliveries WHERE id NOT BETWEEN 1 AND 60")"
}

@test "the hint for a damaged file saves what can be read" {
	damaged_table
	local page hint
	# An index of the file, too, so that recording meets the damage.
	page=$(query "SELECT rootpage FROM sqlite_schema WHERE name = 'idx_ingest_chain'")
	cp "$db" "$dir/damaged.db"
	printf '%4096s' '' | tr ' ' '\377' | dd of="$db" bs=4096 seek=$((page - 1)) conv=notrunc 2>/dev/null
	event 1
	unavailable 'the file is damaged'
	hint=$(cat "$dir/err" "$dir/responder.log" 2>/dev/null | sed -n "s/.* what can be read: \(sqlite3 COPY .* SAVED\);.*/\1/p" | head -n 1)
	row "$hint"
	[ -n "$hint" ]
	hint=${hint/COPY/"$dir/damaged.db"}
	bash -eu -c "${hint/SAVED/"$dir/saved.db"}"
	saved "$dir/saved.db"
	# A new file is begun, as the hint says.
	mv "$db" "$dir/away.db"
	rm -f "$db"-*
	event 3
	recorded custom
}

@test "the manual's way for a damaged file saves what can be read" {
	damaged_table
	mv "$db" "$dir/damaged.db"
	manual_recipe 'damaged.db' >"$dir/recipe"
	[ -s "$dir/recipe" ]
	(cd "$dir" && bash -eu "$dir/recipe")
	db=$dir/damaged.db
	saved "$dir/saved.db"
}

@test "a file that is no database, and the file moved away" {
	printf 'This is not a database, and precious. %1000s' '' >"$db"
	cp "$db" "$dir/copy"
	event 1
	unavailable 'the file is no SQLite database'
	cmp "$db" "$dir/copy"
	mv "$db" "$dir/other"
	event 2
	recorded custom s
}

@test "a file of a newer schema is not written, also when it changes later" {
	event 1
	recorded custom
	query 'PRAGMA user_version = 1'
	event 2
	unavailable 'install a newer agentlens-ingest'
	logged 'its user_version'
	counted events 1
	query 'PRAGMA user_version = 0'
	event 3
	recorded custom s
	whole "$db" 2
}

@test "a column that must be filled and is not known is a newer schema" {
	sqlite3 "$db" 'CREATE TABLE agents (id TEXT NOT NULL, name TEXT NOT NULL, era TEXT NOT NULL)'
	event 1
	unavailable 'install a newer agentlens-ingest'
	logged 'column=era'
	# Nothing was added to it either.
	equal columns 3 "$(query "SELECT count(*) FROM pragma_table_info('agents')")"
	query 'DROP TABLE agents'
	event 2
	recorded custom s
	query "ALTER TABLE events ADD COLUMN era TEXT; ALTER TABLE agents ADD COLUMN era TEXT NOT NULL DEFAULT 'x'"
	event 3
	recorded custom s
}

@test "a log that another user's crash left" {
	event 1
	recorded custom
	stop
	# Root may read and write everything, unless it gives up its privileges.
	[ "$(id -u)" != 0 ] ||
		launcher=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all)
	"${launcher[@]}" true 2>"$dir/err" || skip "root cannot drop its privileges: $(cat "$dir/err")"
	mkfifo "$dir/dead.in"
	sqlite3 -batch "$db" <"$dir/dead.in" >"$dir/dead.out" 2>&1 3>&- &
	local dead=$! file
	exec {dead_fd}>"$dir/dead.in"
	echo "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1); SELECT 1;" >&"$dead_fd"
	until_true grep -qx 1 "$dir/dead.out"
	kill -KILL "$dead"
	wait "$dead" || :
	exec {dead_fd}>&-
	[ -s "$db-wal" ]
	for file in "$db-wal" "$db-shm"; do
		row "$file"
		[ -e "$file" ] || : >"$file"
		chmod 0 "$file"
		[ "$(id -u)" != 0 ] || chown 65534:65534 "$file"
		event 2
		unavailable "forbidden=$file hint=\"chown it"
		[ "$(id -u)" != 0 ] || chown 0:0 "$file"
		chmod 0600 "$file"
	done
	event 3
	recorded custom s
	whole "$db" 2
	equal 'what the dead one wrote' 1 "$(query 'SELECT x FROM theirs')"
}
