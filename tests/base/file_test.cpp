#include "base/file.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST(InputFile, ReadsAnyPart) {
  const TemporaryFolder folder;
  const InputFile file(folder.write("f", "0123456789"));
  EXPECT_EQ(file.size(), 10u);
  EXPECT_EQ(file.path(), folder / "f");
  char part[4] = {};
  file.read_at(6, part, 3);
  EXPECT_STREQ(part, "678");
  EXPECT_NO_THROW(file.read_at(10, part, 0));
}

TEST(InputFile, SaysWhereAFileEndsTooEarly) {
  const TemporaryFolder folder;
  const InputFile file(folder.write("f", "0123456789"));
  char part[8] = {};
  expect_mentions(error_message([&] { file.read_at(7, part, 8); }),
                  {"/f", "ends at byte 10", "expected 5 bytes more"});
}

TEST(InputFile, CanBeMoved) {
  const TemporaryFolder folder;
  InputFile first(folder.write("f", "abc"));
  const InputFile second(std::move(first));
  char c = 0;
  second.read_at(1, &c, 1);
  EXPECT_EQ(c, 'b');
  EXPECT_EQ(second.size(), 3u);
}

TEST(InputFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  expect_mentions(error_message([&] { InputFile(folder / "none"); }), {"none", "cannot open"});
  expect_mentions(error_message([&] { InputFile file(folder.path()); }), {"not a regular file"});
}

// A pipe without a writer would keep a plain open() waiting for ever.
TEST(InputFile, RefusesANamedPipeAtOnce) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_mentions(error_message([&] { InputFile file(folder / "pipe"); }), {"not a regular file"});
}

TEST(MappedFile, ShowsTheWholeFileAlsoAnEmptyOne) {
  const TemporaryFolder folder;
  MappedFile first(folder.write("f", "abc"));
  const MappedFile file(std::move(first));
  ASSERT_EQ(file.bytes().size(), 3u);
  EXPECT_EQ(std::memcmp(file.bytes().data(), "abc", 3), 0);
  EXPECT_TRUE(first.bytes().empty());  // NOLINT: what a move leaves is stated
  EXPECT_TRUE(MappedFile(folder.write("e", "")).bytes().empty());
  expect_mentions(error_message([&] { MappedFile(folder / "none"); }), {"cannot open"});
}

TEST(AtomicFile, AppearsOnlyWithCommit) {
  const TemporaryFolder folder;
  {
    AtomicFile file(folder / "f");
    file.write("abc");
    file.write("de");
    EXPECT_EQ(file.written(), 5u);
    EXPECT_FALSE(std::filesystem::exists(folder / "f"));
    file.commit();
    EXPECT_EQ(TemporaryFolder::read(folder / "f"), "abcde");
  }
  EXPECT_EQ(names_in(folder.path()), Names{"f"});
}

TEST(AtomicFile, WithoutCommitLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  folder.write("f", "old");
  { AtomicFile(folder / "f").write("new"); }
  EXPECT_EQ(TemporaryFolder::read(folder / "f"), "old");
  EXPECT_EQ(names_in(folder.path()), Names{"f"});
  write_text_file(folder / "f", "new");
  EXPECT_EQ(TemporaryFolder::read(folder / "f"), "new");
}

// Two threads of one process that write the same file must not share a temporary one.
TEST(AtomicFile, OfTwoWritersOneWinsWhole) {
  const TemporaryFolder folder;
  const std::string a(300'000, 'a'), b(200'000, 'b');
  for (int round = 0; round < 20; ++round) {
    std::thread first([&] { write_text_file(folder / "f", a); });
    std::thread second([&] { write_text_file(folder / "f", b); });
    first.join();
    second.join();
    const std::string got = TemporaryFolder::read(folder / "f");
    ASSERT_TRUE(got == a || got == b) << got.size();
  }
  EXPECT_EQ(names_in(folder.path()), Names{"f"});
}

TEST(AtomicFile, NamesAFolderThatIsNotThere) {
  const TemporaryFolder folder;
  expect_mentions(error_message([&] { AtomicFile file(folder / "no/such/f"); }),
                  {"no/such/f", "cannot write"});
}

// A limit on file sizes stands in for a full disk. In a child: limits are for whole processes.
TEST(AtomicFile, OnAFullDiskIsAMachineErrorAndLeavesNothing) {
  const TemporaryFolder folder;
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int code = 1;
    try {
      write_text_file(folder / "f", std::string(5000, 'x'));
    } catch (const Error& error) {
      const std::string message = error.what();
      const bool told = message.find("after 1,000 bytes") != std::string::npos;
      code = told ? error.exit_code() : 1;
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(Fault::kMachine));
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST(TextFile, ComesBackWithEveryByte) {
  const TemporaryFolder folder;
  const std::string text("a\0\n\xff", 4);
  write_text_file(folder / "f", text);
  EXPECT_EQ(read_text_file(folder / "f"), text);
  EXPECT_EQ(read_text_file(folder.write("e", "")), "");
}

TEST(InputFile, TakesHintsAboutAnyRange) {
  const TemporaryFolder folder;
  const InputFile file(folder.write("f", "0123456789"));
  file.will_need(2, 5);
  file.will_need(5, 0);
  file.will_need(100, UINT64_MAX);
  char c = 0;
  file.read_at(9, &c, 1);
  EXPECT_EQ(c, '9');
}

TEST(WritableFolder, IsMadeWithItsParentsAndLeftEmpty) {
  const TemporaryFolder folder;
  require_writable_folder(folder / "a/b");
  EXPECT_TRUE(names_in(folder / "a/b").empty());
  require_writable_folder(folder / "a/b");
  require_writable_folder(folder / "a/b/");
  folder.write("file", "");
  expect_mentions(error_message([&] { require_writable_folder(folder / "file"); }), {"file"});
  expect_mentions(error_message([&] { require_writable_folder(folder / "file/x"); }), {"file/x"});
}

// Root ignores permission bits, so a child becomes somebody else.
TEST(WritableFolder, ThatRefusesTheUserIsAnInputError) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "locked");
  std::filesystem::permissions(folder.path(), std::filesystem::perms::all);
  std::filesystem::permissions(folder / "locked", std::filesystem::perms::owner_read);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(1);
    int code = 1;
    try {
      require_writable_folder(folder / "locked");
    } catch (const Error& error) {
      code = error.exit_code();
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), static_cast<int>(Fault::kInput));
}

// Reference values of XXH3-128 (seed 0): the published one of the empty text, and `xxh128sum`.
TEST(Hash, IsXxh3WrittenInHexadecimal) {
  EXPECT_EQ(hash_text(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash_text("abc"), "06b05ab6733a618578af5f94892f3950");
  EXPECT_NE(hash_text("abd"), hash_text("abc"));
}

TEST(Hash, OfPiecesIsThatOfTheWhole) {
  Hasher hasher;
  hasher.update("a").update("").update("bc", 2);
  EXPECT_EQ(hasher.digest(), hash_text("abc"));
}

TEST(Hash, OfAFileLargerThanItsBufferIsThatOfItsBytes) {
  const TemporaryFolder folder;
  std::string text;
  for (int i = 0; text.size() < (size_t{2} << 20) + 17; ++i) text += std::to_string(i);
  EXPECT_EQ(hash_file(folder.write("f", text)), hash_text(text));
  EXPECT_EQ(hash_file(folder.write("e", "")), hash_text(""));
  expect_mentions(error_message([&] { hash_file(folder / "none"); }), {"cannot open"});
}

}  // namespace
}  // namespace isomerge
