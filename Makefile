# Two commands are all a newcomer needs: make demo, make test. Everything real is in CMake and tools/.
JOBS ?= $(shell tools/jobs.sh)

.NOTPARALLEL:
.PHONY: setup build demo test test-all asan format check
setup: ; @tools/setup.sh
build: setup ; cmake --preset dev && cmake --build --preset dev -j $(JOBS)
demo: build ; tools/demo.sh
test: build ; ctest --preset dev
test-all: build asan ; ctest --preset all
asan: setup ; cmake --preset asan && cmake --build --preset asan -j $(JOBS) && ctest --preset asan
format: ; git ls-files -co --exclude-standard 'src/*.h' 'src/*.cpp' 'tests/*.h' 'tests/*.cpp' | xargs clang-format -i
check: ; for script in layering hygiene format; do tests/build/$${script}_test.sh || [ $$? = 77 ] || exit 1; done && tools/tidy.sh
