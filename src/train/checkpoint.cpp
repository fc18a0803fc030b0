#include "train/checkpoint.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "comm/mpi_session.h"
#include "config/changes.h"
#include "train/checkpoint_files.h"
#include "weights/safetensors.h"

namespace mosaic {
namespace {

namespace fs = std::filesystem;

constexpr int kFormatVersion = 1;

/// Copy tensor `name` of `file` over `target`, whose shape and type it must have.
void copy_into(const at::Tensor& target, const SafetensorsFile& file, const std::string& path,
               const std::string& name) {
  const TensorBytes& stored = file.get(name);
  const std::string dtype = target.scalar_type() == at::kDouble ? "F64" : "F32";
  if (stored.dtype != dtype || at::IntArrayRef(stored.shape) != target.sizes())
    throw Error(mosaic::str(path, ": ", name, ": got ", stored.dtype, ' ', at::IntArrayRef(stored.shape), ", expected ",
                            dtype, ' ', target.sizes(), ": another model.name, model.num_classes or model.width?"));
  const c10::NoGradGuard no_grad;
  const at::Tensor host = at::empty(target.sizes(), target.options().device(at::kCPU).requires_grad(false));
  std::memcpy(host.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  target.copy_(host);
}

/// On rank 0 a tensor of every rank, in the order of the ranks, which take turns as the root of a broadcast; nothing elsewhere.
std::vector<at::Tensor> gather(Run& run, const at::Tensor& mine) {
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < run.ranks.size(); ++rank) {
    const at::Tensor one = mine.clone();
    if (run.ranks.size() > 1) run.ranks.broadcast(buffer_of(one), rank);
    if (run.ranks.rank() == 0) all.push_back(one);
  }
  return all;
}

/// Whether there is an average of the weights to be kept.
bool has_average(const Run& run) { return run.ema && run.ema->started(); }

/// Buffers of all ranks: the net's, and those of its average if there is one.
struct AllBuffers {
  std::vector<at::Tensor> net, average;
};
AllBuffers gather_buffers(Run& run) {
  AllBuffers all{.net = gather(run, run.buffers)};
  if (has_average(run)) all.average = gather(run, run.ema->averages().back());  // `build_run` puts the buffers last
  return all;
}

/// Calls visit(name, part) for the part of `flat` that belongs to each buffer.
template <class Visit>
void visit_parts(const Run& run, const at::Tensor& flat, Visit visit) {
  std::int64_t at = 0;
  for (const auto& b : run.net.buffers()) {
    visit(b.name, flat.narrow(0, at, b.tensor.numel()));
    at += b.tensor.numel();
  }
}

/// A whole net under torchvision's names. @param parameters  in the order of the net's; flat buffers
void add_net(TensorFile& file, const Run& run, const std::vector<at::Tensor>& parameters, const at::Tensor& buffers,
             std::int64_t batches_tracked) {
  const auto named = run.net.parameters();
  for (std::size_t i = 0; i < named.size(); ++i) file.add(named[i].name, parameters[i]);
  visit_parts(run, buffers, [&](const std::string& name, const at::Tensor& part) { file.add(name, part); });
  const at::Tensor tracked = at::scalar_tensor(batches_tracked, at::kLong);
  for (const auto& norm : run.net.batch_norm_names()) file.add(norm + ".num_batches_tracked", tracked);
}

/// The copy of rank 0. @param buffers  of all ranks
void make_copy(const Run& run, const AllBuffers& buffers, const std::string& data_fingerprint, CheckpointCopy& copy) {
  copy.name = checkpoint_name(run.now);
  for (TensorFile* file : {&copy.weights, &copy.average, &copy.momentum, &copy.ranks}) file->clear();
  add_net(copy.weights, run, run.sgd.parameters(), run.buffers, run.net.batches_tracked());
  if (has_average(run))
    add_net(copy.average, run, run.ema->averages(), run.ema->averages().back(), run.ema->batches_tracked());
  const auto parameters = run.net.parameters();
  for (std::size_t i = 0; i < run.sgd.momentum().size(); ++i)
    copy.momentum.add(parameters[i].name, run.sgd.momentum()[i]);
  for (int rank = 1; rank < run.ranks.size(); ++rank) {
    const auto add = [&](const std::string& kind, const std::vector<at::Tensor>& all) {
      if (all.empty()) return;
      visit_parts(run, all[rank], [&](const std::string& name, const at::Tensor& part) {
        copy.ranks.add(mosaic::str(rank, kind, name), part);
      });
    };
    add(".", buffers.net);
    add(".ema.", buffers.average);
  }
  const nlohmann::ordered_json state = {
      {"format_version", kFormatVersion},
      {"epoch", run.now.epoch},
      {"batch", run.now.batch},
      {"sample", run.now.sample},
      {"batch_in_epoch", run.now.batch_in_epoch},
      {"sample_in_epoch", run.now.sample_in_epoch},
      {"seed", run.config.seed},
      {"next_learning_rate", run.schedule.at_step(run.now.batch)},
      {"train_seconds", run.seconds.train},
      {"eval_seconds", run.seconds.eval},
      {"evaluation_due", run.evaluation_due},
      {"ema_started", has_average(run)},
      {"sam_steps", run.sam ? run.sam->steps() : 0},
      {"amp_scale", run.scaler ? run.scaler->state().scale : 0},
      {"amp_finite_steps", run.scaler ? run.scaler->state().finite_steps : 0},
      {"world_size", run.ranks.size()},
      {"batches_per_epoch", run.batches_per_epoch},
      {"model", run.config.model.name},
      {"num_classes", run.config.model.num_classes},
      {"data_fingerprint", data_fingerprint},
      {"config", run.config.yaml},
  };
  copy.state = state.dump(2) + "\n";
}

/// Read a net, the one in training (`kind` "") or its average ("ema."), over `parameters` and the flat `buffers`, which are this
/// rank's own if there were as many ranks.
/// @return its number of batches tracked
std::int64_t read_net(const Run& run, const std::string& folder, const std::string& kind,
                      const std::vector<at::Tensor>& parameters, const at::Tensor& buffers, bool same_ranks) {
  const std::string path = folder + (kind.empty() ? "/weights.safetensors" : "/ema.safetensors");
  const SafetensorsFile file(path);
  const auto named = run.net.parameters();
  for (std::size_t i = 0; i < named.size(); ++i) copy_into(parameters[i], file, path, named[i].name);
  visit_parts(run, buffers,
              [&](const std::string& name, const at::Tensor& part) { copy_into(part, file, path, name); });
  if (const int rank = run.ranks.rank(); rank > 0 && same_ranks) {
    const std::string ranks_path = folder + "/ranks.safetensors";
    const SafetensorsFile ranks(ranks_path);
    visit_parts(run, buffers, [&](const std::string& name, const at::Tensor& part) {
      copy_into(part, ranks, ranks_path, mosaic::str(rank, ".", kind, name));
    });
  }
  const TensorBytes& stored = file.get("bn1.num_batches_tracked");
  std::int64_t tracked = 0;
  if (stored.dtype != "I64" || stored.bytes.size() != sizeof tracked)
    throw Error(mosaic::str(path, ": bn1.num_batches_tracked: got ", stored.dtype, ", ", stored.bytes.size(),
                            " bytes, expected I64"));
  std::memcpy(&tracked, stored.bytes.data(), sizeof tracked);
  return tracked;
}

/// @throws Error with the list of what differs from the settings and the data that the checkpoint was trained with, unless it is allowed to
void check_changes(const std::string& folder, const nlohmann::json& state, const Config& config,
                   const std::string& data_fingerprint) {
  std::string refused;
  const auto compare = [&](const std::string& key, const std::string& before, const std::string& now) {
    const std::string change = str(key, ": ", before, " -> ", now);
    if (is_allowed(key, config.allow_changes))
      log_warning_of_all(str("changed since ", folder, ": ", change));
    else
      refused += (refused.empty() ? "" : ", ") + change;
  };
  for (const Change& c : changes_of_training(state.at("config"), config.yaml)) compare(c.key, c.before, c.now);
  const std::string data = state.at("data_fingerprint");
  if (data != data_fingerprint) compare("data", data.substr(0, 12) + "...", data_fingerprint.substr(0, 12) + "...");
  if (!refused.empty())
    throw Error(str("load_path: ", folder, " was trained otherwise: ", refused,
                    ": take those settings, or accept the change with allow_changes=[key, ...]"));
}

/// This rank takes over all that the checkpoint in `folder` holds.
void read_checkpoint(const std::string& folder, Run& run, const std::string& data_fingerprint) {
  const std::string state_path = folder + "/state.json";
  const auto bytes = read_file(state_path);
  nlohmann::json state;
  try {
    state = nlohmann::json::parse(reinterpret_cast<const char*>(bytes.data()),
                                  reinterpret_cast<const char*>(bytes.data()) + bytes.size());
    if (const int version = state.at("format_version"); version != kFormatVersion)
      throw Error(str(state_path, ": format_version: got ", version, ", expected ", kFormatVersion));
    run.now = {.epoch = state.at("epoch"),
               .batch = state.at("batch"),
               .sample = state.at("sample"),
               .batch_in_epoch = state.at("batch_in_epoch"),
               .sample_in_epoch = state.at("sample_in_epoch")};
    run.seconds = {.train = state.at("train_seconds"), .eval = state.at("eval_seconds")};
    run.evaluation_due = state.value("evaluation_due", false);
    const std::uint32_t seed = state.at("seed");
    if (seed != run.config.seed)
      log_warning_of_all(
          str("seed: got ", run.config.seed, ", but the checkpoint was trained with ", seed, ": it goes on with that"));
    run.config.seed = seed;
    if (run.config.is_train) check_changes(folder, state, run.config, data_fingerprint);
    if (const std::int64_t batches = state.at("batches_per_epoch");
        batches != run.batches_per_epoch && run.now.batch_in_epoch > 0)
      throw Error(str(state_path, ": the checkpoint lies in the middle of an epoch of ", batches,
                      " batches, this run's epochs have ", run.batches_per_epoch,
                      ": take the batch size and data that it was trained with"));
  } catch (const nlohmann::json::exception& e) {
    throw Error(str(state_path, ": damaged: ", e.what()));
  }

  const int ranks = state.at("world_size");
  const bool same_ranks = ranks == run.ranks.size();
  if (!same_ranks)
    log_info(mosaic::str(folder, " was saved by ", ranks, ranks == 1 ? " rank" : " ranks", " and goes on with ",
                         run.ranks.size(), ": every image is still seen once an epoch, in the same batches"));
  run.net.set_batches_tracked(read_net(run, folder, "", run.sgd.parameters(), run.buffers, same_ranks));
  if (state.value("ema_started", false) && run.ema) {
    std::vector<at::Tensor> averages;
    for (const at::Tensor& t : run.ema->averages()) averages.push_back(at::empty_like(t));
    const std::int64_t tracked = read_net(run, folder, "ema.", averages, averages.back(), same_ranks);
    run.ema->set_state(true, averages, tracked);
  } else if (state.value("ema_started", false)) {
    log_warning_of_all(mosaic::str(
        folder,
        " holds an average of its weights, and this run has no algorithms.ema: the weights themselves are taken"));
  } else if (run.ema) {
    run.ema->set_state(false, run.ema->averages(), run.ema->batches_tracked());  // after a rollback it may have begun
  }
  if (run.sam) run.sam->set_steps(state.value("sam_steps", run.now.batch));
  if (run.scaler && state.value("amp_scale", 0.0) > 0)
    run.scaler->set_state({.scale = state.at("amp_scale"), .finite_steps = state.at("amp_finite_steps")});

  const std::string optimizer_path = folder + "/optimizer.safetensors";
  if (fs::exists(optimizer_path)) {
    const SafetensorsFile stored(optimizer_path);
    std::vector<at::Tensor> momentum;
    for (const auto& p : run.net.parameters()) {
      momentum.push_back(at::empty_like(p.tensor, p.tensor.options().requires_grad(false)));
      copy_into(momentum.back(), stored, optimizer_path, p.name);
    }
    run.sgd.set_momentum(std::move(momentum));
  } else {
    run.sgd.set_momentum({});
  }
}

/// The newest whole checkpoint under `path`.
/// @throws Error with the reason of every one that was refused
std::string choose(const std::string& path) {
  if (!fs::exists(path)) throw Error(str("load_path: there is no ", path));
  const FoundCheckpoint found = find_checkpoint(path);
  std::string reasons;
  for (const std::string& refused : found.refused) reasons += (reasons.empty() ? "" : "; ") + refused;
  if (found.path.empty() && reasons.empty())
    throw Error(str("load_path: ", path,
                    " is no checkpoint: expected a folder with MANIFEST.json, or one that holds checkpoints"));
  if (found.path.empty()) throw Error(str("load_path: no whole checkpoint: ", reasons));
  if (!reasons.empty()) log_warning("newer, but not whole: " + reasons);
  return found.path;
}

}  // namespace

std::uint64_t CheckpointCopy::bytes() const {
  return weights.bytes() + average.bytes() + momentum.bytes() + ranks.bytes() + state.size();
}

WrittenFiles CheckpointCopy::write(const std::string& folder) const {
  WrittenFiles written;
  const auto write = [&](const std::string& file_name, const TensorFile& file) {
    if (!file.empty()) written[file_name] = file.write(folder + "/" + file_name);
  };
  write("weights.safetensors", weights);
  write("ema.safetensors", average);
  write("optimizer.safetensors", momentum);
  write("ranks.safetensors", ranks);
  write_file_atomically(folder + "/state.json", state);
  written["state.json"] = crc32c(std::as_bytes(std::span(state)));
  return written;
}

void copy_for_checkpoint(Run& run, const std::string& data_fingerprint, CheckpointCopy* copy) {
  const auto buffers = gather_buffers(run);
  if (copy) make_copy(run, buffers, data_fingerprint, *copy);
}

void load_checkpoint(const std::string& load_path, Run& run, const std::string& data_fingerprint) {
  std::string folder, refusal;
  if (run.ranks.rank() == 0) try {
      folder = choose(load_path);
    } catch (const Error& e) {  // rank 0's word for all of them
      refusal = e.what();
    }
  refusal = gather_texts(refusal)[0];
  if (!refusal.empty()) throw AgreedError(refusal);
  folder = gather_texts(folder)[0];
  agree([&] { read_checkpoint(folder, run, data_fingerprint); });
  run.loaded_from = folder;
  log_info(str("loaded ", folder, ": epoch ", run.now.epoch, ", batch ", run.now.batch));
}

void load_weights(const std::string& folder, Run& run, const std::string& data_fingerprint) {
  const Progress now = run.now;
  const Run::Seconds seconds = run.seconds;
  const bool evaluation_due = run.evaluation_due;
  const std::string chosen = gather_texts(folder)[0];
  agree([&] {
    if (const std::string fault = fault_of_checkpoint(chosen); !fault.empty()) throw Error(str(chosen, ": ", fault));
    read_checkpoint(chosen, run, data_fingerprint);
  });
  run.now = now;
  run.seconds = seconds;
  run.evaluation_due = evaluation_due;
}

}  // namespace mosaic
