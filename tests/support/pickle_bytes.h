// support/pickle_bytes.h -- pickles and zip files made byte by byte, for what PyTorch never writes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace isomerge {

// A pickle of protocol 2, instruction by instruction.
class PickleBytes {
 public:
  PickleBytes& raw(const std::string& bytes);
  PickleBytes& text(const std::string& text);
  PickleBytes& integer(int64_t value);
  PickleBytes& global(const std::string& module, const std::string& name);
  PickleBytes& integers(const std::vector<int64_t>& values);  // a tuple
  PickleBytes& storage(const std::string& type, const std::string& key, int64_t elements);

  // _rebuild_tensor_v2 of a storage of `elements` elements of torch.`type`.
  PickleBytes& tensor(const std::string& type, const std::string& key, int64_t elements,
                      int64_t offset, const std::vector<int64_t>& shape,
                      const std::vector<int64_t>& strides);

  std::string done() const { return bytes_ + "."; }

 private:
  std::string bytes_ = "\x80\x02";
};

struct ZipEntry {
  std::string name, data;
  uint16_t method = 0;        // 0: stored; the data are never compressed really
  uint32_t claimed_size = 0;  // uncompressed, in the directory; 0: that of the data
};

// A zip file; no checksums. The second member's directory entry points to the first one if
// `overlapping`.
std::string zip_bytes(const std::vector<ZipEntry>& entries, bool overlapping = false);

// A torch.save file: archive/data.pkl and the storages, which are named "0", "1", ...
std::string state_dict_bytes(const std::string& pickle, const std::vector<std::string>& storages);

}  // namespace isomerge
