#include "plan/calibration.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "config/changes.h"

namespace mosaic {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 2;

/// Reads an object member by member; messages say where.
class Members {
 public:
  Members(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) throw Error(str(where_, ": got ", json.type_name(), ", expected an object"));
  }

  std::string text(const char* name) const {
    const Json& member = at(name);
    if (!member.is_string()) refuse(name, member, "a text");
    return member.get<std::string>();
  }
  bool flag(const char* name) const {
    const Json& member = at(name);
    if (!member.is_boolean()) refuse(name, member, "true or false");
    return member.get<bool>();
  }
  /// A finite number, at least `least`.
  double number(const char* name, double least = 0) const {
    const Json& member = at(name);
    const double value = member.is_number() ? member.get<double>() : -1;
    if (!member.is_number() || !std::isfinite(value) || value < least)
      refuse(name, member, str("a number, at least ", least));
    return value;
  }
  std::int64_t whole(const char* name, double least = 1) const {
    const double value = number(name, least);
    if (value != std::floor(value) || value > 1e15) refuse(name, at(name), "a whole number");
    return static_cast<std::int64_t>(value);
  }
  int small(const char* name) const {
    const std::int64_t value = whole(name);
    if (value > 1'000'000'000) refuse(name, at(name), "at most 1e9");
    return static_cast<int>(value);
  }
  /// `read` of each object of a list.
  template <class Read>
  auto list(const char* name, std::size_t least, Read read) const {
    const Json& member = at(name);
    if (!member.is_array() || member.size() < least) refuse(name, member, str("a list, at least ", least, " long"));
    std::vector<decltype(read(*this))> items;
    for (std::size_t i = 0; i < member.size(); ++i)
      items.push_back(read(Members(member[i], str(where_, ": ", name, "[", i, "]"))));
    return items;
  }

 private:
  const Json& at(const char* name) const {
    const auto member = json_.find(name);
    if (member == json_.end())
      throw Error(str(where_, ": ", name, " is missing: remove the file and write it anew with --check --calibration"));
    return *member;
  }
  [[noreturn]] void refuse(const char* name, const Json& found, const std::string& expected) const {
    throw Error(str(where_, ": ", name, ": got ", found.dump().substr(0, 60), ", expected ", expected));
  }

  const Json& json_;
  std::string where_;
};

Json json_of(const StepCost& cost) {
  return {{"side", cost.side},       {"images", cost.images},   {"sam", cost.sam},
          {"seconds", cost.seconds}, {"low", cost.low},         {"high", cost.high},
          {"first", cost.first},     {"network", cost.network}, {"exchange", cost.exchange}};
}

StepCost step_cost_of(const Members& in) {
  return {.side = in.small("side"),
          .images = in.whole("images"),
          .sam = in.flag("sam"),
          .seconds = in.number("seconds"),
          .low = in.number("low"),
          .high = in.number("high"),
          .first = in.number("first"),
          .network = in.number("network"),
          .exchange = in.number("exchange")};
}

Json json_of(const LoadCost& cost) { return {{"side", cost.side}, {"seconds", cost.seconds}}; }
Json json_of(const ExchangeCost& cost) { return {{"bytes", cost.bytes}, {"seconds", cost.seconds}}; }

Json json_of(const Calibration& c);

template <class Cost>
Json list_of(const std::vector<Cost>& costs) {
  Json list = Json::array();
  for (const Cost& cost : costs) list.push_back(json_of(cost));
  return list;
}

Json json_of(const Calibration& c) {
  return {{"version", c.version},
          {"host", c.host},
          {"device", c.device},
          {"precision", c.precision},
          {"fused_layers", c.fused_layers},
          {"ranks", c.ranks},
          {"nodes", c.nodes},
          {"threads", c.threads},
          {"train_images", c.train_images},
          {"eval_images", c.eval_images},
          {"image_bytes", c.image_bytes},
          {"read_seconds", c.read_seconds},
          {"steps", list_of(c.steps)},
          {"loading", list_of(c.loading)},
          {"evaluation", list_of(c.evaluation)},
          {"exchange", list_of(c.exchange)},
          {"gradient_bytes", c.gradient_bytes},
          {"parameter_bytes", c.parameter_bytes},
          {"statistics_bytes", c.statistics_bytes},
          {"checkpoint_bytes", c.checkpoint_bytes},
          {"checkpoint_seconds", c.checkpoint_seconds},
          {"start_seconds", c.start_seconds},
          {"first_step_seconds", c.first_step_seconds},
          {"memory_before", c.memory_before},
          {"memory_after", c.memory_after},
          {"config", c.config}};
}

Calibration calibration_of(const Members& in) {
  return {.version = in.text("version"),
          .host = in.text("host"),
          .device = in.text("device"),
          .config = in.text("config"),
          .precision = in.text("precision"),
          .fused_layers = in.flag("fused_layers"),
          .ranks = in.small("ranks"),
          .nodes = in.small("nodes"),
          .threads = in.small("threads"),
          .train_images = in.whole("train_images"),
          .eval_images = in.whole("eval_images"),
          .image_bytes = in.number("image_bytes"),
          .read_seconds = in.number("read_seconds"),
          .steps = in.list("steps", 1, step_cost_of),
          .loading = in.list("loading", 1,
                             [](const Members& cost) {
                               return LoadCost{cost.small("side"), cost.number("seconds")};
                             }),
          .evaluation = in.list("evaluation", 1, step_cost_of),
          .exchange = in.list("exchange", 0,
                              [](const Members& cost) {
                                return ExchangeCost{cost.number("bytes"), cost.number("seconds")};
                              }),
          .gradient_bytes = in.number("gradient_bytes"),
          .parameter_bytes = in.number("parameter_bytes"),
          .statistics_bytes = in.number("statistics_bytes"),
          .checkpoint_bytes = in.number("checkpoint_bytes"),
          .checkpoint_seconds = in.number("checkpoint_seconds"),
          .start_seconds = in.number("start_seconds"),
          .first_step_seconds = in.number("first_step_seconds"),
          .memory_before = in.number("memory_before"),
          .memory_after = in.number("memory_after")};
}

}  // namespace

std::string another_net(const Calibration& calibrated, const Config& config) {
  const auto sentence = [](const std::string& key, const std::string& now, const std::string& before) {
    return str(key, " is ", now, ", calibrated was ", before);
  };
  const bool was_on_gpu = calibrated.device != "cpu";
  const bool on_gpu = config.device == DeviceChoice::kAuto ? was_on_gpu : config.device == DeviceChoice::kGpu;
  if (on_gpu != was_on_gpu) return sentence("device", on_gpu ? "gpu" : "cpu", calibrated.device);
  const std::string precision = name_of(config.precision.value_or(default_precision(on_gpu)));
  if (precision != calibrated.precision) return sentence("precision", precision, calibrated.precision);
  if (config.fused_layers != calibrated.fused_layers)
    return sentence("fused_layers", config.fused_layers ? "true" : "false", calibrated.fused_layers ? "true" : "false");
  for (const Change& change : changes_of_training(calibrated.config, config.yaml))
    if (change.key.starts_with("model.")) return sentence(change.key, change.now, change.before);
  return "";
}

std::vector<Calibration> read_calibrations(const std::string& path) {
  const auto bytes = read_file(path);
  const char* text = reinterpret_cast<const char*>(bytes.data());
  const Json json = Json::parse(text, text + bytes.size(), nullptr, false);
  if (!json.is_object() || !json.contains("calibrations"))
    throw Error(str(path, ": is no calibration, expected a file that --check --calibration has written"));
  const Members file(json, path);
  if (const std::int64_t format = file.whole("format"); format != kFormat)
    throw Error(str(path, ": format: got ", format, ", this program reads ", kFormat,
                    ": remove the file and write it anew with --check --calibration"));
  auto calibrations = file.list("calibrations", 1, calibration_of);
  for (const Calibration& c : calibrations)
    if (std::all_of(c.steps.begin(), c.steps.end(), [](const StepCost& step) { return step.sam; }))
      throw Error(str(path,
                      ": steps: got steps of SAM alone, expected others, too: remove the file and write it anew with "
                      "--check --calibration"));
  return calibrations;
}

std::string calibrations_json(const std::vector<Calibration>& calibrations) {
  return Json{{"format", kFormat}, {"calibrations", list_of(calibrations)}}.dump(1) + "\n";
}

void add_calibration(const std::string& path, const Calibration& calibration, const Config& config) {
  std::vector<Calibration> all;
  if (std::filesystem::exists(path)) all = read_calibrations(path);
  std::erase_if(all, [&](const Calibration& other) {
    return other.ranks == calibration.ranks && other.nodes == calibration.nodes &&
           other.threads == calibration.threads && other.device == calibration.device &&
           another_net(other, config).empty();
  });
  all.push_back(calibration);
  write_file_atomically(path, calibrations_json(all));
}

}  // namespace mosaic
