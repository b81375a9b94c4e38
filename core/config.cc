#include "core/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <span>

#define TOML_HEADER_ONLY 1
#include <fmt/format.h>
#include <toml++/toml.h>

namespace fewstep {
namespace {

constexpr size_t kMaxRecipeBytes = size_t{4} << 20;

std::string FormatDouble(double value) {
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  if (std::isnan(value)) return "nan";
  std::string text = fmt::format("{}", value);
  // TOML tells floats from integers by the point or the exponent
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

// "[0.0, 1.5]"
std::string FormatNumbers(const std::vector<double>& values) {
  std::vector<std::string> parts;
  for (const double value : values) parts.push_back(FormatDouble(value));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

// "[[0.0, 1.0], [2.0, -1.0]]"
std::string FormatTable(const NumberTable& table) {
  std::vector<std::string> parts;
  for (const double value : table.values) parts.push_back(FormatDouble(value));
  // the innermost dimension first, until one array holds everything
  for (size_t dimension = table.shape.size(); dimension-- > 0;) {
    const auto length = static_cast<size_t>(table.shape[dimension]);
    size_t rows = 1;
    for (size_t outer = 0; outer < dimension; ++outer) {
      rows *= static_cast<size_t>(table.shape[outer]);
    }
    std::vector<std::string> arrays;
    for (size_t row = 0; row < rows; ++row) {
      const std::span<const std::string> items(parts.data() + row * length, length);
      arrays.push_back(fmt::format("[{}]", fmt::join(items, ", ")));
    }
    parts = std::move(arrays);
  }
  return parts.empty() ? "[]" : parts.front();
}

std::string QuoteToml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

// ["a", "b"]
std::string FormatTexts(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(QuoteToml(text));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

std::string RangeText(const FieldInfo& info) {
  if (!info.choices.empty()) return fmt::format("{}", fmt::join(info.choices, " | "));
  const bool low = std::isfinite(info.min), high = std::isfinite(info.max);
  if (low && high) return fmt::format("{} to {}", info.min, info.max);
  if (low) return fmt::format("at least {}", info.min);
  if (high) return fmt::format("at most {}", info.max);
  return "";
}

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::table:
      return "a table";
    default:
      return "a date or time";
  }
}

// File and line of a key. A value given by --set has the option as its file, and no line.
ErrorContext ContextOf(const toml::node* node, const std::string& document, std::string key) {
  ErrorContext context{.file = document, .key = std::move(key)};
  if (node == nullptr) return context;
  const toml::source_region& source = node->source();
  if (source.path && !source.path->empty() && *source.path != document) {
    context.file = *source.path;
  } else {
    context.line = static_cast<int>(source.begin.line);
  }
  return context;
}

// Reads fields out of one table and remembers which keys exist.
class Reader final : public FieldVisitor {
 public:
  // `table_name` is empty for the document itself.
  Reader(const toml::table* table, std::string table_name, std::string source)
      : table_(table), table_name_(std::move(table_name)), source_(std::move(source)) {}

  void Field(std::string_view key, bool& value, const FieldInfo&) override {
    if (const toml::node* node = Find(key)) {
      const auto read = node->value_exact<bool>();
      if (!read) WrongType(key, *node, "true or false");
      value = *read;
    }
  }

  void Field(std::string_view key, int64_t& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      value = Integer(key, *node);
      CheckRange(key, *node, static_cast<double>(value), info);
    }
  }

  void Field(std::string_view key, double& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      value = Number(key, *node, info);
    }
  }

  void Field(std::string_view key, std::string& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) value = Text(key, *node, info);
  }

  void Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      const toml::array* array = node->as_array();
      if (array == nullptr) WrongType(key, *node, "an array of integers");
      value.clear();
      for (const toml::node& element : *array) {
        value.push_back(Integer(key, element));
        CheckRange(key, element, static_cast<double>(value.back()), info);
      }
    }
  }

  void Field(std::string_view key, std::vector<double>& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      value.clear();
      ForEach(*node, [&](const toml::node& one) { value.push_back(Number(key, one, info)); });
    }
  }

  void Field(std::string_view key, std::vector<std::string>& value,
             const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      value.clear();
      ForEach(*node, [&](const toml::node& one) { value.push_back(Text(key, one, info)); });
    }
  }

  void Field(std::string_view key, NumberTable& value, const FieldInfo& info) override {
    if (const toml::node* node = Find(key)) {
      if (!node->is_array()) WrongType(key, *node, "an array of numbers");
      // the first entries tell the shape, which all others must have; [] is no table
      value = {};
      if (node->as_array()->empty()) return;
      for (const toml::node* first = node; first != nullptr && first->is_array();) {
        const toml::array& array = *first->as_array();
        value.shape.push_back(static_cast<int64_t>(array.size()));
        first = array.empty() ? nullptr : array.get(0);
      }
      AppendNumbers(key, *node, 0, info, value);
    }
  }

  void Table(std::string_view key, Options& options) override {
    const toml::node* node = Find(key);
    if (node != nullptr && !node->is_table()) WrongType(key, *node, "a table");
    ReadPart(node == nullptr ? nullptr : node->as_table(), Path(key), options);
  }

  void List(std::string_view key, OptionsList& list) override {
    const toml::node* node = Find(key);
    if (node == nullptr) return;
    const std::string wanted = fmt::format("tables [[{}]]", Path(key));
    const toml::array* array = node->as_array();
    if (array == nullptr) WrongType(key, *node, wanted);
    for (const toml::node& element : *array) {
      if (!element.is_table()) WrongType(key, element, wanted);
      const std::string path = fmt::format("{}[{}]", Path(key), list.size());
      ReadPart(element.as_table(), path, list.Append());
    }
  }

  void RejectUnknown(const std::vector<std::string>& ignored) const {
    if (table_ == nullptr) return;
    for (const auto& [key, node] : *table_) {
      const std::string name(key.str());
      if (std::ranges::find(known_, name) != known_.end()) continue;
      if (std::ranges::find(ignored, name) != ignored.end()) continue;
      std::vector<std::string> candidates = known_;
      candidates.insert(candidates.end(), ignored.begin(), ignored.end());
      Fail(name, &node, fmt::format("unknown key{}", DidYouMean(name, candidates)));
    }
  }

 private:
  const toml::node* Find(std::string_view key) {
    known_.emplace_back(key);
    return table_ == nullptr ? nullptr : table_->get(key);
  }

  std::string Path(std::string_view key) const {
    return table_name_.empty() ? std::string(key) : fmt::format("{}.{}", table_name_, key);
  }

  void ReadPart(const toml::table* table, const std::string& path, Options& options) const {
    Reader part(table, path, source_);
    options.Visit(part);
    part.RejectUnknown({});
  }

  // The elements of an array, or one value alone.
  template <typename Function>
  static void ForEach(const toml::node& node, const Function& function) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return function(node);
    for (const toml::node& element : *array) function(element);
  }

  std::string Text(std::string_view key, const toml::node& node, const FieldInfo& info) const {
    const auto text = node.value_exact<std::string>();
    if (!text) WrongType(key, node, "a string");
    if (!info.choices.empty() && std::ranges::find(info.choices, *text) == info.choices.end()) {
      Fail(key, &node,
           fmt::format("'{}' is not one of {}{}", *text, fmt::join(info.choices, ", "),
                       DidYouMean(*text, info.choices)));
    }
    return *text;
  }

  int64_t Integer(std::string_view key, const toml::node& node) const {
    const auto integer = node.value_exact<int64_t>();
    if (!integer) WrongType(key, node, "an integer");
    return *integer;
  }

  double Number(std::string_view key, const toml::node& node, const FieldInfo& info) const {
    double value = 0;
    if (const auto number = node.value_exact<double>()) {
      value = *number;
    } else if (const auto integer = node.value_exact<int64_t>()) {
      value = static_cast<double>(*integer);
    } else {
      WrongType(key, node, "a number");
    }
    if (!std::isfinite(value)) Fail(key, &node, fmt::format("{} is not a finite number", value));
    CheckRange(key, node, value, info);
    return value;
  }

  // Appends what `node`, at `depth` of the table, holds.
  void AppendNumbers(std::string_view key, const toml::node& node, size_t depth,
                     const FieldInfo& info, NumberTable& table) const {
    if (depth == table.shape.size()) {
      table.values.push_back(Number(key, node, info));
      return;
    }
    const toml::array* array = node.as_array();
    if (array == nullptr) WrongType(key, node, "an array of numbers");
    if (static_cast<int64_t>(array->size()) != table.shape[depth]) {
      Fail(key, &node,
           fmt::format("an array of {} beside one of {}; all must have the same length",
                       array->size(), table.shape[depth]));
    }
    for (const toml::node& element : *array) AppendNumbers(key, element, depth + 1, info, table);
  }

  void CheckRange(std::string_view key, const toml::node& node, double value,
                  const FieldInfo& info) const {
    if (value < info.min || value > info.max) {
      Fail(key, &node, fmt::format("{} is out of range: {}", value, RangeText(info)));
    }
  }

  [[noreturn]] void WrongType(std::string_view key, const toml::node& node,
                              std::string_view wanted) const {
    Fail(key, &node, fmt::format("expected {}, found {}", wanted, TypeName(node)));
  }

  [[noreturn]] void Fail(std::string_view key, const toml::node* node,
                         const std::string& message) const {
    throw Error(ErrorKind::kUsage, message, ContextOf(node, source_, Path(key)));
  }

  const toml::table* table_;
  std::string table_name_;
  std::string source_;
  std::vector<std::string> known_;
};

// Appends a text that stands for `node` alone: tables by the order of their keys, which TOML++
// keeps sorted, and an integer as the number that it is.
void AppendCanonical(const toml::node& node, std::string& text) {
  if (const toml::table* table = node.as_table()) {
    text += '{';
    for (const auto& [key, value] : *table) {
      text += QuoteToml(key.str());
      text += '=';
      AppendCanonical(value, text);
      text += ';';
    }
    text += '}';
  } else if (const toml::array* array = node.as_array()) {
    text += '[';
    for (const toml::node& element : *array) {
      AppendCanonical(element, text);
      text += ';';
    }
    text += ']';
  } else if (const auto string = node.value_exact<std::string>()) {
    text += QuoteToml(*string);
  } else if (const auto boolean = node.value_exact<bool>()) {
    text += *boolean ? "true" : "false";
  } else if (const auto integer = node.value_exact<int64_t>()) {
    text += FormatDouble(static_cast<double>(*integer));
  } else if (const auto number = node.value_exact<double>()) {
    text += FormatDouble(*number);
  } else {
    text += "date";
  }
}

class Writer final : public FieldVisitor {
 public:
  explicit Writer(std::string table) : table_(std::move(table)) {}

  // The table, then those of its parts: TOML has no way back from a table.
  static std::string Write(const std::string& table, Options& options) {
    return WriteUnder(fmt::format("[{}]", table), table, options);
  }

  std::string text;
  void Field(std::string_view key, bool& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, value);
  }
  void Field(std::string_view key, int64_t& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, value);
  }
  void Field(std::string_view key, double& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, FormatDouble(value));
  }
  void Field(std::string_view key, std::string& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, QuoteToml(value));
  }
  void Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo&) override {
    text += fmt::format("{} = [{}]\n", key, fmt::join(value, ", "));
  }
  void Field(std::string_view key, std::vector<double>& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, FormatNumbers(value));
  }
  void Field(std::string_view key, std::vector<std::string>& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, FormatTexts(value));
  }
  void Field(std::string_view key, NumberTable& value, const FieldInfo&) override {
    text += fmt::format("{} = {}\n", key, FormatTable(value));
  }
  void Table(std::string_view key, Options& options) override {
    parts_ += fmt::format("\n{}", Write(fmt::format("{}.{}", table_, key), options));
  }
  void List(std::string_view key, OptionsList& list) override {
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string path = fmt::format("{}.{}", table_, key);
      parts_ += fmt::format("\n{}", WriteUnder(fmt::format("[[{}]]", path), path, list.at(i)));
    }
  }

 private:
  static std::string WriteUnder(const std::string& header, const std::string& path,
                                Options& options) {
    Writer writer(path);
    options.Visit(writer);
    return fmt::format("{}\n{}{}", header, writer.text, writer.parts_);
  }

  std::string table_, parts_;
};

class Describer final : public FieldVisitor {
 public:
  std::vector<FieldDescription> fields;
  void Field(std::string_view key, bool& value, const FieldInfo& info) override {
    Add(key, "boolean", Kind::kOther, fmt::format("{}", value), info);
  }
  void Field(std::string_view key, int64_t& value, const FieldInfo& info) override {
    Add(key, "integer", Kind::kNumber, fmt::format("{}", value), info);
  }
  void Field(std::string_view key, double& value, const FieldInfo& info) override {
    Add(key, "number", Kind::kNumber, FormatDouble(value), info);
  }
  void Field(std::string_view key, std::string& value, const FieldInfo& info) override {
    Add(key, "string", Kind::kOther, QuoteToml(value), info);
  }
  void Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo& info) override {
    Add(key, "integers", Kind::kNumber, fmt::format("[{}]", fmt::join(value, ", ")), info);
  }
  void Field(std::string_view key, std::vector<double>& value, const FieldInfo& info) override {
    Add(key, "numbers", Kind::kNumber, FormatNumbers(value), info);
  }
  void Field(std::string_view key, std::vector<std::string>& value,
             const FieldInfo& info) override {
    Add(key, "strings", Kind::kOther, FormatTexts(value), info);
  }
  void Field(std::string_view key, NumberTable& value, const FieldInfo& info) override {
    Add(key, "numbers", Kind::kNumber, FormatTable(value), info);
  }
  void Table(std::string_view key, Options& options) override { AddPart(key, options); }
  void List(std::string_view key, OptionsList& list) override {
    AddPart(fmt::format("{}[]", key), *list.MakeOne());
  }

 private:
  enum class Kind { kNumber, kOther };

  void AddPart(std::string_view key, Options& options) {
    Describer part;
    options.Visit(part);
    for (FieldDescription& field : part.fields) {
      field.key = fmt::format("{}.{}", key, field.key);
      fields.push_back(std::move(field));
    }
  }

  void Add(std::string_view key, std::string type, Kind kind, std::string value,
           const FieldInfo& info) {
    const bool plain = kind == Kind::kNumber && info.unit.empty();
    fields.push_back({std::string(key), std::move(type), std::move(value), plain ? "1" : info.unit,
                      RangeText(info), info.help});
  }
};

}  // namespace

struct Config::Document {
  std::string source;
  toml::table root;

  // What stands at "table.key", "table.part.key" or "list[2].key"; null where nothing does.
  const toml::node* Find(std::string_view path) const {
    const toml::node* node = &root;
    while (node != nullptr && !path.empty()) {
      const size_t dot = std::min(path.find('.'), path.size());
      std::string_view name = path.substr(0, dot);
      const size_t bracket = std::min(name.find('['), name.size());
      const toml::table* table = node->as_table();
      node = table == nullptr ? nullptr : table->get(name.substr(0, bracket));
      if (node != nullptr && bracket < name.size()) {
        size_t index = 0;
        std::from_chars(name.data() + bracket + 1, name.data() + name.size(), index);
        const toml::array* array = node->as_array();
        node = array == nullptr ? nullptr : array->get(index);
      }
      path.remove_prefix(std::min(dot + 1, path.size()));
    }
    return node;
  }
};

Config::Config() : document_(std::make_unique<Document>()) {}
Config::~Config() = default;
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;

Config Config::ParseFile(const std::string& path) {
  // a stream, not a file of known size: recipes may come through a pipe
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxRecipeBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    throw Error(ErrorKind::kUsage, "cannot read this file",
                {.file = path,
                 .remedy = "Check the path; fewstep list recipes shows the built-in recipes, "
                           "experiments/mdps holds decision processes"});
  }
  text.resize(static_cast<size_t>(file.gcount()));
  return ParseText(text, path);
}

Config Config::ParseText(std::string_view text, const std::string& name) {
  if (text.size() > kMaxRecipeBytes) {
    throw Error(ErrorKind::kUsage,
                fmt::format("this is no recipe: it has more than {} bytes", kMaxRecipeBytes),
                {.file = name});
  }
  Config config;
  config.document_->source = name;
  try {
    config.document_->root = toml::parse(text, std::string_view(name));
  } catch (const toml::parse_error& error) {
    throw Error(ErrorKind::kUsage, error.description(),
                {.file = name, .line = static_cast<int>(error.source().begin.line)});
  }
  return config;
}

void Config::Drop(std::string_view table, std::string_view key, int64_t value) {
  toml::table* keys = document_->root[table].as_table();
  if (keys != nullptr && (*keys)[key].value_exact<int64_t>() == value) keys->erase(key);
}

void Config::Set(std::string_view assignment) {
  const std::string source = fmt::format("--set {}", assignment);
  const size_t equals = assignment.find('=');
  std::vector<std::string> path(1);  // tables, then the key
  for (const char c : assignment.substr(0, equals)) {
    if (c == '.') {
      path.emplace_back();
    } else {
      path.back() += c;
    }
  }
  if (equals == std::string_view::npos || path.size() < 2 || path.size() > 3 ||
      std::ranges::find(path, "") != path.end()) {
    throw Error(ErrorKind::kUsage, "not of the form table.key=value",
                {.file = source, .remedy = "For example --set run.seed=2"});
  }
  const std::string_view value = assignment.substr(equals + 1);
  const std::string key = path.back();
  path.pop_back();

  // a bare word that is not TOML is a string, so that shells need no nested quotes
  toml::table parsed;
  try {
    parsed = toml::parse(fmt::format("value = {}", value), std::string_view(source));
  } catch (const toml::parse_error&) {
    try {
      parsed = toml::parse(fmt::format("value = {}", QuoteToml(value)), std::string_view(source));
    } catch (const toml::parse_error& error) {
      throw Error(ErrorKind::kUsage, error.description(), {.file = source});
    }
  }
  if (parsed.size() != 1) throw Error(ErrorKind::kUsage, "more than one value", {.file = source});

  toml::table* table = &document_->root;
  for (const std::string& name : path) {
    if (table->get(name) == nullptr) table->insert_or_assign(name, toml::table{});
    table = table->get(name)->as_table();
    if (table == nullptr) {
      throw Error(ErrorKind::kUsage, fmt::format("'{}' is not a table", name), {.file = source});
    }
  }
  table->insert_or_assign(key, std::move(*parsed.get("value")));
}

void Config::Read(std::string_view name, Options& options,
                  const std::vector<std::string>& ignored) const {
  const toml::node* node = document_->root.get(name);
  if (node != nullptr && !node->is_table()) {
    throw Error(ErrorKind::kUsage, "expected a table",
                {.file = document_->source,
                 .line = static_cast<int>(node->source().begin.line),
                 .key = std::string(name)});
  }
  Reader reader(node == nullptr ? nullptr : node->as_table(), std::string(name), document_->source);
  options.Visit(reader);
  reader.RejectUnknown(ignored);
}

void Config::ReadAll(Options& options) const {
  Reader reader(&document_->root, "", document_->source);
  options.Visit(reader);
  reader.RejectUnknown({});
}

std::string Config::Choice(std::string_view table, std::string_view key,
                           const std::vector<std::string>& known) const {
  const toml::node* node = document_->root[table][key].node();
  if (node == nullptr) {
    // perhaps a key that is there is this one misspelt
    std::vector<std::string> present;
    if (const toml::table* keys = document_->root[table].as_table()) {
      for (const auto& [other, value] : *keys) present.emplace_back(other.str());
    }
    if (const std::string near = Nearest(key, present); !near.empty()) {
      throw Error(ErrorKind::kUsage, fmt::format("unknown key; did you mean '{}'?", key),
                  Where(table, near));
    }
    ErrorContext context = Where(table, key);
    context.remedy = fmt::format("Known: {}", fmt::join(known, ", "));
    throw Error(ErrorKind::kUsage, "a recipe needs this key", context);
  }
  const auto text = node->value_exact<std::string>();
  if (!text) {
    throw Error(ErrorKind::kUsage, fmt::format("expected a string, found {}", TypeName(*node)),
                Where(table, key));
  }
  if (std::ranges::find(known, *text) == known.end()) {
    ErrorContext context = Where(table, key);
    context.remedy = fmt::format("Known: {}", fmt::join(known, ", "));
    throw Error(ErrorKind::kUsage,
                fmt::format("there is no '{}'{}", *text, DidYouMean(*text, known)), context);
  }
  return *text;
}

ErrorContext Config::Where(std::string_view table, std::string_view key) const {
  const std::string path = key.empty() ? std::string(table) : fmt::format("{}.{}", table, key);
  const toml::node* node = document_->Find(path);
  // what is absent is missed in its table
  return ContextOf(node != nullptr ? node : document_->Find(table), document_->source, path);
}

std::string Config::Canonical() const {
  std::string text;
  AppendCanonical(document_->root, text);
  return text;
}

bool Config::Has(std::string_view table) const { return document_->root.contains(table); }

void Config::CheckTables(const std::vector<std::string>& known) const {
  for (const auto& [key, node] : document_->root) {
    const std::string name(key.str());
    if (std::ranges::find(known, name) == known.end()) {
      throw Error(ErrorKind::kUsage,
                  fmt::format("unknown table [{}]{}", name, DidYouMean(name, known)),
                  {.file = document_->source,
                   .line = static_cast<int>(node.source().begin.line),
                   .key = name,
                   .remedy = fmt::format("Known tables: {}", fmt::join(known, ", "))});
    }
  }
}

bool FieldFilter::Shown(std::string_view key) const {
  return std::ranges::find(hidden_, key) == hidden_.end();
}
template <typename T>
void FieldFilter::Pass(std::string_view key, T& value, const FieldInfo& info) {
  if (Shown(key)) visitor_.Field(key, value, info);
}
void FieldFilter::Table(std::string_view key, Options& options) {
  if (Shown(key)) visitor_.Table(key, options);
}
void FieldFilter::List(std::string_view key, OptionsList& list) {
  if (Shown(key)) visitor_.List(key, list);
}
void FieldFilter::Field(std::string_view key, bool& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, int64_t& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, double& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, std::string& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, std::vector<double>& value, const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, std::vector<std::string>& value,
                        const FieldInfo& info) {
  Pass(key, value, info);
}
void FieldFilter::Field(std::string_view key, NumberTable& value, const FieldInfo& info) {
  Pass(key, value, info);
}

std::string WriteToml(std::string_view table, Options& options) {
  return Writer::Write(std::string(table), options);
}

std::vector<FieldDescription> DescribeFields(Options& options) {
  Describer describer;
  options.Visit(describer);
  return std::move(describer.fields);
}

}  // namespace fewstep
