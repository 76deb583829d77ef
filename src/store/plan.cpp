#include "store/plan.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "store/result_store.h"

namespace isomerge {
namespace {

constexpr int kFormat = 1;

// The hashes that every evaluation depends on beside weights and the task's own.
std::map<std::string, std::string> module_hashes(const Plan& plan) {
  if (plan.tokenizer.empty()) return {{"encoder", plan.module}};
  return {{"model", plan.module}, {"tokenizer", plan.tokenizer}};
}

std::string plan_text(const Plan& plan) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::object();
  for (const auto& [name, hashes] : plan.tasks) {
    tasks[name] = {{"expert", hashes.expert}};
    if (!hashes.head.empty()) tasks[name]["head"] = hashes.head;
    tasks[name]["data"] = hashes.data;
  }
  nlohmann::ordered_json json = {{"format", kFormat}, {"base", plan.base}};
  for (const auto& [role, hash] : module_hashes(plan)) json[role] = hash;
  json["tasks"] = tasks;
  return json.dump(2) + "\n";
}

Plan plan_of(const nlohmann::ordered_json& json) {
  Plan plan;
  plan.base = json.at("base");
  plan.tokenizer = json.value("tokenizer", "");
  plan.module = json.at(plan.tokenizer.empty() ? "encoder" : "model");
  for (const auto& [name, hashes] : json.at("tasks").items()) {
    plan.tasks[name] = {hashes.at("expert"), hashes.value("head", ""), hashes.at("data")};
  }
  return plan;
}

const TaskHashes& hashes_of(const Plan& plan, const std::string& task) {
  const auto found = plan.tasks.find(task);
  if (found != plan.tasks.end()) return found->second;
  throw input_error(
      fmt::format("task \"{}\" is not in the plan of this experiment; run it again", task));
}

}  // namespace

std::filesystem::path plan_path(const std::filesystem::path& results, const std::string& stem) {
  return results / "plans" / (stem + ".json");
}

void write_plan(const std::filesystem::path& results, const std::string& stem, const Plan& plan) {
  const std::filesystem::path path = plan_path(results, stem);
  require_writable_folder(path.parent_path());
  write_text_file(path, plan_text(plan));
}

Plan read_plan(const std::filesystem::path& results, const std::string& stem) {
  ResultStore(results).require_known_format();
  const std::filesystem::path path = plan_path(results, stem);
  std::error_code error;
  if (!std::filesystem::exists(path, error) && !error) {
    throw input_error(
        fmt::format("{}: no such file: the experiment \"{}\" was not run into this "
                    "results folder; `isomerge run` makes it",
                    path.string(), stem));
  }
  const std::string text = read_text_file(path);
  const std::string context =
      path.string() + ": this plan is damaged; run the experiment again to have it anew";
  Plan plan;
  try {
    plan = plan_of(nlohmann::ordered_json::parse(text));
  } catch (const nlohmann::json::exception& fault) {
    throw input_error(fault.what()).during(context);
  }
  if (plan_text(plan) != text) throw input_error(context + ": its layout was changed");
  return plan;
}

std::map<std::string, std::string> merge_hashes(const Plan& plan,
                                                const std::vector<std::string>& tasks) {
  std::map<std::string, std::string> hashes = {{"base", plan.base}};
  for (const std::string& name : tasks) hashes["expert/" + name] = hashes_of(plan, name).expert;
  return hashes;
}

std::map<std::string, std::string> feature_hashes(const Plan& plan,
                                                  const std::vector<std::string>& tasks) {
  std::map<std::string, std::string> hashes = module_hashes(plan);
  for (const std::string& name : tasks) hashes["data/" + name] = hashes_of(plan, name).data;
  return hashes;
}

std::map<std::string, std::string> run_hashes(const Plan& plan,
                                              const std::vector<std::string>& tasks,
                                              const std::string& task) {
  std::map<std::string, std::string> hashes = merge_hashes(plan, tasks);
  hashes.merge(module_hashes(plan));
  if (!hashes_of(plan, task).head.empty()) hashes["head"] = hashes_of(plan, task).head;
  hashes["data"] = hashes_of(plan, task).data;
  return hashes;
}

}  // namespace isomerge
