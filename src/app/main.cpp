// isomerge: see README.md for what it does; app/program.cpp for how a command line is carried out.

#include <string>
#include <vector>

#include "app/commands.h"

int main(int argc, char** argv) {
  return isomerge::run_program(std::vector<std::string>(argv + 1, argv + argc));
}
