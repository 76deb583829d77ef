// Micro-benchmarks of src/linalg: each compares its answer with LAPACK's in fp64 before it is
// timed. One thread. Part of `make bench`; the whole table: build/tests/linalg_bench.
#include <cmath>
#include <cstdlib>

#include <ATen/Parallel.h>
#include <ATen/ops/matmul.h>
#include <benchmark/benchmark.h>

#include "linalg/eigen.h"
#include "linalg/polar.h"
#include "linalg/product.h"
#include "linalg/svd.h"
#include "support/random_tensors.h"

namespace isomerge {
namespace {

// A task matrix with a decaying spectrum, fp32.
at::Tensor task_matrix(int64_t m, int64_t n) {
  const int64_t r = std::min(m, n);
  const at::Tensor scale = at::arange(r, at::kDouble).div(0.2 * static_cast<double>(r)).add(1);
  return at::matmul(random_tensor({m, r}, 1).mul(scale.pow(-1.7)), random_tensor({r, n}, 2))
      .to(at::kFloat);
}

void require(bool is_right, benchmark::State& state) {
  if (!is_right) state.SkipWithError("the answer is wrong");
}

void ThinSvdSingle(benchmark::State& state) {  // what the published code does
  const at::Tensor a = task_matrix(state.range(0), state.range(1));
  for (auto _ : state) benchmark::DoNotOptimize(thin_svd(a));
}

void LeadingTriplets(benchmark::State& state) {
  const at::Tensor a = task_matrix(state.range(0), state.range(1));
  const int64_t k = std::min(state.range(0), state.range(1)) / 8;
  const Svd want = leading_triplets(a, k, Route::kLapack),
            got = leading_triplets(a, k, Route::kGram);
  require(relative_error(at::matmul(got.u.mul(got.s), got.vt),
                         at::matmul(want.u.mul(want.s), want.vt)) < 1e-8,
          state);
  for (auto _ : state) benchmark::DoNotOptimize(leading_triplets(a, k, Route::kGram));
}

// Of order r, k of them.
void eigenpairs(benchmark::State& state, SymmetricEigen (*pairs)(const at::Tensor&, int64_t)) {
  const int64_t r = state.range(0), k = state.range(1);
  const at::Tensor g = gram_of_rows(task_matrix(4 * r, r).t());
  const at::Tensor got = pairs(g, k).vectors, want = all_eigenpairs(g).leading(k).vectors;
  require(relative_error(at::matmul(want, at::matmul(want.t(), got)), got) < 1e-7, state);
  for (auto _ : state) benchmark::DoNotOptimize(pairs(g, k));
}
void LanczosEigenpairs(benchmark::State& state) { eigenpairs(state, leading_eigenpairs); }
void LapackEigenpairs(benchmark::State& state) { eigenpairs(state, lapack_eigenpairs); }

void PolarFactor(benchmark::State& state) {
  const at::Tensor a = task_matrix(state.range(0), state.range(1));
  const int64_t r = std::min(state.range(0), state.range(1));
  const auto polar = [&](Route route) { return polar_factor(a, r, NullSpace::kZero, route); };
  require(relative_error(polar(Route::kGram).factor, polar(Route::kLapack).factor) < 1e-4, state);
  for (auto _ : state) benchmark::DoNotOptimize(polar(Route::kGram));
}

void GramOfRows(benchmark::State& state) {
  const at::Tensor a = task_matrix(state.range(0), state.range(1)).to(at::kDouble);
  require(relative_error(gram_of_rows(a), at::matmul(a, a.t())) < 1e-13, state);
  for (auto _ : state) benchmark::DoNotOptimize(gram_of_rows(a));
}

void shapes(benchmark::internal::Benchmark* bench) {
  for (const int64_t r : {768, 1024}) bench->Args({r, r})->Args({4 * r, r})->Args({r, 4 * r});
  bench->Unit(benchmark::kMillisecond)->MinTime(0.2);
}

void parts(benchmark::internal::Benchmark* bench) {
  bench->Args({768, 5})->Args({768, 48})->Args({768, 96})->Args({1024, 64});
  bench->Unit(benchmark::kMillisecond)->MinTime(0.2);
}

BENCHMARK(ThinSvdSingle)->Apply(shapes);
BENCHMARK(LeadingTriplets)->Apply(shapes);
BENCHMARK(PolarFactor)->Apply(shapes);
BENCHMARK(GramOfRows)->Apply(shapes);
BENCHMARK(LanczosEigenpairs)->Apply(parts);
BENCHMARK(LapackEigenpairs)->Apply(parts);

}  // namespace
}  // namespace isomerge

int main(int argc, char** argv) {
  at::set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
