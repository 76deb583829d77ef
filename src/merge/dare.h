// merge/dare.h -- DARE: drops entries of each task's update at random and rescales the rest.
//
// Source: Yu et al., "Language Models are Super Mario: Absorbing Abilities from Homologous Models
// as a Free Lunch", arXiv:2311.03099.
#pragma once

#include <cstdint>
#include <string>

#include "merge/elementwise.h"

namespace isomerge {

// Each entry is kept with probability 1 - drop and divided by 1 - drop, else zero; 0 <= drop < 1.
// The random numbers depend on (seed, tensor name, task name, number of the entry) alone, so that
// neither blocks nor threads nor the other tasks matter.
BlockChange dare_change(double drop, uint64_t seed);

// The uniform number in [0, 1) of entry i: SplitMix64 at position i + 1 of the stream that starts
// at `key`, its upper 53 bits.
double dare_uniform(uint64_t key, uint64_t i);

// FNV-1a of "<seed>/<tensor>/<task>".
uint64_t dare_key(uint64_t seed, const std::string& tensor, const std::string& task);

}  // namespace isomerge
