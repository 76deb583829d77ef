#include "task/named_work.h"

#include <gtest/gtest.h>

#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(NamedWork, GivesTheResultAndUsesOneThread) {
  EXPECT_EQ(named_work("w", [] { return at::get_num_threads(); }), 1);
}

TEST(NamedWork, NamesTheTensorInAnErrorOnce) {
  const auto thrown = [](const std::string& what) {
    return error_message([&] { named_work("blocks.0.w", [&] { throw input_error(what); }); });
  };
  EXPECT_EQ(thrown("is odd"), "blocks.0.w: is odd");
  EXPECT_EQ(thrown("blocks.0.w is odd"), "blocks.0.w is odd");
}

TEST(NamedWork, TellsMemoryThatRanOutFromAFaultOfOurs) {
  const auto message = [](Fault fault, const auto& work) {
    return error_message([&] { named_work("w", work); }, fault);
  };
  expect_mentions(message(Fault::kMachine, [] { throw std::bad_alloc(); }), {"w: out of memory"});
  expect_mentions(
      message(Fault::kMachine, [] { TORCH_CHECK(false, "can't allocate memory: 1 byte\nstack"); }),
      {"w: ", "allocate memory"});
  const std::string fault = message(Fault::kInternal, [] { TORCH_CHECK(false, "bad\nstack"); });
  EXPECT_EQ(fault, "w: bad");
}

}  // namespace
}  // namespace isomerge
