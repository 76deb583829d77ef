#include "app/suite_request.h"

namespace isomerge {

SuiteRequest read_suite_request(const Arguments& arguments, const std::string& path, Needs needs) {
  Problems problems;
  Variables variables(arguments.settings("set"));
  SuiteRequest request{read_suite(path, variables, Files::kMustExist, problems),
                       arguments.all("task"), arguments.find("split").value_or("test")};
  problems.throw_if_any();
  if (request.tasks.empty()) request.tasks = task_names(request.suite);
  for (const std::string& name : request.tasks) {
    Task task = require_task(request.suite, name);
    if (needs == Needs::kData) task.expert.clear();
    require_task_files(task, request.suite.path, problems);
  }
  problems.throw_if_any();
  return request;
}

}  // namespace isomerge
