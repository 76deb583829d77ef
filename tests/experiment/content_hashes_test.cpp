#include "experiment/content_hashes.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

TEST(ContentHashes, AreThoseOfTheBytes) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", "some bytes");
  EXPECT_EQ(ContentHashes(folder / "memory").hash(file), hash_text("some bytes"));
  error_message([&] { ContentHashes(folder / "memory").hash(folder / "missing"); });
}

TEST(ContentHashes, AreRememberedUntilTheFileChanges) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", "some bytes");
  ContentHashes first(folder / "memory");
  first.hash(file);
  first.save();
  // A memory that says otherwise is believed: the bytes are not read again.
  std::string memory = TemporaryFolder::read(folder / "memory");
  memory.replace(0, 32, std::string(32, '0'));
  folder.write("memory", memory);
  EXPECT_EQ(ContentHashes(folder / "memory").hash(file), std::string(32, '0'));
  folder.write("a", "other bytes, longer");
  EXPECT_EQ(ContentHashes(folder / "memory").hash(file), hash_text("other bytes, longer"));
}

TEST(ContentHashes, ADamagedMemoryIsAsGoodAsNone) {
  const TemporaryFolder folder;
  const auto file = folder.write("a", "some bytes");
  folder.write("memory", "garbage\n\n\x01");
  EXPECT_EQ(ContentHashes(folder / "memory").hash(file), hash_text("some bytes"));
}

}  // namespace
}  // namespace isomerge
