#!/bin/sh
# Shows what README.txt asks for. Remove it when you have seen it.
PATH=/usr/bin:/bin:$PATH
printf 'Content-Type: text/plain\r\nCache-Control: no-store\r\n\r\n'
uid=$(id -u)
line=$(awk -F: -v uid="$uid" '$3 == uid { print; exit }' /etc/passwd)
home=$(printf '%s\n' "$line" | cut -d: -f6)
echo "Programs run as:  ${line%%:*} (number $uid)"
echo "Home folder:      $home"
echo "This folder:      $(pwd)"
echo "Served from:      ${CONTEXT_DOCUMENT_ROOT:-$DOCUMENT_ROOT}"
echo
if [ -r "$home/.agentlens-ingest.conf" ]; then
	echo "The settings file is there, and can be read."
elif [ -e "$home/.agentlens-ingest.conf" ]; then
	echo "The settings file is there, but cannot be read from here."
else
	echo "There is no $home/.agentlens-ingest.conf yet."
fi
