# What agentlens-log tells of itself: its --help, the manual, the README and
# bash's completion say the same.

load helper
load log

manual=$SOURCE_DIR/man/agentlens-log.1.in

setup() {
	log_setup
	# shellcheck source=/dev/null
	source "$SOURCE_DIR/completions/agentlens-log"
}

# commands: those of --help, which are all that there are.
commands() {
	tool --help | awk '/^  [a-z]/ { print $1 }'
}

# options COMMAND: the long ones, without the dashes.
options() {
	tool "$1" --help | sed -nE 's/^  (-.,|   ) --([a-z-]+).*/\2/p'
}

# completed WORD...: what bash offers in place of the last word.
completed() {
	local COMP_WORDS=("$AGENTLENS_LOG" "$@") COMP_CWORD=$# COMPREPLY=()
	# Outside of a completion compopt fails.
	_agentlens_log || :
	printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
}

@test "--help lists every command, and each tells its options" {
	local command
	equal commands 'check-proof export import list prove prune refused seal send show sign stats tail timeline verify' \
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
		'import a b' prune 'prune --before 1d word' 'refused word' 'refused 1 2' sign 'sign a b' send 'send a'; do
		row "$words"
		# shellcheck disable=SC2086
		run tool $words </dev/null
		equal status 64 "$status"
		[[ $output == *'agentlens-log'* ]]
	done
	[ ! -e "$db" ]
}

@test "bash completes every command" {
	local command all
	all=$(commands)
	# shellcheck disable=SC2086  # words
	equal commands "$(printf '%s\n' $all --help --version | sort | xargs)" "$(completed '')"
	for command in $all; do
		row "$command"
		[[ " $(completed "${command:0:3}") " == *" $command "* ]]
	done
	equal se 'seal send' "$(completed se)"
	equal nothing '' "$(completed nonsense)"
	complete -p agentlens-log
}

@test "bash completes the options of each command, and the sources" {
	local command
	for command in $(commands); do
		row "$command"
		equal options "$(options "$command" | sed 's/^/--/' | sort | xargs)" "$(completed "$command" -)"
	done
	equal 'a beginning' '--seal' "$(completed verify --s)"
	equal 'a later word' '--before --bodies' "$(completed prune --yes --b)"
	equal sources 'agentgate formbridge generic' "$(completed list --source '')"
	equal source formbridge "$(completed send -S f)"
	# Files are bash's own.
	equal file '' "$(completed list -d '')"
	equal file '' "$(completed sign '')"
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
