#pragma once

#include <span>
#include <string>

namespace mosaic {

/// Signals that ask the process to save its work and end. Their handler sets a flag and does nothing else: what is going on goes on, and a
/// second signal changes nothing.

/// Catch `signals` from now until the process ends. Call after MPI and NCCL have started, since they install handlers of their own.
void catch_stop_signals(std::span<const int> signals);

/// The first one that came, 0 if none has.
int stop_signal();

/// The number of "TERM" or "USR1", on this system; 0 for a name that is not one of TERM, INT, HUP, USR1, USR2.
int signal_number(const std::string& name);
/// "SIGTERM"
std::string signal_name(int number);

}  // namespace mosaic
