# Completion in bash, zsh and fish: what the shells themselves offer is what the
# programs tell.
#
# run: once, 25 s

load ../lib/helper
load ../lib/log

completions=$BUILD_DIR/completions

setup() {
	log_setup
	[ -d "$completions" ] || skip 'there is no completion where one builds for another machine'
}

# completed_by SHELL PROGRAM [WORD...]: what it offers in place of the last
# word, sorted.
completed_by() {
	"completed_by_$1" "${@:2}" | sort | xargs
}

completed_by_bash() {
	local COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	# shellcheck source=/dev/null
	source "$completions/bash/$1"
	# Outside of a completion compopt fails.
	"_${1/-/_}" || :
	printf '%s\n' "${COMPREPLY[@]}"
}

completed_by_zsh() {
	timeout 30 zsh -f "$SOURCE_DIR/tests/lib/complete.zsh" "$completions/zsh" "$*" 3>&-
}

completed_by_fish() {
	HOME=$dir XDG_CONFIG_HOME=$dir timeout 30 fish --no-config -c '
		source $argv[1]
		complete -C "$argv[2]"' "$completions/fish/$1.fish" "$*" 3>&- | cut -f 1
}

# need_shell SHELL
need_shell() {
	command -v "$1" >"$dir/path" || skip "$1 is not installed"
}

# offers WORDS SHELL PROGRAM [WORD...]: exactly these, sorted.
offers() {
	row "${*:2}"
	equal offered "$1" "$(completed_by "${@:2}")"
}

# completes SHELL: all that is the same in each. Options without a dash before
# the word are offered by bash alone, and short ones by the others.
completes() {
	local shell=$1 command
	need_shell "$shell"
	for command in $(commands); do
		row "$command"
		[[ " $(completed_by "$shell" agentlens-log "${command:0:3}") " == *" $command "* ]]
		offers "$(options "$command" | sed 's/^/--/' | sort | xargs)" "$shell" agentlens-log "$command" --
	done
	offers 'seal' "$shell" agentlens-log se
	offers '' "$shell" agentlens-log nonsense
	offers '--database --help --json --version' "$shell" agentlens-log --
	offers 'list' "$shell" agentlens-log -d /tmp/x lis
	offers '--seal' "$shell" agentlens-log verify --se
	offers '--before --bodies' "$shell" agentlens-log prune --yes --b
	offers 'agentgate formbridge generic' "$shell" agentlens-log list --source ''
	offers 'formbridge' "$shell" agentlens-log sign -S f
	offers 'approval_denied approval_expired approval_granted approval_requested' \
		"$shell" agentlens-log tail --type app
	offers '' "$shell" agentlens-log list --session ''
	offers '--check --help --print-mapping --version' "$shell" agentlens-ingest --
	offers '--check' "$shell" agentlens-ingest --ch
}

@test "bash completes commands, options and values" {
	completes bash
	offers "$({ commands; printf '%s\n' --database --help --json --version; } | sort | xargs)" bash agentlens-log ''
	offers 'agentgate formbridge generic' bash agentlens-log list --source = ''
	offers 'agentgate formbridge generic' bash agentlens-log list --source =
	# Files are bash's own.
	offers '' bash agentlens-log list -d ''
	offers '' bash agentlens-log sign ''
	# shellcheck source=/dev/null
	source "$completions/bash/agentlens-log"
	complete -p agentlens-log
}

@test "zsh completes commands, options, values and files" {
	completes zsh
	offers "$(commands | sort | xargs)" zsh agentlens-log ''
	mkdir "$dir/folder"
	: >"$dir/folder/seal-1"
	offers 'seal-1' zsh agentlens-log verify --seal "$dir/folder/se"
	offers 'seal-1' zsh agentlens-log check-proof "$dir/folder/se"
	offers '' zsh agentlens-log show "$dir/folder/se"
}

@test "fish completes commands, options, values and files" {
	completes fish
	offers "$(commands | sort | xargs)" fish agentlens-log ''
	mkdir "$dir/folder"
	: >"$dir/folder/seal-1"
	offers "$dir/folder/seal-1" fish agentlens-log verify --seal "$dir/folder/se"
	offers "$dir/folder/seal-1" fish agentlens-log check-proof "$dir/folder/se"
	offers '' fish agentlens-log show "$dir/folder/se"
}

@test "a program that tells nothing makes no completion" {
	fails "$SOURCE_DIR/completions/generate" bash agentlens-log false true >"$dir/made" 2>&1
	fails "$SOURCE_DIR/completions/generate" csh agentlens-log "$AGENTLENS_LOG" "$INGEST" 2>"$dir/err"
	grep -q '^usage: completions/generate ' "$dir/err"
}
