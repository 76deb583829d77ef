#include "store/lambda_search.h"

namespace isomerge {
namespace {

CandidateScore trial_score(const FoundRecord& record) {
  if (!record) return {};
  const std::optional<Accuracy> accuracy = find_accuracy(record);
  return accuracy ? CandidateScore::known(accuracy->value()) : CandidateScore::failed();
}

}  // namespace

LambdaSearch search_lambdas(const std::vector<std::string>& tasks, const std::vector<double>& grid,
                            const FindTrial& find) {
  LambdaSearch search;
  for (const std::string& task : tasks) {
    std::vector<CandidateScore> scores;
    for (size_t i = 0; i < grid.size(); ++i) scores.push_back(trial_score(find(i, task)));
    const Choice choice = choose_candidate(scores, grid.size(), /*patience=*/0);
    search.trials += static_cast<int64_t>(grid.size());
    search.missing += static_cast<int64_t>(choice.missing.size());
    search.failed += static_cast<int64_t>(choice.failed.size());
    if (choice.failed.size() == grid.size()) search.hopeless.push_back(task);
    if (choice.missing.empty() && choice.index) search.lambdas[task] = grid[*choice.index];
  }
  return search;
}

}  // namespace isomerge
