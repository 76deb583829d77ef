// eval/interference.h -- how far merging moved the features of a task's images.
#pragma once

#include <string>

#include "dataset/image_set.h"
#include "eval/batches.h"
#include "model/encoder.h"

namespace isomerge {

// Mean over the examples of the split and over the e features of |f_a - f_b|, with f_a and f_b [e]
// what the two encoders make of an image, not normalised.
//
// Source: Eq. 17 and Figure 7 of arXiv:2502.04959, which leave open what the distance is divided
// by; here by e, as in Yang et al., "Representation Surgery", arXiv:2402.02705.
//
// cost    two encodings of each example; fp64 sums, the same for any number of threads.
// throws  Error(kInput) if the encoders give other numbers of features, and what for_each_batch()
//         and encode() throw.
double mean_feature_distance(const Encoder& a, const Encoder& b, const ImageSet& set,
                             const std::string& split, const EvaluationOptions& options);

}  // namespace isomerge
