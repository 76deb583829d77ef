#include "merge/tall_mask_file.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/text.h"
#include "checkpoint/tensor_hash.h"
#include "merge/masked_sum.h"

namespace isomerge {
namespace {

constexpr int64_t kBits = 8;  // of a byte

int64_t mask_bytes(int64_t entries) { return (entries + kBits - 1) / kBits; }

std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "Cars/model.visual.proj" -> "Cars"; "" for a name that is none of a mask.
std::string task_of(const std::string& name) {
  const size_t slash = name.find('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

class MaskedRule : public ElementwiseRule {
 public:
  MaskedRule(std::shared_ptr<const TallMaskFile> masks, int64_t min_tasks)
      : masks_(std::move(masks)), min_tasks_(min_tasks) {}

  at::Tensor merge(const Block& block) const override {
    std::vector<int64_t> votes(static_cast<size_t>(block.size()), 0);
    for (const std::string& task : block.tasks) {
      const std::vector<uint8_t> bits = masks_->read(task, block.info, block.first, block.size());
      for (size_t i = 0; i < votes.size(); ++i) votes[i] += bits[i];
    }
    return masked_sum_of(block, [&](size_t i, const std::vector<double>&, double) {
      return votes[i] >= min_tasks_;
    });
  }

 private:
  std::shared_ptr<const TallMaskFile> masks_;
  int64_t min_tasks_;
};

}  // namespace

TallMaskFile::TallMaskFile(const std::filesystem::path& path) : file_(path) {
  std::set<std::string> tasks;
  for (const TensorInfo& info : file_.tensors()) {
    const std::string task = task_of(info.name);
    if (task.empty() || info.dtype != at::kByte || info.shape.size() != 1) {
      throw input_error(fmt::format(
          "{}: {}: expected masks TASK/TENSOR of packed bits, uint8 [bytes], got {} {}; "
          "models/unpickle.py masks makes such a file",
          file_.label(), info.name, dtype_text(info.dtype), shape_text(info.shape)));
    }
    tasks.insert(task);
  }
  tasks_.assign(tasks.begin(), tasks.end());
}

const std::string* TallMaskFile::find_task(const std::string& task) const {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const std::string& known) {
    return lower_case(known) == lower_case(task);
  });
  return found == tasks_.end() ? nullptr : &*found;
}

void TallMaskFile::require_fit(const std::vector<std::string>& tasks,
                               const std::vector<TensorInfo>& tensors,
                               const RoleRules& roles) const {
  std::vector<std::string> problems;
  std::set<std::string> expected;
  for (const std::string& task : tasks) {
    const std::string* const spelled = find_task(task);
    if (spelled == nullptr) {
      problems.push_back(
          fmt::format("no masks of the task {}; there are those of {}", task, join(tasks_, ", ")));
      continue;
    }
    for (const TensorInfo& info : tensors) {
      const std::string name = *spelled + "/" + info.name;
      expected.insert(name);
      const Role role = roles.role_of(info);
      if (role == Role::kCopied || role == Role::kExcluded) continue;
      if (!file_.contains(name)) {
        problems.push_back(fmt::format("no mask {}", name));
      } else if (file_.require_info(name).shape[0] != mask_bytes(info.elements())) {
        problems.push_back(fmt::format(
            "{}: expected {} bytes, one bit for each of the {} entries, "
            "got {}",
            name, mask_bytes(info.elements()), info.elements(), file_.require_info(name).shape[0]));
      }
    }
  }
  for (const TensorInfo& info : file_.tensors()) {
    const bool is_of_a_merged_task =
        std::any_of(tasks.begin(), tasks.end(), [&](const std::string& task) {
          return lower_case(task) == lower_case(task_of(info.name));
        });
    if (is_of_a_merged_task && !expected.contains(info.name)) {
      problems.push_back(fmt::format("{}: the base has no such tensor", info.name));
    }
  }
  for (const std::string& task : tasks_) {
    const bool is_merged = std::any_of(tasks.begin(), tasks.end(), [&](const std::string& other) {
      return lower_case(other) == lower_case(task);
    });
    if (!is_merged) {
      problems.push_back(fmt::format(
          "{}: a task that is not merged; masks depend on all tasks they were made of", task));
    }
  }
  if (problems.empty()) return;
  constexpr size_t kShown = 20;
  std::string text = fmt::format("{}: {} problems:", file_.label(), problems.size());
  for (size_t i = 0; i < std::min(problems.size(), kShown); ++i) text += "\n  " + problems[i];
  if (problems.size() > kShown) text += fmt::format("\n  and {} more", problems.size() - kShown);
  throw input_error(text);
}

std::vector<uint8_t> TallMaskFile::read(const std::string& task, const TensorInfo& info,
                                        int64_t first, int64_t count) const {
  std::vector<uint8_t> bits(static_cast<size_t>(count));
  if (count == 0) return bits;
  const int64_t begin = first / kBits;
  std::vector<uint8_t> bytes(static_cast<size_t>(mask_bytes(first + count) - begin));
  file_.read_rows(*find_task(task) + "/" + info.name, begin, static_cast<int64_t>(bytes.size()),
                  bytes.data());
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = first + i - begin * kBits;
    const int shift = static_cast<int>(kBits - 1 - at % kBits);
    bits[static_cast<size_t>(i)] = (bytes[static_cast<size_t>(at / kBits)] >> shift) & 1;
  }
  return bits;
}

std::string TallMaskFile::hash() const { return files_hash(file_.files()); }

std::shared_ptr<ElementwiseRule> consensus_rule(std::shared_ptr<const TallMaskFile> masks,
                                                int64_t min_tasks) {
  return std::make_shared<MaskedRule>(std::move(masks), min_tasks);
}

}  // namespace isomerge
