#include "eval/statistics.h"

#include <limits>

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/safetensors.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/random_tensors.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden";

// The rows of tests/golden/expert_statistics.py: first and third batch, last choice as target.
TokenizedSplit golden_examples() {
  const Checkpoint file(kGolden / "t5/v1_1_untied.safetensors");
  TokenizedSplit split;
  for (const char* batch : {"0", "2"}) {
    const auto read = [&](const char* name) { return file.read(std::string(name) + "." + batch); };
    const at::Tensor ids = read("input_ids"), mask = read("input_mask");
    const at::Tensor targets = read("choices").select(1, -1),
                     target_mask = read("choice_mask").select(1, -1);
    const auto row = [](const at::Tensor& values, const at::Tensor& is_token) {
      TokenRow out;
      for (int64_t i = 0; i < values.size(0); ++i) {
        if (is_token[i].item<int64_t>() == 1) out.push_back(values[i].item<int64_t>());
      }
      return out;
    };
    for (int64_t i = 0; i < ids.size(0); ++i) {
      split.prompts.push_back(row(ids[i], mask[i]));
      split.targets.push_back(row(targets[i], target_mask[i]));
    }
  }
  return split;
}

class StatisticsTest : public testing::Test {
 protected:
  StatisticsSummary write(BoundModule& module, const Objective& objective, int64_t count,
                          StatisticsOptions options) {
    StatisticsOrigin origin{"a", kind_text(options.kind), "e", "m", "d", "val", "1000"};
    return write_statistics(folder_.path(), origin, module, objective, count, options);
  }

  // Compares everything that the golden file has of one kind.
  void compare(const Checkpoint& golden, StatisticsKind kind) {
    const Statistics got(folder_.path(), "a", kind);
    const std::string prefix = kind_text(kind) + "/";
    int compared = 0;
    for (const TensorInfo& info : golden.tensors()) {
      if (!info.name.starts_with(prefix)) continue;
      const std::string name = info.name.substr(prefix.size());
      const at::Tensor want = golden.read(info.name);
      const at::Tensor found =
          kind == StatisticsKind::kFisher
              ? got.fisher({name, at::kFloat, info.shape}, 0, info.elements(), at::kFloat)
                    .view(info.shape)
              : got.gram(name, info.shape[0], at::kFloat);
      EXPECT_LE(relative_error(found, want), 1e-4) << info.name;
      ++compared;
    }
    EXPECT_GE(compared, 2);
  }

  TemporaryFolder folder_;
};

TEST_F(StatisticsTest, OfT5AreThoseOfAutogradOnTheLibrarysModules) {
  const TokenizedSplit split = golden_examples();
  const auto count = static_cast<int64_t>(split.prompts.size());
  const Checkpoint golden(kGolden / "statistics_t5.safetensors");
  for (const auto kind :
       {StatisticsKind::kFisher, StatisticsKind::kInput, StatisticsKind::kOutput}) {
    LanguageModel model(kGolden / "t5/v1_1_untied.pt");
    const TextObjective objective(model, split);
    write(model, objective, count, {.kind = kind, .threads = 2});
    compare(golden, kind);
  }
}

TEST_F(StatisticsTest, OfAViTAreThoseOfAutogradOnTheLibrarysModules) {
  Weights weights = Checkpoint(kGolden / "clip_transformers.safetensors").read_all();
  const at::Tensor images = weights.extract("images").mapped();
  weights.erase("features");
  const Checkpoint golden(kGolden / "statistics_vit.safetensors");
  const ClassHead head(golden.read("head"), "golden");

  // The images are normalised numbers, no bytes: an objective of its own reads them.
  class GoldenObjective : public Objective {
   public:
    GoldenObjective(const Encoder& encoder, const ClassHead& head, at::Tensor images,
                    at::Tensor labels)
        : encoder_(encoder), head_(head), images_(std::move(images)), labels_(std::move(labels)) {}
    const std::filesystem::path& module_path() const override { return encoder_.path(); }
    int64_t chunk_size() const override { return 1; }
    double weight(std::span<const Example> examples) const override {
      return static_cast<double>(examples.size());
    }
    at::Tensor summed_loss(std::span<const Example> examples) const override {
      const int64_t i = examples[0].index;
      const at::Tensor logits = head_.logits(encoder_.encode_for_training(images_.narrow(0, i, 1)));
      return -logits.log_softmax(1)[0][labels_[i].item<int64_t>()];
    }

   private:
    const Encoder& encoder_;
    const ClassHead& head_;
    at::Tensor images_, labels_;
  };
  for (const auto kind :
       {StatisticsKind::kFisher, StatisticsKind::kInput, StatisticsKind::kOutput}) {
    Encoder encoder(kGolden / "clip_transformers.pt");
    encoder.bind(weights, "golden");
    const GoldenObjective objective(encoder, head, images, golden.read("labels").to(at::kLong));
    write(encoder, objective, 2, {.kind = kind});
    compare(golden, kind);
  }
}

// The small T5 with random vectors of (IA)^3.
LanguageModel golden_model_with_vectors() {
  LanguageModel model(kGolden / "t5/v1_1_ia3.pt");
  Weights weights = Checkpoint(kGolden / "t5/v1_1_untied.pt").read_all();
  const Checkpoint golden(kGolden / "statistics_ia3.safetensors");
  for (const TensorInfo& info : golden.tensors()) {
    if (info.name.starts_with("vector/")) weights[info.name.substr(7)] = golden.read(info.name);
  }
  model.bind(weights, "golden");
  return model;
}

TEST_F(StatisticsTest, OfVectorsAreThoseOfAutogradOnTheLibrarysModules) {
  const TokenizedSplit split = golden_examples();
  const Checkpoint golden(kGolden / "statistics_ia3.safetensors");
  for (const auto kind : {StatisticsKind::kFisher, StatisticsKind::kBlockFisher}) {
    LanguageModel model = golden_model_with_vectors();
    write(model, TextObjective(model, split), static_cast<int64_t>(split.prompts.size()),
          {.kind = kind, .threads = 2});
    compare(golden, kind);
  }
  // 21 vectors and 15 norms.
  EXPECT_EQ(Checkpoint(statistics_path(folder_.path(), "a", StatisticsKind::kBlockFisher))
                .tensors()
                .size(),
            36u);
}

TEST_F(StatisticsTest, VectorsThatAreTooWideAreLeftOut) {
  const TokenizedSplit split = golden_examples();
  LanguageModel model = golden_model_with_vectors();
  const StatisticsSummary summary =
      write(model, TextObjective(model, split), 2,
            {.kind = StatisticsKind::kBlockFisher, .widest_output = 39});
  EXPECT_EQ(summary.skipped, 5) << "those of wi_1";
  const Statistics file(folder_.path(), "a", StatisticsKind::kBlockFisher);
  EXPECT_FALSE(file.has_gram("encoder.block.0.layer.1.DenseReluDense.wi_1.ia3_l"));
  EXPECT_TRUE(file.has_gram("encoder.block.0.layer.0.SelfAttention.k.ia3_l"));
}

TEST_F(StatisticsTest, WeightsThatSeeOneInputShareItsMatrix) {
  const TokenizedSplit split = golden_examples();
  LanguageModel model(kGolden / "t5/v1_1_untied.pt");
  const StatisticsSummary summary = write(model, TextObjective(model, split), 3, {});
  const Checkpoint file(statistics_path(folder_.path(), "a", StatisticsKind::kInput));
  // Encoder: 2 x (q k v, o, wi, wo); decoder: 3 x (the same, cross q, cross o), once cross k v;
  // head.
  EXPECT_EQ(file.tensors().size(), 2u * 4 + 3u * 6 + 1 + 1);
  EXPECT_EQ(summary.tensors, static_cast<int64_t>(file.tensors().size()));
  const auto& metadata = file.metadata();
  EXPECT_EQ(metadata.at("isomerge.input.decoder.block.2.layer.1.EncDecAttention.v.weight"),
            "input/decoder.block.0.layer.1.EncDecAttention.k.weight");
  EXPECT_EQ(metadata.at("isomerge.input.encoder.block.0.layer.0.SelfAttention.v.weight"),
            "input/encoder.block.0.layer.0.SelfAttention.q.weight");
}

TEST_F(StatisticsTest, ThreadsAndPassesChangeNoByte) {
  const TokenizedSplit split = golden_examples();
  const auto count = static_cast<int64_t>(split.prompts.size());
  for (const auto kind : {StatisticsKind::kFisher, StatisticsKind::kInput, StatisticsKind::kOutput,
                          StatisticsKind::kBlockFisher}) {
    const uint64_t little = kind == StatisticsKind::kBlockFisher ? 20000 : 40000;
    const auto bytes = [&](int threads, uint64_t max_memory, int64_t* passes) {
      LanguageModel model(kGolden / "t5/v1_1_untied.pt");
      *passes = write(model, TextObjective(model, split), count,
                      {.kind = kind, .max_memory = max_memory, .threads = threads})
                    .passes;
      return TemporaryFolder::read(statistics_path(folder_.path(), "a", kind));
    };
    int64_t passes = 0;
    const std::string one = bytes(1, 0, &passes);
    EXPECT_EQ(passes, 1);
    EXPECT_EQ(bytes(3, 0, &passes), one);
    EXPECT_EQ(bytes(2, little, &passes), one);
    EXPECT_GT(passes, 1);
  }
}

TEST_F(StatisticsTest, RefuseMemoryForLessThanOneMatrix) {
  const TokenizedSplit split = golden_examples();
  LanguageModel model(kGolden / "t5/v1_1_untied.pt");
  const TextObjective objective(model, split);
  const std::string message =
      error_message([&] { write(model, objective, 2, {.max_memory = 1000}); });
  expect_mentions(message,
                  {"statistics of a", "--max-memory 1000 B", "input/", "[24, 24]", "2.2 KiB"});
  EXPECT_FALSE(
      std::filesystem::exists(statistics_path(folder_.path(), "a", StatisticsKind::kInput)));
}

TEST_F(StatisticsTest, RefuseAGradientThatIsNotFiniteAndNameItsExample) {
  const TokenizedSplit split = golden_examples();
  LanguageModel model(kGolden / "t5/v1_1_untied.pt");
  Weights weights = model.weights();
  weights.at("encoder.final_layer_norm.weight").fill_(std::numeric_limits<float>::infinity());
  model.bind(weights, "broken");
  const TextObjective objective(model, split);
  expect_mentions(
      error_message([&] { write(model, objective, 2, {.kind = StatisticsKind::kFisher}); }),
      {"statistics of a", "example 0", "gradient", "NaN or Inf"});
  EXPECT_FALSE(
      std::filesystem::exists(statistics_path(folder_.path(), "a", StatisticsKind::kFisher)));
}

TEST_F(StatisticsTest, OutputsThatAreTooWideAreLeftOut) {
  const TokenizedSplit split = golden_examples();
  LanguageModel model(kGolden / "t5/v1_1_untied.pt");
  const StatisticsSummary summary = write(model, TextObjective(model, split), 2,
                                          {.kind = StatisticsKind::kOutput, .widest_output = 89});
  EXPECT_EQ(summary.skipped, 1);
  const Statistics file(folder_.path(), "a", StatisticsKind::kOutput);
  EXPECT_FALSE(file.has_gram("lm_head.weight"));
  EXPECT_TRUE(file.has_gram("encoder.block.0.layer.0.SelfAttention.q.weight"));
}

TEST(PackSymmetric, KeepsTheLowerTriangleRowByRow) {
  const at::Tensor a = random_tensor({5, 5}, 1).to(at::kFloat), full = a + a.t();
  const at::Tensor packed = pack_symmetric(full);
  EXPECT_EQ(packed.numel(), 15);
  EXPECT_EQ(packed[4].item<float>(), full[2][1].item<float>());
  EXPECT_EQ(relative_error(unpack_symmetric(packed, 5, at::kFloat), full), 0.0);
}

}  // namespace
}  // namespace isomerge
