#!/bin/sh
# Prints how many compilers may run side by side: one per core, but each wants about a gigabyte, so
# no more than the free memory (or the container's limit) holds; at least one.
cores=$(nproc)
memory=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null)
case $limit in
  '' | max) ;;
  *) if [ $((limit / 1048576)) -lt "${memory:-0}" ]; then memory=$((limit / 1048576)); fi ;;
esac
jobs=$((${memory:-1200} / 1200))
if [ "$jobs" -gt "$cores" ]; then jobs=$cores; fi
if [ "$jobs" -lt 1 ]; then jobs=1; fi
echo "$jobs"
