# Two commands are all a newcomer needs: make demo, make test. Everything real is in CMake and tools/.
JOBS ?= $(shell tools/jobs.sh)
FUZZ_SECONDS ?= 60

.NOTPARALLEL:
.PHONY: setup build demo demo-language test test-all asan fuzz bench bench-full format check
setup: ; @tools/setup.sh
build: setup ; cmake --preset dev && cmake --build --preset dev -j $(JOBS)
demo: build ; tools/demo.sh table1 table2
demo-language: build ; tools/demo.sh table3
test: build ; ctest --preset dev
test-all: build asan ; ctest --preset all
asan: setup ; cmake --preset asan && cmake --build --preset asan -j $(JOBS) && ctest --preset asan
fuzz: setup ; cmake --preset asan && cmake --build --preset asan -j $(JOBS) --target fuzz && ASAN_OPTIONS=detect_leaks=0 build-asan/tests/fuzz --seed $$(date +%s) --seconds $(FUZZ_SECONDS)
bench: build ; tests/bench/quick.sh
bench-full: build ; cmake --build build --target linalg_bench && build/tests/linalg_bench && .venv/bin/python tests/bench/bench.py --preset full && .venv/bin/python tests/bench/analysis_bench.py --blocks 0
format: ; git ls-files -co --exclude-standard 'src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' | xargs clang-format -i
check: ; for script in layering hygiene format; do tests/build/$${script}_test.sh || [ $$? = 77 ] || exit 1; done && tools/tidy.sh
