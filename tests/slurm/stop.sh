#!/usr/bin/env bash
# End what tests/slurm/start.sh started, by its pid files, and remove its slurm.conf.
set -uo pipefail

[ $# -eq 1 ] || { echo "usage: tests/slurm/stop.sh FOLDER" >&2; exit 2; }
[ -d "$1" ] || { echo "stop.sh: $1: no such folder" >&2; exit 1; }
folder=$(cd "$1" && pwd)

if [ -e "$folder/conf" ]; then
	# What still waits or runs ends first, while someone can tell it to.
	timeout 20 scancel --user root --quiet 2>/dev/null
	for _ in $(seq 20); do
		[ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ] || break
		sleep 0.5
	done
fi
for daemon in slurmd slurmctld munged; do
	file="$folder/$daemon.pid"
	[ -e "$file" ] || continue
	pid=$(cat "$file")
	kill "$pid" 2>/dev/null
	for _ in $(seq 40); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.25
	done
	kill -KILL "$pid" 2>/dev/null
	rm -f "$file"
done
if [ -e "$folder/conf" ]; then
	rm -f "$(cat "$folder/conf")" "$folder/conf"
fi
exit 0
