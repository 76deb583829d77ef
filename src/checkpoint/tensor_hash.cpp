#include "checkpoint/tensor_hash.h"

#include "base/hash.h"
#include "base/text.h"

namespace isomerge {

std::string tensor_hash(const at::Tensor& tensor) {
  return Hasher()
      .update(shape_text(tensor.sizes().vec()))
      .update(dtype_text(tensor.scalar_type()))
      .update(tensor.const_data_ptr(), tensor.nbytes())
      .digest();
}

std::string weights_hash(const Weights& weights) {
  Hasher hasher;
  for (const auto& [name, tensor] : weights) {
    hasher.update(name).update("\n").update(tensor_hash(tensor)).update("\n");
  }
  return hasher.digest();
}

std::string files_hash(const std::vector<std::filesystem::path>& files) {
  std::vector<std::string> hashes;
  for (const auto& file : files) hashes.push_back(hash_file(file));
  return hash_of_files(hashes);
}

}  // namespace isomerge
