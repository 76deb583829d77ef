// support/expect_error.h -- claims about messages of errors.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/error.h"

namespace isomerge {

// The message of the Error that `call` throws; a test failure and "" if it throws none, or one of
// another fault.
inline std::string error_message(const std::function<void()>& call, Fault fault = Fault::kInput) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), static_cast<int>(fault)) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error was thrown";
  return "";
}

// Every text occurs in the message.
inline void expect_mentions(const std::string& message, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    EXPECT_NE(message.find(text), std::string::npos) << "no \"" << text << "\" in: " << message;
  }
}

}  // namespace isomerge
