#!/bin/bash
# What `make bench` runs, one after the other, on an idle machine: about ten minutes. A bar that is
# missed does not keep the rest back; the exit code says whether one was.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
python=.venv/bin/python missed=0
line() { "$@" || missed=1; }
cmake --build build --target linalg_bench subsets_bench || exit 1
line build/tests/linalg_bench --benchmark_filter='1024|Eigenpairs'
line $python tests/bench/bench.py --limit 300
line $python tests/bench/plan_bench.py --repeats 2
line $python tests/bench/fractions_bench.py --shape vit_b16 --blocks 2 --tasks 8
line $python tests/bench/make_experts.py build/bench/subsets --shape vit_b16 --tasks 20 --blocks 2
line build/tests/subsets_bench build/bench/subsets
line $python tests/bench/alpha_grid_bench.py
exit $missed
