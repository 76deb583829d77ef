// app/commands.h -- the commands of the program. Each prints its results on stdout and returns the
// exit code; what goes wrong is thrown.
#pragma once

#include <string>
#include <vector>

#include "app/arguments.h"

namespace isomerge {

struct Command {
  const CommandInfo& (*info)();
  int (*run)(const Arguments& arguments);
};

const CommandInfo& merge_info();
int run_merge(const Arguments& arguments);

const CommandInfo& methods_info();
int run_methods(const Arguments& arguments);

const CommandInfo& inspect_info();
int run_inspect(const Arguments& arguments);

const CommandInfo& convert_info();
int run_convert(const Arguments& arguments);

const CommandInfo& pack_info();
int run_pack(const Arguments& arguments);

const CommandInfo& analyze_info();
int run_analyze(const Arguments& arguments);

const CommandInfo& evaluate_info();
int run_evaluate(const Arguments& arguments);

const CommandInfo& finetune_info();
int run_finetune(const Arguments& arguments);

const CommandInfo& statistics_info();
int run_statistics(const Arguments& arguments);

const CommandInfo& run_info();
int run_run(const Arguments& arguments);

const CommandInfo& report_info();
int run_report(const Arguments& arguments);

// In the order of the help.
const std::vector<Command>& commands();

// The whole program: words after the program's name -> exit code. Prints errors.
int run_program(const std::vector<std::string>& words);

// "isomerge 0.1.0", the libraries it runs with.
std::string version_text();
std::string program_version();  // "0.1.0 (0123456789)": with the commit, where it is known

}  // namespace isomerge
