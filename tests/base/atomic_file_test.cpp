// What happens to the bytes of an AtomicFile after they were written; the rest is in file_test.cpp.
#include <cerrno>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace {
int folder_flushes = 0;  // since the program started
int folder_error = 0;    // what the next fsync of a folder shall fail with
}  // namespace

// Stands before the C library's, so that a test can see and break the flushing of folders.
extern "C" int fsync(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) == 0 && S_ISDIR(info.st_mode)) {
    ++folder_flushes;
    if (folder_error != 0) {
      errno = folder_error;
      return -1;
    }
  }
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace isomerge {
namespace {

TEST(AtomicFile, CanPatchWhatWasWritten) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "f");
  file.write("0123456789");
  file.rewrite(2, "ab");
  file.write("+");
  EXPECT_EQ(file.written(), 11u);
  file.rewrite(10, "-");
  error_message([&] { file.rewrite(10, "xy"); }, Fault::kInternal);
  error_message([&] { file.rewrite(UINT64_MAX, "x"); }, Fault::kInternal);
  file.commit();
  EXPECT_EQ(TemporaryFolder::read(folder / "f"), "01ab456789-");
}

// Without it a power cut could take back the name, and with it the file.
TEST(AtomicFile, FlushesTheFolderOnceItHasItsName) {
  const TemporaryFolder folder;
  const int before = folder_flushes;
  AtomicFile file(folder / "f");
  file.flush();
  EXPECT_EQ(folder_flushes, before);
  file.commit();
  EXPECT_EQ(folder_flushes, before + 1);
}

TEST(AtomicFile, AFolderThatCannotBeFlushedIsTheMachinesFaultUnlessNoneCan) {
  const TemporaryFolder folder;
  folder_error = EIO;
  expect_mentions(error_message([&] { write_text_file(folder / "f", "x"); }, Fault::kMachine),
                  {folder.path().string(), "may not have reached the disk"});
  folder_error = EINVAL;
  EXPECT_NO_THROW(write_text_file(folder / "f", "x"));
  folder_error = 0;
}

}  // namespace
}  // namespace isomerge
