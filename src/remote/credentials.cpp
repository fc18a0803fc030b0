#include "remote/credentials.h"

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

namespace mosaic {
namespace {

using Settings = std::map<std::string, std::string, std::less<>>;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The settings in the section `name` of a file of Amazon's kind; none if there is no such file or section.
/// @param found  set if the section is there
Settings read_section(const std::string& path, const std::string& name, bool& found) {
  Settings settings;
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return settings;
  const auto bytes = read_file(path);
  bool inside = false;
  for (const std::string& line : lines_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
    const std::string_view text = trimmed(line);
    if (text.empty() || text[0] == '#' || text[0] == ';' || line[0] == ' ' || line[0] == '\t')
      continue;  // indented: a setting of a setting
    if (text[0] == '[') {
      inside = trimmed(text.substr(1, text.find(']') - 1)) == name;
      found = found || inside;
    } else if (const auto sign = text.find('='); inside && sign != std::string_view::npos) {
      settings[std::string(trimmed(text.substr(0, sign)))] = trimmed(text.substr(sign + 1));
    }
  }
  return settings;
}

/// The value of the first of `names` that the environment has; "" if it has none.
std::string variable(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = environment(name); value && *value) return value;
  return {};
}

std::string file_of(const Environment& environment, const char* name, const char* usual) {
  if (auto path = variable(environment, {name}); !path.empty()) return path;
  return variable(environment, {"HOME"}) + usual;
}

/// The user's profile, from both files.
Settings read_profile(const Environment& environment) {
  const std::string chosen = variable(environment, {"AWS_PROFILE"}), name = chosen.empty() ? "default" : chosen;
  const std::string keys = file_of(environment, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"),
                    config = file_of(environment, "AWS_CONFIG_FILE", "/.aws/config");
  bool found = false;
  Settings profile = read_section(keys, name, found);
  profile.merge(read_section(config, name == "default" ? name : "profile " + name, found));
  if (!found && !chosen.empty())
    throw Error(str("AWS_PROFILE: got ", chosen, ", which neither ", keys, " nor ", config, " has: add a section [",
                    chosen, "], or choose another profile"));
  return profile;
}

}  // namespace

S3Access find_s3_access(const Environment& environment) {
  const Settings profile = read_profile(environment);
  const auto setting = [&](std::string value, std::string_view name) {
    const auto entry = profile.find(name);
    return value.empty() && entry != profile.end() ? entry->second : value;
  };
  S3Access access;
  access.key_id = variable(environment, {"AWS_ACCESS_KEY_ID"});
  if (access.key_id.empty()) {
    access.key_id = setting("", "aws_access_key_id");
    access.secret = setting("", "aws_secret_access_key");
    access.session_token = setting("", "aws_session_token");
  } else {
    access.secret = variable(environment, {"AWS_SECRET_ACCESS_KEY"});
    access.session_token = variable(environment, {"AWS_SESSION_TOKEN"});
  }
  if (access.key_id.empty() != access.secret.empty())
    throw Error(
        "credentials of S3: got a key's id without its secret, or the other way round: set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or both in the profile");
  if (const auto region = setting(variable(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"}), "region");
      !region.empty())
    access.region = region;
  access.endpoint = setting(variable(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}), "endpoint_url");
  while (access.endpoint.ends_with('/')) access.endpoint.pop_back();
  if (access.endpoint.find('@') != std::string::npos)
    throw Error(
        "endpoint_url of S3: got a URL with a user in it, which logs would show: put keys where keys are looked for");
  return access;
}

S3Access find_s3_access() {
  return find_s3_access([](const char* name) { return std::getenv(name); });
}

}  // namespace mosaic
