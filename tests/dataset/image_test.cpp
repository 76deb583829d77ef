#include "dataset/image.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "base/file.h"
#include "dataset/preprocessing.h"
#include "dataset/resample.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

// tests/golden/make_images.py wrote them, with what Pillow makes of each.
const std::filesystem::path kImages =
    std::filesystem::path(ISOMERGE_SOURCE_DIR) / "tests/golden/images";

Image decode(const std::string& bytes, const std::string& label = "image") {
  return decode_image(std::as_bytes(std::span(bytes)), label);
}
std::string bytes_of(const std::string& name) { return TemporaryFolder::read(kImages / name); }
Image image_of(const std::string& name) { return decode(bytes_of(name), name); }

// Largest difference of two pixels; -1 for images of other sizes.
int difference(const Image& a, const Image& b) {
  if (a.channels != b.channels || a.height != b.height || a.width != b.width) return -1;
  int most = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    most = std::max(most, std::abs(int{a.pixels[i]} - int{b.pixels[i]}));
  }
  return most;
}

class DecodedImages : public testing::TestWithParam<const char*> {};

TEST_P(DecodedImages, AreThoseOfPillow) {
  const std::string name = GetParam();
  std::string stem = name;
  std::replace(stem.begin(), stem.end(), '.', '_');
  const Image found = image_of(name);
  EXPECT_EQ(found.channels, 3);
  EXPECT_EQ(difference(found, image_of(stem + ".rgb.png")), 0) << name;
}

INSTANTIATE_TEST_SUITE_P(OfEveryKind, DecodedImages,
                         testing::Values("photo.jpg", "turned.jpg", "full_chroma.jpg",
                                         "progressive.jpg", "grey.jpg", "colour.png", "alpha.png",
                                         "grey_alpha.png", "palette.png", "palette_clear.png",
                                         "two_colours.png", "grey.png", "colour.ppm", "colour.bmp",
                                         "colour.webp"));

// OpenCV and Pillow turn CMYK into colours by formulas that round differently.
TEST(DecodeImage, OfCmykIsWithinARoundingOfPillow) {
  const int off = difference(image_of("cmyk.jpg"), image_of("cmyk_jpg.rgb.png"));
  EXPECT_GE(off, 0);
  EXPECT_LE(off, 2);
}

TEST(DecodeImage, NamesWhatIsNoImage) {
  expect_mentions(error_message([] { decode("", "a/b.jpg"); }), {"a/b.jpg", "the file is empty"});
  expect_mentions(error_message([] { decode("GIF89a no more", "x.gif"); }),
                  {"x.gif: not an image", "JPEG, PNG"});
  expect_mentions(error_message([] { decode(std::string(5000, 'x'), "x"); }), {"not an image"});
}

TEST(DecodeImage, RefusesImagesThatAreCutOff) {
  for (const char* name : {"photo.jpg", "progressive.jpg", "colour.png", "palette.png"}) {
    const std::string whole = bytes_of(name);
    for (const size_t kept : {whole.size() - 1, whole.size() / 2, size_t{30}, size_t{4}}) {
      const std::string message = error_message([&] { decode(whole.substr(0, kept), name); });
      expect_mentions(message, {name});
    }
    EXPECT_NO_THROW(decode(whole + "some bytes behind", name));
  }
  const std::string ppm = bytes_of("colour.ppm");
  expect_mentions(error_message([&] { decode(ppm.substr(0, ppm.size() / 2), "x.ppm"); }),
                  {"x.ppm"});
}

// PNG: width and height at byte 16; JPEG: height and width in the start of frame.
TEST(DecodeImage, RefusesImagesThatDeclareAbsurdSizes) {
  std::string png = bytes_of("colour.png");
  png.replace(16, 8, std::string("\x00\x01\x86\xA0\x00\x01\x86\xA0", 8));  // 100000 x 100000
  expect_mentions(error_message([&] { decode(png, "big.png"); }),
                  {"big.png", "at most 178956970 pixels", "10000000000"});
  std::string jpeg = bytes_of("photo.jpg");
  const size_t frame = jpeg.find(std::string("\xFF\xC0", 2));
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xFF\xFF\xFF\xFF");
  expect_mentions(error_message([&] { decode(jpeg, "big.jpg"); }),
                  {"big.jpg", "at most 178956970 pixels", "4294836225"});
}

struct Case {
  const char* from;
  const char* to;
  int64_t resize, crop;
};

class PreparedImages : public testing::TestWithParam<Case> {};

// The same pixels as Pillow's for the same decoded image: PNG files, so that only this is tested.
TEST_P(PreparedImages, AreThoseOfPillow) {
  const Case& it = GetParam();
  Preprocessing how;
  how.resize = it.resize;
  how.crop = it.crop;
  EXPECT_EQ(difference(prepare(image_of("photo_jpg.rgb.png"), how), image_of(it.to)), 0);
}

INSTANTIATE_TEST_SUITE_P(InEveryDirection, PreparedImages,
                         testing::Values(Case{"photo", "photo_small.png", 64, 64},
                                         Case{"photo", "photo_large.png", 224, 224},
                                         Case{"photo", "photo_wide.png", 96, 64},
                                         Case{"photo", "photo_padded.png", 40, 51}));

TEST(Prepare, OfAWideImageIsPillows) {
  const Image photo = image_of("photo_jpg.rgb.png");
  Image turned = black_image(3, photo.width, photo.height);  // a quarter against the clock
  for (int64_t c = 0; c < 3; ++c) {
    for (int64_t y = 0; y < photo.height; ++y) {
      for (int64_t x = 0; x < photo.width; ++x) {
        (*turned.own)[static_cast<size_t>((c * photo.width + photo.width - 1 - x) * photo.height +
                                          y)] =
            photo.pixels[static_cast<size_t>((c * photo.height + y) * photo.width + x)];
      }
    }
  }
  Preprocessing how;
  how.resize = 57;
  how.crop = 50;
  EXPECT_EQ(difference(prepare(turned, how), image_of("photo_turned.png")), 0);
}

TEST(Prepare, HandsOnWhatNeedsNothing) {
  const Image image = black_image(1, 5, 5);
  Preprocessing how;
  EXPECT_EQ(prepare(image, how).pixels.data(), image.pixels.data());
  how.resize = how.crop = 5;
  EXPECT_EQ(prepare(image, how).pixels.data(), image.pixels.data());
}

TEST(ResizeBicubic, KeepsAConstantImage) {
  Image image = black_image(1, 7, 13);
  std::fill(image.own->begin(), image.own->end(), uint8_t{201});
  const Image out = resize_bicubic(image, 31, 3);
  for (const uint8_t pixel : out.pixels) EXPECT_EQ(pixel, 201);
}

}  // namespace
}  // namespace isomerge
