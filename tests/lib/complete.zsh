#!/usr/bin/env zsh
# Prints what zsh offers for the last word of a line, a word a line.
#
# usage: complete.zsh FOLDER LINE     FOLDER has the functions of completion
#
# zsh completes at a terminal only, so that another zsh gets one; what would be
# shown there it prints, between two marks.
zmodload zsh/zpty

zpty -b inner zsh -f -i
zpty -w inner "
PROMPT=; stty -echo
fpath=(${(q)1} \$fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
	typeset -a hits
	if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then
		builtin compadd \"\$@\"
		return
	fi
	builtin compadd -A hits \"\$@\"
	builtin compadd \"\$@\"
	print -l -- '<'\$^hits'>'
}
at_end() { print '<''END>'; exit }
comppostfuncs=(at_end)
bindkey '^I' complete-word
print '<''READY>'
"
zpty -r -m inner text '*<READY>*'
zpty -w -n inner "$2"$'\t'
zpty -r -m inner text '*<END>*'
print -r -- "$text" | sed -n 's/^.*<\([^<>]*\)>.*$/\1/p' | grep -vx END
zpty -d inner
