#include "support/tiny_task.h"

#include <algorithm>

#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>

#include "base/random.h"
#include "checkpoint/safetensors.h"
#include "support/pack_file.h"
#include "support/random_tensors.h"
#include "support/script_module.h"

namespace isomerge {
namespace {

// `count` examples whose labels are right.
PackFile brightest_pixels(int64_t count, const std::string& key) {
  PackFile pack;
  pack.count = count, pack.height = 1, pack.width = 3;
  for (int64_t i = 0; i < 3 * count; ++i) {
    pack.images.push_back(
        static_cast<uint8_t>(random_below(random_key(key), static_cast<uint64_t>(i), 256)));
  }
  for (int64_t i = 0; i < count; ++i) {
    const auto pixels = pack.images.begin() + 3 * i;
    pack.labels.push_back(static_cast<uint16_t>(std::max_element(pixels, pixels + 3) - pixels));
  }
  return pack;
}

}  // namespace

TinyTask::TinyTask() {
  const at::Tensor proj = random_tensor({9, 3}, 1).to(at::kFloat), bias = at::zeros({3});
  linear_module(proj, bias).save(folder_ / "encoder.pt");
  write_safetensors(folder_ / "base.safetensors",
                    {{"visual.proj", proj.to(at::kHalf)}, {"visual.bias", bias.to(at::kHalf)}});
  const at::Tensor head = at::eye(3).mul(8.0);
  write_safetensors(folder_ / "heads.safetensors", {{"shapes", head}, {"bare", head.neg()}});
  PackFile train = brightest_pixels(200, "train"), data = brightest_pixels(150, "data");
  train.splits = {{"train", {0, 200}}};
  data.splits = {{"val", {0, 100}}, {"test", {100, 150}}};
  folder_.write("train.pack", train.bytes());
  folder_.write("data.pack", data.bytes());
}

Weights TinyTask::use_linear_layers() const {
  const Weights base = {{"first.weight", random_tensor({8, 9}, 1).to(at::kFloat)},
                        {"first.bias", random_tensor({8}, 2).to(at::kFloat)},
                        {"second.weight", random_tensor({3, 8}, 3).mul(0.3).to(at::kFloat)}};
  ScriptModule module;
  for (const auto& [name, tensor] : base) {
    module.parameters.emplace_back(name, tensor.clone().set_requires_grad(true));
  }
  module.methods =
      "def forward(self, images: Tensor):\n"
      "    x = images.flatten(1).matmul(self.first.weight.t()) + self.first.bias\n"
      "    return x.matmul(self.second.weight.t())\n";
  module.save(folder_ / "encoder.pt");
  write_safetensors(folder_ / "base.safetensors", base);
  return base;
}

std::filesystem::path TinyTask::write_suite(const std::string& finetune) const {
  return folder_.write("suite.json", R"({
    "title": "Tiny",
    "encoder": "encoder.pt",
    "base": "base.safetensors",
    "heads": "heads.safetensors",
    "preprocess": {"mean": [0.5, 0.5, 0.5], "std": [0.3, 0.3, 0.3]},
    "finetune": )" + finetune + R"(,
    "tasks": [
      {"name": "shapes", "expert": "shapes.safetensors", "data": "data.pack", "train": "train.pack"},
      {"name": "bare", "expert": "bare.safetensors", "data": "data.pack"},
      {"name": "unbuilt", "expert": "unbuilt.safetensors", "data": "data.pack", "train": "no.pack"}
    ]
  })");
}

}  // namespace isomerge
