// merge/run_rule.h -- an element-wise rule led through its passes by hand, with the blocks and
// threads that a test asks for.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/ops/tensor.h>

#include "merge/elementwise.h"

namespace isomerge {

using Entries = std::vector<double>;

// tensor name -> the updates of its entries, task by task
using RuleModel = std::map<std::string, std::vector<Entries>>;

struct RuleCut {
  at::ScalarType dtype = at::kFloat;
  size_t block = 1'000'000;  // entries
  size_t states = 1;         // of a pass, as if that many threads ran it; blocks are dealt to them
};

// Calls `use` for every block, the last first.
template <typename Use>
void for_each_block(const RuleModel& model, const std::vector<std::string>& tasks,
                    const RuleCut& cut, const Use& use) {
  for (auto tensor = model.rbegin(); tensor != model.rend(); ++tensor) {
    const auto& [name, updates] = *tensor;
    const size_t size = updates.front().size();
    const TensorInfo info{name, cut.dtype, {static_cast<int64_t>(size)}};
    for (size_t blocks = (size + cut.block - 1) / cut.block; blocks > 0; --blocks) {
      const size_t first = (blocks - 1) * cut.block, count = std::min(cut.block, size - first);
      Block block{info, tasks, static_cast<int64_t>(first), {}};
      for (const Entries& update : updates) {
        const auto begin = update.begin() + static_cast<int64_t>(first);
        block.updates.push_back(
            at::tensor(Entries(begin, begin + static_cast<int64_t>(count)), cut.dtype));
      }
      use(block);
    }
  }
}

// One pass over the model, as a state that holds what all its threads found.
template <typename Start>
std::unique_ptr<ScanState> scan_model(const RuleModel& model, const std::vector<std::string>& tasks,
                                      const RuleCut& cut, const Start& start) {
  std::vector<std::unique_ptr<ScanState>> states;
  for (size_t i = 0; i < cut.states; ++i) states.push_back(start());
  size_t number = 0;
  for_each_block(model, tasks, cut,
                 [&](const Block& block) { states[number++ % cut.states]->fold(block); });
  std::unique_ptr<ScanState> total = start();
  for (const auto& state : states) total->absorb(*state);
  return total;
}

// The merged update of every tensor.
inline std::map<std::string, Entries> run_rule(ElementwiseRule& rule, const RuleModel& model,
                                               const std::vector<std::string>& tasks,
                                               const RuleCut& cut = {}) {
  rule.prepare(tasks, cut.dtype);
  for (int scan = 0; scan < rule.scans(); ++scan) {
    rule.finish_scan(scan, *scan_model(model, tasks, cut, [&] { return rule.start_scan(scan); }));
  }
  std::map<std::string, Entries> merged;
  for (const auto& [name, updates] : model) merged[name].resize(updates.front().size());
  for_each_block(model, tasks, cut, [&](const Block& block) {
    const at::Tensor out = rule.merge(block).to(at::kDouble);
    const double* const values = out.const_data_ptr<double>();
    std::copy(values, values + block.size(), merged.at(block.info.name).begin() + block.first);
  });
  return merged;
}

// The same for a model of one tensor "w" with tasks "a", "b", ...
inline Entries run_rule(ElementwiseRule& rule, const std::vector<Entries>& updates,
                        const RuleCut& cut = {}) {
  std::vector<std::string> tasks;
  for (size_t t = 0; t < updates.size(); ++t) tasks.emplace_back(1, static_cast<char>('a' + t));
  return run_rule(rule, {{"w", updates}}, tasks, cut).at("w");
}

// Three tasks, two tensors of 700 and 300 entries: multiples of 1/8 with many ties, zeros and sums
// that cancel.
inline RuleModel crowded_model() {
  RuleModel model{{"v", {}}, {"w", {}}};
  uint64_t state = 1;
  for (auto& [name, updates] : model) {
    updates.assign(3, Entries(name == "v" ? 700 : 300));
    for (Entries& update : updates) {
      for (double& x : update) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x = static_cast<double>(static_cast<int64_t>(state >> 33) % 33 - 16) / 8.0;
      }
    }
  }
  return model;
}

// Ways to cut a model up that must not change what comes out.
inline std::vector<RuleCut> other_cuts(at::ScalarType dtype) {
  return {{dtype, 1, 1}, {dtype, 7, 3}, {dtype, 64, 2}, {dtype, 1'000'000, 4}};
}

}  // namespace isomerge
