#include "app/suite_request.h"

namespace isomerge {

SuiteRequest read_suite_request(const Arguments& arguments, const std::string& path) {
  SuiteRequest request{read_suite(path, arguments.settings("set")), arguments.all("task"),
                       arguments.find("split").value_or("test")};
  if (request.tasks.empty()) request.tasks = task_names(request.suite);
  return request;
}

}  // namespace isomerge
