#include "linalg/openblas.h"

#include <cstdlib>
#include <limits>
#include <string_view>
#include <vector>

#include <ATen/ops/empty.h>
#include <dlfcn.h>

namespace isomerge {
namespace {

// Fortran's interface: everything by pointer, lengths of texts at the end.
using Dsyrk = void (*)(const char* uplo, const char* trans, const int* n, const int* k,
                       const double* alpha, const double* a, const int* lda, const double* beta,
                       double* c, const int* ldc, size_t, size_t);
using Dsyevr = void (*)(const char* jobz, const char* range, const char* uplo, const int* n,
                        double* a, const int* lda, const double* vl, const double* vu,
                        const int* il, const int* iu, const double* abstol, int* m, double* w,
                        double* z, const int* ldz, int* isuppz, double* work, const int* lwork,
                        int* iwork, const int* liwork, int* info, size_t, size_t, size_t);

struct Library {
  Dsyrk dsyrk = nullptr;
  Dsyevr dsyevr = nullptr;
};

Library load() {
  Library library;
#ifndef __SANITIZE_ADDRESS__
  const char* wanted = std::getenv("ISOMERGE_OPENBLAS");
  if (wanted != nullptr && std::string_view(wanted) == "0") return library;
  ::setenv("OPENBLAS_NUM_THREADS", "1", 0);  // no pool of threads that nobody would use
  void* handle = ::dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
  if (handle == nullptr) return library;
  if (auto* set = reinterpret_cast<void (*)(int)>(::dlsym(handle, "openblas_set_num_threads"))) {
    set(1);
  }
  library.dsyrk = reinterpret_cast<Dsyrk>(::dlsym(handle, "dsyrk_"));
  library.dsyevr = reinterpret_cast<Dsyevr>(::dlsym(handle, "dsyevr_"));
#endif
  return library;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

bool fits_int(int64_t size) { return size <= std::numeric_limits<int>::max(); }

}  // namespace

bool has_openblas() { return library().dsyrk != nullptr && library().dsyevr != nullptr; }

std::optional<at::Tensor> openblas_gram(const at::Tensor& a) {
  if (!has_openblas() || !a.device().is_cpu() || !fits_int(a.size(0)) || !fits_int(a.size(1))) {
    return std::nullopt;
  }
  const int m = static_cast<int>(a.size(0)), n = static_cast<int>(a.size(1));
  const double one = 1.0, zero = 0.0;
  at::Tensor gram = at::empty({m, m}, a.options());
  // Column-major, `a` is its transpose [n, m]: C = A^T A, lower triangle, which is our upper one.
  library().dsyrk("L", "T", &m, &n, &one, a.const_data_ptr<double>(), &n, &zero,
                  gram.mutable_data_ptr<double>(), &m, 1, 1);
  return gram.triu().add_(gram.triu(1).t());
}

std::optional<std::pair<at::Tensor, at::Tensor>> openblas_eigenpairs(const at::Tensor& g,
                                                                     int64_t k) {
  if (!has_openblas() || !g.device().is_cpu() || k < 1 || !fits_int(g.size(0))) return std::nullopt;
  const int r = static_cast<int>(g.size(0)), first = r - static_cast<int>(k) + 1;
  at::Tensor copy = g.clone().contiguous();  // overwritten
  at::Tensor values = at::empty({r}, g.options()), vectors = at::empty({k, r}, g.options());
  std::vector<int> support(2 * static_cast<size_t>(k));
  const double unused = 0.0;
  int found = 0, info = 0, work_size = -1, integers_size = -1, integers_wanted = 0;
  double work_wanted = 0.0;
  const auto call = [&](double* work, int* integers) {
    library().dsyevr("V", "I", "L", &r, copy.mutable_data_ptr<double>(), &r, &unused, &unused,
                     &first, &r, &unused, &found, values.mutable_data_ptr<double>(),
                     vectors.mutable_data_ptr<double>(), &r, support.data(), work, &work_size,
                     integers, &integers_size, &info, 1, 1, 1);
  };
  call(&work_wanted, &integers_wanted);  // asks how much it needs
  if (info != 0) return std::nullopt;
  work_size = static_cast<int>(work_wanted);
  integers_size = integers_wanted;
  std::vector<double> work(static_cast<size_t>(work_size));
  std::vector<int> integers(static_cast<size_t>(integers_size));
  call(work.data(), integers.data());
  if (info != 0 || found != k) return std::nullopt;
  return std::pair(values.narrow(0, 0, k), vectors.t());
}

}  // namespace isomerge
