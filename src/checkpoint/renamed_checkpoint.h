// checkpoint/renamed_checkpoint.h -- a CLIP checkpoint seen under the other library's names.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/clip_names.h"

namespace isomerge {

// Which tensor of one naming is which of the other:
//
//   OpenCLIP                               HuggingFace
//   visual.conv1.weight                    vision_model.embeddings.patch_embedding.weight
//   visual.positional_embedding            vision_model.embeddings.position_embedding.weight
//   ...resblocks.3.attn.in_proj_weight     ...layers.3.self_attn.{q,k,v}_proj.weight, [3d, d] in
//                                          three; biases likewise
//   visual.proj [d, e]                     visual_projection.weight [e, d], transposed
//
// and so on (the table is in clip_names.cpp), the text tower and logit_scale too. No value changes,
// so there and back gives the same bytes.
class RenamedCheckpoint {
 public:
  // A view of `from`, which must outlive it; its names are those of the other naming, below any
  // prefix ("model." in the trees of the papers), or those of an image tower alone.
  // prefix  what OpenCLIP's names get in front; "" for HuggingFace's, which have none.
  // throws  one Error(kInput) with every tensor that has no counterpart, with every q, k or v that
  //         lacks the others or has another shape or dtype; if the names are `to`'s already, or no
  //         CLIP image tower's.
  RenamedCheckpoint(const Checkpoint& from, Naming to, const std::string& prefix = "");

  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in the order of `from`

  // Tensors of `from` that say nothing: position_ids, which count from 0 (else they are an error).
  const std::vector<std::string>& left_out() const { return left_out_; }

  // As Checkpoint::read(), of a name of tensors(). Cost: its bytes, twice for q, k and v that are
  // put together or a projection that is transposed.
  at::Tensor read(const std::string& name) const;

 private:
  // One piece of `from`: a whole tensor, or rows of one.
  struct Source {
    std::string name;
    int64_t first_row = 0, rows = 0;
  };
  struct Recipe {
    std::vector<Source> sources;  // one, or q, k and v
    bool is_transposed = false;
  };

  void add_openclip(const TensorInfo& info, const std::string& name,
                    std::vector<std::string>* problems);
  void add_hugging_face(const TensorInfo& info, const std::string& name, const std::string& prefix,
                        std::vector<std::string>* problems);
  void add(TensorInfo info, Recipe recipe);
  void check_stacks(std::vector<std::string>* problems) const;

  const Checkpoint& from_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, Recipe> recipes_;  // by new name
  std::vector<std::string> left_out_;
};

}  // namespace isomerge
