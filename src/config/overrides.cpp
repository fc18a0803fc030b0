#include "config/overrides.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "config/yaml_reader.h"

namespace mosaic {
namespace {

// "a[b.c].d" -> a, b.c, d
std::vector<std::string> split_key(std::string_view key) {
  const auto fail = [&](std::string_view what) {
    throw Error(
        str("command line: got the key \"", key, "\", ", what, "; expected a.b, or a[b.c] for a key with dots"));
  };
  std::vector<std::string> path;
  std::string_view rest = key;
  while (true) {
    std::size_t end = 0;
    if (rest.starts_with('[')) {
      end = rest.find(']');
      if (end == std::string_view::npos) fail("which lacks a ]");
      path.emplace_back(rest.substr(1, end - 1));
      ++end;
    } else {
      end = std::min(rest.find_first_of(".["), rest.size());
      path.emplace_back(rest.substr(0, end));
    }
    if (path.back().empty()) fail("in which a part is empty");
    rest.remove_prefix(end);
    if (rest.empty()) return path;
    if (rest.starts_with('.')) {
      rest.remove_prefix(1);
    } else if (!rest.starts_with('[')) {
      fail("which goes on after a ]");
    }
  }
}

}  // namespace

Value read_overrides(const std::vector<std::string>& arguments) {
  Value all{.kind = Value::Kind::kMap, .origin = {Layer::kCommandLine, "command line"}};
  for (const std::string& argument : arguments) {
    const auto equals = argument.find('=');
    if (equals == std::string::npos)
      throw Error(str("command line: got \"", argument, "\", expected KEY=VALUE, such as max_duration=10ep"));
    const auto path = split_key(std::string_view(argument).substr(0, equals));
    merge(all, nested(path, read_yaml_argument(argument.substr(equals + 1), path)));
  }
  return all;
}

}  // namespace mosaic
