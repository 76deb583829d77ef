#include "dataset/image_list.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "dataset/pack.h"
#include "dataset/pack_writer.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

const std::filesystem::path kImages =
    std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden/images";

// Four images in two splits, copies in a folder of their own.
class ImageLists : public testing::Test {
 protected:
  ImageLists() {
    for (const char* name : {"photo.jpg", "grey.jpg", "colour.png", "palette.png"}) {
      folder_.write(std::string("images/") + name, TemporaryFolder::read(kImages / name));
    }
  }

  std::string entry(const std::string& name, int label) const {
    return fmt::format("[\"{}\", {}, \"{}\"]", name, label, hash_file(folder_ / "images" / name));
  }

  std::string text(int last_label = 1) const {
    return fmt::format(
        R"({{"format": "isomerge image list 1", "name": "things", "classes": ["a", "b"],
            "folder": "images", "splits": {{"val": [{}], "test": [{}, {}, {}]}}}})",
        entry("photo.jpg", 0), entry("grey.jpg", 1), entry("colour.png", 0),
        entry("palette.png", last_label));
  }

  ImageList open() const { return ImageList(folder_.write("things.images.json", text())); }

  std::string refusal(const std::string& from, const std::string& to) const {
    std::string changed = text();
    changed.replace(changed.find(from), from.size(), to);
    const auto path = folder_.write("things.images.json", changed);
    return error_message([&] { const ImageList list(path); });
  }

  TemporaryFolder folder_;
};

TEST_F(ImageLists, HoldImagesLabelsAndSplitsInOrder) {
  const ImageList list = open();
  EXPECT_EQ(list.count(), 4);
  EXPECT_EQ(list.classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list.require_split("val").size(), 1);
  EXPECT_EQ(list.require_split("test").begin, 1);
  EXPECT_EQ(list.label(1), 1);
  EXPECT_EQ(list.label(2), 0);
  EXPECT_EQ(list.image(0).height, 93);
  EXPECT_EQ(list.image(2).width, 30);
  expect_mentions(error_message([&] { list.require_split("train"); }),
                  {"things.images.json", "no split \"train\"", "val, test"});
}

TEST_F(ImageLists, AreToldFromPacksByTheirContent) {
  const auto path = folder_.write("no_extension", text());
  EXPECT_EQ(open_image_set(path)->count(), 4);
  expect_mentions(error_message([&] { open_image_set(folder_.write("empty", "")); }), {"empty"});
  expect_mentions(error_message([&] { open_image_set(folder_.write("x", "x = 1")); }),
                  {"not a packed dataset"});
}

TEST_F(ImageLists, NameWhatIsWrongWithThem) {
  expect_mentions(refusal("list 1", "list 7"), {"things.images.json", "isomerge image list 1"});
  expect_mentions(refusal("\"classes\"", "\"klasses\""), {"things.images.json", "classes"});
  expect_mentions(refusal("\"grey.jpg\", 1", "\"grey.jpg\", 2"),
                  {"split test", "grey.jpg", "expected 0 to 1, got 2"});
  expect_mentions(refusal("\"grey.jpg\", 1", "\"grey.jpg\", -1"), {"got -1"});
  expect_mentions(refusal("\"val\": [", "\"train\": [], \"val\": ["), {"split train is empty"});
  expect_mentions(refusal("{\"val\"", "{\"val"), {"not an image list"});
}

TEST_F(ImageLists, AnImageThatChangedIsNamed) {
  const ImageList list = open();
  folder_.write("images/colour.png", TemporaryFolder::read(kImages / "grey.png"));
  expect_mentions(error_message([&] { list.image(2); }),
                  {"colour.png", "expected an image with hash", "changed or damaged"});
  folder_.write("images/colour.png", "");
  expect_mentions(error_message([&] { list.image(2); }), {"colour.png", "the file is empty"});
  std::filesystem::remove(folder_ / "images/colour.png");
  expect_mentions(error_message([&] { list.image(2); }), {"colour.png"});
}

TEST_F(ImageLists, ArePackedWithTheSamePixels) {
  const ImageList list = open();
  PackOptions options;
  options.name = "things";
  options.prepare.resize = options.prepare.crop = 32;
  options.provenance = {{"source", "s"}, {"licence", "l"}, {"description", "d"}};
  std::string first;
  for (const int threads : {1, 3}) {
    options.threads = threads;
    int64_t done = 0;
    options.on_progress = [&](int64_t examples) { done += examples; };
    write_pack(list, options, folder_ / "things.pack");
    EXPECT_EQ(done, 4);
    const std::string bytes = TemporaryFolder::read(folder_ / "things.pack");
    EXPECT_TRUE(first.empty() || bytes == first) << "bytes depend on the threads";
    first = bytes;
  }
  const Pack pack(folder_ / "things.pack");
  pack.verify();
  EXPECT_EQ(pack.name(), "things");
  EXPECT_EQ(pack.classes(), list.classes());
  EXPECT_EQ(pack.require_split("test").begin, 1);
  EXPECT_EQ(pack.require_split("test").end, 4);
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(pack.label(i), list.label(i));
    const Image found = pack.image(i), wanted = prepare(list.image(i), options.prepare);
    ASSERT_EQ(found.pixels.size(), size_t{3 * 32 * 32});
    EXPECT_TRUE(std::equal(found.pixels.begin(), found.pixels.end(), wanted.pixels.begin()));
  }
}

TEST_F(ImageLists, OfSeveralSizesMakeNoPack) {
  PackOptions options;
  options.name = "things";
  expect_mentions(error_message([&] { write_pack(open(), options, folder_ / "x.pack"); }),
                  {"things.images.json: image 2 has 35 x 30 pixels, the first 93 x 90"});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "x.pack"));
}

}  // namespace
}  // namespace isomerge
