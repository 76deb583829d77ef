// fuzz/image_targets.h -- the readers of datasets: images, lists of them, packs.
#pragma once

#include <vector>

#include "fuzz/targets.h"

namespace isomerge {

// Without the decoder where the program is built without OpenCV.
std::vector<FuzzTarget> image_targets();

}  // namespace isomerge
