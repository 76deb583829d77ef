#include "checkpoint/unpickler.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

// protocol 2, GLOBAL os system, a text, TUPLE1, REDUCE
TEST(Unpickler, APickleThatCallsAFunctionIsRefusedByItsName) {
  expect_mentions(error_message([] {
                    read_pickle(
                        "\x80\x02"
                        "cos\nsystem\nX\x02\x00\x00\x00ls\x85R.",
                        "m.pt");
                  }),
                  {"m.pt", "os.system", "a program, not data"});
}

TEST(Unpickler, APickledModuleIsRefusedWithTheWayOut) {
  expect_mentions(error_message([] {
                    read_pickle(
                        "\x80\x02"
                        "copen_clip.model\nCLIP\n)\x81.",
                        "m.pt");
                  }),
                  {"open_clip.model.CLIP", "models/unpickle.py encoder FILE"});
}

TEST(Unpickler, ReadsNumbersTextsAndContainers) {
  using namespace std::string_literals;
  // {'a': [1, -2, 300, 70000], 'b': (True, None, 2**40)}
  const std::string bytes = "\x80\x02}q\x00(X\x01\x00\x00\x00"s +
                            "a](K\x01J\xfe\xff\xff\xffM\x2c\x01J\x70\x11\x01\x00"s +
                            "eX\x01\x00\x00\x00"s + "b\x88N\x8a\x06\x00\x00\x00\x00\x00\x01\x87u."s;
  const PickleTree tree = read_pickle(bytes, "p");
  const PickleNode* value = tree.top;
  ASSERT_EQ(value->items.size(), 4u);
  ASSERT_EQ(value->items[1]->items.size(), 4u);
  EXPECT_EQ(value->items[1]->items[1]->integer, -2);
  EXPECT_EQ(value->items[1]->items[2]->integer, 300);
  EXPECT_EQ(value->items[1]->items[3]->integer, 70000);
  ASSERT_EQ(value->items[3]->items.size(), 3u);
  EXPECT_EQ(value->items[3]->items[2]->integer, int64_t{1} << 40);
}

TEST(Unpickler, MakesObjectsOfTorchScriptClassesOnly) {
  expect_mentions(error_message([] {
                    read_pickle(
                        "\x80\x02"
                        "ccollections\nOrderedDict\n)\x81.",
                        "m.pt");
                  }),
                  {"m.pt", "it makes a collections OrderedDict"});
}

TEST(Unpickler, StackAndMemoFaultsAreErrors) {
  using namespace std::string_literals;
  for (const std::string& bytes :
       {"."s, "R."s, "e."s, "(."s, "h\x01."s, "K"s, "X\xff\xff\xff\xff."s, "]K\x01s."s,
        "\x8a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01."s, "K\x01Q."s, "\xff."s, "N)b."s}) {
    EXPECT_THROW(read_pickle(bytes, "p"), Error) << bytes;
  }
}

}  // namespace
}  // namespace isomerge
