#include "task/expert_file.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>

#include "base/hash.h"

namespace isomerge {

at::Tensor read_rows(const Checkpoint& from, const TensorInfo& info, int64_t first, int64_t rows) {
  std::vector<int64_t> shape = info.shape;
  if (!shape.empty()) shape[0] = rows;
  at::Tensor piece =
      at::empty(shape, at::TensorOptions().dtype(from.require_info(info.name).dtype));
  if (rows > 0) from.read_rows(info.name, first, rows, piece.mutable_data_ptr());
  return piece;
}

std::string stored_hash(const at::Tensor& stored) {
  return Hasher().update(stored.const_data_ptr(), stored.nbytes()).digest();
}

std::vector<std::filesystem::path> expert_files(const std::filesystem::path& path) {
  return is_adapter(path) ? adapter_files(path) : Checkpoint(path).files();
}

ExpertFile::ExpertFile(const std::filesystem::path& path, const Checkpoint& base)
    : ExpertFile(path, base, TensorData::kRequired) {}

ExpertFile::ExpertFile(const std::filesystem::path& path, const Checkpoint& base, TensorData data)
    : base_(base) {
  if (is_adapter(path)) {
    adapter_ = std::make_unique<Adapter>(path, base);
  } else {
    checkpoint_ = std::make_unique<Checkpoint>(path, data);
  }
}

std::string ExpertFile::label() const {
  return adapter_ ? adapter_->label() : checkpoint_->label();
}

std::vector<std::filesystem::path> ExpertFile::files() const {
  return adapter_ ? adapter_->files() : checkpoint_->files();
}

uint64_t ExpertFile::bytes(const std::string& name) const {
  return adapter_ ? adapter_->bytes(name) : checkpoint_->require_info(name).bytes();
}

Update ExpertFile::adapter_update(const Rows& rows, bool low_rank) const {
  const std::string& name = rows.info.name;
  if (low_rank && rows.info.shape.size() == 2) {
    if (auto factors = adapter_->low_rank(name, rows.first, rows.base.size(0))) {
      return Update(*std::move(factors));
    }
  }
  if (!adapter_->changes(name)) return Update(at::zeros_like(rows.base));
  return Update(adapter_->update(name, rows.stored, rows.first).to(rows.base.scalar_type()));
}

ExpertFile::Read ExpertFile::read(const Rows& rows, bool low_rank, bool hashed) const {
  if (adapter_) {
    const std::string& name = rows.info.name;
    std::string hash;
    if (hashed) hash = adapter_->changes(name) ? adapter_->hash(name) : stored_hash(rows.stored);
    return {adapter_update(rows, low_rank), std::move(hash)};
  }
  const int64_t count = rows.info.shape.empty() ? 1 : rows.base.size(0);
  const at::Tensor stored = read_rows(*checkpoint_, rows.info, rows.first, count);
  return {Update(stored.to(rows.base.scalar_type()).sub_(rows.base)),
          hashed ? stored_hash(stored) : ""};
}

bool ExpertFile::is_unchanged(const TensorInfo& info, int64_t first,
                              const at::Tensor& stored) const {
  if (adapter_) return !adapter_->changes(info.name);
  const int64_t count = info.shape.empty() ? 1 : stored.size(0);
  return read_rows(*checkpoint_, info, first, count).to(stored.scalar_type()).equal(stored);
}

void ExpertFile::will_need(const std::string& name) const {
  if (checkpoint_) checkpoint_->will_need(name);
}

Weights ExpertFile::weights() const {
  if (checkpoint_) return checkpoint_->read_all();
  Weights weights = base_.read_all();
  for (auto& [name, tensor] : weights) {
    if (!adapter_->changes(name)) continue;
    tensor = adapter_->update(name, tensor, 0).add_(tensor).to(at::kFloat);
  }
  return weights;
}

}  // namespace isomerge
