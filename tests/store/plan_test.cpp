#include "store/plan.h"

#include <gtest/gtest.h>

#include "config/experiment.h"
#include "config/method_info.h"
#include "store/example_run.h"
#include "store/scores.h"
#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

Plan example_plan() {
  return {"base0", "enc0", "", {{"digits", {"x1", "h1", "d1"}}, {"fashion", {"x2", "h2", "d2"}}}};
}

Experiment example_experiment() {
  Experiment experiment;
  experiment.suite.preprocess = {0, 0, {0.1, 0.2, 0.3}, {0.4, 0.5, 0.6}};
  experiment.precision = Precision::kFp64;
  experiment.exclude = {"a*"};
  experiment.average = {"b*"};
  return experiment;
}

TEST(Plan, ComesBackFromItsFile) {
  const TemporaryFolder folder;
  write_plan(folder.path(), "vision8", example_plan());
  EXPECT_EQ(read_plan(folder.path(), "vision8"), example_plan());
  EXPECT_TRUE(std::filesystem::exists(folder / "plans/vision8.json"));
}

TEST(Plan, ThatIsMissingNamesTheCommandThatMakesIt) {
  const TemporaryFolder folder;
  expect_mentions(error_message([&] { read_plan(folder.path(), "vision8"); }),
                  {"plans/vision8.json", "isomerge run"});
}

TEST(Plan, CutOrEditedIsRefused) {
  const TemporaryFolder folder;
  write_plan(folder.path(), "p", example_plan());
  const std::string text = TemporaryFolder::read(plan_path(folder.path(), "p"));
  for (size_t length = 0; length < text.size(); length += 3) {
    folder.write("plans/p.json", text.substr(0, length));
    expect_mentions(error_message([&] { read_plan(folder.path(), "p"); }), {"p.json", "damaged"});
  }
  folder.write("plans/p.json", text + " ");
  expect_mentions(error_message([&] { read_plan(folder.path(), "p"); }), {"damaged"});
}

TEST(Plan, OfTextHasAModelAndATokenizerAndNoHeads) {
  const TemporaryFolder folder;
  const Plan plan{"base0", "model0", "tokens0", {{"part", {"x1", "", "d1"}}}};
  write_plan(folder.path(), "t", plan);
  EXPECT_EQ(read_plan(folder.path(), "t"), plan);
  EXPECT_EQ(run_hashes(plan, {"part"}, "part"),
            (std::map<std::string, std::string>{{"base", "base0"},
                                                {"model", "model0"},
                                                {"tokenizer", "tokens0"},
                                                {"data", "d1"},
                                                {"expert/part", "x1"}}));
}

TEST(DefineRun, OfTextSaysHowItIsReadAndScored) {
  Experiment experiment = example_experiment();
  experiment.suite.tokenizer = "spiece.model";
  const Plan plan{"base0", "model0", "tokens0", {{"part", {"x1", "", "d1"}}}};
  const Row row{"zero_shot", 1, {"part"}, {{}}, 1};
  const auto evaluation = [&] {
    return define_run(experiment, row, row.candidates[0], "part", "val", plan).evaluation;
  };
  const std::string usual = evaluation();
  EXPECT_EQ(usual, std::string(kTextEvaluation) + ", at most 512 tokens");
  experiment.suite.text = {128, true};
  EXPECT_EQ(evaluation(), std::string(kTextEvaluation) + ", at most 128 tokens, per token");
}

// Statistics are of the examples of every task that is merged.
TEST(DefineRun, OfAMethodOnStatisticsDependsOnAllTasksData) {
  const Experiment experiment = example_experiment();
  Row row{"regmean", 1, {"digits", "fashion"}, {{{}, 1.0, {}}}, 1};
  const auto hashes = [&] {
    return define_run(experiment, row, row.candidates[0], "digits", "val", example_plan()).hashes;
  };
  EXPECT_FALSE(hashes().contains("data/fashion"));
  row.uses_statistics = true;
  EXPECT_EQ(hashes().at("data/fashion"), "d2");
  EXPECT_EQ(hashes().at("data/digits"), "d1");
}

TEST(RunHashes, AreThoseThatTheRunDependsOn) {
  EXPECT_EQ(run_hashes(example_plan(), {"digits", "fashion"}, "fashion"),
            (std::map<std::string, std::string>{{"base", "base0"},
                                                {"encoder", "enc0"},
                                                {"head", "h2"},
                                                {"data", "d2"},
                                                {"expert/digits", "x1"},
                                                {"expert/fashion", "x2"}}));
  expect_mentions(error_message([] { run_hashes(example_plan(), {}, "cars"); }),
                  {"\"cars\"", "plan"});
}

TEST(DefineRun, OfAMergeTakesEverythingFromRowAndExperiment) {
  const Row row{"iso_c", 3, {"digits", "fashion"}, {}, 1};
  const Candidate candidate{{{"null", std::string("fill")}}, 1.3};
  const RunDefinition run =
      define_run(example_experiment(), row, candidate, "digits", "val", example_plan());
  RunDefinition want;
  want.method = "iso_c";
  want.revision = 3;
  want.options = {{"null", std::string("fill")}};
  want.alpha = 1.3;
  want.precision = "fp64";
  want.exclude = {"a*"};
  want.average = {"b*"};
  want.tasks = {"digits", "fashion"};
  want.task = "digits";
  want.split = "val";
  want.mean = {0.1, 0.2, 0.3};
  want.std = {0.4, 0.5, 0.6};
  want.hashes = run_hashes(example_plan(), want.tasks, "digits");
  EXPECT_EQ(run, want);
}

TEST(DefineRun, SaysHowImagesAreBroughtToOneSizeWhereTheyAre) {
  const Row row{"iso_c", 3, {"digits", "fashion"}, {}, 1};
  const Candidate candidate{{}, 1.3};
  Experiment experiment = example_experiment();
  const auto define = [&] {
    return define_run(experiment, row, candidate, "digits", "val", example_plan());
  };
  EXPECT_EQ(define().evaluation, kEvaluation);
  experiment.suite.preprocess.resize = 224;
  EXPECT_EQ(define().evaluation, std::string(kEvaluation) + ", resized to 224");
  experiment.suite.preprocess.crop = 200;
  EXPECT_EQ(define().evaluation, std::string(kEvaluation) + ", resized to 224, cropped to 200");
  experiment.bf16_encoder = true;
  EXPECT_EQ(define().evaluation,
            std::string(kEvaluation) + ", resized to 224, cropped to 200, encoder in bf16");
  experiment.split_attention = true;
  EXPECT_TRUE(define().split_attention);
}

TEST(DefineAnalysis, OfFeaturesDependsOnAlphaEncoderAndImagesThatOfUpdatesDoesNot) {
  const Row row{"iso_c", 3, {"digits", "fashion"}, {}, 1};
  const Candidate candidate{{}, 1.3};
  const Experiment experiment = example_experiment();
  AnalysisEntry entry;
  const RunDefinition of_update =
      define_analysis(experiment, row, candidate, entry, example_plan());
  EXPECT_FALSE(of_update.alpha.has_value());
  EXPECT_EQ(of_update.split, "");
  EXPECT_EQ(of_update.hashes, merge_hashes(example_plan(), row.task_set));
  entry.kind = AnalysisEntry::Kind::kInterference;
  const RunDefinition of_features =
      define_analysis(experiment, row, candidate, entry, example_plan());
  EXPECT_EQ(of_features.alpha, 1.3);
  EXPECT_EQ(of_features.split, "test");
  EXPECT_EQ(of_features.mean, experiment.suite.preprocess.mean);
  EXPECT_EQ(of_features.hashes.at("encoder"), "enc0");
  EXPECT_EQ(of_features.hashes.at("data/fashion"), "d2");
  EXPECT_EQ(of_features.hashes.at("expert/digits"), "x1");
}

TEST(DefineRun, KeepsTheKeyOfRecordsFromBeforeTheMethodHadAnOption) {
  const Row row{"iso_c", 2, {"digits", "fashion"}, {}, 1};
  const auto key = [&](const Options& given) {
    const Candidate candidate{resolve_options(require_method_info("iso_c"), given), 1.3};
    return run_key(
        define_run(example_experiment(), row, candidate, "digits", "val", example_plan()));
  };
  const Candidate old{{{"null", std::string("zero")}}, 1.3};
  EXPECT_EQ(key({}),
            run_key(define_run(example_experiment(), row, old, "digits", "val", example_plan())));
  EXPECT_EQ(key({{"beta", 1.0}, {"kept_fraction", 1.0}}), key({}));
  EXPECT_NE(key({{"beta", 0.5}}), key({}));
  EXPECT_NE(key({{"kept_fraction", 0.5}}), key({}));
}

// So that tables of 8, 14 and 20 tasks, in fp32 and fp64, share these records.
TEST(DefineRun, OfATrivialRowDependsOnItsTaskAlone) {
  for (const char* method : {"zero_shot", "fine_tuned"}) {
    Experiment other = example_experiment();
    other.precision = Precision::kFp32;
    other.exclude = {};
    other.average = {};
    const Row small{method, 1, {"digits"}, {}, 1}, large{method, 1, {"digits", "fashion"}, {}, 1};
    EXPECT_EQ(
        define_run(example_experiment(), small, Candidate{}, "digits", "test", example_plan()),
        define_run(other, large, Candidate{}, "digits", "test", example_plan()));
  }
  const Row row{"zero_shot", 1, {"digits"}, {}, 1};
  const RunDefinition zero =
      define_run(example_experiment(), row, Candidate{}, "digits", "test", example_plan());
  EXPECT_TRUE(zero.tasks.empty());
  EXPECT_EQ(zero.hashes.count("expert/digits"), 0u);
  const RunDefinition tuned = define_run(example_experiment(), fine_tuned_row({"digits"}),
                                         Candidate{}, "digits", "test", example_plan());
  EXPECT_EQ(tuned.tasks, std::vector<std::string>{"digits"});
  EXPECT_EQ(tuned.hashes.count("expert/digits"), 1u);
  EXPECT_EQ(tuned.hashes.count("expert/fashion"), 0u);
}

TEST(CandidateScores, AreMeanNormalisedAccuracies) {
  const FoundRecord half = done_record(example_run(), {true, false});
  const FoundRecord full = done_record(example_run(), {true, true});
  const CandidateScore score = candidate_score({half, full}, {full, full}, {{}, {}}, {true, true});
  EXPECT_EQ(score.state, CandidateScore::State::kKnown);
  EXPECT_DOUBLE_EQ(score.value, 0.75);
}

// The others have to be there all the same: a curve over all candidates shows them.
TEST(CandidateScores, AreThoseOfTheTasksThatCount) {
  const FoundRecord half = done_record(example_run(), {true, false});
  const FoundRecord full = done_record(example_run(), {true, true});
  const FoundRecord never_right = done_record(example_run(), {false, false});
  EXPECT_DOUBLE_EQ(candidate_score({half, full}, {full, full}, {{}, {}}, {true, false}).value, 0.5);
  EXPECT_DOUBLE_EQ(candidate_score({half, full}, {full, full}, {{}, {}}, {false, true}).value, 1.0);
  EXPECT_DOUBLE_EQ(
      candidate_score({half, full}, {full, never_right}, {{}, {}}, {true, false}).value, 0.5);
  using State = CandidateScore::State;
  EXPECT_EQ(candidate_score({half, {}}, {full, full}, {{}, {}}, {true, false}).state,
            State::kMissing);
}

// Task by task: one task's number stands in for its single-task model's, whatever that got, zero
// included; the record has to be there all the same.
TEST(CandidateScores, DivideByAGivenAccuracyInThePlaceOfTheModels) {
  const FoundRecord half = done_record(example_run(), {true, false});
  const FoundRecord full = done_record(example_run(), {true, true});
  const FoundRecord never_right = done_record(example_run(), {false, false});
  EXPECT_DOUBLE_EQ(candidate_score({half, half}, {full, full}, {0.8, {}}, {true, true}).value,
                   (0.5 / 0.8 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(candidate_score({half, half}, {full, full}, {{}, 0.8}, {false, true}).value,
                   0.5 / 0.8);
  EXPECT_DOUBLE_EQ(candidate_score({half}, {never_right}, {0.8}, {true}).value, 0.5 / 0.8);
  EXPECT_EQ(candidate_score({half}, {{}}, {0.8}, {true}).state, CandidateScore::State::kMissing);
  const FoundRecord failed = failed_record(example_run(), "x");
  EXPECT_EQ(candidate_score({half}, {failed}, {0.8}, {true}).state, CandidateScore::State::kFailed);
}

TEST(ReferenceAccuracy, IsTheGivenOneOverTheModelsExamples) {
  const FoundRecord half = done_record(example_run(), {true, false, true, false});
  EXPECT_EQ(reference_accuracy(half, {}), (Accuracy{2, 4}));
  EXPECT_EQ(reference_accuracy(half, 0.75), (Accuracy{3, 4}));
  EXPECT_FALSE(reference_accuracy({}, 0.75).has_value());
  EXPECT_FALSE(reference_accuracy(failed_record(example_run(), "x"), 0.75).has_value());
}

TEST(CandidateScores, AreOpenOrFailedAsTheirRecordsAre) {
  const FoundRecord full = done_record(example_run(), {true});
  const FoundRecord never_right = done_record(example_run(), {false});
  const FoundRecord failed = failed_record(example_run(), "x");
  using State = CandidateScore::State;
  EXPECT_EQ(candidate_score({full, {}}, {full, full}, {{}, {}}, {true, true}).state,
            State::kMissing);
  EXPECT_EQ(candidate_score({full}, {{}}, {{}}, {true}).state, State::kMissing);
  EXPECT_EQ(candidate_score({{}, failed}, {full, full}, {{}, {}}, {true, true}).state,
            State::kFailed);
  EXPECT_EQ(candidate_score({full}, {failed}, {{}}, {true}).state, State::kFailed);
  EXPECT_EQ(candidate_score({full}, {never_right}, {{}}, {true}).state, State::kFailed);
  EXPECT_FALSE(find_accuracy(failed).has_value());
  EXPECT_FALSE(find_accuracy({}).has_value());
  EXPECT_EQ(find_accuracy(full), (Accuracy{1, 1}));
}

}  // namespace
}  // namespace isomerge
