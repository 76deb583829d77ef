#include "merge/magnitude_selection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace isomerge {
namespace {

// |x| as an unsigned integer of the same order.
uint64_t magnitude_bits(float x) { return std::bit_cast<uint32_t>(x) & 0x7fffffffu; }
uint64_t magnitude_bits(double x) { return std::bit_cast<uint64_t>(x) & ~(uint64_t{1} << 63); }

double magnitude_of(uint64_t bits, at::ScalarType dtype) {
  return dtype == at::kDouble
             ? std::bit_cast<double>(bits)
             : static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(bits)));
}

// Counts the digit below `shift` of every magnitude whose higher digits are `prefix`.
template <typename T>
void count_digits(const at::Tensor& values, int shift, int width, uint64_t prefix,
                  std::vector<uint64_t>* counts) {
  const T* entries = values.const_data_ptr<T>();
  const uint64_t mask = (uint64_t{1} << width) - 1;
  uint64_t* const target = counts->data();
  for (int64_t i = 0, size = values.numel(); i < size; ++i) {
    const uint64_t digits = magnitude_bits(entries[i]) >> shift;
    if (digits >> width == prefix) ++target[digits & mask];
  }
}

}  // namespace

class MagnitudeSelection::Histograms : public ScanState {
 public:
  using Counts = std::vector<uint64_t>;

  Histograms(const MagnitudeSelection& selection, int scan) : selection_(selection) {
    width_ = selection.widths_[static_cast<size_t>(scan)];
    shift_ = std::accumulate(selection.widths_.begin() + scan + 1, selection.widths_.end(), 0);
  }

  void fold(const Block& block) override {
    const std::string group = selection_.group_of(block.info);
    std::vector<Counts>& counts = counts_[group];
    counts.resize(block.updates.size(), Counts(size_t{1} << width_));
    const auto known = selection_.searches_.find(group);
    for (size_t t = 0; t < block.updates.size(); ++t) {
      const uint64_t prefix = known == selection_.searches_.end() ? 0 : known->second[t].prefix;
      if (selection_.dtype_ == at::kDouble) {
        count_digits<double>(block.updates[t], shift_, width_, prefix, &counts[t]);
      } else {
        count_digits<float>(block.updates[t], shift_, width_, prefix, &counts[t]);
      }
    }
  }

  void absorb(const ScanState& other) override {
    for (const auto& [group, theirs] : dynamic_cast<const Histograms&>(other).counts_) {
      std::vector<Counts>& ours = counts_[group];
      ours.resize(theirs.size(), Counts(size_t{1} << width_));
      for (size_t t = 0; t < theirs.size(); ++t) {
        for (size_t i = 0; i < theirs[t].size(); ++i) ours[t][i] += theirs[t][i];
      }
    }
  }

  const std::map<std::string, std::vector<Counts>>& counts() const { return counts_; }
  int width() const { return width_; }

 private:
  const MagnitudeSelection& selection_;
  int width_ = 0, shift_ = 0;
  std::map<std::string, std::vector<Counts>> counts_;
};

void MagnitudeSelection::prepare(at::ScalarType dtype) {
  dtype_ = dtype;
  widths_.clear();
  searches_.clear();
  thresholds_.clear();
  const int wide = is_per_tensor_ ? 8 : 16;  // per tensor the histograms must be small
  for (int left = dtype == at::kDouble ? 63 : 31; left > 0; left -= widths_.back()) {
    widths_.push_back(std::min(wide, left));
  }
}

std::unique_ptr<ScanState> MagnitudeSelection::start_scan(int scan) const {
  return std::make_unique<Histograms>(*this, scan);
}

void MagnitudeSelection::finish_scan(int scan, const ScanState& total) {
  const auto& histograms = dynamic_cast<const Histograms&>(total);
  for (const auto& [group, counts] : histograms.counts()) {
    std::vector<Search>& searches = searches_[group];
    searches.resize(counts.size());
    for (size_t t = 0; t < counts.size(); ++t) {
      Search& search = searches[t];
      if (scan == 0) {
        const uint64_t all = std::accumulate(counts[t].begin(), counts[t].end(), uint64_t{0});
        search.rank = all - static_cast<uint64_t>(std::floor(keep_ * static_cast<double>(all)));
      }
      uint64_t digit = 0;
      while (search.rank > counts[t][digit]) search.rank -= counts[t][digit++];
      search.prefix = search.prefix << histograms.width() | digit;
    }
  }
  if (scan + 1 < scans()) return;
  for (const auto& [group, searches] : searches_) {
    for (const Search& search : searches) {
      thresholds_[group].push_back(search.rank == 0 ? 0.0 : magnitude_of(search.prefix, dtype_));
    }
  }
}

const std::vector<double>& MagnitudeSelection::thresholds(const TensorInfo& info) const {
  return thresholds_.at(group_of(info));
}

}  // namespace isomerge
