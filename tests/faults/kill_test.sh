#!/bin/bash
# A sweep that is killed by SIGKILL at 50 random moments and started again each time ends with the
# records of an undisturbed one; so do four processes on one folder of which one after the other is
# killed. A sweep that is through before the last kill is compared and begun again from nothing.
# Usage: kill_test.sh [KILLS] [SEED]
set -u
kills=${1:-50}
RANDOM=${2:-11}
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
isomerge=${ISOMERGE_BINARY:-$PWD/build/isomerge}
scratch=$(mktemp -d) || exit 1
trap 'kill -9 $(jobs -p) 2>/dev/null; rm -rf "$scratch"' EXIT
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

cat >"$scratch/sweep.json" <<JSON
{"title": "Killed", "suite": "$PWD/experiments/suites/mini_vision.json", "tasks": 4,
 "methods": ["zero_shot", "fine_tuned", "average",
   {"method": "ties", "alpha": "0.2:1.0:0.2"},
   {"method": "consensus_ta", "alpha": [0.3, 0.6]},
   {"method": "tsv_m", "alpha": "0.5:2.0:0.5", "tasks": [3, 4]},
   {"method": "iso_cts", "options": {"common_fraction": [0.6, 0.7, 0.8]}, "alpha": "0.5:2.0:0.5"}],
 "select": {"axes": ["alpha", "common_fraction"], "patience": 2, "refine": 1}}
JSON
sweep() { "$isomerge" run "$scratch/sweep.json" --quiet --threads 1 --results "$scratch/$1" "${@:2}"; }

# Until nothing is left: work that met two kills in a row is stored as failed and tried at the next
# start.
finish() {
  for _ in 1 2 3; do
    sweep "$1" >/dev/null 2>"$scratch/err" && return 0
  done
  echo "kill_test: $1 does not come to an end:"; cat "$scratch/err"; exit 1
}
compare() {
  for kind in records analyses; do
    diff -r --exclude=".*.part" "$scratch/whole/$kind" "$scratch/$1/$kind" >"$scratch/differences" && continue
    echo "kill_test: $1: $kind differ:"; head -n 20 "$scratch/differences"; exit 1
  done
}
is_over() { sweep "$1" --status | grep -q 'missing' && return 1; return 0; }
pause() { sleep "$(awk -v r=$RANDOM -v most="$1" 'BEGIN {printf "%.3f", 0.1 + most * r / 32768}')"; }

sweep whole >/dev/null || exit 1
echo "kill_test: $(ls "$scratch/whole/records" | wc -l) records undisturbed"

for processes in 1 4; do
  name=killed$processes
  done_kills=0 rounds=0
  declare -A pids=()
  while [ "$done_kills" -lt "$kills" ]; do
    for ((i = 1; i <= processes; ++i)); do
      if [ -z "${pids[$i]:-}" ] || ! kill -0 "${pids[$i]}" 2>/dev/null; then
        # exec: the number is that of the program, not of a shell around it
        (exec "$isomerge" run "$scratch/sweep.json" --quiet --threads 1 --results "$scratch/$name") \
          >/dev/null 2>&1 &
        pids[$i]=$!
      fi
    done
    pause $((2 * processes))
    victim=${pids[$((RANDOM % processes + 1))]}
    kill -9 "$victim" 2>/dev/null && done_kills=$((done_kills + 1))
    wait "$victim" 2>/dev/null
    if is_over "$name"; then
      wait; pids=()
      finish "$name"; compare "$name"
      rm -rf "${scratch:?}/$name"; rounds=$((rounds + 1))
    fi
  done
  kill -9 "${pids[@]}" 2>/dev/null; wait
  finish "$name"; compare "$name"
  echo "kill_test: $processes process(es), $done_kills kills, $((rounds + 1)) sweep(s): the same records and analyses"
  rm -rf "${scratch:?}/$name"
done
