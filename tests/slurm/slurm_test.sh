#!/bin/bash
# experiments/slurm on a real Slurm of one node, which this starts for itself (munged, slurmctld and slurmd on free ports and in a temporary folder) and stops
# again. An array ends with the records of an undisturbed `isomerge run`, also when one of its tasks is cancelled, one killed and one asked to make room, and
# when all of it is cancelled. Needs root and the Debian packages slurm-wlm and munge; is skipped without.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
isomerge=$(realpath "${ISOMERGE_BINARY:-build/isomerge}")
submit=experiments/slurm/submit.sh
scratch=$(mktemp -d) || exit 1
daemons=()
clean_up() {
  if [ ${#daemons[@]} != 0 ] && timeout 5 scancel --quiet --user=root 2>/dev/null; then  # what runs must end while there is somebody to end it
    for ((until = SECONDS + 30; SECONDS < until; )); do [ -n "$(timeout 5 squeue --noheader 2>&1)" ] || break; sleep 0.2; done
  fi
  for ((i = ${#daemons[@]} - 1; i >= 0; --i)); do
    kill "${daemons[$i]}" 2>/dev/null
    for _ in $(seq 50); do kill -0 "${daemons[$i]}" 2>/dev/null || break; sleep 0.1; done
    kill -9 "${daemons[$i]}" 2>/dev/null
  done
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
fail() {
  echo "slurm_test: $1"
  for log in "$scratch"/*.log "$scratch"/*/slurm/*.log; do [ -s "$log" ] && echo "--- $log" && tail -n 15 "$log"; done
  exit 1
}

cat >"$scratch/sweep.json" <<JSON
{"title": "Shared", "suite": "$PWD/experiments/suites/mini_vision.json", "tasks": 4,
 "methods": ["zero_shot", "fine_tuned", "average",
   {"method": "ties", "alpha": "0.2:1.0:0.2"},
   {"method": "tsv_m", "alpha": "0.5:2.0:0.5", "tasks": [3, 4]},
   {"method": "iso_cts", "options": {"common_fraction": [0.6, 0.7, 0.8]}, "alpha": "0.5:2.0:0.5"}],
 "select": {"axes": ["alpha", "common_fraction"], "patience": 2}}
JSON

# What submit.sh refuses, it refuses before it asks Slurm.
submit_path=$PATH
refuses() {  # a text of the message, then the arguments
  PATH=$submit_path "$submit" "${@:2}" >"$scratch/out" 2>"$scratch/err"
  local code=$?
  [ $code = 2 ] && grep -qF -- "$1" "$scratch/err" && [ ! -s "$scratch/out" ] && return
  fail "submit.sh ${*:2}: exit code $code, not 2 with '$1': $(cat "$scratch/err")"
}
refuses "which experiment?"
refuses "$scratch/none.json: no such file" "$scratch/none.json"
refuses "--shards 0: expected a number" "$scratch/sweep.json" --shards 0
refuses "--results needs a value" "$scratch/sweep.json" --results
refuses "$scratch/none is no program: run make build" "$scratch/sweep.json" --isomerge "$scratch/none"
sed 's/mini_vision/none/' "$scratch/sweep.json" >"$scratch/broken.json"
mkdir "$scratch/bin"
for tool in bash dirname basename realpath cat; do ln -s "$(command -v $tool)" "$scratch/bin/$tool"; done
submit_path=$scratch/bin; refuses "sbatch is not on this machine" "$scratch/sweep.json" --isomerge "$isomerge"; submit_path=$PATH

for tool in slurmctld slurmd munged sbatch; do
  PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "SKIPPED: no $tool; 'apt-get install slurm-wlm munge' switches this test on"; exit 77; }
done
refuses "no such file: $PWD/experiments/suites/none.json" "$scratch/broken.json" --isomerge "$isomerge"
[ "$(id -u)" = 0 ] || { echo "SKIPPED: slurmd needs root"; exit 77; }
export PATH=$PATH:/usr/sbin OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

# --- The cluster.
free_ports() {
  python3 -c 'import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])'
}
read -r controller_port node_port < <(free_ports)
chmod 755 "$scratch"  # munge wants its socket to be reachable for everybody
mkdir "$scratch/state" "$scratch/spool" "$scratch/munge"
head -c 1024 /dev/urandom >"$scratch/munge/key"
chmod 600 "$scratch/munge/key"
export SLURM_CONF=$scratch/slurm.conf
# Requeued jobs wait for as long as credentials live, two minutes as a rule; five seconds are the least. More CPUs than the machine may have: four tasks at once.
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket=$scratch/munge/socket,cred_expire=5
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
KillWait=20
ReturnToService=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=test Nodes=localhost Default=YES MaxTime=60 State=UP
CONF
# In sessions of their own, so that Ctrl-C ends the test first and the daemons by clean_up.
setsid munged --foreground --force --socket "$scratch/munge/socket" --key-file "$scratch/munge/key" --pid-file "$scratch/munge/pid" \
  --seed-file "$scratch/munge/seed" --log-file "$scratch/munge.log" 2>"$scratch/munged.log" & daemons+=($!)
for _ in $(seq 50); do [ -S "$scratch/munge/socket" ] && break; sleep 0.1; done
setsid slurmctld -D -c >/dev/null 2>"$scratch/slurmctld.err.log" & daemons+=($!)
setsid slurmd -D -N localhost >/dev/null 2>"$scratch/slurmd.err.log" & daemons+=($!)
is_idle() { [ "$(timeout 5 sinfo --noheader --format=%T 2>/dev/null)" = idle ]; }
for ((until = SECONDS + 30; SECONDS < until; )); do is_idle && break; sleep 0.2; done
is_idle || fail "the node is not idle after 30 seconds"
echo "slurm_test: $(sinfo --version) on ports $controller_port and $node_port"

# --- What an undisturbed run stores.
"$isomerge" run "$scratch/sweep.json" --quiet --threads 1 --results "$scratch/whole" >/dev/null || fail "the undisturbed run failed"
total=$(ls "$scratch/whole/records" | wc -l)

field() { scontrol --oneliner show job "$1" | tr ' ' '\n' | sed -n "s/^$2=//p" | head -n 1; }
count() { ls "$scratch/$1/records" 2>/dev/null | wc -l; }
start() {  # an experiment and a results folder, then what else submit.sh is told; sets array and last
  "$submit" "$scratch/$1.json" --results "$scratch/$2" --isomerge "$isomerge" --cpus-per-task=1 --time=30 "${@:3}" >"$scratch/out" 2>"$scratch/err" ||
    fail "submit.sh: $(cat "$scratch/err")"
  array=$(sed -n 's/^array \([0-9]*\):.*/\1/p' "$scratch/out")
  last=$(sed -n 's/^job \([0-9]*\):.*/\1/p' "$scratch/out")
}
await() {  # seconds, what for, then a command
  local until=$((SECONDS + $1)) what=$2
  until "${@:3}"; do
    [ $SECONDS -lt $until ] || fail "no sign of this after $1 seconds: $what; $(squeue 2>&1)"
    sleep 0.1
  done
}
has_state() { [ "$(field "$1" JobState)" = "$2" ]; }
is_over() { case $(field "$last" JobState) in COMPLETED | FAILED | CANCELLED | TIMEOUT) ;; *) false ;; esac; }
at_work() {  # a results folder: all four tasks have claimed something, and some records are there
  local i
  for i in 1 2 3 4; do has_state "${array}_$i" RUNNING || return 1; done
  [ "$(ls "$scratch/$1/claims" 2>/dev/null | wc -l)" -ge 4 ] && [ "$(count "$1")" -ge 8 ]
}
compare() {  # a results folder
  local i
  await 600 "the job after the array ends" is_over
  for i in 1 2 3 4; do echo "  task $i: $(field "${array}_$i" JobState), exit code $(field "${array}_$i" ExitCode), started again $(field "${array}_$i" Restarts) times"; done
  has_state "$last" COMPLETED || fail "$1: the job after the array: $(field "$last" JobState)"
  diff -r "$scratch/whole/records" "$scratch/$1/records" >"$scratch/differences" || fail "$1: records differ: $(head -n 20 "$scratch/differences")"
  grep -q 'Iso-CTS' "$scratch/$1/sweep.md" || fail "$1: no report"
  "$isomerge" report "$scratch/sweep.json" --results "$scratch/whole" --out "$scratch/whole" >/dev/null 2>&1
  cmp "$scratch/whole/sweep.md" "$scratch/$1/sweep.md" || fail "$1: another table"
  echo "  the same $(count "$1") records and the same table as without Slurm"
}

# --- An array that nobody disturbs.
start sweep calm --shards 4
compare calm
for i in 1 2 3 4; do
  has_state "${array}_$i" COMPLETED || fail "task $i: $(field "${array}_$i" JobState)"
  grep -q 'records computed' "$scratch/calm/slurm/${array}_$i.log" || fail "task $i computed nothing: $(cat "$scratch/calm/slurm/${array}_$i.log")"
done
grep -h 'records computed' "$scratch"/calm/slurm/*_[1-4].log | sed 's/;.*//; s/^/    /'

# --- One task cancelled, one killed without warning, one told as before a time limit that it must make room.
start sweep disturbed --shards 4
await 120 "all four tasks are at work" at_work disturbed
done_before=$(count disturbed)
scancel "${array}_1"
# SIGKILL by scancel would reach isomerge after a SIGTERM (or only the shell above it): kill what runs under the task's number, as the kernel does for want of memory.
victims=$(scontrol listpids "$(field "${array}_2" JobId)" | awk '$1 ~ /^[0-9]+$/ {print $1}')
for victim in $victims; do grep -qs slurmstepd "/proc/$victim/comm" || { cat "/proc/$victim/comm" >>"$scratch/killed"; kill -9 "$victim"; }; done
grep -q isomerge "$scratch/killed" || fail "no isomerge among the processes of task 2: $victims"
scancel --signal=TERM --batch "${array}_4"  # the array's last task, whose own number is the array's
[ "$done_before" -lt "$total" ] || fail "the sweep was through before a task was cancelled"
echo "slurm_test: after $done_before of $total records: task 1 cancelled, task 2 killed, task 4 told to make room"
compare disturbed
has_state "${array}_1" CANCELLED || fail "the cancelled task came back"
[ "$(field "${array}_1" ExitCode)" = 75:0 ] || fail "the cancelled task could not end what it had in hand"
has_state "${array}_2" FAILED || fail "the killed task: $(field "${array}_2" JobState)"
has_state "${array}_4" COMPLETED || fail "the task that made room: $(field "${array}_4" JobState)"
[ "$(field "${array}_4" Restarts)" = 1 ] || fail "the task that made room was not started again"
grep -qE 'interrupted|records computed' "$scratch/disturbed/slurm/${array}_2.log" && fail "the killed task had time to say something"
grep -q 'back into the queue' "$scratch/disturbed/slurm/${array}_4.log" || fail "task 4 did not say that it was interrupted"
has_state "${array}_3" COMPLETED && [ "$(field "${array}_3" Restarts)" = 0 ] || fail "task 3, which nobody disturbed: $(field "${array}_3" JobState), started again $(field "${array}_3" Restarts) times"

# --- The whole array cancelled: the job after it does what is left.
start sweep cancelled --shards 4
await 120 "all four tasks are at work" at_work cancelled
done_before=$(count cancelled)
scancel "$array"
[ "$done_before" -lt "$total" ] || fail "the sweep was through before the array was cancelled"
echo "slurm_test: after $done_before of $total records: the array cancelled"
compare cancelled
for i in 1 2 3 4; do has_state "${array}_$i" CANCELLED || fail "task $i: $(field "${array}_$i" JobState)"; done
echo "  the job after it: $(grep -h 'records computed' "$scratch/cancelled/slurm/${last}_report.log" | sed 's/;.*//')"

# --- A real time limit of two minutes (Slurm warns up to a minute early: after 30 to 90 seconds), on a sweep that needs far longer: the task is warned, goes back into the queue and continues.
sed 's/"tasks": 4/"tasks": 20/; s/0.2:1.0:0.2/0.05:4:0.05/' "$scratch/sweep.json" >"$scratch/long.json"
start long limited --shards 1 --time=2 --signal=B:TERM@30
is_again_at_work() { [ "$(field "${array}_1" Restarts)" = 1 ] && has_state "${array}_1" RUNNING; }
await 240 "a task that met its time limit runs again" is_again_at_work
done_before=$(count limited)
has_more() { [ "$(count limited)" -gt "$done_before" ]; }
await 60 "a task that was started again computes records" has_more
echo "slurm_test: a task met its time limit after $done_before records, and continued"
scancel "$array" "$last"
[ "$done_before" -gt 0 ] || fail "nothing was kept"

# --- A program that ends with 75 and computes nothing is not started for ever.
cat >"$scratch/bin/stuck" <<'STUCK'
#!/bin/bash
exit 75
STUCK
chmod +x "$scratch/bin/stuck"
isomerge=$scratch/bin/stuck
start sweep stuck --shards 1 --no-check
await 120 "a stuck task ends" is_over
for job in "${array}_1" "$last"; do
  has_state "$job" FAILED && [ "$(field "$job" Restarts)" = 1 ] || fail "stuck: job $job: $(field "$job" JobState), started again $(field "$job" Restarts) times"
done
echo "slurm_test: a task that got nowhere was started again once"
