# What agentlens-log tells of itself: its --help, the manual and the README say
# the same.
#
# run: once, 4 s

load ../lib/helper
load ../lib/log

manual=$SOURCE_DIR/man/agentlens-log.1.in

setup() {
	log_setup
}

@test "--help lists every command, and each tells its options" {
	local command
	equal commands 'backup check-proof export import list prove prune refused seal show sign stats tail timeline verify' \
		"$(commands | sort | xargs)"
	for command in $(commands); do
		row "$command"
		tool "$command" --help >"$dir/out" 2>"$dir/err"
		equal 'standard error' '' "$(cat "$dir/err")"
		grep -qE "^usage: agentlens-log $command \[OPTION\.\.\.\]" "$dir/out"
		equal 'common options' 'database json help' "$(options "$command" | tail -n 3 | xargs)"
		equal 'the same, asked for with -h' "$(cat "$dir/out")" "$(tool "$command" -h)"
	done
	equal 'of prune' 'before bodies dry-run yes database json help' "$(options prune | xargs)"
}

@test "without a command, with an unknown one or an unknown option there is usage, and 64" {
	local words
	for words in '' nonsense --nonsense 'list --nonsense' 'list word' show 'show a b' timeline 'stats word' 'tail word' \
		'verify word' 'seal word' prove 'prove id' check-proof 'export word' 'export --csv --deliveries' import \
		'import a b' backup 'backup a b' prune 'prune --before 1d word' 'refused word' 'refused 1 2' sign 'sign a b'; do
		row "$words"
		# shellcheck disable=SC2086
		run tool $words </dev/null
		equal status 64 "$status"
		[[ $output == *'agentlens-log'* ]]
	done
	[ ! -e "$db" ]
}

# told COMMAND OPTION: the manual has it with its command, or among what
# several commands share.
told() {
	awk -v command="$1" '
		/^\.It Cm / { of = $3 }
		/^\.(El|Sh|Ss|Bl)/ { of = "" }
		of == "" || of == command' "$manual" |
		grep -qE -- "(Fl|,) -$2( |\$)"
}

@test "the manual has every command with its options, and no other" {
	local command option
	equal commands "$(commands | sort | xargs)" "$(sed -n 's/^\.It Cm \([a-z-]*\).*/\1/p' "$manual" | sort | xargs)"
	for command in $(commands); do
		for option in $(options "$command"); do
			row "$command --$option"
			told "$command" "$option"
		done
	done
	fails told list nonsense
}

@test "the README has every command, and no other" {
	equal commands "$(commands | sort | xargs)" \
		"$(sed -nE 's/^    (\$ )?agentlens-log ([a-z-]+).*/\2/p' "$SOURCE_DIR/README.md" | sort -u | xargs)"
}
