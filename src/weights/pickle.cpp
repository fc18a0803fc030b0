#include "weights/pickle.h"

#include <bit>
#include <cstring>
#include <iterator>
#include <unordered_map>

#include "base/error.h"

namespace mosaic {
namespace {

static_assert(std::endian::native == std::endian::little, "pickles are little endian");

enum Opcode : unsigned char {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersid = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kEmptyTuple = ')',
  kEmptyList = ']',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObject = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kNewObjectWithKeywords = 0x92,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

/// Element types of storages, as safetensors names them.
constexpr std::pair<std::string_view, std::string_view> kStorages[] = {
    {"FloatStorage", "F32"}, {"DoubleStorage", "F64"}, {"HalfStorage", "F16"},  {"BFloat16Storage", "BF16"},
    {"LongStorage", "I64"},  {"IntStorage", "I32"},    {"ShortStorage", "I16"}, {"CharStorage", "I8"},
    {"ByteStorage", "U8"},   {"BoolStorage", "BOOL"}};

constexpr std::size_t kMostDimensions = 64;

std::vector<std::int64_t> integers(const PickledValue& value) {
  std::vector<std::int64_t> all;
  const auto* items = value.as<PickledItems*>();
  if (!items || (*items)->size() > kMostDimensions) throw Error("a tensor's shape is no short tuple");
  for (const PickledValue& v : **items) {
    if (!v.as<std::int64_t>()) throw Error("a tensor's shape holds something that is no whole number");
    all.push_back(*v.as<std::int64_t>());
  }
  return all;
}

}  // namespace

/// Reads one opcode after the other, as Python's unpickler does, onto a stack of values.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, Pickle& pickle) : bytes_(bytes), pickle_(pickle) {}

  void run() {
    try {
      while (step()) {
      }
    } catch (const Error& e) {
      throw Error(str("not a pickle of tensors: byte ", at_, ": ", e.what()));
    }
    pickle_.bytes_ = at_;
  }

 private:
  // --- bytes ---
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > bytes_.size() - at_) throw Error("it ends too early");
    const auto taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text(std::uint64_t length) {
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string_view line() {
    const auto rest = bytes_.subspan(at_);
    std::size_t length = 0;
    while (length < rest.size() && rest[length] != std::byte{'\n'}) ++length;
    const std::string_view found = text(length);
    take(1);
    return found;
  }
  /// Two's complement of `length` bytes; larger ones than 64 bits are no number that is needed, and become an object.
  PickledValue long_integer(std::size_t length) {
    const auto bytes = take(length);
    if (length > 8) return {PickledObject{}};
    std::int64_t value = length > 0 && (bytes.back() & std::byte{0x80}) != std::byte{0} ? -1 : 0;
    std::memcpy(&value, bytes.data(), length);
    return {value};
  }
  double big_endian_double() {
    auto bits = number<std::uint64_t>();
    bits = __builtin_bswap64(bits);
    return std::bit_cast<double>(bits);
  }

  // --- stack ---
  void push(PickledValue value) { stack_.push_back(std::move(value)); }
  PickledValue pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
      throw Error("it takes more values than there are");
    PickledValue value = std::move(stack_.back());
    stack_.pop_back();
    return value;
  }
  /// The value that stays on top.
  PickledValue& top() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back()))
      throw Error("it looks at a value that is not there");
    return stack_.back();
  }
  PickledItems pop_to_mark() {
    if (marks_.empty()) throw Error("it ends a list that was never begun");
    PickledItems items(std::make_move_iterator(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back())),
                       std::make_move_iterator(stack_.end()));
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  PickledValue keep(PickledItems items) {
    pickle_.items_.push_back(std::move(items));
    return {&pickle_.items_.back()};
  }
  PickledValue new_dict() {
    pickle_.dicts_.emplace_back();
    return {&pickle_.dicts_.back()};
  }
  PickledValue tuple_of(int count) {
    PickledItems items(static_cast<std::size_t>(count));
    for (int i = count - 1; i >= 0; --i) items[static_cast<std::size_t>(i)] = pop();
    return keep(std::move(items));
  }
  void remember(std::uint32_t index) { memo_[index] = top(); }
  void recall(std::uint32_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) throw Error("it recalls a value that it has not kept");
    push(found->second);
  }
  /// Into the container on top: what is no list or dictionary of ours swallows it.
  void append(PickledItems more) {
    if (auto* list = std::get_if<PickledItems*>(&top().is)) (*list)->insert((*list)->end(), more.begin(), more.end());
  }
  void set_items(const PickledItems& pairs) {
    if (pairs.size() % 2 != 0) throw Error("a key has no value");
    if (auto* dict = std::get_if<PickledDict*>(&top().is))
      for (std::size_t i = 0; i < pairs.size(); i += 2) (*dict)->emplace_back(pairs[i], pairs[i + 1]);
  }

  // --- what PyTorch makes of classes and functions ---
  /// ('storage', class, key, device, elements); in PyTorch's first format a sixth item says which part of another storage it is, or None.
  static PickledValue storage(const PickledValue& id) {
    const auto* items = id.as<PickledItems*>();
    if (!items || (*items)->size() < 5) return {PickledObject{}};
    const PickledItems& given = **items;
    const auto* type = given[1].as<PickledGlobal>();
    const auto* key = given[2].as<std::string_view>();
    const auto* elements = given[4].as<std::int64_t>();
    if (!type || !key || !elements) return {PickledObject{}};
    if (given.size() > 5 && !given[5].as<PickledNone>())
      throw Error("a storage that is part of another one is not supported");
    for (const auto& [name, dtype] : kStorages)
      if (type->module == "torch" && type->name == name) return {PickledStorage{*key, dtype, *elements}};
    throw Error(str("unknown storage ", type->module, ".", type->name));
  }
  PickledValue call(const PickledValue& function, const PickledValue& arguments) {
    const auto* global = function.as<PickledGlobal>();
    const auto* items = arguments.as<PickledItems*>();
    if (!global || !items) return {PickledObject{}};
    const PickledItems& given = **items;
    if (global->module == "collections" && global->name == "OrderedDict") return ordered_dict(given);
    if (global->module != "torch._utils") return {PickledObject{}};
    if (global->name == "_rebuild_tensor_v2" || global->name == "_rebuild_tensor") return tensor(given);
    if (global->name.starts_with("_rebuild_parameter") && !given.empty()) return given[0];
    return {PickledObject{}};
  }
  /// (storage, offset, shape, strides, ...)
  PickledValue tensor(const PickledItems& given) {
    if (given.size() < 4 || !given[0].as<PickledStorage>() || !given[1].as<std::int64_t>())
      throw Error("a tensor without a storage");
    pickle_.tensors_.push_back(
        {*given[0].as<PickledStorage>(), *given[1].as<std::int64_t>(), integers(given[2]), integers(given[3])});
    return {&pickle_.tensors_.back()};
  }
  /// OrderedDict() or OrderedDict([(key, value), ...])
  PickledValue ordered_dict(const PickledItems& given) {
    PickledValue made = new_dict();
    const auto* pairs = given.empty() ? nullptr : given[0].as<PickledItems*>();
    if (!pairs) return made;
    copied_ += (*pairs)->size();
    if (copied_ > bytes_.size()) throw Error("it makes more dictionaries of one list than it has bytes");
    PickledDict& dict = **std::get_if<PickledDict*>(&made.is);
    for (const PickledValue& pair : **pairs) {
      const auto* both = pair.as<PickledItems*>();
      if (!both || (*both)->size() != 2) throw Error("an OrderedDict is made from something that is no pair");
      dict.emplace_back((**both)[0], (**both)[1]);
    }
    return made;
  }

  bool step();
  bool step_of_containers(unsigned char opcode);
  bool step_of_objects(unsigned char opcode);
  bool step_of_scalars(unsigned char opcode);

  std::span<const std::byte> bytes_;
  Pickle& pickle_;
  std::size_t at_ = 0;
  PickledItems stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack at each open MARK
  std::unordered_map<std::uint32_t, PickledValue> memo_;
  std::size_t copied_ = 0;  // values that were copied out of one container into another
};

bool PickleMachine::step() {
  const auto opcode = number<unsigned char>();
  if (opcode == kStop) {
    pickle_.value_ = pop();
    return false;
  }
  if (!step_of_scalars(opcode) && !step_of_containers(opcode) && !step_of_objects(opcode))
    throw Error(str("unknown opcode ", int{opcode}));
  return true;
}

bool PickleMachine::step_of_scalars(unsigned char opcode) {
  switch (opcode) {
    case kProto:
      number<std::uint8_t>();
      return true;
    case kFrame:
      number<std::uint64_t>();
      return true;
    case kNone:
      push({PickledNone{}});
      return true;
    case kNewTrue:
    case kNewFalse:
      push({opcode == kNewTrue});
      return true;
    case kBinInt:
      push({std::int64_t{number<std::int32_t>()}});
      return true;
    case kBinInt1:
      push({std::int64_t{number<std::uint8_t>()}});
      return true;
    case kBinInt2:
      push({std::int64_t{number<std::uint16_t>()}});
      return true;
    case kLong1:
      push(long_integer(number<std::uint8_t>()));
      return true;
    case kBinFloat:
      push({big_endian_double()});
      return true;
    case kShortBinUnicode:
    case kShortBinString:
    case kShortBinBytes:
      push({text(number<std::uint8_t>())});
      return true;
    case kBinUnicode:
    case kBinString:
    case kBinBytes:
      push({text(number<std::uint32_t>())});
      return true;
    case kBinUnicode8:
    case kBinBytes8:
      push({text(number<std::uint64_t>())});
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_of_containers(unsigned char opcode) {
  switch (opcode) {
    case kMark:
      marks_.push_back(stack_.size());
      return true;
    case kPop:
      pop();
      return true;
    case kPopMark:
      pop_to_mark();
      return true;
    case kEmptyTuple:
    case kEmptyList:
      push(keep({}));
      return true;
    case kEmptyDict:
      push(new_dict());
      return true;
    case kEmptySet:
      push({PickledObject{}});
      return true;
    case kTuple:
      push(keep(pop_to_mark()));
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      push(tuple_of(opcode - kTuple1 + 1));
      return true;
    case kAppend:
      append({pop()});
      return true;
    case kAppends:
    case kAddItems:
      append(pop_to_mark());
      return true;
    case kSetItem: {
      PickledValue value = pop();
      set_items({pop(), std::move(value)});
      return true;
    }
    case kSetItems:
      set_items(pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool PickleMachine::step_of_objects(unsigned char opcode) {
  switch (opcode) {
    case kGlobal: {
      const std::string_view module = line();
      push({PickledGlobal{module, line()}});
      return true;
    }
    case kStackGlobal: {
      const PickledValue name = pop(), module = pop();
      if (!name.as<std::string_view>() || !module.as<std::string_view>()) throw Error("a global without a name");
      push({PickledGlobal{*module.as<std::string_view>(), *name.as<std::string_view>()}});
      return true;
    }
    case kReduce:
    case kNewObject: {
      const PickledValue arguments = pop(), function = pop();
      push(call(function, arguments));
      return true;
    }
    case kNewObjectWithKeywords:
      pop(), pop(), pop();
      push({PickledObject{}});
      return true;
    case kBuild:  // attributes: of our own classes none matters
      pop(), top();
      return true;
    case kBinPersid: {
      const PickledValue id = pop();
      push(storage(id));
      return true;
    }
    case kBinPut:
      remember(number<std::uint8_t>());
      return true;
    case kLongBinPut:
      remember(number<std::uint32_t>());
      return true;
    case kMemoize:
      remember(static_cast<std::uint32_t>(memo_.size()));
      return true;
    case kBinGet:
      recall(number<std::uint8_t>());
      return true;
    case kLongBinGet:
      recall(number<std::uint32_t>());
      return true;
    default:
      return false;
  }
}

Pickle::Pickle(std::span<const std::byte> bytes) { PickleMachine(bytes, *this).run(); }

}  // namespace mosaic
