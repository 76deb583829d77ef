#include "dataset/pack.h"

#include <random>

#include <gtest/gtest.h>

#include "support/expect_error.h"
#include "support/pack_file.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

class PackTest : public testing::Test {
 protected:
  Pack open(const std::string& bytes) { return Pack(folder_.write("shapes.pack", bytes)); }
  Pack open(const PackFile& pack) { return open(pack.bytes()); }

  std::string refusal(const std::string& bytes) {
    const auto path = folder_.write("shapes.pack", bytes);
    const std::string message = error_message([&] { Pack{path}; });
    expect_mentions(message, {path.string() + ": "});
    return message;
  }

  // The pack of the defaults with one text of its header replaced.
  std::string refusal(const std::string& from, const std::string& to) {
    PackFile pack;
    pack.edits = {{from, to}};
    return refusal(pack.bytes());
  }

  TemporaryFolder folder_;
};

TEST_F(PackTest, ReadsEverythingThatWasWritten) {
  const Pack pack = open(PackFile());
  EXPECT_EQ(pack.name(), "shapes");
  EXPECT_EQ(pack.classes(), (std::vector<std::string>{"disc", "square", "star"}));
  EXPECT_EQ(pack.class_count(), 3);
  EXPECT_EQ(pack.count(), 10);
  EXPECT_EQ(pack.channels(), 1);
  EXPECT_EQ(pack.height(), 2);
  EXPECT_EQ(pack.width(), 3);
  EXPECT_EQ(pack.path(), folder_ / "shapes.pack");
  ASSERT_EQ(pack.image(9).pixels.size(), 6u);
  for (size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(pack.image(static_cast<int64_t>(i / 6)).pixels[i % 6],
              static_cast<uint8_t>(7 * i + 1));
  }
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(pack.label(i), i % 3);
}

TEST_F(PackTest, ReadsColourImagesOfExactly64BytesWithoutPadding) {
  PackFile file;
  file.channels = 3, file.height = 4, file.width = 4, file.count = 4;  // 192 = 3 * 64 bytes
  file.splits = {{"test", {0, 4}}};
  const Pack pack = open(file);
  EXPECT_EQ(pack.channels(), 3);
  EXPECT_EQ(pack.image(3).pixels.size(), 48u);
  EXPECT_EQ(pack.image(3).pixels[47], static_cast<uint8_t>(7 * 191 + 1));
  EXPECT_EQ(pack.label(3), 0);
  EXPECT_NO_THROW(pack.verify());
}

TEST_F(PackTest, ReadsLabelsAbove255AsLittleEndian) {
  PackFile file;
  file.classes.assign(600, "c");
  file.labels = {0, 1, 255, 256, 257, 511, 512, 513, 598, 599};
  const Pack pack = open(file);
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(pack.label(i), file.labels[static_cast<size_t>(i)]);
}

TEST_F(PackTest, SplitsComeInTheOrderOfTheirExamples) {
  PackFile file;  // JSON objects are read sorted by name: "a" comes first there
  file.splits = {{"z", {0, 2}}, {"m", {2, 5}}, {"a", {6, 10}}};
  const Pack pack = open(file);
  ASSERT_EQ(pack.splits().size(), 3u);
  EXPECT_EQ(pack.splits()[0].name, "z");
  EXPECT_EQ(pack.splits()[2].name, "a");
  EXPECT_EQ(pack.require_split("m").begin, 2);
  EXPECT_EQ(pack.require_split("m").end, 5);
  EXPECT_EQ(pack.require_split("m").size(), 3);
}

TEST_F(PackTest, UnknownSplitListsTheKnownOnes) {
  const Pack pack = open(PackFile());
  expect_mentions(error_message([&] { pack.require_split("train"); }),
                  {"shapes.pack", "\"train\"", "known: val, test"});
}

TEST_F(PackTest, MovedPackStillReads) {
  Pack first = open(PackFile());
  const Pack second = std::move(first);
  EXPECT_EQ(second.image(0).pixels[0], 1);
  EXPECT_NO_THROW(second.verify());
}

// One Error at every length shorter than the file: in the frame, header, images, padding, labels.
TEST_F(PackTest, RefusesAFileCutAtAnyByte) {
  const std::string bytes = PackFile().bytes();
  for (size_t length = 0; length < bytes.size(); ++length) {
    expect_mentions(refusal(bytes.substr(0, length)),
                    {length < 16                  ? "not a packed dataset"
                     : length < bytes.size() - 84 ? "expected a header of"
                                                  : "the file is incomplete or damaged"});
    if (HasFailure()) FAIL() << "at length " << length;
  }
}

TEST_F(PackTest, RefusesBytesAfterTheLastLabel) {
  expect_mentions(refusal(PackFile().bytes() + '\0'),
                  {"expected 60 bytes of images [10, 1, 2, 3]", "10 labels", "got 85 bytes"});
}

// One bit of every byte: a header with a wrong bit is either refused or describes a file that can
// be read safely; never may a byte outside the file be touched (the sanitizer build watches).
TEST_F(PackTest, AnyBitFlipInTheHeaderIsRefusedOrHarmless) {
  const std::string good = PackFile().bytes();
  int refused = 0, accepted = 0;
  for (size_t byte = 0; byte < good.size() - 84; ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ (1 << (byte * 5 % 8)));
    try {
      const Pack pack = open(bad);
      for (int64_t i = 0; i < pack.count(); ++i) {
        ASSERT_LT(pack.label(i), pack.class_count());
        ASSERT_EQ(pack.image(i).pixels.size(), 6u);
      }
      ++accepted;  // a letter of a name
    } catch (const Error& error) {
      ASSERT_EQ(error.exit_code(), 2) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 2 * accepted);
}

TEST_F(PackTest, RefusesEveryBitFlipBeforeTheJson) {
  const std::string good = PackFile().bytes();
  for (size_t bit = 0; bit < 8 * 16; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    refusal(bad);
    if (HasFailure()) FAIL() << "at bit " << bit;
  }
}

TEST_F(PackTest, VerifyFindsEveryBitFlipInThePayload) {
  const std::string good = PackFile().bytes();
  for (size_t byte = good.size() - 84; byte < good.size(); ++byte) {
    std::string bad = good;
    bad[byte] = static_cast<char>(bad[byte] ^ 1);
    const auto path = folder_.write("shapes.pack", bad);
    const std::string message = error_message([&] { Pack(path).verify(); });
    if (HasFailure()) FAIL() << "at byte " << byte;
    if (byte < good.size() - 20) {  // a flipped label may already be no class
      expect_mentions(message, {"shapes.pack", "expected checksum ", "damaged"});
    }
  }
}

TEST_F(PackTest, VerifyPassesTheWritersChecksumAndRemembersIt) {
  const Pack pack = open(PackFile());
  EXPECT_EQ(pack.checksum().size(), 32u);
  pack.verify();
  // Behind its back, which its header forbids: only to show that the file is not read again.
  const std::string bytes = PackFile().bytes();
  folder_.write("shapes.pack", bytes.substr(0, bytes.size() - 84) + std::string(84, 'x'));
  EXPECT_NO_THROW(pack.verify());
}

TEST_F(PackTest, RefusesOtherFiles) {
  expect_mentions(refusal(""), {"not a packed dataset", "0 bytes"});
  expect_mentions(refusal("ISOPACK2" + std::string(200, ' ')),
                  {"not a packed dataset", "ISOPACK1"});
  expect_mentions(error_message([&] { Pack(folder_ / "none.pack"); }),
                  {"none.pack", "No such file"});
  expect_mentions(error_message([&] { Pack{folder_.path()}; }), {folder_.path().string()});
}

TEST_F(PackTest, RefusesAHeaderThatDoesNotEndAtAMultipleOf64) {
  std::string bytes = PackFile().bytes();
  bytes[8] = static_cast<char>(bytes[8] - 1);
  expect_mentions(refusal(bytes), {"expected the header to end at a multiple of 64"});
}

TEST_F(PackTest, RefusesAHeaderThatIsNotJson) {
  expect_mentions(refusal("\"name\"", "name"), {"the header is not JSON", "parse error"});
  EXPECT_EQ(refusal("\"name\"", "name").find("json.exception"), std::string::npos);
  expect_mentions(refusal("made", "\xff\xfe"), {"the header is not JSON"});
}

TEST_F(PackTest, NamesAllUnknownAndMissingKeysAtOnce) {
  PackFile pack;
  pack.edits = {{"\"height\"", "\"heigth\""}, {"\"checksum\"", "\"sum\""}};
  expect_mentions(refusal(pack.bytes()),
                  {"unknown key \"heigth\" (nearest: \"height\")", "unknown key \"sum\"",
                   "missing key \"height\"", "missing key \"checksum\""});
  expect_mentions(refusal("\"labels\": {\"offset\"", "\"labels\": {\"start\""),
                  {"header: labels: ", "unknown key \"start\"", "missing key \"offset\""});
  expect_mentions(refusal("\"images\": {\"offset\"", "\"images\": {\"extra\": 1, \"offset\""),
                  {"header: images: ", "unknown key \"extra\""});
}

TEST_F(PackTest, RefusesAKeyThatAppearsTwice) {
  expect_mentions(refusal("\"count\": 10", "\"count\": 10, \"count\": 10"),
                  {"key \"count\" appears twice"});
  expect_mentions(refusal("\"test\": [3, 10]", "\"test\": [3, 9], \"test\": [3, 10]"),
                  {"key \"test\" appears twice"});
  EXPECT_NO_THROW(open(PackFile()));  // "offset" and "bytes" appear twice, in two objects
}

TEST_F(PackTest, RefusesValuesOfAnotherType) {
  expect_mentions(refusal("\"shapes\"", "17"), {"\"name\": expected a text, got 17"});
  expect_mentions(refusal("\"count\": 10", "\"count\": 10.0"),
                  {"\"count\": expected a whole number, got 10.0"});
  expect_mentions(refusal("\"width\": 3", "\"width\": -3"), {"\"width\": expected a whole number"});
  expect_mentions(refusal("\"height\": 2", "\"height\": \"2\""), {"\"height\": expected a whole"});
  expect_mentions(refusal("\"height\": 2", "\"height\": 99999999999999999999"), {"\"height\""});
  expect_mentions(refusal("[\"disc\"", "[4"), {"\"classes\": expected a list of texts"});
  expect_mentions(refusal("\"classes\": [", "\"classes\": [], \"x\": ["), {"unknown key \"x\""});
  expect_mentions(refusal("{\"val\": [0, 3], \"test\": [3, 10]}", "[0, 3]"),
                  {"\"splits\": expected an object"});
  expect_mentions(refusal("\"provenance\": {", "\"provenance\": 1, \"y\": {"), {"unknown key"});
}

TEST_F(PackTest, RefusesAHeaderThatIsNoObject) {
  std::string bytes = "ISOPACK1" + std::string("\x30\0\0\0\0\0\0\0", 8) + "[1, 2]";
  bytes.resize(64, ' ');
  expect_mentions(refusal(bytes), {"header: expected an object, got [1,2]"});
}

TEST_F(PackTest, RefusesZeroAndAbsurdCounts) {
  expect_mentions(refusal("\"count\": 10", "\"count\": 0"),
                  {"\"count\": expected a whole number above"});
  expect_mentions(refusal("\"width\": 3", "\"width\": 0"),
                  {"\"width\": expected a whole number above"});
  expect_mentions(refusal("\"width\": 3", "\"width\": 9223372036854775808"),
                  {"\"width\": expected"});
  expect_mentions(refusal("\"channels\": 1", "\"channels\": 2"),
                  {"\"channels\": expected 1 or 3, got 2"});
  expect_mentions(refusal("[\"disc\", \"square\", \"star\"]", "[]"),
                  {"\"classes\": expected", "65,536"});
  PackFile pack;
  pack.classes.assign(65537, "c");
  expect_mentions(refusal(pack.bytes()), {"\"classes\": expected", "65,536"});
}

// The product of the sizes is 2^64 + 60: in 64 bits it would be the right one.
TEST_F(PackTest, RefusesAProductOfSizesThatOverflows) {
  PackFile pack;  // 10 * h * w = 60 modulo 2^64
  pack.edits = {{"\"height\": 2", "\"height\": 9223372036854775809"}};
  expect_mentions(refusal(pack.bytes()), {"\"height\""});
  pack.edits = {{"\"height\": 2", "\"height\": 4611686018427387906"}};  // 2^62 + 2
  expect_mentions(refusal(pack.bytes()), {"more bytes than any file"});
  pack.edits = {{"\"height\": 2", "\"height\": 307445734561825860"}};  // 60 * h just below 2^64
  expect_mentions(refusal(pack.bytes()), {"expected "});
}

// One image of (2^32 - 1)(2^32 + 1) = 2^64 - 1 bytes, padded to 2^64, would leave room for its
// label.
TEST_F(PackTest, RefusesAPaddedLengthThatOverflows) {
  PackFile pack;
  pack.count = 1, pack.height = 1, pack.width = 1;
  pack.splits = {{"test", {0, 1}}};
  pack.edits = {{"\"height\": 1", "\"height\": 4294967295"},
                {"\"width\": 1", "\"width\": 4294967297"}};
  expect_mentions(refusal(pack_header_bytes(pack, std::string(32, '0')) + std::string(2, '\0')),
                  {"expected 18,446,744,073,709,551,615 bytes of images", "got 2 bytes"});
}

TEST_F(PackTest, RefusesOffsetsAndLengthsThatAreNotTheOnesOfTheLayout) {
  const std::string images = std::to_string(PackFile().bytes().size() - 84);
  const std::string labels = std::to_string(PackFile().bytes().size() - 20);
  expect_mentions(refusal("\"offset\": " + images, "\"offset\": 064"), {"JSON"});
  for (const char* wrong : {"0", "999999", "18446744073709551615"}) {
    expect_mentions(refusal("\"offset\": " + images, std::string("\"offset\": ") + wrong),
                    {"header: images: \"offset\": expected " + images, wrong});
    expect_mentions(refusal("\"offset\": " + labels, std::string("\"offset\": ") + wrong),
                    {"header: labels: \"offset\": expected " + labels, wrong});
    expect_mentions(refusal("\"bytes\": 60", std::string("\"bytes\": ") + wrong),
                    {"header: images: \"bytes\": expected 60, got ", wrong});
    expect_mentions(refusal("\"bytes\": 20", std::string("\"bytes\": ") + wrong),
                    {"header: labels: \"bytes\": expected 20, got ", wrong});
  }
}

TEST_F(PackTest, RefusesSplitsThatOverlapOrLeaveTheFile) {
  expect_mentions(refusal("[3, 10]", "[2, 10]"),
                  {"splits \"val\" [0, 3) and \"test\" [2, 10) overlap"});
  expect_mentions(refusal("[0, 3]", "[4, 6]"), {"\"test\" [3, 10) and \"val\" [4, 6) overlap"});
  expect_mentions(refusal("[0, 3]", "[3, 10]"), {"overlap"});
  expect_mentions(refusal("[3, 10]", "[3, 11]"),
                  {"split \"test\": expected 0 <= begin < end <= 10"});
  expect_mentions(refusal("[3, 10]", "[5, 5]"), {"split \"test\": expected 0 <= begin < end"});
  expect_mentions(refusal("[3, 10]", "[8, 5]"), {"split \"test\": expected 0 <= begin < end"});
  expect_mentions(refusal("[3, 10]", "[-3, 10]"), {"split \"test\": expected [begin, end]"});
  expect_mentions(refusal("[3, 10]", "[3, 10, 12]"), {"split \"test\": expected [begin, end]"});
  expect_mentions(refusal("[3, 10]", "7"), {"split \"test\": expected [begin, end], got 7"});
  expect_mentions(refusal("{\"val\": [0, 3], \"test\": [3, 10]}", "{}"), {"at least one split"});
  EXPECT_NO_THROW(open([] {
    PackFile pack;
    pack.edits = {{"[3, 10]", "[5, 9]"}};  // examples in no split are nobody's business
    return pack;
  }()));
}

TEST_F(PackTest, RefusesALabelThatIsNoClass) {
  PackFile file;
  file.labels = {0, 1, 2, 2, 1, 0, 3, 0, 0, 0};
  expect_mentions(refusal(file.bytes()), {"label of example 6: expected 0 to 2, got 3"});
  file.labels[6] = 65535;
  expect_mentions(refusal(file.bytes()), {"got 65535"});
}

TEST_F(PackTest, RefusesAMalformedChecksum) {
  const std::string sum = open(PackFile()).checksum();
  expect_mentions(refusal(sum, sum.substr(1)),
                  {"\"checksum\": expected 32 lower-case hexadecimal"});
  expect_mentions(refusal(sum, "G" + sum.substr(1)), {"\"checksum\": expected 32 lower-case"});
}

TEST_F(PackTest, ProvenanceNeedsItsThreeTextsAndMayHaveMore) {
  expect_mentions(refusal("\"licence\": \"MIT\", ", ""),
                  {"\"provenance\": expected", "\"licence\""});
  expect_mentions(refusal("\"MIT\"", "7"), {"\"provenance\": expected a text under \"licence\""});
  expect_mentions(
      refusal("{\"source\": \"made\", \"licence\": \"MIT\", \"description\": \"for tests\"}", "[]"),
      {"\"provenance\": expected an object"});
  PackFile pack;
  pack.edits = {{"\"MIT\"", "\"MIT\", \"font\": \"Noto\""}};
  EXPECT_NO_THROW(open(pack));
}

// Random bytes behind a valid frame: whatever the JSON parser is given, an Error comes out.
TEST_F(PackTest, RandomHeadersAreRefused) {
  std::mt19937_64 random(7);
  const std::string alphabet = "{}[]\":,0123456789e-. nametrufls\\\x01\xc3\xa4";
  for (int round = 0; round < 500; ++round) {
    std::string bytes = "ISOPACK1" + std::string("\x70\0\0\0\0\0\0\0", 8);
    while (bytes.size() < 128) bytes += alphabet[random() % alphabet.size()];
    refusal(bytes);
    if (HasFailure()) FAIL() << bytes;
  }
}

}  // namespace
}  // namespace isomerge
