#include "support/formula.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include <ATen/ops/empty.h>

namespace isomerge {
namespace {

uint64_t fnv1a(const std::string& text) {
  uint64_t value = 0xCBF29CE484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return value;
}

// Nearest multiple of `unit`, a power of two.
double on_grid(double x, double unit) { return std::nearbyint(x / unit) * unit; }

// Row-major [m, n].
struct Matrix {
  int64_t m = 0;
  int64_t n = 0;
  std::vector<double> data;

  Matrix(int64_t rows, int64_t columns)
      : m(rows), n(columns), data(static_cast<size_t>(rows * columns)) {}
  double* row(int64_t i) { return data.data() + i * n; }
};

enum class Side { kLeft, kRight };

// One plane rotation: coordinates `low` and `high` of the rotated side.
struct Rotation {
  int64_t low, high;
  double c, s;
};

void turn(double& a, double& b, const Rotation& by) {
  const double x = by.c * a - by.s * b;
  b = by.s * a + by.c * b;
  a = x;
}

// x := Q x (left) or x Q^T (right) on the first `n` coordinates of that side, Q a butterfly: stages
// of disjoint plane rotations at distance 1, 2, 4, ... `widest`: largest tan(angle / 2).
void rotate(Matrix& x, Side side, int64_t n, double widest, const Numbers& numbers) {
  int64_t stage = 0;
  for (int64_t stride = 1; stride < n; stride *= 2, ++stage) {
    std::vector<Rotation> rotations;
    for (int64_t i = 0; i + stride < n; ++i) {
      if ((i & stride) != 0) continue;
      const double t = widest * numbers.uniform(n * stage + i);
      rotations.push_back({i, i + stride, (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)});
    }
    if (side == Side::kLeft) {
      for (const Rotation& by : rotations)
        for (int64_t j = 0; j < x.n; ++j) turn(x.row(by.low)[j], x.row(by.high)[j], by);
    } else {
      for (int64_t i = 0; i < x.m; ++i)
        for (const Rotation& by : rotations) turn(x.row(i)[by.low], x.row(i)[by.high], by);
    }
  }
}

// k common directions and s of each task.
struct Split {
  int64_t common, own;
};

Split split(int64_t r, const GoldenCase& golden) {
  const int64_t tasks = golden.tasks;
  const auto fixed = static_cast<int64_t>(golden.fraction * static_cast<double>(r));
  const double exact = static_cast<double>(r - fixed) / static_cast<double>(tasks);
  const int64_t own = std::min(static_cast<int64_t>(std::nearbyint(exact)), r / tasks);
  return {r - own * tasks, own};
}

// Diagonal of the core. `apart`: a task's own directions are among its r / T strongest.
std::vector<double> spectrum(const std::string& name, int64_t task, int64_t r,
                             const GoldenCase& golden, bool apart) {
  const auto [k, s] = split(r, golden);
  const Numbers numbers(name, Stream::kSpectrum, static_cast<uint64_t>(task) + 1);
  const auto w = [&](int64_t j) { return (numbers.uniform(j) + 1.0) * 0.5; };
  std::vector<double> d(static_cast<size_t>(r));
  const auto at = [&d](int64_t j) -> double& { return d[static_cast<size_t>(j)]; };
  for (int64_t j = 0; j < r; ++j) at(j) = j < k ? 0.8 + 0.2 * w(j) : 0.05 + 0.1 * w(j);
  const int64_t strong = r < golden.tasks ? 1 : r / golden.tasks - (apart ? s : 0);
  for (int64_t i = 0; k > 0 && i < strong; ++i) {
    const int64_t j = (task * strong + i) % k;
    at(j) = 1.6 + 0.8 * w(j);
  }
  for (int64_t j = k + task * s; j < k + (task + 1) * s; ++j)
    at(j) = apart ? 1.15 + 0.15 * w(j) : 0.5 + 0.1 * w(j);
  return d;
}

Matrix structured(const GoldenCase& golden, const GoldenTensor& tensor, int64_t task, bool apart) {
  const std::string& name = tensor.name;
  const int64_t m = tensor.shape[0];
  const int64_t n = tensor.shape[1];
  const int64_t r = std::min(m, n);
  const uint64_t of_task = static_cast<uint64_t>(task) + 1;
  Matrix x(m, n);
  const std::vector<double> d = spectrum(name, task, r, golden, apart);
  for (int64_t i = 0; i < r; ++i) x.row(i)[i] = d[static_cast<size_t>(i)];
  const int64_t k = split(r, golden).common;
  rotate(x, Side::kLeft, k, 0.3, {name, Stream::kCommon, of_task});
  rotate(x, Side::kRight, k, 0.3, {name, Stream::kCommon, of_task});
  rotate(x, Side::kLeft, m, 0.05, {name, Stream::kNearLeft, of_task});
  rotate(x, Side::kLeft, m, 1.0, {name, Stream::kFarLeft, kShared});
  rotate(x, Side::kRight, n, 0.05, {name, Stream::kNearRight, of_task});
  rotate(x, Side::kRight, n, 1.0, {name, Stream::kFarRight, kShared});
  for (double& value : x.data) value *= 0.25;
  return x;
}

// Exactly of that rank: products of integers in -8..8.
Matrix low_rank(const GoldenTensor& tensor, int64_t task, int64_t rank) {
  Matrix x(tensor.shape[0], tensor.shape[1]);
  const Numbers left(tensor.name, Stream::kLeft, static_cast<uint64_t>(task) + 1);
  const Numbers right(tensor.name, Stream::kRight, static_cast<uint64_t>(task) + 1);
  for (int64_t i = 0; i < x.m; ++i)
    for (int64_t l = 0; l < rank; ++l)
      for (int64_t j = 0; j < x.n; ++j)
        x.row(i)[j] += 0x1p-12 * std::trunc(9.0 * left.uniform(i * rank + l)) *
                       std::trunc(9.0 * right.uniform(l * x.n + j));
  return x;
}

int64_t elements(const GoldenTensor& tensor) {
  return std::accumulate(tensor.shape.begin(), tensor.shape.end(), int64_t{1},
                         std::multiplies<int64_t>());
}

std::vector<double> update(const GoldenCase& golden, const GoldenTensor& tensor, int64_t task) {
  const std::string& kind = tensor.kind;
  std::vector<double> values(static_cast<size_t>(elements(tensor)));
  if (kind == "zero" || (kind == "hole" && task == 1)) return values;
  if (kind == "uniform") {
    const Numbers numbers(tensor.name, Stream::kLeft, static_cast<uint64_t>(task) + 1);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = on_grid(0.02 * numbers.uniform(static_cast<int64_t>(i)), 0x1p-24);
    return values;
  }
  if (kind.starts_with("rank")) return low_rank(tensor, task, std::stoll(kind.substr(4))).data;
  const bool apart = kind == "structured" || kind == "rounded";
  values = structured(golden, tensor, kind == "same" ? 0 : task, apart).data;
  const double scale = kind == "scales" ? std::pow(4.0, -static_cast<double>(task % 4)) : 1.0;
  for (double& value : values)
    value = on_grid(scale * value, kind == "rounded" ? 0x1p-30 : 0x1p-24);
  return values;
}

}  // namespace

uint64_t mix(uint64_t value) {
  uint64_t z = value + 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

Numbers::Numbers(const std::string& name, Stream stream, uint64_t task)
    : key_(mix(mix(fnv1a(name) + static_cast<uint64_t>(stream)) + task)) {}

at::Tensor golden_base(const GoldenTensor& tensor) {
  const at::Tensor filled = at::empty(tensor.shape, at::kFloat);
  const Numbers numbers(tensor.name, Stream::kBase, kShared);
  float* out = filled.mutable_data_ptr<float>();
  for (int64_t i = 0; i < filled.numel(); ++i) {
    const double value = 0.5 * numbers.uniform(i);
    out[i] = static_cast<float>(tensor.kind == "rounded" ? value : on_grid(value, 0x1p-24));
  }
  return filled;
}

at::Tensor golden_expert(const GoldenCase& golden, const GoldenTensor& tensor, int64_t task) {
  at::Tensor filled = golden_base(tensor);
  const std::vector<double> change = update(golden, tensor, task);
  float* out = filled.mutable_data_ptr<float>();
  for (size_t i = 0; i < change.size(); ++i)
    out[i] = static_cast<float>(static_cast<double>(out[i]) + change[i]);
  return filled;
}

}  // namespace isomerge
