// merge/merge_files.h -- a recipe carried out: checkpoints in, one checkpoint out.
#pragma once

#include <c10/core/Device.h>

#include "config/recipe.h"
#include "merge/executor.h"

namespace isomerge {

// fp32 or fp64.
at::ScalarType compute_dtype(Precision precision);

// alpha when a recipe gives none: the method's default.
double resolved_alpha(const Recipe& recipe);

// Merges and writes recipe.out, which appears only when it is complete:
//   *.safetensors            streamed, tensor by tensor;
//   a folder (or "name/")    model.safetensors in it;
//   *.pt, *.pth, *.ts        TorchScript: the base's program with the merged weights; the base must
//                            be a TorchScript archive, whose dtypes are kept.
// base + alpha * update is computed in the recipe's precision and stored in recipe.dtype; by
// default in the base's dtypes, for --update-only in the precision of the computation. An
// update-only file holds every floating tensor's merged update, before alpha. The recipe must be
// complete (require_complete). Throws Error, see merge_updates; kInput if the output is one of the
// inputs; kMachine if the disk is full or fails.
MergeSummary merge_files(const Recipe& recipe, int threads,
                         c10::Device device = c10::Device(c10::kCPU));

}  // namespace isomerge
