#include "eval/evaluate.h"

#include <algorithm>
#include <csignal>
#include <mutex>
#include <set>
#include <thread>

#include <ATen/Parallel.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "base/interrupt.h"
#include "dataset/pack.h"
#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/script_module.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// Images of three pixels, one for each class; the feature is the three pixels, the head the
// identity: an example is right if its label is the position of its brightest pixel.
class EvaluateTest : public testing::Test {
 protected:
  static constexpr int64_t kCount = 1000, kTest = 37;  // the test split starts at example 37

  EvaluateTest() {
    pack_.count = kCount, pack_.height = 1, pack_.width = 3;
    pack_.splits = {{"val", {0, kTest}}, {"test", {kTest, kCount}}};
    for (int64_t i = 0; i < 3 * kCount; ++i) {
      pack_.images.push_back(static_cast<uint8_t>(1 + (i * i + 5 * i) % 251));
    }
    save_encoder("return images[:, 0].flatten(1) * self.w");
  }

  void save_encoder(const std::string& body) {
    ScriptModule{.parameters = {{"w", at::ones({1})}},
                 .buffers = {},
                 .methods = "def forward(self, images: Tensor):\n    " + body + "\n"}
        .save(folder_ / "encoder.pt");
  }

  Pack open() { return Pack(folder_.write("shapes.pack", pack_.bytes())); }

  Evaluation run(int threads, int64_t batch_size, const std::string& split = "test") {
    EvaluationOptions options;
    options.threads = threads;
    options.batch_size = batch_size;
    return evaluate(Encoder(folder_ / "encoder.pt"), ClassHead(at::eye(3), "heads: shapes"), open(),
                    split, options);
  }

  // What run() should say of example `i` of the pack.
  bool right(int64_t i) const {
    const auto pixel = pack_.images.begin() + 3 * i;
    return std::max_element(pixel, pixel + 3) - pixel == i % 3;
  }

  void blacken(int64_t example) { std::fill_n(pack_.images.begin() + 3 * example, 3, uint8_t{0}); }

  TemporaryFolder folder_;
  PackFile pack_;
};

TEST_F(EvaluateTest, SaysForEveryExampleOfTheSplitWhetherItIsRight) {
  const Evaluation result = run(1, 64);
  ASSERT_EQ(result.outcomes.size(), static_cast<size_t>(kCount - kTest));
  double count = 0.0;
  for (int64_t i = kTest; i < kCount; ++i) {
    EXPECT_EQ(result.outcomes[static_cast<size_t>(i - kTest)], right(i) ? 1.0f : 0.0f) << i;
    count += right(i) ? 1.0 : 0.0;
  }
  EXPECT_EQ(result.accuracy, (Accuracy{count, kCount - kTest}));
  EXPECT_GT(count, 200);  // the pixels do not make it trivial
  EXPECT_LT(count, 600);
  EXPECT_EQ(run(1, 64, "val").outcomes.size(), static_cast<size_t>(kTest));
}

TEST_F(EvaluateTest, ThreadsAndBatchesDoNotChangeTheResult) {
  const Evaluation one = run(1, 64);
  for (const int threads : {1, 2, 5}) {
    for (const int64_t batch_size : {1, 7, 64, 5000}) {
      const Evaluation other = run(threads, batch_size);
      EXPECT_EQ(other.outcomes, one.outcomes) << threads << " " << batch_size;
      EXPECT_EQ(other.accuracy, one.accuracy);
    }
  }
}

// Brightness 0.5 becomes the feature 0: only the normalisation of the options can do that.
TEST_F(EvaluateTest, AppliesTheNormalisationOfTheOptions) {
  std::fill(pack_.images.begin(), pack_.images.end(), uint8_t{51});
  EvaluationOptions options;
  options.preprocessing.mean = {51.0f / 255.0f, 0.0, 0.0};
  expect_mentions(error_message([&] {
                    evaluate(Encoder(folder_ / "encoder.pt"), ClassHead(at::eye(3), "head"), open(),
                             "test", options);
                  }),
                  {"norm is 0"});
}

TEST_F(EvaluateTest, ErrorNamesPackSplitAndExamples) {
  blacken(kTest + 130);
  expect_mentions(error_message([&] { run(2, 64); }),
                  {"evaluating ", "shapes.pack, split test, examples 128 to 191: ", "heads: shapes",
                   "feature 2 of the batch has no direction"});
  EXPECT_NO_THROW(run(2, 64, "val"));
}

TEST_F(EvaluateTest, TheFirstOfManyErrorsIsReportedForAnyNumberOfThreads) {
  for (int64_t i = kTest + 203; i < kCount; ++i) blacken(i);
  for (int round = 0; round < 5; ++round) {
    for (const int threads : {1, 2, 5}) {
      expect_mentions(error_message([&] { run(threads, 10); }),
                      {"examples 200 to 209", "feature 3"});
    }
  }
}

TEST_F(EvaluateTest, ErrorsOfTheEncoderComeThrough) {
  save_encoder("return images[:, 0].flatten(1).matmul(torch.zeros([9, 9]))");
  expect_mentions(error_message([&] { run(2, 64); }),
                  {"examples 0 to 63", "encoder.pt", "forward fails", "mat1 and mat2"});
  save_encoder("return images[:, 0].flatten(1) / 0 * 0");
  expect_mentions(error_message([&] { run(1, 64); }), {"encoder.pt", "NaN or Inf"});
}

TEST_F(EvaluateTest, HeadMustFitEncoderAndPack) {
  const Encoder encoder(folder_ / "encoder.pt");
  const Pack pack = open();
  const auto refusal = [&](int64_t rows, int64_t columns) {
    const ClassHead head(at::ones({rows, columns}), "heads.safetensors: shapes");
    return error_message([&] { evaluate(encoder, head, pack, "test", {}); });
  };
  expect_mentions(refusal(4, 3), {"heads.safetensors: shapes", "expected 3 rows", "shapes.pack"});
  expect_mentions(refusal(3, 4),
                  {"heads.safetensors: shapes: expected a head for the 3 features of", "encoder.pt",
                   "got [3, 4]"});
}

TEST_F(EvaluateTest, RefusesADamagedPackBeforeItPredicts) {
  std::string bytes = pack_.bytes();
  bytes[bytes.size() - 2 * kCount - 300] ^= 1;  // in an image
  const Pack pack(folder_.write("shapes.pack", bytes));
  EvaluationOptions options;
  options.on_progress = [](int64_t) { ADD_FAILURE(); };
  expect_mentions(error_message([&] {
                    evaluate(Encoder(folder_ / "encoder.pt"), ClassHead(at::eye(3), "head"), pack,
                             "test", options);
                  }),
                  {"shapes.pack: expected checksum"});
}

TEST_F(EvaluateTest, RefusesUnknownSplitsAndNoThreads) {
  expect_mentions(error_message([&] { run(1, 64, "train"); }), {"no split \"train\"", "val, test"});
  expect_mentions(error_message([&] { run(0, 64); }), {"at least 1 thread", "got 0 and 64"});
  expect_mentions(error_message([&] { run(1, 0); }), {"example per batch", "got 1 and 0"});
}

TEST_F(EvaluateTest, WorkersUseOneCoreEachAndReportProgress) {
  std::vector<int64_t> sizes;
  std::set<std::thread::id> workers;
  EvaluationOptions options;
  options.threads = 3;
  options.batch_size = 100;
  options.on_progress = [&](int64_t examples) {
    EXPECT_EQ(at::get_num_threads(), 1);
    sizes.push_back(examples);  // unguarded: calls come one at a time
    workers.insert(std::this_thread::get_id());
  };
  const Pack pack = open();
  evaluate(Encoder(folder_ / "encoder.pt"), ClassHead(at::eye(3), "head"), pack, "test", options);
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, (std::vector<int64_t>{63, 100, 100, 100, 100, 100, 100, 100, 100, 100}));
  EXPECT_FALSE(workers.contains(std::this_thread::get_id()));
}

TEST_F(EvaluateTest, LeavesTheNumberOfThreadsOfOthersAsItWas) {
  const int before = at::get_num_threads();
  at::set_num_threads(3);
  run(2, 64);
  int in_new_thread = 0;
  std::thread([&] { in_new_thread = at::get_num_threads(); }).join();
  EXPECT_EQ(in_new_thread, 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  at::set_num_threads(before);
}

// In a process of its own: the flag of a signal stays up.
TEST_F(EvaluateTest, StopsAtTheNextBatchAfterASignal) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto interrupted_run = [this] {
    catch_interrupts();
    EvaluationOptions options;
    options.batch_size = 10;
    int64_t done = 0;
    options.on_progress = [&](int64_t examples) {
      done += examples;
      if (done == 30) std::raise(SIGINT);
    };
    const Pack pack = open();
    try {
      evaluate(Encoder(folder_ / "encoder.pt"), ClassHead(at::eye(3), "head"), pack, "test",
               options);
    } catch (const Error& error) {
      std::exit(done == 30 ? error.exit_code() : 1);
    }
    std::exit(0);
  };
  EXPECT_EXIT(interrupted_run(), testing::ExitedWithCode(75), "");
}

}  // namespace
}  // namespace isomerge
