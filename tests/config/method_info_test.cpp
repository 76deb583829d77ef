#include "config/method_info.h"

#include <set>

#include <gtest/gtest.h>

#include "config/configuration.h"
#include "support/expect_error.h"

namespace isomerge {
namespace {

TEST(MethodInfos, AreInTableOrderWithTheAgreedDefaults) {
  EXPECT_EQ(method_names(),
            (std::vector<std::string>{"zero_shot", "fine_tuned", "average", "task_arithmetic",
                                      "ties", "dare", "dare_ties", "knots_ties", "knots_dare_ties",
                                      "tall_mask", "consensus_ta", "tsv_m", "iso_c", "iso_cts",
                                      "fisher", "regmean", "mats"}));
  EXPECT_EQ(merging_method_names().front(), "average");
  EXPECT_EQ(merging_method_names().size(), 15u);
  const std::pair<const char*, double> alphas[] = {{"average", 1.0},
                                                   {"task_arithmetic", 0.3},
                                                   {"ties", 1.0},
                                                   {"dare", 0.3},
                                                   {"dare_ties", 1.0},
                                                   {"knots_ties", 1.0},
                                                   {"knots_dare_ties", 1.0},
                                                   {"tall_mask", 1.0},
                                                   {"consensus_ta", 0.3},
                                                   {"tsv_m", 1.0},
                                                   {"iso_c", 1.3},
                                                   {"iso_cts", 1.5},
                                                   {"fisher", 1.0},
                                                   {"regmean", 1.0},
                                                   {"mats", 1.0}};
  for (const auto& [name, alpha] : alphas) {
    EXPECT_EQ(require_method_info(name).default_alpha, alpha) << name;
  }
  const Options options = resolve_options(require_method_info("iso_cts"), {});
  EXPECT_EQ(options, (Options{{"common_fraction", 0.8},
                              {"isotropic", true},
                              {"null", std::string("zero")},
                              {"r", std::string("shape")}}));
}

// What help, docs and tables are made of is there, and the defaults obey their own rules.
TEST(MethodInfos, AreComplete) {
  std::set<std::string> titles;
  for (const MethodInfo& info : method_infos()) {
    EXPECT_TRUE(titles.insert(info.title).second) << info.title;
    EXPECT_FALSE(info.formula.empty() || info.needs.empty() || info.note.empty()) << info.name;
    EXPECT_EQ(info.merges, info.default_alpha.has_value()) << info.name;
    EXPECT_EQ(info.source.empty(), !info.merges) << info.name;
    EXPECT_GE(info.revision, 1);
    for (const OptionInfo& option : info.options) {
      EXPECT_NE(option.name, "alpha") << "taken by the canonical string";
      EXPECT_FALSE(option.help.empty());
      EXPECT_FALSE(find_option_problem(info, option.name, option.default_value).has_value());
      for (const std::string& choice : option.choices) {
        EXPECT_EQ(choice.find_first_of("/="), std::string::npos) << choice;
      }
    }
  }
}

TEST(RequireMethodInfo, NamesTheNearestAndAllKnown) {
  EXPECT_EQ(require_method_info("iso_c").title, "Iso-C");
  expect_mentions(error_message([] { require_method_info("iso_cst"); }),
                  {"\"iso_cst\"", "nearest: \"iso_cts\"", "task_arithmetic"});
}

TEST(ResolveOptions, TurnsWholeNumbersIntoDoubles) {
  const Options options =
      resolve_options(require_method_info("iso_cts"), {{"common_fraction", int64_t{1}}});
  EXPECT_EQ(options.at("common_fraction"), OptionValue(1.0));
  EXPECT_EQ(options.at("null"), OptionValue(std::string("zero")));
}

TEST(ResolveOptions, ListsEveryProblem) {
  const std::string message = error_message([] {
    resolve_options(
        require_method_info("iso_cts"),
        {{"comon_fraction", 0.8}, {"common_fraction", 1.5}, {"null", std::string("x")}});
  });
  expect_mentions(message, {"unknown option \"comon_fraction\" of method iso_cts",
                            "nearest: \"common_fraction\"", "a number in [0, 1], got 1.5",
                            "one of zero, fill, got x"});
}

TEST(FindOptionProblem, ChecksTypeAndBothEndsOfTheRange) {
  const MethodInfo& method = require_method_info("iso_cts");
  const auto wrong = [&](const OptionValue& value) {
    return find_option_problem(method, "common_fraction", value).has_value();
  };
  EXPECT_FALSE(wrong(0.0));
  EXPECT_FALSE(wrong(1.0));
  EXPECT_FALSE(wrong(int64_t{0}));
  EXPECT_TRUE(wrong(-0.1));
  EXPECT_TRUE(wrong(1.1));
  EXPECT_TRUE(wrong(int64_t{2}));
  EXPECT_TRUE(wrong(true));
  EXPECT_TRUE(wrong(std::string("0.8")));
  EXPECT_TRUE(wrong(std::numeric_limits<double>::quiet_NaN()));
  EXPECT_TRUE(find_option_problem(method, "null", int64_t{1}).has_value());
  expect_mentions(*find_option_problem(require_method_info("task_arithmetic"), "x", 1.0),
                  {"it has none"});
}

// Types that no method of today has.
TEST(FindOptionProblem, KnowsIntegersAndSwitches) {
  MethodInfo method;
  method.name = "future";
  method.options = {{.name = "count", .type = OptionType::kInt, .minimum = 1, .maximum = 5},
                    {.name = "flag", .type = OptionType::kBool}};
  EXPECT_FALSE(find_option_problem(method, "count", int64_t{5}).has_value());
  expect_mentions(*find_option_problem(method, "count", int64_t{6}), {"a whole number in [1, 5]"});
  EXPECT_TRUE(find_option_problem(method, "count", 2.0).has_value());
  EXPECT_FALSE(find_option_problem(method, "flag", false).has_value());
  expect_mentions(*find_option_problem(method, "flag", int64_t{1}), {"true or false"});
}

TEST(FindCountProblem, IsAShareOfTwoAndNotOfItsDefault) {
  for (const char* name : {"average", "fisher"}) {
    const MethodInfo& method = require_method_info(name);
    const auto problem = [&](double share, size_t experts) {
      return find_count_problem(method, resolve_options(method, {{"first_share", share}}), experts);
    };
    EXPECT_FALSE(problem(0.3, 2).has_value());
    EXPECT_FALSE(problem(0.5, 8).has_value());
    EXPECT_FALSE(find_count_problem(method, {}, 8).has_value());
    expect_mentions(problem(0.3, 8).value_or(""), {"\"first_share\"", name, "0.3", "two", "got 8"});
    EXPECT_TRUE(problem(0.3, 1).has_value());
  }
}

TEST(OptionText, IsReadBackAsTheSameValue) {
  for (const OptionValue& value :
       {OptionValue(true), OptionValue(false), OptionValue(int64_t{-7}), OptionValue(0.1),
        OptionValue(1e-30), OptionValue(std::string("zero"))}) {
    EXPECT_EQ(parse_option_value(option_text(value)), value) << option_text(value);
  }
}

TEST(ParseOption, SplitsAtTheFirstEqualsSign) {
  EXPECT_EQ(parse_option("common_fraction=0.8"),
            (std::pair<std::string, OptionValue>("common_fraction", 0.8)));
  EXPECT_EQ(parse_option("k=a=b").second, OptionValue(std::string("a=b")));
  EXPECT_EQ(parse_option("k=").second, OptionValue(std::string()));
  for (const char* bad : {"k", "=1", ""}) {
    expect_mentions(error_message([&] { parse_option(bad); }), {"NAME=VALUE"});
  }
}

TEST(Configuration, PrintsMethodOptionsAndAlpha) {
  EXPECT_EQ(configuration_text({"iso_cts", {{"common_fraction", 0.8}}, 1.2}),
            "iso_cts/common_fraction=0.8/alpha=1.2");
  EXPECT_EQ(configuration_text({"zero_shot", {}, {}}), "zero_shot");
}

TEST(Configuration, OfEveryMethodComesBack) {
  for (const MethodInfo& info : method_infos()) {
    for (const std::optional<double> alpha : {std::optional<double>(), std::optional(0.1),
                                              std::optional(2.0), std::optional(1.0 / 3)}) {
      if (alpha && !info.merges) continue;
      const Configuration one = {info.name, resolve_options(info, {}), alpha};
      EXPECT_EQ(parse_configuration(configuration_text(one)), one) << configuration_text(one);
    }
  }
  const Configuration whole = {"iso_cts",
                               {{"common_fraction", 1.0},
                                {"isotropic", false},
                                {"null", std::string("fill")},
                                {"r", std::string("sum")}},
                               1.0};
  EXPECT_EQ(parse_configuration(configuration_text(whole)), whole);
}

// Such a default is what the method did before it had the option.
TEST(Configuration, LeavesOutOptionsThatCameLaterAtTheirDefaults) {
  const MethodInfo& method = require_method_info("iso_c");
  const auto text = [&](const Options& given) {
    return configuration_text({"iso_c", resolve_options(method, given), 1.3});
  };
  EXPECT_EQ(text({}), "iso_c/null=zero/alpha=1.3");
  EXPECT_EQ(text({{"beta", int64_t{1}}, {"kept_fraction", 1.0}}), "iso_c/null=zero/alpha=1.3");
  EXPECT_EQ(text({{"beta", 0.5}}), "iso_c/beta=0.5/null=zero/alpha=1.3");
  EXPECT_EQ(text({{"kept_fraction", 0.2}}), "iso_c/kept_fraction=0.2/null=zero/alpha=1.3");
  EXPECT_EQ(parse_configuration(text({})).options, resolve_options(method, {}));
}

TEST(Configuration, RefusesWhatNoConfigurationPrints) {
  for (const char* bad : {"iso_ct", "iso_c/", "iso_c/x=1", "iso_c/alpha=1/alpha=1", "iso_c/alpha=x",
                          "zero_shot/alpha=1", "iso_c/null", "", "iso_cts/common_fraction=2"}) {
    error_message([&] { parse_configuration(bad); });
  }
}

}  // namespace
}  // namespace isomerge
