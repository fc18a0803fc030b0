#include "plan/outcome.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace mosaic {
namespace {

using Json = nlohmann::ordered_json;

struct Range {
  double value = 0, low = 0, high = 0;
};

Range range_of(const Json& json) {
  return {json.at("value").get<double>(), json.at("low").get<double>(), json.at("high").get<double>()};
}

Json compared(const Range& predicted, double found) {
  Json json = {{"predicted", predicted.value}, {"low", predicted.low}, {"high", predicted.high}, {"found", found}};
  if (predicted.value > 0) json["error"] = found / predicted.value - 1;
  json["inside"] = predicted.low <= found && found <= predicted.high;
  return json;
}

Json compare(const Json& plan, const Outcome& outcome) {
  const int ranks = plan.at("ranks").get<int>();
  const auto batches = plan.at("total_batches").get<std::int64_t>();
  if (ranks != outcome.ranks || batches != outcome.batches)
    return {{"not_compared", str("the plan is for ", ranks, " ranks and ", batches, " batches, the run had ",
                                 outcome.ranks, " and ", outcome.batches)}};
  const Range train = range_of(plan.at("seconds").at("train")), eval = range_of(plan.at("seconds").at("eval"));
  const Range both{train.value + eval.value, train.low + eval.low, train.high + eval.high};
  Json json = {{"train", compared(train, outcome.train)},
               {"eval", compared(eval, outcome.eval)},
               {"train_and_eval", compared(both, outcome.train + outcome.eval)}};
  if (outcome.total) json["total"] = compared(range_of(plan.at("seconds").at("total")), *outcome.total);
  json["rank_memory_bytes"] = compared(range_of(plan.at("rank_memory_bytes")), outcome.rank_memory_bytes);
  return json;
}

}  // namespace

std::string compare_with_plan(const std::string& plan_json, const Outcome& outcome) {
  try {
    return compare(Json::parse(plan_json), outcome).dump();
  } catch (const nlohmann::json::exception& e) {  // somebody's own file: no reason to fail at the end of a run
    return Json{{"not_compared", str("plan.json is no plan: ", e.what())}}.dump(-1, ' ', false,
                                                                                Json::error_handler_t::replace);
  }
}

}  // namespace mosaic
