#include "model/torch_error.h"

#include <new>
#include <stdexcept>

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

namespace isomerge {
namespace {

TEST(TorchError, ReasonIsTheFirstLine) {
  EXPECT_EQ(torch_reason(std::runtime_error("\n  shapes differ\nframe 1\nframe 2")),
            "shapes differ");
  EXPECT_EQ(torch_reason(std::runtime_error("")), "");
  EXPECT_EQ(torch_reason(std::runtime_error("\n \n")), "");
}

TEST(TorchError, ReasonOfTheInterpreterFollowsItsLastArrow) {
  const std::string trace =
      "The following operation failed in the TorchScript interpreter.\nTraceback:\n"
      "  a()\n ~~~ <--- HERE\n  b()\n ~~~ <--- HERE\n    return x: y\nRuntimeError: no such "
      "axis\nmore";
  EXPECT_EQ(torch_reason(std::runtime_error(trace)), "RuntimeError: no such axis");
}

TEST(TorchError, ReasonOfLibTorchHasNoStackTrace) {
  try {
    TORCH_CHECK(false, "axis 3 is out of range");
  } catch (const std::exception& error) {
    EXPECT_EQ(torch_reason(error), "axis 3 is out of range");
  }
}

TEST(TorchError, MemoryIsTheMachinesFaultAndAllElseTheInputs) {
  const Error input = translate_torch_error(std::runtime_error("bad\nx"), "a.pt: loading");
  EXPECT_EQ(input.fault(), Fault::kInput);
  EXPECT_STREQ(input.what(), "a.pt: loading: bad");
  for (const char* text : {"DefaultCPUAllocator: can't allocate memory", "CUDA out of memory."}) {
    EXPECT_EQ(translate_torch_error(std::runtime_error(text), "x").fault(), Fault::kMachine);
  }
  EXPECT_EQ(translate_torch_error(std::bad_alloc(), "x").fault(), Fault::kMachine);
}

TEST(TorchError, OurOwnErrorStaysAsItIs) {
  const Error ours = translate_torch_error(Error(Fault::kInterrupted, "stopped\nhere"), "x");
  EXPECT_EQ(ours.fault(), Fault::kInterrupted);
  EXPECT_STREQ(ours.what(), "stopped\nhere");
}

}  // namespace
}  // namespace isomerge
