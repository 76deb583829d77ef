// merge/merged_file.h -- the output of one recipe while it is written.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/output.h"
#include "config/recipe.h"
#include "merge/executor.h"

namespace isomerge {

// What the output holds of a merged tensor or a piece of it: base + alpha * update, or the update
// itself where the recipe asks for that alone. In the dtype of the computation; copied tensors as
// they are.
template <typename Tensor>  // MergedPiece or MergedTensor
at::Tensor output_value(const Recipe& recipe, double alpha, Role role, const Tensor& tensor) {
  if (role == Role::kCopied) return tensor.base;
  return recipe.update_only ? tensor.update : tensor.base.add(tensor.update, alpha);
}

// A safetensors file or folder, written piece by piece. Nothing appears before commit().
class MergedFile {
 public:
  // `recipe` has to outlive this object. Errors: those of StreamedOutput.
  MergedFile(const Recipe& recipe, const Updates& updates);

  void write(const MergedPiece& part);

  // Of everything that was read; into the metadata.
  void set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary);

  void commit() { output_.commit(); }

 private:
  const Recipe& recipe_;
  double alpha_;
  StreamedOutput output_;
};

}  // namespace isomerge
