#include "eval/statistics.h"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/all.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "base/text.h"
#include "checkpoint/safetensors.h"
#include "model/linear_capture.h"
#include "model/single_thread.h"

namespace isomerge {
namespace {

// One sum: of a parameter's squared gradients, or of the products of one kind of rows.
struct Sum {
  std::string tensor;  // its name in the file
  std::string weight;  // whose gradients, inputs or outputs
  std::vector<int64_t> shape;
  at::Tensor total = {};
  int64_t rows = 0;  // of a matrix

  uint64_t bytes() const {
    uint64_t entries = 1;
    for (const int64_t size : shape) entries *= static_cast<uint64_t>(size);
    return 4 * entries;
  }
};

// What one example adds: rows of activations or gradients, or gradients themselves, by position.
using Contribution = std::vector<std::vector<at::Tensor>>;

class Collector {
 public:
  Collector(BoundModule& module, const Objective& objective, int64_t count,
            const StatisticsOptions& options)
      : module_(module),
        objective_(objective),
        count_(count),
        options_(options),
        parameters_(module.trainable_parameters()) {
    plan();
  }

  const std::vector<Sum>& sums() const { return sums_; }
  const std::map<std::string, std::string>& inputs() const { return inputs_; }

  StatisticsSummary run(SafetensorsWriter& writer) {
    StatisticsSummary summary;
    summary.tensors = static_cast<int64_t>(sums_.size());
    summary.skipped = skipped_;
    const auto parts = passes();
    int64_t done = 0;
    for (const auto& [first, last] : parts) {
      uint64_t bytes = 0;
      for (size_t i = first; i < last; ++i) {
        sums_[i].total = at::zeros(sums_[i].shape, at::kFloat);
        bytes += sums_[i].bytes();
      }
      gather(first, last, &done, count_ * static_cast<int64_t>(parts.size()));
      for (size_t i = first; i < last; ++i) write(sums_[i], writer);
      ++summary.passes;
      summary.bytes = std::max(summary.bytes, bytes);
    }
    return summary;
  }

 private:
  static std::vector<Example> example(int64_t index) { return {{index}}; }

  // What there is to sum, from the first example.
  void plan() {
    if (options_.kind == StatisticsKind::kFisher) {
      for (const auto& [name, tensor] : parameters_)
        sums_.push_back({name, name, tensor.sizes().vec()});
    } else if (options_.kind == StatisticsKind::kBlockFisher) {
      plan_vectors();
    } else {
      plan_matrices();
    }
    for (size_t s = 0; s < sums_.size(); ++s) sum_of_weight_[sums_[s].weight] = s;
    if (!sums_.empty()) return;
    throw input_error(module_.path().string() +
                      (options_.kind == StatisticsKind::kBlockFisher
                           ? ": no parameter with one dimension to gather blocks of"
                           : ": no linear operation on one of the module's own matrices was seen"));
  }

  void plan_vectors() {
    for (const auto& [name, tensor] : parameters_) {
      if (tensor.dim() != 1) continue;
      const int64_t n = tensor.size(0);
      if (n > options_.widest_output) {
        ++skipped_;
      } else {
        sums_.push_back({"block_fisher/" + name, name, {n, n}});
      }
    }
  }

  // Whether gradients by parameters are summed, by the number of examples.
  bool is_of_parameters() const {
    return options_.kind == StatisticsKind::kFisher ||
           options_.kind == StatisticsKind::kBlockFisher;
  }

  void plan_matrices() {
    const at::NoGradGuard no_gradient;
    std::map<std::string, int64_t> widths;  // of outputs
    for (const auto& [name, tensor] : parameters_) {
      if (tensor.dim() == 2) widths[name] = tensor.size(0);
    }
    LinearCapture capture(module_, /*gradients=*/false);
    objective_.summed_loss(example(0));
    std::map<const void*, std::string> first_of_input;  // kept by `capture`: addresses are unique
    std::map<std::string, int> uses;
    for (const auto& operation : capture.operations()) ++uses[operation->weight];
    std::set<std::string> seen;
    for (const auto& operation : capture.operations()) {
      if (!widths.contains(operation->weight) || !seen.insert(operation->weight).second) continue;
      const std::string& weight = operation->weight;
      if (options_.kind == StatisticsKind::kOutput) {
        const int64_t m = widths.at(weight);
        if (m > options_.widest_output) {
          ++skipped_;
          continue;
        }
        sums_.push_back({"output/" + weight, weight, {m, m}});
        continue;
      }
      const int64_t n = operation->input.size(1);
      // A weight that is used twice has inputs of its own.
      const auto [known, is_new] = uses.at(weight) == 1
                                       ? first_of_input.emplace(operation->input_address, weight)
                                       : std::pair{first_of_input.end(), true};
      const std::string& shared = is_new ? weight : known->second;
      inputs_[weight] = "input/" + shared;
      if (is_new) sums_.push_back({"input/" + weight, weight, {n, n}});
    }
  }

  // [first, last) of the sums, as many in each as fit.
  std::vector<std::pair<size_t, size_t>> passes() const {
    std::vector<std::pair<size_t, size_t>> out;
    uint64_t held = 0;
    for (size_t i = 0; i < sums_.size(); ++i) {
      const uint64_t bytes = sums_[i].bytes();
      if (options_.max_memory > 0 && bytes > options_.max_memory) {
        throw input_error(fmt::format("--max-memory {} is not enough: {} {} takes {}",
                                      human_bytes(options_.max_memory), sums_[i].tensor,
                                      shape_text(sums_[i].shape), human_bytes(bytes)));
      }
      if (out.empty() || (options_.max_memory > 0 && held + bytes > options_.max_memory)) {
        out.push_back({i, i});
        held = 0;
      }
      held += bytes;
      out.back().second = i + 1;
    }
    return out;
  }

  void gather(size_t first, size_t last, int64_t* done, int64_t all) {
    const SingleThread single_thread;
    ordered_parallel(
        static_cast<size_t>(count_), options_.threads,
        [&](size_t i) {
          throw_if_interrupted();
          try {
            return contribution(static_cast<int64_t>(i), first, last);
          } catch (const Error& error) {
            throw error.during(fmt::format("example {}", i));
          }
        },
        [&](size_t i, const Contribution& parts) {
          const at::NoGradGuard no_gradient;
          for (size_t s = first; s < last; ++s) {
            for (const at::Tensor& part : parts[s - first]) add(sums_[s], part, i);
          }
          if (options_.on_progress) options_.on_progress(++*done, all);
        });
  }

  Contribution contribution(int64_t index, size_t first, size_t last) const {
    Contribution parts(last - first);
    if (is_of_parameters()) {
      const bool is_row = options_.kind == StatisticsKind::kBlockFisher;
      const auto gradients = differentiate(index, weights_of(first, last));
      for (size_t i = 0; i < gradients.size(); ++i) {
        if (!gradients[i].defined()) continue;
        const at::Tensor gradient = gradients[i].detach();
        parts[i].push_back(is_row ? gradient.reshape({1, -1}) : gradient);
      }
      return parts;
    }
    const bool gradients = options_.kind == StatisticsKind::kOutput;
    LinearCapture capture(module_, gradients);
    if (gradients) {
      differentiate(index, weights_of(first, last));
    } else {
      const at::NoGradGuard no_gradient;
      objective_.summed_loss(example(index));
    }
    for (const auto& operation : capture.operations()) {
      const auto sum = sum_of_weight_.find(operation->weight);
      if (sum == sum_of_weight_.end() || sum->second < first || sum->second >= last) continue;
      const at::Tensor& rows = gradients ? operation->gradient : operation->input;
      if (rows.defined()) parts[sum->second - first].push_back(rows);
    }
    return parts;
  }

  std::vector<at::Tensor> weights_of(size_t first, size_t last) const {
    std::vector<at::Tensor> out;
    for (size_t s = first; s < last; ++s) out.push_back(parameters_.at(sums_[s].weight));
    return out;
  }

  // Of the mean over the example's tokens.
  std::vector<at::Tensor> differentiate(int64_t index, const std::vector<at::Tensor>& by) const {
    const auto examples = example(index);
    return isomerge::differentiate(
        objective_, objective_.summed_loss(examples).div(objective_.weight(examples)), by);
  }

  void add(Sum& sum, const at::Tensor& part, size_t index) const {
    const at::Tensor rows = part.to(at::kCPU, at::kFloat);
    if (!at::all(at::isfinite(rows)).item<bool>()) {
      throw input_error(fmt::format(
          "example {}: {} of {} has NaN or Inf", index,
          options_.kind == StatisticsKind::kInput ? "the input" : "the gradient", sum.weight));
    }
    if (options_.kind == StatisticsKind::kFisher) {
      sum.total.addcmul_(rows, rows);
    } else {
      sum.total.addmm_(rows.t(), rows);
      sum.rows += rows.size(0);
    }
  }

  void write(Sum& sum, SafetensorsWriter& writer) const {
    const bool is_fisher = options_.kind == StatisticsKind::kFisher;
    const int64_t divisor = is_of_parameters() ? count_ : std::max<int64_t>(sum.rows, 1);
    sum.total.div_(static_cast<double>(divisor));
    writer.write(sum.tensor, is_fisher ? sum.total : pack_symmetric(sum.total));
    sum.total = at::Tensor();
  }

  BoundModule& module_;
  const Objective& objective_;
  const int64_t count_;
  const StatisticsOptions& options_;
  const Weights parameters_;
  std::vector<Sum> sums_;
  std::map<std::string, size_t> sum_of_weight_;  // position in sums_
  std::map<std::string, std::string> inputs_;    // weight -> tensor with its input's matrix
  int64_t skipped_ = 0;
};

}  // namespace

StatisticsSummary write_statistics(const std::filesystem::path& folder,
                                   const StatisticsOrigin& origin, BoundModule& module,
                                   const Objective& objective, int64_t count,
                                   const StatisticsOptions& options) {
  const auto path = statistics_path(folder, origin.task, options.kind);
  try {
    require_writable_folder(folder);
    Collector collector(module, objective, count, options);
    std::vector<TensorInfo> infos;
    for (const Sum& sum : collector.sums()) {
      const bool is_fisher = options.kind == StatisticsKind::kFisher;
      const int64_t n = is_fisher ? 0 : sum.shape[0];
      infos.push_back(
          {sum.tensor, at::kFloat, is_fisher ? sum.shape : std::vector<int64_t>{n * (n + 1) / 2}});
    }
    auto metadata = origin_metadata(origin);
    for (const auto& [weight, tensor] : collector.inputs()) metadata[input_key(weight)] = tensor;
    SafetensorsWriter writer(path, infos, metadata);
    const StatisticsSummary summary = collector.run(writer);
    writer.commit();
    return summary;
  } catch (const Error& error) {
    throw error.during("statistics of " + origin.task);
  }
}

}  // namespace isomerge
