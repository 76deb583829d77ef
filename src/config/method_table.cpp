#include "config/method_table.h"

namespace isomerge {
namespace {

constexpr const char* kIsoSource = "Marczak et al. 2025, arXiv:2502.04959";
constexpr const char* kTallSource = "Wang et al. 2024, arXiv:2405.07813";
constexpr const char* kDareSource = "Yu et al. 2024, arXiv:2311.03099";
constexpr const char* kKnotsSource = "Stoica et al. 2025, arXiv:2410.19735";
constexpr const char* kKnotsNote =
    "Every entry of the matrices' coordinates by itself, all matrices together. Tensors that are "
    "not matrices are averaged.";
constexpr const char* kOthersAveraged = "Tensors that are not matrices are averaged.";

OptionInfo null_option() {
  return {.name = "null",
          .type = OptionType::kChoice,
          .default_value = std::string("zero"),
          .choices = {"zero", "fill"},
          .help =
              "what polar factors do with directions that the rank rule cuts: leave them zero, "
              "or fill them as a full SVD would"};
}

OptionInfo keep_option(double share) {
  return {.name = "keep",
          .type = OptionType::kDouble,
          .default_value = share,
          .minimum = 0.0,
          .maximum = 1.0,
          .help = "share of the largest entries that survive the trim"};
}

OptionInfo trim_option() {
  return {.name = "trim",
          .type = OptionType::kChoice,
          .default_value = std::string("global"),
          .choices = {"global", "tensor"},
          .help = "trim over the whole update, or each tensor by itself"};
}

OptionInfo merge_option() {
  return {.name = "merge",
          .type = OptionType::kChoice,
          .default_value = std::string("mean"),
          .choices = {"mean", "sum"},
          .help = "of the entries that agree"};
}

OptionInfo lambda_option() {
  return {.name = "lambda",
          .type = OptionType::kDouble,
          .default_value = 0.4,
          .minimum = 0.0,
          .help = "how strict a mask is"};
}

OptionInfo off_diagonal_option(double factor) {
  return {.name = "off_diagonal",
          .type = OptionType::kDouble,
          .default_value = factor,
          .minimum = 0.0,
          .maximum = 1.0,
          .help = "factor of what is off the diagonal of x x^T (and g g^T)"};
}

OptionInfo drop_option() {
  return {.name = "drop",
          .type = OptionType::kDouble,
          .default_value = 0.2,
          .minimum = 0.0,
          .maximum = 0.999999,
          .help = "probability that an entry is dropped"};
}

OptionInfo seed_option() {
  return {.name = "seed",
          .type = OptionType::kInt,
          .default_value = int64_t{0},
          .minimum = 0,
          .help = "of the random numbers"};
}

OptionInfo cut_option() {
  return {.name = "cut",
          .type = OptionType::kDouble,
          .default_value = 1e-5,
          .minimum = 0.0,
          .help = "singular values up to this one, of all tasks together, are left out"};
}

OptionInfo rank_option() {
  return {.name = "r",
          .type = OptionType::kChoice,
          .default_value = std::string("shape"),
          .choices = {"shape", "sum"},
          .help = "what r is: min(m, n), or the rank of sum_t D_t, which adapters keep small",
          .came_later = true};
}

OptionInfo first_share_option() {
  return {.name = "first_share",
          .type = OptionType::kDouble,
          .default_value = 0.5,
          .minimum = 0.0,
          .maximum = 1.0,
          .help = "of two experts the share of the first, beside 1 - first_share of the second",
          .came_later = true,
          .is_of_two = true};
}

}  // namespace

std::vector<MethodInfo> make_method_table() {
  return {
      {.name = "zero_shot",
       .title = "Zero-shot",
       .formula = "theta_0",
       .needs = "base",
       .source = "",
       .note = "A row of tables: the base as it is.",
       .merges = false},
      {.name = "fine_tuned",
       .title = "Fine-tuned",
       .formula = "theta_t for task t",
       .needs = "experts",
       .source = "",
       .note = "A row of tables: every task by its own expert. Normalised accuracies divide by it.",
       .merges = false},
      {.name = "average",
       .title = "Weight Averaging",
       .formula = "D_M = (1/T) sum_t D_t",
       .needs = "base and experts",
       .source = "Wortsman et al. 2022, arXiv:2203.05482",
       .note = "Every tensor; with alpha 1 the result is the mean of the experts, of two with "
               "first_share the mixture theta_0 + first_share D_1 + (1 - first_share) D_2.",
       .default_alpha = 1.0,
       .options = {first_share_option()}},
      {.name = "task_arithmetic",
       .title = "Task Arithmetic",
       .formula = "D_M = sum_t D_t",
       .needs = "base and experts",
       .source = "Ilharco et al. 2023, arXiv:2212.04089",
       .note = "Every tensor is summed.",
       .default_alpha = 0.3,
       .alpha_grid = "0.1:1.0:0.1"},
      {.name = "ties",
       .title = "TIES-Merging",
       .formula = "D_M = mean over t of the trimmed entries of D_t that have the elected sign",
       .needs = "base and experts",
       .source = "Yadav et al. 2023, arXiv:2306.01708",
       .note = "Every entry by itself, whatever its tensor; all entries count in the trim, those "
               "that no task changed too.",
       .default_alpha = 1.0,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {keep_option(0.2), trim_option(), merge_option()}},
      {.name = "dare",
       .title = "DARE",
       .formula =
           "D_M = sum_t of the entries of D_t, kept with probability 1 - drop and divided by "
           "it",
       .needs = "base and experts",
       .source = kDareSource,
       .note = "Every entry by itself. The same seed gives the same bytes everywhere.",
       .default_alpha = 0.3,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {drop_option(), seed_option()}},
      {.name = "dare_ties",
       .title = "DARE-TIES",
       .formula = "TIES-Merging of updates whose entries are kept with probability 1 - drop and "
                  "divided by it",
       .needs = "base and experts",
       .source = kDareSource,
       .note = "Every entry by itself. The same seed gives the same bytes everywhere.",
       .default_alpha = 1.0,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {drop_option(), seed_option(), keep_option(1.0), trim_option(), merge_option()}},
      {.name = "knots_ties",
       .title = "KnOTS-TIES",
       .formula = "D_M = U TIES(diag(s) V_1^T, .., diag(s) V_T^T) with [D_1 .. D_T] = U diag(s) "
                  "[V_1^T .. V_T^T]",
       .needs = "base and experts",
       .source = kKnotsSource,
       .note = kKnotsNote,
       .default_alpha = 1.0,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {keep_option(0.2), trim_option(), merge_option(), cut_option()}},
      {.name = "knots_dare_ties",
       .title = "KnOTS-DARE-TIES",
       .formula = "as KnOTS-TIES, entries of diag(s) V_t^T kept with probability 1 - drop and "
                  "divided by it",
       .needs = "base and experts",
       .source = kKnotsSource,
       .note = kKnotsNote,
       .default_alpha = 1.0,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {drop_option(), seed_option(), keep_option(1.0), trim_option(), merge_option(),
                   cut_option()}},
      {.name = "tall_mask",
       .title = "TALL mask",
       .formula = "D_M = m_t * sum_i D_i, m_t = [|D_t| > lambda |sum_i D_i - D_t|], for task t",
       .needs = "base and experts",
       .source = kTallSource,
       .note = "Every entry by itself; a model for one task. With alpha 1 it is what the search "
               "for consensus_ta's lambdas evaluates. In an experiment every task has its own "
               "mask, with its own lambda unless one is given.",
       .default_alpha = 1.0,
       .options = {lambda_option(),
                   {.name = "task",
                    .type = OptionType::kText,
                    .default_value = std::string(),
                    .help = "whose mask"}}},
      {.name = "consensus_ta",
       .title = "Consensus TA",
       .formula =
           "D_M = [sum_t m_t >= min_tasks] * sum_t D_t, m_t = [|D_t| > lambda_t |sum_i D_i - "
           "D_t|]",
       .needs = "base and experts",
       .source = kTallSource,
       .note = "Every entry by itself. An experiment that gives no lambda chooses one per task on "
               "its selection split, from 0.2, 0.3, 0.4, 0.5, 0.6, by tall_mask. merge --masks "
               "takes published masks instead.",
       .default_alpha = 0.3,
       .alpha_grid = "0.1:1.0:0.1",
       .options = {lambda_option(),
                   {.name = "lambdas",
                    .type = OptionType::kText,
                    .default_value = std::string(),
                    .help = "lambda of single tasks: cars=0.2,dtd=0.4"},
                   {.name = "min_tasks",
                    .type = OptionType::kInt,
                    .default_value = int64_t{2},
                    .minimum = 0,
                    .help = "how many tasks must need an entry for it to stay"}}},
      {.name = "tsv_m",
       .title = "TSV-M",
       .formula = "D_M = polar([U_1 .. U_T]) diag(s_1 .. s_T) polar([V_1 .. V_T])^T, "
                  "floor(r/T) leading triplets of each D_t",
       .needs = "base and experts",
       .source = "Gargiulo et al. 2025, arXiv:2412.00081",
       .note = kOthersAveraged,
       .default_alpha = 1.0,
       .alpha_grid = "0.1:3.0:0.1",
       .options = {null_option()},
       .revision = 2},
      {.name = "iso_c",
       .title = "Iso-C",
       .formula = "D_M = mean(s) U V^T with sum_t D_t = U diag(s) V^T",
       .needs = "base and experts",
       .source = std::string(kIsoSource) + ", Algorithm 1",
       .note = kOthersAveraged,
       .default_alpha = 1.3,
       .alpha_grid = "0.1:3.0:0.1",
       .options = {{.name = "beta",
                    .type = OptionType::kDouble,
                    .default_value = 1.0,
                    .minimum = 0.0,
                    .maximum = 1.0,
                    .help = "the flattened part, beside 1 - beta of the sum as it is",
                    .came_later = true},
                   {.name = "kept_fraction",
                    .type = OptionType::kDouble,
                    .default_value = 1.0,
                    .minimum = 0.0,
                    .maximum = 1.0,
                    .help = "k / r: the flattened part has the k leading directions alone, each "
                            "with the mean of all r values",
                    .came_later = true},
                   rank_option(),
                   null_option()},
       .revision = 2},
      {.name = "iso_cts",
       .title = "Iso-CTS",
       .formula = "D_M = mean(s) polar([U_c U_1 .. U_T]) polar([V_c V_1 .. V_T])^T: k leading "
                  "triplets of sum_t D_t, (r-k)/T of each D_t outside them",
       .needs = "base and experts",
       .source = std::string(kIsoSource) + ", Algorithm 2",
       .note = kOthersAveraged,
       .default_alpha = 1.5,
       .alpha_grid = "0.1:3.0:0.1",
       .options = {{.name = "common_fraction",
                    .type = OptionType::kDouble,
                    .default_value = 0.8,
                    .minimum = 0.0,
                    .maximum = 1.0,
                    .help = "k / r, the part of the directions that is common to all tasks"},
                   {.name = "isotropic",
                    .type = OptionType::kBool,
                    .default_value = true,
                    .help = "give all directions the mean; false: each keeps its singular value",
                    .came_later = true},
                   rank_option(),
                   null_option()},
       .revision = 2},
      {.name = "fisher",
       .title = "Fisher Merging",
       .formula = "D_M = sum_t F_t D_t / sum_t F_t, entry by entry, F_t at least the floor",
       .needs = "base, experts and their fisher statistics",
       .source = "Matena and Raffel 2022, arXiv:2111.09832",
       .note = "Every tensor; with alpha 1 the result is sum_t F_t theta_t / sum_t F_t. Of two "
               "experts first_share F_1 and (1 - first_share) F_2 weigh, floored before.",
       .uses_statistics = true,
       .default_alpha = 1.0,
       .options = {{.name = "floor",
                    .type = OptionType::kDouble,
                    .default_value = 1e-8,
                    .minimum = 1e-300,
                    .help = "least Fisher information of an entry"},
                   first_share_option()}},
      {.name = "regmean",
       .title = "RegMean",
       .formula = "D_M = (sum_t D_t G_t) (sum_t G_t)^-1, G_t the mean of x x^T over t's inputs",
       .needs = "base, experts and their gram statistics",
       .source = "Jin et al. 2023, arXiv:2212.09849",
       .note = "Matrices of linear operations; all other tensors are averaged.",
       .uses_statistics = true,
       .default_alpha = 1.0,
       .options = {off_diagonal_option(0.8)}},
      {.name = "mats",
       .title = "MaTS",
       .formula = "D_M = W - theta_0, sum_t B_t W A_t = sum_t B_t theta_t A_t by conjugate "
                  "gradients",
       .needs = "base, experts and the statistics of its objective",
       .source = "Tam et al. 2024, arXiv:2312.04339",
       .note = "Matrices of linear operations (objectives fisher and average: all matrices; "
               "block_fisher: all vectors, such as those of (IA)^3); other tensors are averaged.",
       .uses_statistics = true,
       .default_alpha = 1.0,
       .options = {{.name = "objective",
                    .type = OptionType::kChoice,
                    .default_value = std::string("kfac"),
                    .choices = {"kfac", "regmean", "fisher", "block_fisher", "average"},
                    .help = "what weighs differences: inputs and gradients, inputs, diagonal "
                            "Fisher information, whole blocks of it (of vectors), nothing"},
                   off_diagonal_option(1.0),
                   {.name = "start",
                    .type = OptionType::kChoice,
                    .default_value = std::string("task_arithmetic"),
                    .choices = {"task_arithmetic", "average", "base", "zero"},
                    .help = "where the iteration starts"},
                   {.name = "start_alpha",
                    .type = OptionType::kDouble,
                    .default_value = 0.3,
                    .help = "of start task_arithmetic"},
                   {.name = "iterations",
                    .type = OptionType::kInt,
                    .default_value = int64_t{100},
                    .minimum = 0,
                    .maximum = 1e6,
                    .help = "steps at most"},
                   {.name = "stopping",
                    .type = OptionType::kChoice,
                    .default_value = std::string("legacy"),
                    .choices = {"legacy", "current"},
                    .help = "as scipy's cg up to 1.11 (a residual of 1e-5 is small enough at the "
                            "start, whatever the scale), or as since"}}},
  };
}

}  // namespace isomerge
