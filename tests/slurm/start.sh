#!/usr/bin/env bash
# A Slurm of one node on this machine, without systemd: tests/slurm/start.sh FOLDER
#
# For tests, in a container or on a machine that has no Slurm running. Needs root, because munge and
# Slurm's client programs look for their files in fixed places. FOLDER gets logs, state and pid
# files; the one file outside it is the system's slurm.conf, and one that exists is never replaced.
# `tests/slurm/stop.sh FOLDER` ends the daemons and removes slurm.conf again.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: tests/slurm/start.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
conf=/etc/slurm/slurm.conf
host=$(hostname -s)

[ "$(id -u)" -eq 0 ] || { echo "start.sh: needs root" >&2; exit 1; }
[ ! -e "$conf" ] || { echo "start.sh: $conf exists; a Slurm is set up here, left alone" >&2; exit 1; }
for program in munged slurmctld slurmd sinfo; do
	command -v "$program" >/dev/null || { echo "start.sh: $program: not installed" >&2; exit 1; }
done
trap 'code=$?; [ $code -eq 0 ] || "$here/stop.sh" "$folder"' EXIT

mkdir -p "$folder/state" "$folder/spool"
[ -e /etc/munge/munge.key ] || mungekey --create
if ! munge -n >/dev/null 2>&1; then
	# Its files stand where its user may reach them, which FOLDER need not allow.
	install -d -m 0755 -o munge -g munge /run/munge
	setpriv --reuid=munge --regid=munge --clear-groups munged \
		--log-file /run/munge/munged.log --seed-file /run/munge/munged.seed \
		--pid-file /run/munge/munged.pid
	ln -s /run/munge/munged.pid "$folder/munged.pid"
fi

mkdir -p "$(dirname "$conf")"
cat > "$conf.partial" <<CONF
# Written by tests/slurm/start.sh; tests/slurm/stop.sh removes it.
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
ReturnToService=2
MailProg=/bin/true
SlurmctldPort=16817
SlurmdPort=16818
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=3600
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
mv "$conf.partial" "$conf"
echo "$conf" > "$folder/conf"

slurmctld -c
slurmd -N "$host"
for _ in $(seq 60); do
	state=$(timeout 10 sinfo --noheader --format=%T 2>/dev/null || true)
	[ "$state" != idle ] || { echo "a Slurm of one node, $(nproc) cores, runs"; exit 0; }
	sleep 0.5
done
echo "start.sh: the node is ${state:-unknown}, not idle; see $folder/*.log" >&2
tail -n 20 "$folder"/*.log >&2
exit 1
