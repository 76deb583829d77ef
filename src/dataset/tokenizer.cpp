#include "dataset/tokenizer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"
#include "dataset/tokenizer_codec.h"

namespace isomerge {
namespace {

struct Library {
  const isomerge_tokenizer_functions* functions = nullptr;
  std::string why_not;
};

// Found beside the program, where it was built, or in ../lib, where it was installed (run path).
Library load_library() {
#ifdef __SANITIZE_ADDRESS__
  constexpr int kHow = RTLD_NOW | RTLD_LOCAL;  // the sanitizer's runtime forbids deep binding
#else
  constexpr int kHow = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;
#endif
  void* library = ::dlopen("libisomerge_tokenizer.so", kHow);
  if (library == nullptr) return {nullptr, ::dlerror()};
  const auto functions =
      reinterpret_cast<isomerge_tokenizer_t>(::dlsym(library, "isomerge_tokenizer"));
  if (functions == nullptr) return {nullptr, "libisomerge_tokenizer.so is of another version"};
  return {functions(), ""};
}

const isomerge_tokenizer_functions& require_library(const std::string& label) {
  static const Library library = load_library();
  if (library.functions != nullptr) return *library.functions;
  throw input_error(
      fmt::format("{}: this program reads no tokenizers: {} (built without "
                  "sentencepiece?)",
                  label, library.why_not));
}

const isomerge_tokenizer_functions& library() { return require_library(""); }

using Message = std::array<char, 512>;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view without_space_around(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

Tokenizer::Tokenizer(const std::filesystem::path& path) : path_(path) {
  const std::string label = path.string(), bytes = read_text_file(path);
  const isomerge_tokenizer_functions& functions = require_library(label);
  Message message{};
  void* const model = functions.open(bytes.data(), bytes.size(), message.data(), message.size());
  if (model == nullptr) {
    throw input_error(fmt::format("{}: not a sentencepiece model: {}", label, message.data()));
  }
  model_ = {model, functions.close};
  pieces_ = functions.size(model);
  end_ = functions.end(model);
  if (end_ < 0) throw input_error(label + ": the sentencepiece model has no </s>");
  const int64_t unknown = functions.find(model, "<unk>");
  for (const char* name : {"<pad>", "</s>", "<unk>"}) {
    const int64_t id = functions.find(model, name);
    if (id != unknown || std::string_view(name) == "<unk>") specials_.emplace_back(name, id);
  }
  for (int64_t i = 0; i < kSentinels; ++i) {
    specials_.emplace_back(fmt::format("<extra_id_{}>", i), pieces_ + kSentinels - 1 - i);
  }
}

void Tokenizer::append_pieces(std::string_view text, std::vector<int64_t>* ids) const {
  if (text.empty()) return;
  Message message{};
  const auto add = [](void* receiver, int64_t id) {
    static_cast<std::vector<int64_t>*>(receiver)->push_back(id);
  };
  if (library().encode(model_.get(), text.data(), text.size(), add, ids, message.data(),
                       message.size()) != 0) {
    throw input_error(fmt::format("{}: cannot tokenize: {}", path_.string(), message.data()));
  }
}

std::vector<int64_t> Tokenizer::encode(std::string_view text, int64_t most, bool* was_cut) const {
  if (most < 1) throw input_error(fmt::format("expected room for at least 1 token, got {}", most));
  if (!is_utf8(text)) throw input_error("expected UTF-8 text, got other bytes");
  std::vector<int64_t> ids;
  size_t from = 0;  // of the text that is not tokenized yet
  for (size_t at = text.find('<'); at != std::string_view::npos; at = text.find('<', at)) {
    const auto special = std::find_if(specials_.begin(), specials_.end(), [&](const auto& it) {
      return text.substr(at).starts_with(it.first);
    });
    if (special == specials_.end()) {
      ++at;
      continue;
    }
    append_pieces(text.substr(from, at - from), &ids);
    ids.push_back(special->second);
    from = at += special->first.size();
  }
  append_pieces(text.substr(from), &ids);
  if (!ids.empty() && ids.back() == end_) ids.pop_back();  // the text has its end already
  const bool is_long = static_cast<int64_t>(ids.size()) > most - 1;
  if (is_long) ids.resize(static_cast<size_t>(most - 1));
  if (was_cut != nullptr) *was_cut = is_long;
  ids.push_back(end_);
  return ids;
}

std::string Tokenizer::decode(const std::vector<int64_t>& ids) const {
  std::vector<int64_t> pieces;
  for (const int64_t id : ids) {
    const bool is_special = std::any_of(specials_.begin(), specials_.end(),
                                        [&](const auto& it) { return it.second == id; });
    if (id >= 0 && id < pieces_ && !is_special) pieces.push_back(id);
  }
  std::string text;
  Message message{};
  const auto put = [](void* receiver, const char* bytes, size_t size) {
    static_cast<std::string*>(receiver)->assign(bytes, size);
  };
  if (library().decode(model_.get(), pieces.data(), pieces.size(), put, &text, message.data(),
                       message.size()) != 0) {
    throw input_error(
        fmt::format("{}: cannot write tokens as text: {}", path_.string(), message.data()));
  }
  return std::string(without_space_around(text));
}

}  // namespace isomerge
