#include "linalg/openblas.h"

#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/ops/empty.h>
#include <dlfcn.h>

namespace isomerge {
namespace {

// Fortran's interface: everything by pointer, lengths of texts at the end.
template <typename Real>
using Gemm = void (*)(const char* transa, const char* transb, const int* m, const int* n,
                      const int* k, const Real* alpha, const Real* a, const int* lda, const Real* b,
                      const int* ldb, const Real* beta, Real* c, const int* ldc, size_t, size_t);
using Dsyrk = void (*)(const char* uplo, const char* trans, const int* n, const int* k,
                       const double* alpha, const double* a, const int* lda, const double* beta,
                       double* c, const int* ldc, size_t, size_t);
using Dsyevd = void (*)(const char* jobz, const char* uplo, const int* n, double* a, const int* lda,
                        double* w, double* work, const int* lwork, int* iwork, const int* liwork,
                        int* info, size_t, size_t);
using Dsytrd = void (*)(const char* uplo, const int* n, double* a, const int* lda, double* d,
                        double* e, double* tau, double* work, const int* lwork, int* info, size_t);
using Dstemr = void (*)(const char* jobz, const char* range, const int* n, double* d, double* e,
                        const double* vl, const double* vu, const int* il, const int* iu, int* m,
                        double* w, double* z, const int* ldz, const int* nzc, int* isuppz,
                        int* tryrac, double* work, const int* lwork, int* iwork, const int* liwork,
                        int* info, size_t, size_t);
using Dormtr = void (*)(const char* side, const char* uplo, const char* trans, const int* m,
                        const int* n, const double* a, const int* lda, const double* tau, double* c,
                        const int* ldc, double* work, const int* lwork, int* info, size_t, size_t,
                        size_t);

struct Library {
  Gemm<double> dgemm = nullptr;
  Gemm<float> sgemm = nullptr;
  Dsyrk dsyrk = nullptr;
  Dsyevd dsyevd = nullptr;
  Dsytrd dsytrd = nullptr;
  Dstemr dstemr = nullptr;
  Dormtr dormtr = nullptr;
  std::string kernel;
  bool is_whole = false;
};

template <typename Function>
bool find(void* handle, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(::dlsym(handle, name));
  return *function != nullptr;
}

void* open_library() { return ::dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND); }

std::string kernel_of(void* handle) {
  char* (*name)() = nullptr;
  return handle != nullptr && find(handle, "openblas_get_corename", &name) ? name() : "";
}

// OpenBLAS knows processors by their model numbers, and takes one that is newer than itself for the
// first with SSE3: a fifth of the speed. What the processor can do decides then. It reads the
// variable as it is loaded, so it is loaded once more; a choice that a person made stays.
void* open_with_kernel_of_processor() {
  constexpr const char* kVariable = "OPENBLAS_CORETYPE";
  void* handle = open_library();
  if (kernel_of(handle) != "Prescott" || std::getenv(kVariable) != nullptr) return handle;
  const char* able = nullptr;
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) able = "Haswell";
  if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    able = "SkylakeX";
  }
#endif
  if (able == nullptr) return handle;
  ::dlclose(handle);
  ::setenv(kVariable, able, 0);
  handle = open_library();
  ::unsetenv(kVariable);
  return handle;
}

Library load() {
  Library library;
#ifndef __SANITIZE_ADDRESS__
  const char* wanted = std::getenv("ISOMERGE_OPENBLAS");
  if (wanted != nullptr && std::string_view(wanted) == "0") return library;
  ::setenv("OPENBLAS_NUM_THREADS", "1", 0);  // no pool of threads that nobody would use
  void* handle = open_with_kernel_of_processor();
  if (handle == nullptr) return library;
  library.kernel = kernel_of(handle);
  void (*set_threads)(int) = nullptr;
  if (find(handle, "openblas_set_num_threads", &set_threads)) set_threads(1);
  library.is_whole =
      find(handle, "dgemm_", &library.dgemm) && find(handle, "sgemm_", &library.sgemm) &&
      find(handle, "dsyrk_", &library.dsyrk) && find(handle, "dsyevd_", &library.dsyevd) &&
      find(handle, "dsytrd_", &library.dsytrd) && find(handle, "dstemr_", &library.dstemr) &&
      find(handle, "dormtr_", &library.dormtr);
#endif
  return library;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

bool can_take(const at::Tensor& a) {
  constexpr int64_t kLargest = std::numeric_limits<int>::max();
  return has_openblas() && a.device().is_cpu() && a.numel() > 0 && a.size(0) <= kLargest &&
         a.size(1) <= kLargest && a.stride(0) <= kLargest && a.stride(1) <= kLargest;
}

// A row-major matrix as Fortran sees it: column by column, hence transposed.
struct Operand {
  explicit Operand(const at::Tensor& a) : tensor(a) {
    const bool by_columns = a.stride(0) == 1 && a.stride(1) >= a.size(0);
    if (!by_columns && !(a.stride(1) == 1 && a.stride(0) >= a.size(1))) tensor = a.contiguous();
    is_transposed = by_columns;
    leading = static_cast<int>(tensor.stride(by_columns ? 1 : 0));
  }

  at::Tensor tensor;
  bool is_transposed = false;  // against the row-major layout
  int leading = 0;
};

template <typename Real>
void product_into(const at::Tensor& c, Gemm<Real> gemm, const at::Tensor& a, const at::Tensor& b) {
  const Operand left(a), right(b);
  const int m = static_cast<int>(a.size(0)), n = static_cast<int>(b.size(1));
  const int k = static_cast<int>(a.size(1)), leading = static_cast<int>(c.stride(0));
  const Real one = 1, zero = 0;
  // c^T = b^T a^T, all as Fortran sees them.
  gemm(right.is_transposed ? "T" : "N", left.is_transposed ? "T" : "N", &n, &m, &k, &one,
       right.tensor.const_data_ptr<Real>(), &right.leading, left.tensor.const_data_ptr<Real>(),
       &left.leading, &zero, c.mutable_data_ptr<Real>(), &leading, 1, 1);
}

template <typename Real>
at::Tensor product_by(Gemm<Real> gemm, const at::Tensor& a, const at::Tensor& b) {
  at::Tensor c = at::empty({a.size(0), b.size(1)}, a.options());
  product_into(c, gemm, a, b);
  return c;
}

// Two rooms to work in, of the sizes that a routine asks for when it is called with size -1.
struct Workspace {
  template <typename Routine>
  explicit Workspace(const Routine& routine) {
    double wanted = 0.0;
    int integers_wanted = 0;
    size = integers_size = -1;
    routine(&wanted, &integers_wanted, *this);
    size = static_cast<int>(wanted);
    integers_size = integers_wanted;
    numbers.resize(static_cast<size_t>(size));
    integers.resize(static_cast<size_t>(integers_size));
  }

  std::vector<double> numbers;
  std::vector<int> integers;
  int size = -1, integers_size = -1;
};

// Asks `routine(work, integers, workspace)` how much it needs, then calls it with that.
template <typename Routine>
void call_with_workspace(const Routine& routine) {
  Workspace workspace(routine);
  routine(workspace.numbers.data(), workspace.integers.data(), workspace);
}

using Eigenpairs = std::optional<std::pair<at::Tensor, at::Tensor>>;

Eigenpairs all_pairs(at::Tensor g) {  // by divide and conquer; g is overwritten
  const int r = static_cast<int>(g.size(0));
  at::Tensor values = at::empty({r}, g.options());
  int info = 0;
  call_with_workspace([&](double* work, int* integers, const Workspace& workspace) {
    library().dsyevd("V", "L", &r, g.mutable_data_ptr<double>(), &r,
                     values.mutable_data_ptr<double>(), work, &workspace.size, integers,
                     &workspace.integers_size, &info, 1, 1);
  });
  if (info != 0) return std::nullopt;
  return std::pair(values, g.t());
}

// Tridiagonal form, some of its pairs, and back. dsyevr would find some pairs by bisection and
// inverse iteration, which takes longer.
Eigenpairs some_pairs(at::Tensor g, int k) {
  const int r = static_cast<int>(g.size(0)), first = r - k + 1;
  at::Tensor values = at::empty({r}, g.options()), vectors = at::empty({k, r}, g.options());
  std::vector<double> diagonal(static_cast<size_t>(r)), beside(diagonal), reflectors(diagonal);
  std::vector<int> support(2 * static_cast<size_t>(k));
  const double unused = 0.0;
  int found = 0, info = 0, with_accuracy = 1;
  double* tridiagonal = g.mutable_data_ptr<double>();
  double* z = vectors.mutable_data_ptr<double>();
  call_with_workspace([&](double* work, int*, const Workspace& workspace) {
    library().dsytrd("L", &r, tridiagonal, &r, diagonal.data(), beside.data(), reflectors.data(),
                     work, &workspace.size, &info, 1);
  });
  if (info != 0) return std::nullopt;
  call_with_workspace([&](double* work, int* integers, const Workspace& workspace) {
    library().dstemr("V", "I", &r, diagonal.data(), beside.data(), &unused, &unused, &first, &r,
                     &found, values.mutable_data_ptr<double>(), z, &r, &k, support.data(),
                     &with_accuracy, work, &workspace.size, integers, &workspace.integers_size,
                     &info, 1, 1);
  });
  if (info != 0 || found != k) return std::nullopt;
  call_with_workspace([&](double* work, int*, const Workspace& workspace) {
    library().dormtr("L", "L", "N", &r, &k, tridiagonal, &r, reflectors.data(), z, &r, work,
                     &workspace.size, &info, 1, 1, 1);
  });
  if (info != 0) return std::nullopt;
  return std::pair(values.narrow(0, 0, k), vectors.t());
}

}  // namespace

bool has_openblas() { return library().is_whole; }

bool openblas_is_faster() {
#ifdef __x86_64__
  return has_openblas() && !__builtin_cpu_is("intel");
#else
  return has_openblas();
#endif
}

std::string openblas_kernel() { return library().kernel; }

std::optional<at::Tensor> openblas_product(const at::Tensor& a, const at::Tensor& b) {
  if (!can_take(a) || !can_take(b) || a.scalar_type() != b.scalar_type()) return std::nullopt;
  switch (a.scalar_type()) {
    case at::kDouble:
      return product_by(library().dgemm, a, b);
    case at::kFloat:
      return product_by(library().sgemm, a, b);
    default:
      return std::nullopt;
  }
}

bool openblas_write_product(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b) {
  if (!can_take(a) || !can_take(b) || c.stride(1) != 1) return false;
  product_into(c, library().dgemm, a, b);
  return true;
}

bool openblas_add_upper_gram(const at::Tensor& gram, const at::Tensor& a) {
  if (!can_take(a)) return false;
  const Operand rows(a);
  const int m = static_cast<int>(a.size(0)), n = static_cast<int>(a.size(1));
  const double one = 1.0;
  // Fortran's lower triangle is our upper one.
  library().dsyrk("L", rows.is_transposed ? "N" : "T", &m, &n, &one,
                  rows.tensor.const_data_ptr<double>(), &rows.leading, &one,
                  gram.mutable_data_ptr<double>(), &m, 1, 1);
  return true;
}

std::optional<std::pair<at::Tensor, at::Tensor>> openblas_eigenpairs(const at::Tensor& g,
                                                                     int64_t k) {
  if (!can_take(g) || g.scalar_type() != at::kDouble || k < 1 || k > g.size(0)) return std::nullopt;
  at::Tensor copy = g.clone(at::MemoryFormat::Contiguous);  // overwritten
  return k == g.size(0) ? all_pairs(std::move(copy))
                        : some_pairs(std::move(copy), static_cast<int>(k));
}

}  // namespace isomerge
