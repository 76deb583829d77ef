// isomerge evaluate by the real program, on the shipped mini suite.
#include <cstdlib>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "support/expect_error.h"
#include "support/program.h"

namespace isomerge {
namespace {

ProgramResult evaluate(const std::string& precision) {
  const std::string source = ISOMERGE_SOURCE_DIR;
  return run_isomerge({"evaluate", source + "/experiments/suites/mini_vision.json", "--weights",
                       source + "/models/mini/vit/experts/digits.safetensors", "--task", "digits",
                       "--precision", precision, "--json", "--quiet"});
}

int64_t correct(const std::string& precision) {
  const ProgramResult result = evaluate(precision);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return nlohmann::json::parse(result.out).at("tasks").at(0).at("correct").get<int64_t>();
}

TEST(EvaluateCommand, InBf16GetsTheSameRightButForAFewOfAThousand) {
  const int64_t fp32 = correct("fp32");
  EXPECT_GT(fp32, 950);
  EXPECT_LE(std::abs(correct("bf16") - fp32), 3);
}

TEST(EvaluateCommand, RefusesAPrecisionThatItDoesNotHave) {
  const ProgramResult result = evaluate("fp16");
  EXPECT_EQ(result.exit_code, 2);
  expect_mentions(result.err, {"--precision", "fp32 or bf16", "fp16"});
}

}  // namespace
}  // namespace isomerge
