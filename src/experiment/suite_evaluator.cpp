#include "experiment/suite_evaluator.h"

#include "experiment/image_evaluator.h"
#include "experiment/text_evaluator.h"

namespace isomerge {

Preprocessing suite_preprocessing(const Suite& suite) {
  const Preprocess& how = suite.preprocess;
  return {how.resize, how.crop, how.mean, how.std};
}

std::unique_ptr<SuiteEvaluator> open_suite_evaluator(const Suite& suite,
                                                     const std::vector<std::string>& tasks,
                                                     int threads, c10::Device device,
                                                     at::ScalarType dtype) {
  if (suite.is_language()) {
    return std::make_unique<TextEvaluator>(suite, tasks, threads, device, dtype);
  }
  return std::make_unique<ImageEvaluator>(suite, tasks, threads, device, dtype);
}

}  // namespace isomerge
