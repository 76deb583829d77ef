#include <csignal>
#include <cstdio>
#include <new>

#include <ATen/Context.h>
#include <c10/util/Exception.h>
#include <fmt/format.h>

#include "app/commands.h"
#include "app/terminal.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "linalg/openblas.h"

namespace isomerge {
namespace {

std::string overview() {
  std::string text =
      "isomerge merges fine-tuned checkpoints of one base model and evaluates the result.\n\n"
      "Usage:\n  isomerge COMMAND [options]\n\nCommands:\n";
  for (const Command& command : commands()) {
    text += fmt::format("  {:<10}  {}\n", command.info().name, command.info().summary);
  }
  return text +
         "\nisomerge COMMAND --help explains a command; isomerge --version names the libraries.\n";
}

const Command& require_command(const std::string& name) {
  std::vector<std::string> known;
  for (const Command& command : commands()) {
    if (command.info().name == name) return command;
    known.push_back(command.info().name);
  }
  throw input_error(fmt::format("unknown command \"{}\"{}; known: {}", name,
                                nearest_hint(name, known), join(known, ", ")));
}

int run_words(const std::vector<std::string>& words) {
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    fmt::print("{}", overview());
    return words.empty() ? static_cast<int>(Fault::kInput) : 0;
  }
  if (words[0] == "--version") {
    fmt::print("{}", version_text());
    return 0;
  }
  const Command& command = require_command(words[0]);
  const Arguments arguments(command.info(), {words.begin() + 1, words.end()});
  if (arguments.wants_help()) {
    fmt::print("{}", help_text(command.info()));
    return 0;
  }
  show_on_terminal(parse_log_level(arguments.find("log-level").value_or("info")),
                   arguments.has("quiet"));
  const int code = command.run(arguments);
  if (std::fflush(stdout) != 0) throw machine_error("stdout: cannot write the results");
  return code;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> all = {{merge_info, run_merge},
                                           {methods_info, run_methods},
                                           {inspect_info, run_inspect},
                                           {convert_info, run_convert},
                                           {pack_info, run_pack},
                                           {analyze_info, run_analyze},
                                           {evaluate_info, run_evaluate},
                                           {finetune_info, run_finetune},
                                           {statistics_info, run_statistics},
                                           {run_info, run_run},
                                           {report_info, run_report}};
  return all;
}

std::string program_version() {
  const std::string commit = ISOMERGE_COMMIT;
  return commit.empty() ? ISOMERGE_VERSION : fmt::format("{} ({})", ISOMERGE_VERSION, commit);
}

std::string version_text() {
  const std::string kernel = openblas_kernel();
  return fmt::format("isomerge {}\nLibTorch {}{}\nOpenBLAS {}\nfmt {}.{}.{}\n", program_version(),
                     ISOMERGE_LIBTORCH_VERSION, at::hasCUDA() ? " (CUDA)" : " (CPU)",
                     kernel.empty() ? "not there: slower products" : "for " + kernel,
                     FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

int run_program(const std::vector<std::string>& words) {
  catch_interrupts();
  // A full disk under a file-size limit shall be an error of write(), not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return run_words(words);
  } catch (const Error& error) {
    show_error(error.what());
    return error.exit_code();
  } catch (const std::bad_alloc&) {
    show_error("out of memory");
    return static_cast<int>(Fault::kMachine);
  } catch (const c10::Error& error) {
    show_error(fmt::format("internal error, please report it: {}", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    show_error(fmt::format("internal error, please report it: {}", error.what()));
  }
  return static_cast<int>(Fault::kInternal);
}

}  // namespace isomerge
