#include "config/suite.h"

#include <gtest/gtest.h>

#include "config/example_suite.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

std::string replaced(const TemporaryFolder& folder, const std::string& from,
                     const std::string& to) {
  std::string text = TemporaryFolder::read(folder / "suites/s.json");
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Suite, HoldsWhatItsFileSaysWithAbsolutePaths) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const Suite suite = read_suite(folder / "suites/s.json");
  EXPECT_EQ(suite.title, "Small");
  EXPECT_EQ(suite.path, folder / "suites/s.json");
  EXPECT_EQ(suite.module, folder / "m/encoder.pt");
  EXPECT_EQ(suite.base, folder / "m/base.pt");
  EXPECT_EQ(suite.heads, folder / "m/heads.pt");
  EXPECT_EQ(suite.preprocess.mean, (std::array<double, 3>{0.5, 0.25, 0.0}));
  EXPECT_EQ(suite.preprocess.std, (std::array<double, 3>{1.0, 0.5, 0.25}));
  EXPECT_EQ(task_names(suite), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(suite.tasks[0].title, "Task A");
  EXPECT_EQ(suite.tasks[1].title, "b") << "the name stands in for a missing title";
  EXPECT_EQ(suite.tasks[1].expert, folder / "m/b.pt");
  EXPECT_EQ(suite.tasks[1].data, folder / "m/data");
}

TEST(Suite, ATaskMayNameInPercentWhatItsAccuraciesAreDividedBy) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  folder.write("suites/s.json",
               replaced(folder, R"("name": "b",)", R"("name": "b", "normalise_by": 58.5,)"));
  const Suite suite = read_suite(folder / "suites/s.json");
  EXPECT_FALSE(suite.tasks[0].normalise_by.has_value());
  EXPECT_DOUBLE_EQ(suite.tasks[1].normalise_by.value(), 0.585);
  const auto given = given_references(suite, {"b", "a"});
  ASSERT_EQ(given.size(), 2u) << "in the order that is asked for";
  EXPECT_DOUBLE_EQ(given[0].value(), 0.585);
  EXPECT_FALSE(given[1].has_value());
}

TEST(Suite, APercentThatNoAccuracyHasIsRefused) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const std::string plain = TemporaryFolder::read(folder / "suites/s.json");
  for (const char* percent : {"0", "-3", "100.5"}) {
    folder.write("suites/s.json", plain);
    folder.write("suites/s.json",
                 replaced(folder, R"("name": "b",)",
                          std::string(R"("name": "b", "normalise_by": )") + percent + ","));
    expect_mentions(error_message([&] { read_suite(folder / "suites/s.json"); }),
                    {"s.json: line 9", "\"normalise_by\"", "above 0 and up to 100", percent});
  }
  folder.write("suites/s.json", plain);
  folder.write("suites/s.json",
               replaced(folder, R"("name": "b",)", R"("name": "b", "normalise_by": 100,)"));
  EXPECT_DOUBLE_EQ(read_suite(folder / "suites/s.json").tasks[1].normalise_by.value(), 1.0);
}

TEST(Suite, OfTextHasAModelAndATokenizer) {
  const TemporaryFolder folder;
  for (const char* file : {"model.pt", "base.st", "spiece.model", "a.st", "a.jsonl"}) {
    folder.write(file, "x");
  }
  const std::string tasks = R"("tasks": [{"name": "a", "expert": "a.st", "data": "a.jsonl"}]})";
  const std::string start =
      R"({"title": "T", "model": "model.pt", "base": "base.st", "tokenizer": "spiece.model", )";
  const Suite suite = read_suite(folder.write("s.json", start + tasks));
  EXPECT_TRUE(suite.is_language());
  EXPECT_EQ(suite.module, folder / "model.pt");
  EXPECT_EQ(suite.tokenizer, folder / "spiece.model");
  EXPECT_EQ(suite.text.most_tokens, 512);
  EXPECT_FALSE(suite.text.normalise_length);
  const Suite other = read_suite(
      folder.write("o.json", start + R"("most_tokens": 64, "normalise_length": true, )" + tasks));
  EXPECT_EQ(other.text.most_tokens, 64);
  EXPECT_TRUE(other.text.normalise_length);
  expect_mentions(error_message([&] {
                    read_suite(folder.write("b.json", start + R"("heads": "a.st", )" + tasks));
                  }),
                  {"unknown key \"heads\""});
  expect_mentions(
      error_message([&] {
        read_suite(folder.write(
            "c.json", R"({"title": "T", "model": "model.pt", "base": "base.st", )" + tasks));
      }),
      {"\"tokenizer\""});
}

TEST(Suite, ListsEveryMissingFileWithItsLineUnlessTheyMayBeMissing) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  std::filesystem::rename(folder / "m/base.pt", folder / "m/base.safetensors");
  std::filesystem::remove(folder / "m/c.pt");
  const auto path = folder / "suites/s.json";
  expect_mentions(error_message([&] { read_suite(path); }),
                  {"2 problems", "line 4: no such file", (folder / "m/base.pt").string(),
                   "line 10: no such file", "nearest: \"a.pt\""});
  EXPECT_EQ(read_suite(path, {}, Files::kMayBeMissing).tasks[2].expert, folder / "m/c.pt");
}

TEST(Suite, RefusesWhatContradictsItself) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const struct {
    const char *from, *to, *fact;
  } edits[] = {
      {"\"b\", \"exp", "\"a\", \"exp", "line 9: task \"a\" given twice"},
      {"\"b\", \"exp", "\"B\", \"exp", "line 9: task name \"B\": expected [a-z0-9_]+"},
      {"../m/b.pt", "../m/../m/a.pt", "line 9: tasks \"a\" and \"b\" have the same expert"},
      {"[1, 0.5, 0.25]", "[1, 0.5, 0]", "line 6: \"std\": expected positive"},
      {"[1, 0.5, 0.25]", "[1, 0.5]", "line 6: \"std\": expected 3 numbers"},
      {"[0.5, 0.25, 0]", "[0.5, \"x\", 0]", "line 6: \"mean\": expected 3 numbers"},
      {"[0.5, 0.25, 0]", "0.5", "line 6: \"mean\": expected 3 numbers"},
      {"\"mean\"", "\"means\"", "line 6: unknown key \"means\" in preprocess (nearest: \"mean\")"},
      {"\"title\": \"Small\"", "\"titel\": \"Small\"",
       "line 2: unknown key \"titel\" in the suite"},
      {"\"title\": \"Task A\"", "\"titel\": \"A\"", "line 8: unknown key \"titel\" in a task"},
      {"\"heads\": \"../m/heads.pt\",", "", "line 1: the suite: key \"heads\" is missing"},
      {"\"../m/encoder.pt\"", "\"\"", "line 3: \"encoder\" in the suite is empty"},
      {"\"preprocess\": {", "\"preprocess\": [], \"x\": {",
       "line 6: preprocess: expected an object"},
  };
  for (const auto& edit : edits) {
    const auto file = folder.write("suites/t.json", replaced(folder, edit.from, edit.to));
    expect_mentions(error_message([&] { read_suite(file); }), {edit.fact});
  }
}

TEST(Suite, MaySayHowItsExpertsAreTrained) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const Suite plain = read_suite(folder / "suites/s.json");
  EXPECT_FALSE(plain.finetune.steps || plain.finetune.lr || plain.finetune.seed);
  EXPECT_EQ(plain.tasks[1].train, "");
  folder.write("suites/t.json", replaced(folder, "\"tasks\": [",
                                         R"("finetune": {"steps": 625, "batch": 64, "lr": 3e-4,
      "weight_decay": 0.05, "warmup": 100, "clip": 0.5, "shift": 2, "seed": 3}, "tasks": [)"));
  const FinetuneDefaults finetune = read_suite(folder / "suites/t.json").finetune;
  EXPECT_EQ(finetune.steps, 625);
  EXPECT_FALSE(finetune.epochs.has_value());
  EXPECT_EQ(finetune.batch, 64);
  EXPECT_EQ(finetune.lr, 3e-4);
  EXPECT_EQ(finetune.weight_decay, 0.05);
  EXPECT_EQ(finetune.warmup, 100);
  EXPECT_EQ(finetune.clip, 0.5);
  EXPECT_EQ(finetune.shift, 2);
  EXPECT_EQ(finetune.seed, 3);
}

TEST(Suite, TrainingPacksNeedNotBeThere) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const auto file =
      folder.write("suites/t.json",
                   replaced(folder, "\"../m/b.pt\"", "\"../m/b.pt\", \"train\": \"../b.pack\""));
  EXPECT_EQ(read_suite(file).tasks[1].train, folder / "b.pack");
}

TEST(Suite, RefusesTrainingThatMakesNoSense) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const std::pair<const char*, const char*> edits[] = {
      {"{\"stepz\": 3}", "unknown key \"stepz\" in finetune (nearest: \"steps\")"},
      {"{\"steps\": 3, \"epochs\": 4}", "either \"steps\" or \"epochs\", got both"},
      {"{\"steps\": 0}", "\"steps\" in finetune: expected at least 1, got 0"},
      {"{\"epochs\": 0}", "\"epochs\" in finetune: expected at least 1, got 0"},
      {"{\"batch\": 0}", "\"batch\" in finetune: expected at least 1, got 0"},
      {"{\"warmup\": -1}", "\"warmup\" in finetune: expected at least 0, got -1"},
      {"{\"shift\": -1}", "\"shift\" in finetune: expected at least 0, got -1"},
      {"{\"seed\": -1}", "\"seed\" in finetune: expected at least 0, got -1"},
      {"{\"batch\": 1.5}", "\"batch\" in finetune: expected a whole number"},
      {"{\"lr\": \"x\"}", "\"lr\" in finetune: expected a number"},
      {"{\"clip\": \"x\"}", "\"clip\" in finetune: expected a number"},
      {"{\"weight_decay\": \"x\"}", "\"weight_decay\" in finetune: expected a number"},
      {"[]", "finetune: expected an object"},
  };
  for (const auto& [value, fact] : edits) {
    const auto file = folder.write(
        "suites/t.json",
        replaced(folder, "\"tasks\": [", std::string("\"finetune\": ") + value + ", \"tasks\": ["));
    expect_mentions(error_message([&] { read_suite(file); }), {"line 7: ", fact});
  }
}

TEST(Suite, NeedsATask) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  std::string text = TemporaryFolder::read(folder / "suites/s.json");
  text = text.substr(0, text.find("\"tasks\"")) + "\"tasks\": []}";
  const auto file = folder.write("suites/t.json", text);
  expect_mentions(error_message([&] { read_suite(file); }), {"line 7: \"tasks\": expected a list"});
}

TEST(Suite, TakesVariables) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const auto file = folder.write("suites/t.json", replaced(folder, "../m/b.pt", "${B}/b.pt"));
  EXPECT_EQ(read_suite(file, {{"B", "../m"}}).tasks[1].expert, folder / "m/b.pt");
}

TEST(RequireTask, NamesTheNearest) {
  const TemporaryFolder folder;
  write_example_suite(folder);
  const Suite suite = read_suite(folder / "suites/s.json");
  EXPECT_EQ(require_task(suite, "b").expert, folder / "m/b.pt");
  expect_mentions(error_message([&] { require_task(suite, "bb"); }),
                  {"s.json", "unknown task \"bb\"", "known: a, b, c"});
}

}  // namespace
}  // namespace isomerge
