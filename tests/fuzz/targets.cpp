#include "fuzz/targets.h"

#include <csignal>
#include <ctime>
#include <stdexcept>

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "base/error.h"
#include "checkpoint/archive_reader.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/safetensors_header.h"
#include "checkpoint/shard_index.h"
#include "checkpoint/unpickler.h"
#include "checkpoint/zip_directory.h"
#include "config/json_reader.h"
#include "fuzz/image_targets.h"
#include "fuzz/memory_file.h"
#include "support/pickle_bytes.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// What every reader of tensors promises about the places it gives.
void require_inside(const TensorPlace& place, const InputFile& file) {
  require(!find_shape_fault(place.info.dtype, place.info.shape), "an impossible shape was let in");
  require(place.offset <= file.size(), "a tensor begins beyond the file");
  require(place.info.bytes() <= file.size(), "a tensor is larger than the file");
  if (place.strides.empty()) {
    require(place.info.bytes() <= file.size() - place.offset, "a tensor ends beyond the file");
  }
}

void read_header(const std::string& bytes) {
  const MemoryFile memory(bytes);
  const InputFile file(memory.path());
  for (const auto& place : read_safetensors_header(file).places) require_inside(place, file);
}

void read_directory(const std::string& bytes) {
  const MemoryFile memory(bytes);
  const InputFile file(memory.path());
  for (const auto& [name, member] : read_zip_directory(file)) {
    require(member.offset <= file.size() && member.bytes <= file.size() - member.offset,
            "a member ends beyond the file");
  }
}

void read_places(const std::string& bytes) {
  const MemoryFile memory(bytes);
  const InputFile file(memory.path());
  for (const auto& tensor : read_archive(file).tensors) require_inside(tensor.place, file);
}

// As a user would: whatever the format, all tensors.
void read_everything(const std::string& bytes) {
  const MemoryFile memory(bytes);
  const Checkpoint checkpoint(memory.path());
  for (const TensorInfo& info : checkpoint.tensors()) {
    const at::Tensor tensor = checkpoint.read(info.name);
    require(tensor.sizes() == at::IntArrayRef(info.shape), "a tensor has another shape");
    checkpoint.will_need(info.name);
  }
}

void read_pickle_bytes(const std::string& bytes) { read_pickle(bytes, "fuzz"); }

void read_index(const std::string& bytes) {
  const MemoryFile memory(bytes);
  for (const std::string& shard : shards_of(read_shard_index(InputFile(memory.path())))) {
    require(shard.find('/') == std::string::npos, "a shard outside the folder was let in");
  }
}

void read_config(const std::string& bytes) {
  Problems problems;
  parse_json(bytes, "fuzz.json", problems);
}

std::string safetensors_seed() {
  const TemporaryFolder folder;
  write_safetensors(folder / "w.safetensors",
                    {{"visual.proj", at::zeros({3, 4})},
                     {"bias", at::zeros({5}, at::kHalf)},
                     {"none", at::zeros({0, 2})},
                     {"scalar", at::zeros({}, at::kLong)}},
                    {{"format", "pt"}});
  return TemporaryFolder::read(folder / "w.safetensors");
}

std::string state_dict_pickle() {
  PickleBytes pickle;
  pickle.raw("}q\x01(").text("state_dict").global("collections", "OrderedDict").raw(")R(");
  pickle.text("proj").tensor("FloatStorage", "0", 12, 0, {3, 4}, {4, 1});
  pickle.text("turned").tensor("HalfStorage", "1", 24, 2, {4, 3}, {1, 4});
  pickle.text("tied").tensor("FloatStorage", "0", 12, 4, {2, 2}, {0, 1}).raw("u}b");
  return pickle.text("epoch")
      .raw("K\x03")
      .text("list")
      .raw("](K\x01M\x02\x01J")
      .raw("abcd")
      .raw("eu")
      .done();
}

std::string module_pickle() {
  PickleBytes pickle;
  pickle.global("__torch__", "Encoder").raw(")\x81}(").text("visual");
  pickle.global("__torch__", "Visual").raw(")\x81}(").text("proj");
  pickle.tensor("FloatStorage", "0", 12, 0, {3, 4}, {4, 1}).text("training").raw("\x89ub");
  return pickle.text("ids").tensor("LongStorage", "1", 3, 0, {3}, {1}).raw("ub").done();
}

std::vector<std::string> archive_seeds() {
  const std::vector<std::string> storages{std::string(48, 'a'), std::string(48, 'b')};
  return {state_dict_bytes(state_dict_pickle(), storages),
          state_dict_bytes(module_pickle(), storages)};
}

}  // namespace

std::vector<FuzzTarget> fuzz_targets() {
  const std::vector<std::string> headers{safetensors_seed()};
  std::vector<std::string> all = archive_seeds();
  all.push_back(headers[0]);
  std::vector<std::string> zips = archive_seeds();
  zips.push_back(zip_bytes({{"m/code/x.py", "deflated", 8, 100}, {"m/version", "3\n"}}));
  std::vector<FuzzTarget> targets{
      {"safetensors_header", headers, read_header},
      {"zip_directory", zips, read_directory},
      {"archive", archive_seeds(), read_places},
      {"pickle", {state_dict_pickle(), module_pickle()}, read_pickle_bytes},
      {"checkpoint", all, read_everything},
      {"shard_index",
       {shard_index_text({{"a", "1.safetensors"}, {"b.c", "2.safetensors"}}, 64)},
       read_index},
      {"config_json",
       {"// comment\n{\"title\": \"x\", \"tasks\": [1, 2.5, true, null, {\"a\": {}}]}"},
       read_config}};
  for (const FuzzTarget& target : image_targets()) targets.push_back(target);
  return targets;
}

std::vector<FuzzTarget> broken_targets() {
  return {
      {"throws", {"x"}, [](const std::string&) { throw std::out_of_range("planted"); }},
      {"blames_the_machine", {"x"}, [](const std::string&) { throw machine_error("planted"); }},
      {"crashes", {"x"}, [](const std::string&) { ::raise(SIGSEGV); }},
      {"is_slow",
       {"x"},
       [](const std::string&) {
         const std::clock_t start = std::clock();
         while (std::clock() - start < 3 * CLOCKS_PER_SEC / 2) {
         }
       }},
      {"never_ends",
       {"x"},
       [](const std::string&) {
         for (volatile bool on = true; on;) {
         }
       }},
      {"allocates",
       {"x"},
       [](const std::string&) {
         const std::string large(300u << 20, 'x');
         require(large.back() == 'x', "");
       }},
      {"allocates_a_tensor", {"x"}, [](const std::string&) { at::empty({300 << 20}, at::kByte); }}};
}

}  // namespace isomerge
