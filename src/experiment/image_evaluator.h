// experiment/image_evaluator.h -- the evaluator of suites of images.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiment/suite_evaluator.h"
#include "model/encoder.h"

namespace isomerge {

class ImageEvaluator : public SuiteEvaluator {
 public:
  // See open_suite_evaluator().
  ImageEvaluator(const Suite& suite, const std::vector<std::string>& tasks, int threads,
                 c10::Device device, at::ScalarType dtype);

  std::string head_hash(const std::string& task) const override { return heads_.at(task).hash; }
  int64_t split_size(const std::string& task, const std::string& split) const override;
  void bind(const Weights& weights, const std::string& label) override {
    encoder_.bind(weights, label);
  }
  Evaluation evaluate(const std::string& task, const std::string& split) override;
  double interference(const std::string& task, const std::string& split) override;

 private:
  struct Head {
    ClassHead head;
    std::string hash;
  };

  EvaluationOptions options_;
  Encoder encoder_;
  std::optional<Encoder> expert_;
  std::map<std::string, Head> heads_;
  std::map<std::string, std::unique_ptr<ImageSet>> sets_;
};

}  // namespace isomerge
