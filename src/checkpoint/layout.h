// checkpoint/layout.h -- do these files hold the same model? Every difference at once.
#pragma once

#include <string>
#include <vector>

#include "checkpoint/tensor_info.h"

namespace isomerge {

// A checkpoint's tensors and what to call it in messages (its path).
struct Layout {
  std::string label;
  std::vector<TensorInfo> tensors;
};

// One line per difference of `other` against `reference`: tensors that are missing (with the
// nearest name that `other` has instead), extra, of another shape, or floating in one and not in
// the other. A different floating dtype is no difference. Sorted by tensor name. Empty: same
// layout.
std::vector<std::string> layout_differences(const Layout& reference, const Layout& other);

// Throws one Error(kInput) that lists the differences of all `others` against `reference`.
void require_same_layout(const Layout& reference, const std::vector<Layout>& others);

}  // namespace isomerge
