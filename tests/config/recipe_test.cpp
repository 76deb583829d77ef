#include "config/recipe.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "support/expect_error.h"
#include "support/temporary_folder.h"

namespace isomerge {
namespace {

TEST(Recipe, HoldsTheKeysOfTheCommandLine) {
  const TemporaryFolder folder;
  folder.write("m/base.safetensors", "");
  folder.write("m/cars.safetensors", "");
  folder.write("dtd.safetensors", "");
  const auto file = folder.write("r.json", R"({ // comments are fine
    "method": "iso_cts", "options": {"common_fraction": 0.5}, "alpha": 2,
    "base": "m/base.safetensors",
    "experts": {"dtd": "dtd.safetensors", "cars": "${MODELS}/cars.safetensors"},
    "out": "merged.safetensors", "update_only": true, "precision": "fp64",
    "exclude": ["a*", "b*"], "average": "c*", "dtype": "bf16"})");
  const Recipe recipe = read_recipe(file, {{"MODELS", (folder / "m").string()}});
  EXPECT_EQ(recipe.method, "iso_cts");
  EXPECT_EQ(recipe.options, (Options{{"common_fraction", 0.5}}));
  EXPECT_EQ(recipe.alpha, 2.0);
  EXPECT_EQ(recipe.base, folder / "m/base.safetensors");
  ASSERT_EQ(recipe.experts.size(), 2u);
  EXPECT_EQ(recipe.experts[0].first, "dtd") << "in the order of the file";
  EXPECT_EQ(recipe.experts[0].second, folder / "dtd.safetensors");
  EXPECT_EQ(recipe.experts[1].second, folder / "m/cars.safetensors");
  EXPECT_EQ(recipe.out, folder / "merged.safetensors");
  EXPECT_TRUE(recipe.update_only);
  EXPECT_EQ(recipe.precision, Precision::kFp64);
  EXPECT_EQ(recipe.exclude, (std::vector<std::string>{"a*", "b*"}));
  EXPECT_EQ(recipe.average, std::vector<std::string>{"c*"});
  EXPECT_EQ(recipe.dtype, OutputDtype::kBf16);
  EXPECT_NO_THROW(require_complete(recipe));
}

TEST(Recipe, AGridBecomesOneRecipePerCombinationWithItsValuesInTheName) {
  const TemporaryFolder folder;
  const auto file = folder.write(
      "r.json", R"({"method": "iso_cts", "out": "f{common_fraction}/a{alpha}.safetensors",
    "grid": {"common_fraction": "0.5:0.6:0.1", "alpha": [1, 1.5], "null": "zero"}})");
  const std::vector<Recipe> all = expand_grid(read_recipe(file));
  ASSERT_EQ(all.size(), 4u);
  for (const Recipe& one : all) EXPECT_TRUE(one.grid.empty());
  EXPECT_EQ(all[2].options, (Options{{"common_fraction", 0.6}, {"null", std::string("zero")}}));
  EXPECT_EQ(all[2].alpha, 1.0);
  EXPECT_EQ(all[3].alpha, 1.5);
  EXPECT_EQ(all[3].out, folder / "f0.6/a1.5.safetensors");
  Recipe plain;
  plain.out = "{alpha}.safetensors";
  EXPECT_EQ(expand_grid(plain).front().out, "{alpha}.safetensors") << "no grid, no places";
}

TEST(Recipe, RefusesAGridThatContradictsTheRest) {
  Recipe recipe;
  recipe.out = "{beta}.safetensors";
  const auto refusal = [&](const std::vector<GridAxis>& grid) {
    recipe.grid = grid;
    return error_message([&] { expand_grid(recipe); });
  };
  expect_mentions(refusal({{"beta", {0.5}}, {"beta", {0.6}}}), {"beta", "given twice"});
  expect_mentions(refusal({{"alpha", {0.5, 1.0}}}), {"2 values of alpha", "{alpha}"});
  expect_mentions(refusal({{"alpha", {std::string("large")}}}), {"alpha", "number", "large"});
  recipe.alpha = 1.0;
  expect_mentions(refusal({{"alpha", {0.5}}}), {"alpha", "both as a value and as a grid"});
  recipe.options["beta"] = 1.0;
  expect_mentions(refusal({{"beta", {0.5}}}), {"beta", "both as a value and as a grid"});
}

TEST(Recipe, LeavesDefaultsForWhatIsNotInTheFile) {
  const TemporaryFolder folder;
  const Recipe recipe = read_recipe(folder.write("r.json", "{}"));
  EXPECT_TRUE(recipe.method.empty() && recipe.options.empty() && recipe.experts.empty());
  EXPECT_FALSE(recipe.alpha.has_value());
  EXPECT_EQ(recipe.precision, Precision::kFp32);
  EXPECT_EQ(recipe.dtype, OutputDtype::kAsBase);
  EXPECT_FALSE(recipe.update_only);
}

TEST(Recipe, ReportsEverythingThatIsWrongAtOnce) {
  const TemporaryFolder folder;
  folder.write("base.safetensors", "");
  const auto file = folder.write("r.json", R"({
    "method": "iso_cts",
    "options": {"comon_fraction": 1, "common_fraction": [1]},
    "alpha": "1.2",
    "base": "bass.safetensors",
    "experts": {"Cars": "base.safetensors", "dtd": 3},
    "precison": "fp64",
    "dtype": "fp8"
  })");
  const std::string message = error_message([&] { read_recipe(file); });
  expect_mentions(message, {"8 problems", "line 3: unknown option \"comon_fraction\"",
                            "line 3: option \"common_fraction\": expected one value, got a list",
                            "line 4: \"alpha\"", "line 5: no such file",
                            "nearest: \"base.safetensors\"", "line 6: task name \"Cars\"",
                            "line 6: expert \"dtd\"", "line 7: unknown key \"precison\"",
                            "nearest: \"precision\"", "line 8: \"dtype\"", "fp8"});
}

TEST(Recipe, RefusesWrongKindsOfParts) {
  const TemporaryFolder folder;
  expect_mentions(error_message([&] {
                    read_recipe(folder.write("r.json", R"({"options": 1, "experts": ["x"]})"));
                  }),
                  {"\"options\": expected an object", "\"experts\": expected an object"});
  expect_mentions(
      error_message([&] { read_recipe(folder.write("r.json", R"({"method": "zero_shot"})")); }),
      {"\"method\"", "one of average"});
}

TEST(Recipe, TakesVariablesFromTheEnvironmentUnlessSet) {
  const TemporaryFolder folder;
  const auto file =
      folder.write("r.json", R"({"out": "${ISOMERGE_TEST_OUT}/${ISOMERGE_TEST_OUT}.x"})");
  expect_mentions(error_message([&] { read_recipe(file); }),
                  {"line 1", "${ISOMERGE_TEST_OUT} has no value", "--set ISOMERGE_TEST_OUT="});
  ::setenv("ISOMERGE_TEST_OUT", "env", 1);
  EXPECT_EQ(read_recipe(file).out, folder / "env/env.x");
  EXPECT_EQ(read_recipe(file, {{"ISOMERGE_TEST_OUT", "set"}}).out, folder / "set/set.x");
  ::unsetenv("ISOMERGE_TEST_OUT");
  expect_mentions(error_message([&] { read_recipe(folder.write("s.json", R"({"out": "a${B"})")); }),
                  {"\"${\" without \"}\""});
}

Recipe complete_recipe(const TemporaryFolder& folder) {
  Recipe recipe;
  recipe.method = "iso_c";
  recipe.base = folder.write("base", "");
  recipe.experts = {{"a", folder.write("a", "")}, {"b", folder.write("b", "")}};
  recipe.out = folder / "out";
  return recipe;
}

TEST(RequireComplete, ListsAllThatIsMissing) {
  const TemporaryFolder folder;
  EXPECT_NO_THROW(require_complete(complete_recipe(folder)));
  expect_mentions(error_message([] { require_complete({}); }),
                  {"4 problems", "no method", "no base", "no expert", "no output"});
}

TEST(RequireComplete, RefusesOneFileUnderTwoNames) {
  const TemporaryFolder folder;
  Recipe recipe = complete_recipe(folder);
  std::filesystem::create_directories(folder / "sub");
  std::filesystem::create_symlink(recipe.experts[0].second, folder / "link");
  for (const char* spelling : {"a", "sub/../a", "link"}) {
    recipe.experts[1].second = folder / spelling;
    expect_mentions(error_message([&] { require_complete(recipe); }),
                    {"experts \"a\" and \"b\" are the same file"});
  }
}

TEST(RequireComplete, RefusesNamesAndOptionsThatDoNotFit) {
  const TemporaryFolder folder;
  Recipe recipe = complete_recipe(folder);
  recipe.experts[1].first = "a";
  expect_mentions(error_message([&] { require_complete(recipe); }), {"expert \"a\" given twice"});
  recipe.experts[1].first = "B b";
  expect_mentions(error_message([&] { require_complete(recipe); }), {"[a-z0-9_]+"});
  recipe = complete_recipe(folder);
  recipe.options = {{"x", 1.0}};
  expect_mentions(error_message([&] { require_complete(recipe); }), {"unknown option \"x\""});
  recipe = complete_recipe(folder);
  recipe.method = "iso";
  expect_mentions(error_message([&] { require_complete(recipe); }), {"unknown method \"iso\""});
  recipe.method = "fine_tuned";
  expect_mentions(error_message([&] { require_complete(recipe); }), {"merges nothing"});
}

TEST(ParseExpert, TakesNameAndPath) {
  EXPECT_EQ(parse_expert("cars=a=b.pt"),
            (std::pair<std::string, std::filesystem::path>("cars", "a=b.pt")));
  for (const char* bad : {"cars", "=x", "cars=", "Cars=x", "a b=x"}) {
    expect_mentions(error_message([&] { parse_expert(bad); }), {"NAME=PATH"});
  }
}

TEST(Enumerations, ComeBackFromTheirText) {
  for (const auto one : {Precision::kFp32, Precision::kFp64}) {
    EXPECT_EQ(parse_precision(precision_text(one)), one);
  }
  for (const auto one :
       {OutputDtype::kAsBase, OutputDtype::kFp32, OutputDtype::kFp16, OutputDtype::kBf16}) {
    EXPECT_EQ(parse_output_dtype(output_dtype_text(one)), one);
  }
  EXPECT_EQ(precision_text(Precision::kFp64), "fp64");
  EXPECT_EQ(output_dtype_text(OutputDtype::kFp16), "fp16");
  expect_mentions(error_message([] { parse_precision("fp16"); }), {"fp32, fp64", "\"fp16\""});
}

}  // namespace
}  // namespace isomerge
