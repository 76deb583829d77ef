#!/bin/bash
# Submits an experiment to Slurm: a job array that shares one results folder, and a job after it that does what is left and writes the report.
set -u
usage() {
  cat <<'TEXT'
Usage: submit.sh EXPERIMENT.json [--shards N] [--results DIR] [--cache DIR] [--set KEY=VALUE ...] [--isomerge FILE] [--no-check]
                 [options of sbatch ...]

  --shards N         tasks of the job array (default: 4)
  --results DIR      folder of the records, on a file system that all nodes see (default: results)
  --cache DIR        keep factorisations there, for all tasks
  --set KEY=VALUE    as of isomerge run; may be given several times
  --isomerge FILE    the program (default: build/isomerge of this repository)
  --no-check         do not check the experiment here before (where this machine does not see the data)

Everything else goes to sbatch, for the array and for the job after it:
  submit.sh experiments/mini/table1.json --shards 8 --results results/mini --time=2:00:00 --cpus-per-task=8 --mem=16G -p cpu
TEXT
}
fail() { echo "submit.sh: $1" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 2

experiment='' shards=4 results=results isomerge=$here/../../build/isomerge no_check=''
arguments=() sbatch_options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --shards | --results | --isomerge | --cache | --set)
      [ $# -ge 2 ] || fail "$1 needs a value"
      case $1 in
        --shards) shards=$2 ;;
        --results) results=$2 ;;
        --isomerge) isomerge=$2 ;;
        --cache) arguments+=(--cache "$(realpath -m "$2")") ;;
        --set) arguments+=(--set "$2") ;;
      esac
      shift ;;
    --no-check) no_check=yes ;;
    -*) sbatch_options+=("$1") ;;
    *.json) if [ -z "$experiment" ]; then experiment=$1; else sbatch_options+=("$1"); fi ;;
    *) sbatch_options+=("$1") ;;  # the value of an option of sbatch
  esac
  shift
done
[ -n "$experiment" ] || { usage >&2; fail "which experiment? (EXPERIMENT.json)"; }
[ -f "$experiment" ] || fail "$experiment: no such file"
[[ $shards =~ ^[1-9][0-9]*$ ]] || fail "--shards $shards: expected a number of 1 or more"
[ -f "$isomerge" ] && [ -x "$isomerge" ] || fail "$isomerge is no program: run make build, or say --isomerge FILE"
command -v sbatch >/dev/null || fail "sbatch is not on this machine: submit from a login node of a Slurm cluster"

experiment=$(realpath "$experiment") results=$(realpath -m "$results") isomerge=$(realpath "$isomerge")
if [ -z "$no_check" ]; then  # what is wrong with the experiment is said here, not N times in logs
  plan=$("$isomerge" run "$experiment" --results "$results" --dry-run --threads 1 "${arguments[@]}") || exit
  grep '^at most' <<<"$plan"
fi
mkdir -p "$results/slurm" || exit 3
arguments=("$here/run.sbatch" "$experiment" --results "$results" --isomerge "$isomerge" "${arguments[@]}")
name=$(basename "$experiment" .json)

array=$(sbatch --parsable --job-name="isomerge-$name" --output="$results/slurm/%A_%a.log" "${sbatch_options[@]}" --array="1-$shards" \
  "${arguments[@]}" --shards "$shards") || fail "sbatch refused the array"
array=${array%%;*}  # sbatch adds the cluster's name where there are several
last=$(sbatch --parsable --job-name="isomerge-$name-report" --output="$results/slurm/%j_report.log" "${sbatch_options[@]}" --dependency="afterany:$array" \
  "${arguments[@]}" --report) || fail "sbatch refused the job after array $array, which is in the queue; to take it back: scancel $array"
echo "array $array: $shards tasks"
echo "job ${last%%;*}: what is left, and the report, when they have ended"
echo "logs: $results/slurm"
echo "how far it is: $isomerge run $experiment --results $results --status"
