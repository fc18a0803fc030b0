#include "preflight/table.h"

#include <algorithm>
#include <iostream>

namespace mosaic {
namespace {

constexpr std::size_t kNameWidth = 22;

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace

std::string row_text(const Row& row) {
  const char* verdicts[] = {"ok", "warn", "BAD"};
  const std::string verdict = padded(verdicts[static_cast<int>(row.verdict)], 4);
  std::string text = mosaic::str(verdict, "  ", padded(row.name, kNameWidth), "  ", row.found, '\n');
  if (row.verdict != Verdict::kOk && !row.expected.empty())
    text += mosaic::str(std::string(4 + 2 + kNameWidth + 2, ' '), "expected: ", row.expected, '\n');
  return text;
}

void Table::add(const Row& row) {
  rows_.push_back(row);
  if (prints_) std::cout << row_text(row) << std::flush;
}

void Table::add_fault(const std::string& name, const std::string& sentence, ExitCode exit_code) {
  // LibTorch's sentences have a stack trace behind them.
  std::string first_line = sentence.substr(0, sentence.find('\n'));
  const bool out_of_memory = first_line.find("out of memory") != std::string::npos;
  if (out_of_memory) first_line += " (take a smaller device_train_microbatch_size)";
  add({.name = name,
       .found = first_line,
       .verdict = Verdict::kBad,
       .exit_code = out_of_memory ? kExitBadInput : exit_code});
}

void Table::finish() const {
  std::string bad;
  ExitCode exit_code = kExitCrash;
  for (const Row& row : rows_) {
    if (row.verdict != Verdict::kBad) continue;
    bad += (bad.empty() ? "" : ", ") + row.name;
    if (row.exit_code == kExitBadInput) exit_code = kExitBadInput;
  }
  if (!bad.empty()) throw AgreedError("--check: not ready to run: " + bad, exit_code);
}

}  // namespace mosaic
