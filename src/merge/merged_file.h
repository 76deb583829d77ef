// merge/merged_file.h -- the output of one recipe while it is written.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkpoint/output.h"
#include "config/recipe.h"
#include "merge/merged_output.h"

namespace isomerge {

// What the output holds of a merged tensor or a piece of it: base + alpha * update, or the update
// itself where the recipe asks for that alone. In the dtype of the computation; copied tensors as
// they are.
template <typename Tensor>  // MergedPiece or MergedTensor
at::Tensor output_value(const Recipe& recipe, double alpha, Role role, const Tensor& tensor) {
  if (role == Role::kCopied) return tensor.base;
  return recipe.update_only ? tensor.update : tensor.base.add(tensor.update, alpha);
}

// What the metadata of an output say of its recipe; set_hash_metadata() fills in the hashes.
std::map<std::string, std::string> output_metadata(const Recipe& recipe, double alpha);
void set_hash_metadata(const std::vector<std::string>& tasks, const MergeSummary& summary,
                       std::map<std::string, std::string>* metadata);

// README.md of an output folder.
std::string model_card(const Recipe& recipe, double alpha);

// A safetensors file or folder, written piece by piece.
class MergedFile : public MergedOutput {
 public:
  // `recipe` has to outlive this object. Errors: those of StreamedOutput.
  MergedFile(const Recipe& recipe, const Updates& updates);

  void write(const MergedPiece& part) override;
  void set_hashes(const std::vector<std::string>& tasks, const MergeSummary& summary) override;
  void commit() override { output_.commit(); }

 private:
  const Recipe& recipe_;
  double alpha_;
  StreamedOutput output_;
};

}  // namespace isomerge
