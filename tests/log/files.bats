# Every command of agentlens-log on every kind of file: what it ends with, what
# it says, that a good answer is a whole one, and that nothing is changed.
#
# run: once, 24 s

load ../lib/helper
load ../lib/log

MODE=cgi

# What becomes of each command on each kind of file.
#   whole      status 0, no complaint, and all of what is there: answer()
#   changed    the same, and it says that the event was changed
#   none       1: there is no such event
#   nosession  1: there is no such session
#   norefused  1: there is no such refused delivery
#   broken     1: it is not what it was, or what was sealed
#   unproved   1: it is not what was sealed
#   taken      2: what is to be imported is there already
#   damaged, newer, foreign, closed, readonly
#              2: with a sentence of it
# A file is
#   sound      21 events in 7 sessions, and two refused deliveries
#   empty      of no bytes
#   theirs     made by AgentLens: no tables of ours, more columns than ours
#   page       sound, with a byte flipped in the head of a page of events
#   evidence   the same, of a page of deliveries
#   value      sound, with a byte flipped in an event
#   cut        the first half of a sound one
#   newer      of a newer schema
#   foreign    another program's database
#   closed     not to be read
#   readonly   not to be written, nor its folder
table='
             sound  empty      theirs     page     evidence  value     cut      newer  closed  readonly  foreign
list         whole  whole      whole      damaged  whole     whole     damaged  newer  closed  whole     foreign
show         whole  none       whole      damaged  damaged   changed   damaged  newer  closed  whole     foreign
timeline     whole  nosession  whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
tail         whole  whole      whole      damaged  whole     whole     damaged  newer  closed  whole     foreign
stats        whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
refused      whole  whole      whole      whole    damaged   whole     damaged  newer  closed  whole     foreign
refused_one  whole  norefused  norefused  whole    damaged   whole     damaged  newer  closed  whole     foreign
sign         whole  whole      whole      whole    whole     whole     whole    whole  whole   whole     whole
verify       whole  whole      whole      damaged  damaged   broken    damaged  newer  closed  whole     foreign
verify_seal  whole  broken     broken     damaged  damaged   broken    damaged  newer  closed  whole     foreign
seal         whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
prove        whole  none       unproved   damaged  damaged   unproved  damaged  newer  closed  whole     foreign
check-proof  whole  whole      whole      whole    whole     whole     whole    whole  whole   whole     whole
export       whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
export_csv   whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
import       taken  whole      taken      taken    taken     taken     damaged  newer  closed  readonly  foreign
prune_dry    whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  whole     foreign
prune        whole  whole      whole      damaged  damaged   whole     damaged  newer  closed  readonly  foreign
backup       whole  whole      whole      uncopied damaged   whole     damaged  newer  closed  whole     foreign
record       whole  whole      whole      whole    damaged   whole     damaged  newer  closed  readonly  foreign
'

# arguments NAME: of the command of the table.
arguments() {
	local of
	of=(-d "$db")
	case $1 in
	list) arguments=(list -n 0 --json "${of[@]}") ;;
	show) arguments=(show "$id" "${of[@]}") ;;
	timeline) arguments=(timeline "$session" "${of[@]}") ;;
	tail) arguments=(tail -n 1000 --json "${of[@]}") ;;
	stats) arguments=(stats --json "${of[@]}") ;;
	refused) arguments=(refused --json "${of[@]}") ;;
	refused_one) arguments=(refused 22 "${of[@]}") ;;
	backup)
		rm -f "$dir/copy.db"
		arguments=(backup "$dir/copy.db" "${of[@]}")
		;;
	record) arguments=(refused --record "${of[@]}") ;;
	sign) arguments=(sign "$made/body" "${of[@]}") ;;
	verify | seal) arguments=("$1" "${of[@]}") ;;
	verify_seal) arguments=(verify --seal "$made/seal" "${of[@]}") ;;
	prove) arguments=(prove "$id" --seal "$made/seal" "${of[@]}") ;;
	check-proof) arguments=(check-proof --seal "$made/seal" "$made/proof" "${of[@]}") ;;
	export) arguments=(export --deliveries "${of[@]}") ;;
	export_csv) arguments=(export --csv "${of[@]}") ;;
	import) arguments=(import "$made/export" "${of[@]}") ;;
	prune_dry) arguments=(prune --before 2100-01-01 --dry-run "${of[@]}") ;;
	prune) arguments=(prune --before 2100-01-01 --yes "${of[@]}") ;;
	*) echo "no such command: $1"; return 1 ;;
	esac
}

# numbers KIND: what is in such a file: events, sessions, deliveries, and which
# of the refused are known by now; an event of it and its session.
numbers() {
	events=21 sessions=7 deliveries=23 refused=2 known=1 in_session=3
	id=$(cat "$made/id") session=s4
	case $1 in
	empty) events=0 sessions=0 deliveries=0 refused=0 known=0 in_session=0 ;;
	theirs)
		events=5 sessions=2 deliveries=0 refused=0 known=0 in_session=3
		id=01KE0000000000000000000003 session=native1
		;;
	esac
}

setup_file() {
	local body='{"source":"agentgate","event":"test","data":{"late":true}}'
	make_log "$BATS_FILE_TMPDIR" 21
	deliver agentgate '{"source":"agentgate","event":"nonsense","data":{}}'
	answered 400
	# As a version of before would have kept it, which did not know it.
	query "INSERT INTO ingest_deliveries (sent_at, key, source, received_at, signature, reason, body) VALUES (0,
		x'$(printf 'agentgate\0%s' "$body" | sha256sum | cut -c 1-64)', 'agentgate', '2026-01-02T03:04:05.678Z',
		'$(printf %s "$body" | sign "$agentgate_secret")', (SELECT replace(reason, 'nonsense', 'test') FROM ingest_deliveries
			WHERE id = 22), CAST('$body' AS BLOB))"
	query 'PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)' >"$dir/out"
	printf %s "$body" >"$dir/body"
	query 'SELECT id FROM events WHERE rowid = 11' >"$dir/id"
	tool seal >"$dir/seal"
	tool export --deliveries >"$dir/export"
	tool prove "$(cat "$dir/id")" --seal "$dir/seal" >"$dir/proof"
	tool verify >"$dir/out" || { cat "$dir/out"; return 1; }
	mv "$db" "$dir/sound.db"
	rm -f "$db-wal" "$db-shm"
	make_theirs "$dir/theirs.db"
}

setup() {
	log_setup
	made=$BATS_FILE_TMPDIR
}

# make_theirs FILE: tables and events as AgentLens's own server makes them.
make_theirs() {
	local n session previous hash=() text
	sqlite3 "$1" "PRAGMA journal_mode = WAL;
		$(sed -n '/^CREATE TABLE IF NOT EXISTS events/,/^);/p; /^CREATE TABLE IF NOT EXISTS sessions/,/^);/p
			/^CREATE TABLE IF NOT EXISTS agents/,/^);/p' "$SOURCE_DIR/src/store/schema.sql")
		ALTER TABLE events ADD COLUMN span_id TEXT;
		ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'red';
		CREATE INDEX idx_events_session_id ON events(session_id);
		CREATE TABLE alert_rules (id TEXT PRIMARY KEY, name TEXT);
		INSERT INTO alert_rules VALUES ('a', 'b')" >"$dir/out"
	for n in 1 2 3 4 5; do
		session=native$((n % 2)) previous=${hash[n % 2]-}
		text="{\"v\":2,\"id\":\"01KE000000000000000000000$n\",\"timestamp\":\"2026-01-02T03:04:0$n.000Z\",\"sessionId\":\"$session\",\"agentId\":\"bot\",\"eventType\":\"llm_call\",\"severity\":\"info\",\"payload\":{\"n\":$n},\"metadata\":{},\"prevHash\":$([ -n "$previous" ] && echo "\"$previous\"" || echo null)}"
		hash[n % 2]=$(printf %s "$text" | sha256sum | cut -c 1-64)
		sqlite3 "$1" "INSERT INTO events (id, timestamp, session_id, agent_id, event_type, payload, prev_hash, hash, project_id, span_id)
			VALUES ('01KE000000000000000000000$n', '2026-01-02T03:04:0$n.000Z', '$session', 'bot', 'llm_call', '{\"n\":$n}',
			nullif('$previous', ''), '${hash[n % 2]}', 'default', 'span$n');
			INSERT INTO sessions (id, agent_id, started_at, last_event_at, event_count, total_cost_usd, project_id)
			VALUES ('$session', 'bot', '2026-01-02T03:04:0$n.000Z', '2026-01-02T03:04:0$n.000Z', 1, 0.5, 'default')
			ON CONFLICT DO UPDATE SET event_count = event_count + 1, last_event_at = excluded.last_event_at"
	done
}

# flip OFFSET BIT-PATTERN: changes the bits of one byte of $db.
flip() {
	local byte
	byte=$(od -An -tu1 -j "$1" -N 1 "$db")
	# shellcheck disable=SC2059
	printf "\\x$(printf %02x $((byte ^ $2)))" | dd of="$db" bs=1 seek="$1" conv=notrunc status=none
}

# offset_of TEXT: where in $db it first is.
offset_of() {
	LC_ALL=C grep -aboF -m 1 -e "$1" "$db" | head -n 1 | cut -d : -f 1
}

# make_file KIND: such a file at $db; $launcher is who finds it like that.
make_file() {
	local row
	chmod -R u+w "$dir"
	launcher=()
	db=$dir/agentlens.db
	rm -rf "$db" "$db"-* "$dir/closed"
	cp "$made/sound.db" "$db"
	# What no other row has, one column behind the other.
	row=$(sqlite3 -readonly "$made/sound.db" 'SELECT metadata || prev_hash || hash FROM events WHERE rowid = 11')
	case $1 in
	sound) ;;
	empty) : >"$db" ;;
	theirs) cp "$made/theirs.db" "$db" ;;
	# The type of the page, which is at its beginning.
	page) flip $(($(offset_of "$row") / 4096 * 4096)) 255 ;;
	evidence) flip $(($(offset_of '"request":{"id":"r11"') / 4096 * 4096)) 255 ;;
	# The end of the payload: "decidedBy":"alice"} and the like.
	value) flip $(($(offset_of "$row") - 3)) 1 ;;
	cut) truncate -s $(($(stat -c %s "$db") / 2)) "$db" ;;
	newer) sqlite3 "$db" 'PRAGMA user_version = 9' ;;
	foreign)
		rm "$db"
		sqlite3 "$db" "PRAGMA journal_mode = WAL; CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)" >"$dir/out"
		;;
	closed)
		drop_privileges
		chmod 0 "$db"
		;;
	readonly) read_only_database ;;
	*) echo "no such file: $1"; return 1 ;;
	esac
}

# Root may read everything, unless it gives up its privileges.
drop_privileges() {
	[ "$(id -u)" != 0 ] ||
		launcher=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all)
	"${launcher[@]}" true 2>"$dir/err" || skip "root cannot drop its privileges: $(cat "$dir/err")"
}

# sums: of the file, and of a log beside it that has anything.
sums() {
	local mode
	mode=$(stat -c %a "$db")
	[ -r "$db" ] || chmod u+r "$db"
	sha256sum "$db"
	[ ! -s "$db-wal" ] || sha256sum "$db-wal"
	chmod "$mode" "$db"
}

# rows: what is in AgentLens's tables, and that there is nothing in ours.
rows() {
	sqlite3 -readonly "$db" 'SELECT rowid, * FROM events; SELECT * FROM sessions; SELECT * FROM agents'
	sqlite3 -readonly "$db" 'SELECT * FROM ingest_deliveries' 2>/dev/null || :
}

# use COMMAND...: leaves $status, $dir/out and $dir/err.
use() {
	status=0
	timeout 60 env -i "${settings[@]}" "${launcher[@]}" "$AGENTLENS_LOG" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&- || status=$?
}

# lines NUMBER [REGEX]: so many lines of the answer are like this.
lines() {
	equal "lines${2:+ of $2}" "$1" "$(grep -cE -e "${2-}" "$dir/out")"
}

# answer NAME: the answer is all of what the file has.
answer() {
	case $1 in
	list | tail) lines "$events" && lines "$events" '^\{"id":"[0-9A-Z]{26}",.*"tenantId":"default"\}$' ;;
	show)
		lines 1 "^event +$id\$" && lines 1 '^hash +[0-9a-f]{64}  good$' &&
			lines 1 "^chain +2 of $in_session in its session\$" &&
			lines $((deliveries > 0)) '^signature +[0-9a-f]{64}  good$'
		;;
	timeline) lines 1 "^Session $session of tenant default: $in_session events," && lines "$in_session" ':[0-9]{2}  ' ;;
	stats) lines 1 "^\{\"events\":$events,.*\"refused\":$refused,.*\}\$" ;;
	refused) lines "$refused" && lines "$refused" '^\{"delivery":2[23],.*\}$' ;;
	refused_one) lines 1 '^refused +unknown-event: nonsense' && lines 1 '"event":"nonsense"' ;;
	record)
		lines $((refused > 0 ? 3 : 1)) && lines 1 "^$known recorded, $((refused - known)) left\$" &&
			lines "$known" '^23: recorded as '
		;;
	sign) equal header "X-AgentGate-Signature: $(sign "$agentgate_secret" <"$made/body")" "$(cat "$dir/out")" ;;
	verify) lines 1 "^SOUND  $events events in $sessions sessions, $deliveries deliveries \($refused refused\)\$" ;;
	verify_seal) answer verify && lines 1 "^  sealed at .*  $events events, $deliveries deliveries\$" ;;
	seal) lines 1 "^events: $events\$" && lines 1 "^deliveries: $deliveries\$" && lines 2 '-root: [0-9a-f]{64}$' ;;
	prove)
		cp "$dir/out" "$dir/proof"
		tool check-proof --seal "$made/seal" "$dir/proof" | grep -q '^PROVED  event '
		;;
	check-proof) lines 1 "^PROVED  event $(cat "$made/id") is one of the 21 " ;;
	export)
		lines $((events + deliveries)) '^\{"table":".*\}$' && lines "$events" '^\{"table":"events"' &&
			lines "$deliveries" '^\{"table":"ingest_deliveries"'
		;;
	export_csv) lines $((events + 1)) && lines $((events + 1)) $'^[^\r]*,[^\r]*\r$' ;;
	import) lines 1 '^imported: 21 events, 23 deliveries;' ;;
	prune_dry | prune) lines 1 '^(to be )?removed: [0-9]+ sessions of [0-9]+ events' && pruned ;;
	backup) lines 1 "a whole copy, checked: $events events, $deliveries deliveries, " ;;
	*) echo "no such command: $1"; return 1 ;;
	esac
}

# pruned: of a file that has events the newest session stays.
pruned() {
	lines 1 " $((sessions > 0 ? sessions - 1 : 0)) sessions of $((events - (events == 5 ? 3 : events / 7))) events"
}

# like STATUS OUTPUT COMPLAINT: what came of it; where something was to be
# said, a line of the output or of the complaint is like it.
like() {
	equal status "$1" "$status" || return 1
	[ -z "$2" ] || grep -qE "$2" "$dir/out" || { echo "no such output: $2"; return 1; }
	if [ -z "$3" ]; then
		equal 'standard error' '' "$(cat "$dir/err")"
	else
		grep -qE "^agentlens-log: .*($3)" "$dir/err" || { echo "no such sentence: $3"; return 1; }
	fi
}

# became WORD NAME: what the table says of a command came true.
became() {
	case $1 in
	whole) like 0 '' '' && answer "$2" ;;
	changed) like 0 "^hash +[0-9a-f]{64}  WRONG: the row was changed" '' ;;
	none) like 1 '' "there is no event '$id'" ;;
	nosession) like 1 '' "there is no session '$session'" ;;
	norefused) like 1 '' 'there is no refused delivery 22' ;;
	broken) like 1 '^BROKEN ' '' ;;
	uncopied) like 2 '' 'copy.db.*in database main' ;;
	unproved) like 1 '' 'the file is not what was sealed' ;;
	taken) like 2 '' 'line 1: it is there already, or its place is taken|line [0-9]+: .* nothing from line [0-9]+ on' ;;
	damaged) like 2 '' "$db: it is damaged" ;;
	newer) like 2 '' "$db: its schema has version 9" ;;
	foreign) like 2 '' "$db: it is no AgentLens file" ;;
	closed) like 2 '' "$db: Permission denied" ;;
	readonly) like 2 '' "$db: it cannot be written|delivery 23: " ;;
	*) echo "no such word: $1"; return 1 ;;
	esac
}

# may_write NAME WORD: what is told to write has written.
may_write() {
	[ "$2" = whole ] && [[ $1 == import || $1 == prune || $1 == record ]]
}

# walk KIND: each command of the table on a file of this kind, made anew.
walk() {
	local kinds words column name before unchanged
	read -r -a kinds <<<"$(sed -n 2p <<<"$table")"
	for column in "${!kinds[@]}"; do
		[ "${kinds[column]}" != "$1" ] || break
	done
	equal 'column of the table' "$1" "${kinds[column]}"
	while read -r name words; do
		[ -n "$words" ] && [ "$name" != sound ] || continue
		read -r -a words <<<"$words"
		row "$name on a file that is $1: ${words[column]}"
		make_file "$1"
		numbers "$1"
		arguments "$name"
		# The tables that a responder would make are made, but nothing more.
		unchanged=sums
		[ "$name $1" != 'import theirs' ] || unchanged=rows
		before=$("$unchanged")
		use "${arguments[@]}"
		became "${words[column]}" "$name" || { head -c 2000 "$dir/out" "$dir/err"; return 1; }
		may_write "$name" "${words[column]}" || equal 'the file' "$before" "$("$unchanged")"
	done <<<"$table"
}

@test "the table has every command" {
	equal commands "$(tool --help | awk '/^  [a-z]/ { print $1 }' | sort | xargs)" \
		"$(awk 'NR > 2 && NF { sub(/_.*/, "", $1); print $1 == "record" ? "refused" : $1 }' <<<"$table" | sort -u | xargs)"
}

@test "a sound file" {
	walk sound
}

@test "an empty file" {
	walk empty
}

@test "a file that AgentLens made" {
	walk theirs
}

@test "a byte flipped in a page of events" {
	walk page
}

@test "a byte flipped in a page of deliveries" {
	walk evidence
}

@test "a byte flipped in an event" {
	walk value
}

@test "a cut file" {
	walk cut
}

@test "a newer schema" {
	walk newer
}

@test "a database of another program" {
	walk foreign
}

@test "a file that may not be read" {
	walk closed
}

@test "a file that may not be written" {
	walk readonly
}

# write_on: posts to the responder until $dir/stop is there, and notes what the
# answers were.
write_on() {
	local rounds=500
	while [ ! -e "$dir/stop" ] && ((rounds-- > 0)); do
		"$FCGI_REQUEST" -b "$dir/more" -c 4 "$socket" REQUEST_METHOD=POST \
			SCRIPT_NAME=/api/events/ingest REMOTE_ADDR=192.0.2.7
	done | cut -f 1 >"$dir/codes"
}

# has_grown: there are more events than at the last time.
has_grown() {
	local now
	now=$(query 'SELECT count(*) FROM events')
	[ "$now" -gt "$last" ] && last=$now
}

# whole_so_far NAME: what the command says is right for a file that had $last
# events or more when it was asked, and not one line of it is cut.
whole_so_far() {
	local said
	case $1 in
	list | export) said=$(grep -cE '^\{("table":"events",|"id":).*\}$' "$dir/out") ;;
	export_csv) said=$(($(grep -cE $'^[^\r]*,[^\r]*\r$' "$dir/out") - 1)) ;;
	stats) said=$(sed -nE 's/^\{"events":([0-9]+),.*\}$/\1/p' "$dir/out") ;;
	backup) said=$(sed -nE 's/^.*: a whole copy, checked: ([0-9]+) events.*/\1/p' "$dir/out") ;;
	verify | verify_seal) said=$(sed -nE 's/^SOUND  ([0-9]+) events .*/\1/p' "$dir/out") ;;
	seal)
		said=$(sed -n 's/^events: //p' "$dir/out")
		cp "$dir/out" "$dir/seal.$((seals += 1))"
		;;
	tail) lines 1000 '^\{"id":.*\}$' && return ;;
	*) answer "$1" && return ;;
	esac
	[ "${said:-0}" -ge "$last" ] && return
	echo "of at least $last events there are ${said:-none}"
	return 1
}

@test "a file that is written to all the time" {
	local i name last=0 seals=0
	MODE=fcgi
	make_file sound
	numbers sound
	for ((i = 0; i < 500; i++)); do
		printf 'HTTP_X=x\t{"source":"generic","event":"e","data":{"n":%d},"context":{"agentlens_session_id":"load%d"}}\n' "$i" $((i % 7))
	done >"$dir/more"
	settings+=(DB_PATH="$db")
	start
	write_on 3>&- &
	responders+=($!)
	writer=$!
	# The most that tail is asked for here.
	last=1000
	# Those that take something away come last.
	for name in $(awk 'NR > 2 && $1 !~ /^(prune|record)$/ { print $1 }' <<<"$table") record prune show_pruned verify_seal; do
		row "$name"
		# Before each one it goes on.
		until_true has_grown
		if [ "$name" = show_pruned ]; then
			arguments show
			use "${arguments[@]}"
			like 1 '' "event '$id' of session 's4' was pruned at"
			continue
		fi
		arguments "$name"
		[[ $name != prune* ]] || arguments[2]=2024-01-01
		use "${arguments[@]}"
		case $name in
		import) became taken import ;;
		# All that is of 2023.
		prune*) like 0 '' '' && lines 1 'removed: 7 sessions of 21 events' ;;
		*) like 0 '' '' && whole_so_far "$name" ;;
		esac || { head -c 2000 "$dir/out" "$dir/err"; return 1; }
	done
	until_true has_grown
	: >"$dir/stop"
	wait "$writer"
	stop
	# No sender has noticed.
	equal answers 201 "$(sort -u "$dir/codes")"
	equal events $(($(wc -l <"$dir/codes") + 22 - 21)) "$(query 'SELECT count(*) FROM events')"
	equal seals 1 "$seals"
	tool verify --seal "$dir/seal.1" -d "$db"
	tool verify --seal "$made/seal" -d "$db"
}

@test "whichever byte is flipped: an answer or a sentence, and the file as it was" {
	local seed=${SEED:-$RANDOM} flips=${FLIPS:-12} size offset bits name before
	echo "SEED=$seed FLIPS=$flips"
	RANDOM=$seed
	size=$(stat -c %s "$made/sound.db")
	numbers sound
	while ((flips-- > 0)); do
		offset=$(((RANDOM * 32768 + RANDOM) % size)) bits=$((1 << RANDOM % 8))
		# Every third one where the pages have their tables of contents.
		((flips % 3 > 0)) || offset=$((offset / 4096 * 4096 + RANDOM % 128))
		make_file sound
		flip "$offset" "$bits"
		before=$(sums)
		for name in list show timeline tail stats refused refused_one verify verify_seal seal prove export export_csv prune_dry; do
			row "$name with $bits flipped at $offset"
			arguments "$name"
			use "${arguments[@]}"
			case $status in
			0) equal 'standard error' '' "$(cat "$dir/err")" ;;
			1) [ -s "$dir/out" ] || [ -s "$dir/err" ] ;;
			2) grep -q '^agentlens-log: ' "$dir/err" ;;
			*) echo "status $status"; cat "$dir/err"; return 1 ;;
			esac
			equal 'the file' "$before" "$(sums)"
		done
	done
}
