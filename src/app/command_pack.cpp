#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "app/commands.h"
#include "base/error.h"
#include "base/progress.h"
#include "config/recipe.h"
#include "dataset/pack_writer.h"

namespace isomerge {
namespace {

int64_t size_of(const Arguments& arguments, const std::string& flag) {
  const int64_t size = arguments.find_whole(flag).value_or(0);
  if (size < 0) throw input_error(fmt::format("pack: --{}: expected pixels, got {}", flag, size));
  return size;
}

PackOptions options_of(const Arguments& arguments, const std::filesystem::path& in) {
  PackOptions options;
  options.prepare.resize = size_of(arguments, "resize");
  options.prepare.crop = size_of(arguments, "crop");
  options.threads = arguments.threads();
  std::string stem = in.stem().string();
  stem = stem.substr(0, stem.find('.'));
  options.name = arguments.find("name").value_or(stem);
  if (!is_task_name(options.name)) {
    throw input_error(fmt::format(
        "pack: the name \"{}\": expected [a-z0-9_]+; --name gives another one", options.name));
  }
  options.provenance = {{"source", in.filename().string()},
                        {"licence", "as the source"},
                        {"description", fmt::format("decoded, resize {}, crop {} (0: none)",
                                                    options.prepare.resize, options.prepare.crop)}};
  return options;
}

}  // namespace

const CommandInfo& pack_info() {
  static const CommandInfo info{
      "pack",
      "IMAGES OUT.pack [--resize N] [--crop N] [options]",
      "decode and resize the images of a dataset once, for all evaluations",
      "  isomerge pack cars.images.json cars.pack --resize 224 --crop 224",
      {{"resize", "N", "shorter side in pixels, bicubic as Pillow's (default: as it is)"},
       {"crop", "N", "the square in the middle (default: everything)"},
       {"name", "NAME", "of the dataset (default: from the file's name)"},
       {"json", "", "print a summary as JSON"}},
      2,
      2};
  return info;
}

int run_pack(const Arguments& arguments) {
  const std::filesystem::path in = arguments.operands()[0], out = arguments.operands()[1];
  const auto set = open_image_set(in);
  PackOptions options = options_of(arguments, in);
  Progress progress("packing " + options.name, static_cast<uint64_t>(set->count()));
  options.on_progress = [&](int64_t examples) {
    progress.add(static_cast<uint64_t>(examples), options.name);
  };
  write_pack(*set, options, out);
  if (arguments.has("json")) {
    const nlohmann::ordered_json summary = {
        {"out", out.string()}, {"images", set->count()}, {"classes", set->class_count()}};
    fmt::print("{}\n", summary.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    fmt::print("{}: {} images of {} classes\n", out.string(), set->count(), set->class_count());
  }
  return 0;
}

}  // namespace isomerge
