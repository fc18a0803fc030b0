#include "device/autocast.h"

#include <ATen/autocast_mode.h>

namespace mosaic {

Autocast::Autocast(c10::DeviceType device, std::optional<c10::ScalarType> type) : device_(device) {
  if (!type) return;
  before_ = Before{at::autocast::is_autocast_enabled(device), at::autocast::get_autocast_dtype(device)};
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::set_autocast_dtype(device, *type);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!before_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_dtype(device_, before_->type);
  at::autocast::set_autocast_enabled(device_, before_->enabled);
}

}  // namespace mosaic
