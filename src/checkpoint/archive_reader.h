// checkpoint/archive_reader.h -- what lies where in a PyTorch zip archive: a TorchScript module or
// a state dict of torch.save.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle_tree.h"
#include "checkpoint/zip_directory.h"

namespace isomerge {

struct ArchiveTensor {
  PickledTensor view;
  TensorPlace place;  // of the view in the file, checked
};

struct Archive {
  Format format = Format::kTorchScript;  // or kStateDict
  std::map<std::string, ZipMember> members;
  std::string root;  // what the names of all members start with: "archive/"
  std::vector<ArchiveTensor> tensors;
};

// Reads directory and pickle, and runs nothing. Tensors are those of a module by dotted attribute
// name ("visual.proj"), or those of a dictionary and of the dictionaries in it by dotted keys
// ("state_dict.visual.proj"); other values are passed over. Throws Error(kInput) on a damaged
// archive, a pickle that is not plain data, a view beyond its storage or larger than the file, a
// big-endian file, names that are not UTF-8, longer than 1,024 bytes or used twice, no tensors.
Archive read_archive(const InputFile& file);

}  // namespace isomerge
