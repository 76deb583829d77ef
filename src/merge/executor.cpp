#include "merge/executor.h"

#include <algorithm>
#include <new>

#include <ATen/Parallel.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/progress.h"

namespace isomerge {
namespace {

struct Produced {
  MergedTensor tensor;
  int64_t cut = 0;
  bool is_zero = false;             // no task changed it
  std::vector<std::string> hashes;  // of every expert's bytes
};

// LibTorch's own errors become ours at the edge of the room.
Error translated(const c10::Error& error) {
  const std::string text = error.what_without_backtrace();
  const bool memory = text.find("allocate memory") != std::string::npos;
  return {memory ? Fault::kMachine : Fault::kInternal, text.substr(0, text.find('\n'))};
}

Merged apply_rule(const Rules& rules, Role role, std::vector<Update> updates, c10::Device device) {
  const Rule& rule = role == Role::kMatrix && rules.matrix ? rules.matrix : rules.other;
  if (device.is_cpu()) return rule(updates);
  for (Update& update : updates) update = Update(update.dense().to(device));
  Merged merged = rule(updates);
  merged.update = merged.update.to(c10::kCPU);
  return merged;
}

Produced merge_tensor(const Updates& updates, const Rules& rules, const MergeSettings& settings,
                      const TensorInfo& info) {
  Produced out{{info, settings.roles.role_of(info), {}, {}}, 0, false, {}};
  if (out.tensor.role == Role::kCopied) {
    updates.require_equal(info.name);
    out.tensor.base = updates.base().read(info.name);
    return out;
  }
  Updates::Loaded loaded = updates.load(info.name, settings.dtype);
  out.hashes = std::move(loaded.hashes);
  out.tensor.base = std::move(loaded.base);
  out.is_zero = std::all_of(loaded.updates.begin(), loaded.updates.end(),
                            [](const Update& update) { return update.is_zero(); });
  if (out.tensor.role == Role::kExcluded || out.is_zero) {
    out.tensor.update = at::zeros_like(out.tensor.base);
    return out;
  }
  Merged merged = apply_rule(rules, out.tensor.role, std::move(loaded.updates), settings.device);
  out.tensor.update = merged.update;
  out.cut = merged.cut;
  return out;
}

// The same with every failure as an Error that names the tensor.
Produced merge_tensor_named(const Updates& updates, const Rules& rules,
                            const MergeSettings& settings, const TensorInfo& info) {
  throw_if_interrupted();
  at::set_num_threads(1);  // one tensor, one thread: the result cannot depend on their number
  try {
    return merge_tensor(updates, rules, settings, info);
  } catch (const c10::Error& error) {
    throw translated(error).during(info.name);
  } catch (const std::bad_alloc&) {
    throw machine_error(info.name + ": out of memory; try --threads 1");
  } catch (const Error& error) {
    if (std::string_view(error.what()).find(info.name) != std::string_view::npos) throw;
    throw error.during(info.name);
  }
}

class Summarizer {
 public:
  explicit Summarizer(const std::vector<std::string>& tasks)
      : tasks_(tasks), hashes_(tasks.size()) {}

  void add(const Produced& produced) {
    switch (produced.tensor.role) {
      case Role::kMatrix:
        ++summary_.matrices;
        break;
      case Role::kOther:
        ++summary_.others;
        break;
      case Role::kExcluded:
        ++summary_.excluded;
        break;
      case Role::kCopied:
        ++summary_.copied;
        break;
    }
    if (produced.is_zero) ++summary_.zero_updates;
    if (produced.cut > 0) summary_.cut.emplace_back(produced.tensor.info.name, produced.cut);
    for (size_t t = 0; t < produced.hashes.size(); ++t) hashes_[t].update(produced.hashes[t]);
  }

  MergeSummary finish() {
    for (size_t a = 0; a < tasks_.size(); ++a) {
      for (size_t b = a + 1; b < tasks_.size(); ++b) {
        if (hashes_[a].digest() == hashes_[b].digest()) {
          summary_.equal_experts.emplace_back(tasks_[a], tasks_[b]);
        }
      }
    }
    return summary_;
  }

 private:
  const std::vector<std::string>& tasks_;
  std::vector<Hasher> hashes_;
  MergeSummary summary_;
};

}  // namespace

MergeSummary merge_updates(const Updates& updates, const Rules& rules,
                           const MergeSettings& settings,
                           const std::function<void(MergedTensor)>& sink) {
  settings.roles.require_matches(updates.tensors());
  uint64_t total = 0;
  for (const TensorInfo& info : updates.tensors()) total += updates.bytes(info.name);
  Progress progress("merging", total);
  Summarizer summary(updates.tasks());
  ordered_parallel(
      updates.tensors().size(), settings.threads,
      [&](size_t i) { return merge_tensor_named(updates, rules, settings, updates.tensors()[i]); },
      [&](size_t i, Produced produced) {
        summary.add(produced);
        sink(std::move(produced.tensor));
        progress.add(updates.bytes(updates.tensors()[i].name), updates.tensors()[i].name);
      });
  return summary.finish();
}

}  // namespace isomerge
