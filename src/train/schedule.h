// train/schedule.h -- the learning rate of every step.
#pragma once

#include <cstdint>

namespace isomerge {

// Rises linearly over the first `warmup` steps, peak * (step + 1) / warmup, and then falls along
// half a cosine, peak * (1 + cos(pi * (step - warmup) / (steps - warmup))) / 2, which would reach 0
// one step after the last. Source: the fine-tuning code of Ilharco et al., arXiv:2212.04089.
// 0 <= step < steps, 0 <= warmup <= steps.
double scheduled_rate(double peak, int64_t step, int64_t warmup, int64_t steps);

}  // namespace isomerge
