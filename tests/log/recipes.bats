# Every recipe of the README and of the manuals, taken out of the document and
# run while about 50 events a second come.  Those for a damaged file are run by
# damage.bats, what the ways to read the file say is looked at by file.bats, and
# those of hosting/README.txt by hosting.bats.
#
# run: once, 15 s

load ../lib/helper
load ../lib/log

setup() {
	log_setup
	MODE=fcgi
	PATH=$(dirname "$AGENTLENS_LOG"):$PATH
	# One session as the manuals name it, and a refused delivery.
	deliver agentgate '{"source":"agentgate","event":"request.approved","data":{"requestId":"req_9","action":"send","decidedBy":"alice"},"context":{"agentlens_session_id":"sess_01HXYZ"}}'
	recorded approval_granted
	deliver agentgate '{"source":"agentgate","event":"request.nonsense","data":{}}'
	answered 400
	printf %s '{"event":"request.approved","data":{"requestId":"req_10","action":"send"}}' >"$dir/event.json"
	mkdir "$dir/bin"
	write_curl
	arrivals
}

# write_curl: a curl that has no network and posts to the responder.
write_curl() {
	cat >"$dir/bin/curl" <<-'END'
		#!/usr/bin/env bash
		set -eu
		header=$(sed -n '1s/\r//p; 1p' header | head -n 1) file=event.json
		name=${header%%:*} name=${name^^}
		[[ "$*" == *'-H @header'*'--data-binary @event.json'* ]]
		"$FCGI_REQUEST" "$RESPONDER" REQUEST_METHOD=POST SCRIPT_NAME=/api/events/ingest \
			"HTTP_${name//-/_}=${header#*: }" "CONTENT_LENGTH=$(wc -c <"$file")" <"$file" >curl.out
		grep -q '"ok":true' curl.out
	END
	chmod 755 "$dir/bin/curl"
}

# run_it FILE: as it stands, beside the file of events, on a terminal where it
# asks; leaves what it printed in $dir/out.
run_it() {
	cat "$1"
	(
		cd "$dir" && export FCGI_REQUEST RESPONDER="$socket" PATH="$dir/bin:$PATH"
		env "${settings[@]}" PATH="$PATH" EVENT="$event_id" SECRET="$agentgate_secret" \
			script -qec "bash -eu -o pipefail '$1'" /dev/null <<<y >"$dir/out" 2>&1
	) || {
		cat "$dir/out"
		return 1
	}
}

# blocks MANUAL WORDS: the literal blocks that have a command of these, as files
# $dir/block.1 and so on.
blocks() {
	awk -v words="$2" -v to="$dir/block." '
		/^\.Bd -literal/ { block = ""; on = 1; next }
		/^\.Ed/ { if (on && block ~ words) { file = to sprintf("%02d", ++n); printf "%s", block >file; close(file) } on = 0 }
		on { gsub(/\\e/, "\\"); gsub(/\\\\/, "\\"); block = block $0 "\n" }' "$SOURCE_DIR/man/$1.in"
}

@test "the recipes of agentlens-ingest(8), while events come" {
	local block
	blocks agentlens-ingest.8 '(^|\n)(sqlite3|agentlens-log) '
	[ "$(find "$dir" -name 'block.*' | wc -l)" -ge 7 ]
	# What it is for: damage.bats does that.
	cp "$db" "$dir/damaged.db"
	for block in "$dir"/block.*; do
		run_it "$block"
	done
	[ -s "$dir/copy.db" ]
	no_more_arrivals
	equal 'answers other than 201' 0 "$(grep -vc ^201 "$dir/arrived")"
}

@test "the recipes of agentlens-log(1), while events come" {
	local block
	blocks agentlens-log.1 '(^|\n)(\$ )?agentlens-log '
	[ "$(find "$dir" -name 'block.*' | wc -l)" -ge 6 ]
	tool seal >"$dir/seal.yesterday"
	cp "$dir/seal.yesterday" "$dir/seal.old"
	sleep 0.3
	tool seal >"$dir/seal.txt"
	for block in "$dir"/block.*; do
		# Of a session, only the commands; the rest is what they print.
		! grep -q '^\$ ' "$block" || sed -i -n 's/^\$ //p' "$block"
		sed -i "s/EVENT/$event_id/" "$block"
		run_it "$block"
	done
	tool verify -d "$dir/other.db" >"$dir/out"
	no_more_arrivals
	equal 'answers other than 201' 0 "$(grep -vc ^201 "$dir/arrived")"
}

@test "the commands of the README, while events come" {
	local line
	tool seal >"$dir/SEAL"
	tool prove "$event_id" -s "$dir/SEAL" >"$dir/PROOF"
	tool export --deliveries >"$dir/events.jsonl"
	cp "$dir/event.json" "$dir/BODY"
	grep -E '^    agentlens-log ' "$SOURCE_DIR/README.md" | cut -c 5-38 >"$dir/lines"
	[ "$(wc -l <"$dir/lines")" -ge 15 ]
	while IFS= read -r line; do
		line=${line//EVENT/$event_id} line=${line//SESSION/sess_01HXYZ}
		case $line in
		*'tail -f'*) line="timeout 1 $line || [ \$? = 124 ]" ;;
		*import*) line="$line events.jsonl" ;;
		*check-proof*) line="$line -s SEAL" ;;
		esac
		echo "$line" >"$dir/recipe"
		run_it "$dir/recipe"
	done <"$dir/lines"
	equal integrity ok "$(sqlite3 "$dir/TO" 'PRAGMA integrity_check')"
	tool verify -d "$dir/FILE" >"$dir/out"
	no_more_arrivals
	equal 'answers other than 201' 0 "$(grep -vc ^201 "$dir/arrived")"
}

@test "one event without any server, as the README has it" {
	sed -n '/^    mkdir -m 700 \/tmp\/try/,/^$/s/^    //p' "$SOURCE_DIR/README.md" |
		sed "s,/tmp/try,$dir/try,; s,build/agentlens-ingest,$INGEST," >"$dir/recipe"
	[ -s "$dir/recipe" ]
	env -i HOME="$dir" INGEST_CONFIG="$dir/settings.conf" PATH="$PATH" bash -eu "$dir/recipe" >"$dir/out"
	grep -q '"ok":true' "$dir/out"
	equal events 1 "$(sqlite3 "$dir/try/agentlens.db" 'SELECT count(*) FROM events')"
	no_more_arrivals
}
