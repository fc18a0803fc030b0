#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/progress.h"

namespace mosaic {

/// A checkpoint as a folder of files, without what is in them. MANIFEST.json, written last, lists every other file with its size and its
/// CRC-32C: a folder is a checkpoint if it is there and all files are as it says.

/// "ep10-ba6250": epochs and batches done.
std::string checkpoint_name(const Progress& now);

/// File name and CRC-32C of what was to be written to it.
using WrittenFiles = std::map<std::string, std::uint32_t>;

/// Write MANIFEST.json for `files`, which lie in `folder`.
/// @throws Error naming the path and the system's reason
void write_manifest(const std::string& folder, const WrittenFiles& files);

/// What keeps `folder` from being a whole checkpoint: "weights.safetensors: CRC-32C: got 1f2e3d4c, expected 0a1b2c3d"; "" if nothing does.
/// Reads every byte of it, from the disk where the system can be asked to forget what it holds in memory.
std::string fault_of_checkpoint(const std::string& folder);

/// Rename `temporary`, a whole checkpoint, to `path`, and let `latest` beside it point there. At every moment, also after a power cut, a
/// whole checkpoint is where it was before or where it will be: one that has that name already is swapped, then removed.
void publish_checkpoint(const std::string& temporary, const std::string& path);

/// A checkpoint that was found, and those that were passed over before it.
struct FoundCheckpoint {
  std::string path;                  // "" if there is none
  std::vector<std::string> refused;  // "runs/x/checkpoints/ep3-ba1875: MANIFEST.json: cannot open: ..."
};

/// The checkpoint to go on from.
/// @param path  a checkpoint, which is taken or refused; or a folder of checkpoints, of which the newest whole one is taken, by the
///              number of batches in its name
FoundCheckpoint find_checkpoint(const std::string& path);

/// The checkpoints in `folder`, by their names, oldest first.
std::vector<std::string> checkpoints_in(const std::string& folder);

/// True if `path` is a checkpoint or holds some, whole or not.
bool holds_checkpoints(const std::string& path);

/// Throws away what an interrupted writer has left in `folder`: ".ep3-ba1875.partial" and ".ep3-ba1875.old".
void remove_leftovers(const std::string& folder);

/// Refuse to train where later checkpoints lie: checkpoints in `folder` with more epochs or batches than `now`.
/// @throws Error naming the first of them and what to do
void refuse_to_overwrite(const std::string& folder, const Progress& now);

}  // namespace mosaic
