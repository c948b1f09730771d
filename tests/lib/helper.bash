# shellcheck shell=bash
# What all the test files share.
#
# A case sends requests with post(), deliver() and their like, and looks at
# what they leave behind: $code, $headers and $answer of the reply, and the
# database $db.  MODE says how the program under test is run: "cgi" starts it
# for each request, "fcgi" starts one responder by the first request.
#
# bats looks at each command of a function before it is run, which is slow; the
# functions that are used most ask for peace, for all that they call, with
# "local - && set +T".

# Bytes, not characters: bodies need not be text.
export LC_ALL=C

agentgate_secret=agentgate-test-secret-0123456789
formbridge_secret=formbridge-test-secret-0123456789
generic_secret=generic-test-secret-0123456789

ulid='[0-7][0-9A-HJKMNP-TV-Z]{25}'

setup() {
	dir=$BATS_TEST_TMPDIR
	db=$dir/agentlens.db
	responders=()
	socket=
	# An empty file keeps the machine's own settings out of the tests.
	: >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
	settings=(
		PATH="$PATH"
		HOME="$dir"
		INGEST_CONFIG="$dir/settings.conf"
		DB_PATH="$db"
		AGENTGATE_WEBHOOK_SECRET="$agentgate_secret"
		FORMBRIDGE_WEBHOOK_SECRET="$formbridge_secret"
	)
	# Words before the program, when it is to run in other circumstances.
	launcher=()
	locker=
}

teardown() {
	local pid
	for pid in "${responders[@]}" $locker; do
		end_process "$pid"
	done
	chmod -R u+w "$dir"
	[ ! -s "$dir/responder.log" ] || sed 's/^/responder: /' "$dir/responder.log"
}

# end_process PID: asks it to end, as a web server does, and makes it end after
# 5 seconds.
end_process() {
	local tries=250
	kill -TERM "$1" 2>/dev/null || :
	while kill -0 "$1" 2>/dev/null && ((tries-- > 0)); do
		sleep 0.02
	done
	{ kill -KILL "$1" || :; wait "$1" || :; } 2>/dev/null
}

# is_sanitized: a sanitizer has calls, memory and jumps of its own.
is_sanitized() {
	grep -qa __asan_init "$INGEST"
}

not_sanitized() {
	! is_sanitized || skip 'built with sanitizers'
}

# with NAME=VALUE...: settings for what is started from now on.
with() {
	settings+=("$@")
}

# without NAME: takes a setting away.
without() {
	local i
	for i in "${!settings[@]}"; do
		[ "${settings[i]%%=*}" != "$1" ] || unset "settings[i]"
	done
}

# fails COMMAND...: `! COMMAND` would do, but that never ends a test by itself.
fails() {
	if "$@"; then
		echo "should have failed: $*"
		return 1
	fi
}

# until_true COMMAND...: polls until COMMAND succeeds, for at most 30 seconds.
until_true() {
	local tries=1500
	until "$@"; do
		((tries-- > 0)) || { echo "never came true: $*"; return 1; }
		sleep 0.02
	done
}

# start [NAME]: starts a responder with the present settings; $socket is the
# way to it and $responder its process.  FastCGI only.
start() {
	socket=$dir/${1:-ingest}.sock
	rm -f "$socket"
	env -i "${settings[@]}" "${launcher[@]}" "$FCGI_REQUEST" -l "$socket" "$INGEST" \
		>>"$dir/responder.log" 2>&1 </dev/null 3>&- &
	responder=$!
	responders+=("$responder")
	until_true test -S "$socket"
}

# stop [SIGNAL]: ends the responder; its exit status is left in $exit_status.
stop() {
	[ -n "$socket" ] || return 0
	kill -"${1:-TERM}" "$responder"
	exit_status=0
	wait "$responder" || exit_status=$?
	socket=
}

# restart: lets changed settings take effect.
restart() {
	stop
}

# request METHOD [NAME=VALUE...] <BODY: one request, exactly as given.
request() {
	local - && set +T
	local -A given=(
		[GATEWAY_INTERFACE]=CGI/1.1
		[SERVER_PROTOCOL]=HTTP/1.1
		[SCRIPT_NAME]=/api/events/ingest
		[REMOTE_ADDR]=192.0.2.7
		[CONTENT_TYPE]=application/json
		[REQUEST_METHOD]=$1
	)
	local variable variables=() failed=0
	for variable in "${@:2}"; do
		given[${variable%%=*}]=${variable#*=}
	done
	for variable in "${!given[@]}"; do
		variables+=("$variable=${given[$variable]}")
	done
	if [ "$MODE" = cgi ]; then
		env -i "${settings[@]}" "${variables[@]}" "${launcher[@]}" "$INGEST" \
			>"$dir/out" 2>"$dir/err" 3>&- || failed=$?
	else
		[ -n "$socket" ] || start
		"$FCGI_REQUEST" "$socket" "${variables[@]}" \
			>"$dir/out" 2>"$dir/err" 3>&- || failed=$?
	fi
	[ "$failed" = 0 ] || {
		echo "the request failed with exit status $failed"
		cat "$dir/err"
		return 1
	}
	read_answer
}

read_answer() {
	local line
	code=200 headers='' answer=''
	{
		while IFS= read -r line; do
			line=${line%$'\r'}
			[ -n "$line" ] || break
			case $line in
			[Ss]tatus:*) code=${line#*: } ;;
			*) headers+=$line$'\n' ;;
			esac
		done
		IFS= read -r -d '' answer || :
	} <"$dir/out"
	phrase=${code#* } code=${code%% *} answer=${answer%$'\n'}
}

# header NAME: prints the value of a header of the answer.
header() {
	local line
	while IFS= read -r line; do
		[[ ${line,,} != "${1,,}: "* ]] || { echo "${line#*: }"; return 0; }
	done <<<"$headers"
}

# post_file FILE [NAME=VALUE...]: posts the bytes of a file, with their number.
post_file() {
	local - && set +T
	request POST CONTENT_LENGTH="$(wc -c <"$1")" "${@:2}" <"$1"
}

# post BODY [NAME=VALUE...]
post() {
	local - && set +T
	printf %s "$1" >"$dir/body"
	request POST CONTENT_LENGTH="${#1}" "${@:2}" <"$dir/body"
}

# post_bytes FORMAT [NAME=VALUE...]: the body is what printf makes of FORMAT,
# so that it can hold any byte; it must not hold a single %.
post_bytes() {
	local - && set +T
	# shellcheck disable=SC2059
	printf "$1" >"$dir/body"
	post_file "$dir/body" "${@:2}"
}

# sign SECRET <BODY: prints the signature in hex.
sign() {
	local - && set +T
	local line
	line=$(openssl dgst -sha256 -r -hmac "$1")
	echo "${line%% *}"
}

# deliver SOURCE BODY [NAME=VALUE...]: posts with the signature in the header
# of that product.
deliver() {
	local - && set +T
	local secret=${1}_secret name=HTTP_X_WEBHOOK_SIGNATURE
	case $1 in
	agentgate) name=HTTP_X_AGENTGATE_SIGNATURE ;;
	formbridge) name=HTTP_X_FORMBRIDGE_SIGNATURE ;;
	esac
	post "$2" "$name=$(printf %s "$2" | sign "${!secret}")" "${@:3}"
}

# query SQL: asks the database of the test; values are parted by "|".
query() {
	local - && set +T
	sqlite3 -batch -cmd '.timeout 10000' "$db" "$1"
}

# column NAME: prints a column of the event that was recorded last.
column() {
	local - && set +T
	query "SELECT $1 FROM events WHERE id = '$event_id'"
}

# equal WHAT EXPECTED GOT
equal() {
	[ "$2" == "$3" ] && return 0
	printf '%s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
	return 1
}

# matches WHAT REGEX GOT
matches() {
	[[ $3 =~ ^($2)$ ]] && return 0
	printf '%s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
	return 1
}

show_reply() {
	printf 'reply: %s %s\n%s%s\n' "$code" "$phrase" "$headers" "$answer"
	sed 's/^/error stream: /' "$dir/err"
}

# answered CODE: holds for every answer, whatever it says.
answered() {
	local - && set +T
	equal status "$1" "$code" &&
		equal Content-Type application/json "$(header Content-Type)" &&
		equal Cache-Control no-store "$(header Cache-Control)" || {
		show_reply
		return 1
	}
}

# refused CODE SENTENCE
refused() {
	local - && set +T
	answered "$1" && equal answer "{\"error\":\"$2\",\"status\":$1}" "$answer" || {
		show_reply
		return 1
	}
}

# refused_like CODE REGEX: where only a part of the sentence is laid down.
refused_like() {
	local - && set +T
	answered "$1" && matches answer "\{\"error\":\"$2\",\"status\":$1\}" "$answer" || {
		show_reply
		return 1
	}
}

# recorded TYPE [SESSION]: the answer is a 201; leaves event_id and session.
recorded() {
	local - && set +T
	answered 201 && matches answer \
		"\{\"ok\":true,\"eventId\":\"$ulid\",\"eventType\":\"$1\",\"sessionId\":\".*\"\}" "$answer" || {
		show_reply
		return 1
	}
	event_id=${answer#*'"eventId":"'} event_id=${event_id%%'"'*}
	session=${answer#*'"sessionId":"'} session=${session%'"'*}
	[ $# -lt 2 ] || equal sessionId "${2//EVENT/$event_id}" "$session"
}

# stored EXPRESSION EXPECTED: the last recorded event holds this.
stored() {
	local - && set +T
	equal "$1" "$2" "$(column "$1")"
}

# counted TABLE NUMBER: the table has so many rows.
counted() {
	local - && set +T
	equal "rows of $1" "$2" "$(query "SELECT count(*) FROM $1")"
}

# nothing_recorded: no event, whether or not there is a file yet.
nothing_recorded() {
	[ ! -s "$db" ] || counted events 0
}

# row TEXT...: names the row of a table that is tried next; bats shows it when
# the case fails, the last one being the row that failed.
row() {
	echo "row: $*"
}

# memory_kb FIELD: of the responder, from /proc; RssAnon is without files that
# it maps.
memory_kb() {
	sed -n "s/^$1:[^0-9]*\([0-9]*\) kB$/\1/p" "/proc/$responder/status"
}

# log_bytes: of the write-ahead log, which must be there.
log_bytes() {
	stat -c %s "$db-wal"
}

# megabyte_of VALUE: prints a generic event with as many of it.
megabyte_of() {
	awk -v value="$1" 'BEGIN {
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":[" value
		for (n = 1000000 / (length(value) + 1); n > 0; n--)
			printf ",%s", value
		printf "]}}" }'
}

# post_all FILE [CONNECTIONS]: posts every line of FILE (NAME=VALUE fields and
# a body, parted by tabs), several at a time.  A line of $dir/answers is the
# status, the line number and the answer to it, parted by tabs.
post_all() {
	local - && set +T
	if [ "$MODE" = fcgi ]; then
		[ -n "$socket" ] || start
		"$FCGI_REQUEST" -b "$1" -c "${2-8}" "$socket" REQUEST_METHOD=POST \
			SCRIPT_NAME=/api/events/ingest REMOTE_ADDR=192.0.2.7 \
			>"$dir/answers" 3>&-
		return
	fi
	local part pids=()
	for ((part = 0; part < ${2-8}; part++)); do
		post_part "$1" "$part" "${2-8}" >"$dir/answers.$part" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	cat "$dir"/answers.* >"$dir/answers"
}

# post_part FILE PART OF: every OF-th line of FILE, one after the other.
post_part() {
	local line fields n=0
	while IFS= read -r line; do
		((n++ % $3 == $2)) || continue
		IFS=$'\t' read -r -a fields <<<"$line"
		printf %s "${fields[-1]}" |
			env -i "${settings[@]}" REQUEST_METHOD=POST REMOTE_ADDR=192.0.2.7 \
				"${fields[@]:0:${#fields[@]}-1}" "$INGEST" 2>>"$dir/err.$2" |
			awk -v n="$n" -v RS='\r\n' 'BEGIN { status = "000" }
				/^Status: / { status = substr($0, 9, 3) }
				body { sub(/\n$/, ""); text = text $0 }
				$0 == "" { body = 1 }
				END { printf "%s\t%d\t%s\n", status, n, text }'
	done <"$1"
}

# chain_intact: recomputes every hash and link, with sqlite3 and sha256sum
# alone.  For ids without characters that JSON escapes.
chain_intact() {
	local - && set +T
	local hash link_is_good text n=0
	while IFS=$'\t' read -r hash link_is_good text; do
		n=$((n + 1))
		equal "hash of event $n: $text" "$hash" "$(printf %s "$text" | sha256sum | cut -c 1-64)" || return 1
		equal "link of event $n: $text" 1 "$link_is_good" || return 1
	done < <(sqlite3 -batch -cmd '.timeout 10000' -separator $'\t' "$db" "
		SELECT hash,
			prev_hash IS lag(hash) OVER (PARTITION BY tenant_id, session_id ORDER BY timestamp, id),
			'{\"v\":2,\"id\":\"' || id || '\",\"timestamp\":\"' || timestamp
			|| '\",\"sessionId\":' || json_quote(session_id)
			|| ',\"agentId\":' || json_quote(agent_id)
			|| ',\"eventType\":\"' || event_type || '\",\"severity\":\"' || severity
			|| '\",\"payload\":' || payload || ',\"metadata\":' || metadata
			|| ',\"prevHash\":' || iif(prev_hash IS NULL, 'null', '\"' || prev_hash || '\"') || '}'
		FROM events")
	[ "$n" -gt 0 ] || { echo 'there is no event'; return 1; }
}

# lock_database / unlock_database: another program writes for a while.
lock_database() {
	mkfifo "$dir/lock.in"
	sqlite3 -batch "$db" <"$dir/lock.in" >"$dir/lock.out" 3>&- &
	locker=$!
	exec {lock_fd}>"$dir/lock.in"
	printf 'BEGIN IMMEDIATE;\nSELECT 1;\n' >&"$lock_fd"
	until_true test -s "$dir/lock.out"
}

unlock_database() {
	exec {lock_fd}>&-
	wait "$locker"
	rm "$dir/lock.in" "$dir/lock.out"
}

# read_only_database: from now on neither the file nor its folder can be
# written.  It must be there, and no responder at work.
read_only_database() {
	# Root may write everywhere, unless it gives up its privileges.
	[ "$(id -u)" != 0 ] ||
		launcher=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all)
	"${launcher[@]}" true 2>"$dir/err" || skip "root cannot drop its privileges: $(cat "$dir/err")"
	mkdir "$dir/closed"
	mv "$db" "$dir/closed/"
	db=$dir/closed/agentlens.db
	chmod 0400 "$db"
	chmod 0500 "$dir/closed"
	with DB_PATH="$db"
}

# small_disk SIZE: what is started from now on has its database in $dir/small, a
# file system of this size, in a mount namespace of its own.
small_disk() {
	mkdir "$dir/small"
	with DB_PATH="$dir/small/agentlens.db"
	unshare -rm sh -c 'mount -t tmpfs -o "size=$2" none "$1" && echo ready && exec sleep 300' \
		sh "$dir/small" "$1" >"$dir/small_disk" 2>&1 </dev/null 3>&- &
	locker=$!
	until_true test -s "$dir/small_disk"
	[ "$(cat "$dir/small_disk")" = ready ] ||
		skip "no mount namespace: $(cat "$dir/small_disk")"
	launcher=(nsenter -t "$locker" -U -m --preserve-credentials)
}

# manual_recipe WORDS [MANUAL]: the commands of agentlens-ingest(8), or of
# another manual, that hold them.
manual_recipe() {
	awk -v words="$1" '
		/^\.Bd -literal/ { block = ""; on = 1; next }
		/^\.Ed/ { if (on && index(block, words)) printf "%s", block; on = 0 }
		on { gsub(/\\e/, "\\"); block = block $0 "\n" }' "$SOURCE_DIR/man/${2-agentlens-ingest.8}.in"
}

# test_file NAME: the file of tests of that name, in whichever folder it is.
test_file() {
	find "$SOURCE_DIR/tests" -name "$1.bats" -print -quit
}

# names_tests FILE COLUMN: each row of the tables whose last column is COLUMN
# names tests that there are, as "file: test", with <br> between them.
names_tests() {
	local names name count=0
	while IFS= read -r names; do
		row "$names"
		[ -n "$names" ] || return 1
		while IFS= read -r name; do
			grep -qxF "@test \"${name#*: }\" {" "$(test_file "${name%%: *}")" || return 1
			count=$((count + 1))
		done <<<"${names//'<br>'/$'\n'}"
	done < <(awk -F ' *[|] *' -v name="$2" '
		!/^[|]/ { here = 0; next }
		$(NF - 1) == name { here = 1; next }
		here && !/^[|]-/ { print $(NF - 1) }' "$SOURCE_DIR/$1")
	[ "$count" -ge 40 ]
}
