// Configuration. An options struct lists its fields once, in Visit(); reading from TOML, writing,
// describing and the errors all come from that list:
//
//   struct InnerOptions : Options {
//     int64_t steps = 1;
//     void Visit(FieldVisitor& v) override {
//       v.Field("steps", steps, {.help = "Gradient steps.", .min = 0, .max = 100});
//     }
//   };
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/error.h"

namespace fewstep {

struct FieldInfo {
  std::string help = {};  // one sentence
  std::string unit = {};  // "steps", "s"; "" for none
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};  // strings only: the allowed values
};

// Nested arrays of numbers of one shape, as in `reward = [[0, 1], [2, -1]]`.
struct NumberTable {
  std::vector<int64_t> shape;  // [2, 2]; empty when there is no table
  std::vector<double> values;  // row-major
  bool operator==(const NumberTable&) const = default;
};

// What recipes call one value of an enum. An array of them names its values, each once.
template <typename E>
struct ChoiceName {
  std::string_view name;
  E value;
};

template <typename E, size_t n>
std::vector<std::string> NamesOf(const ChoiceName<E> (&names)[n]) {
  std::vector<std::string> all;
  for (const ChoiceName<E>& choice : names) all.emplace_back(choice.name);
  return all;
}

// `value` must be among them.
template <typename E, size_t n>
std::string NameOf(const ChoiceName<E> (&names)[n], E value) {
  for (const ChoiceName<E>& choice : names) {
    if (choice.value == value) return std::string(choice.name);
  }
  FEWSTEP_CHECK(false, "value {} of an enum has no name", static_cast<int>(value));
}

template <typename E, size_t n>
std::optional<E> FindValue(const ChoiceName<E> (&names)[n], std::string_view name) {
  for (const ChoiceName<E>& choice : names) {
    if (choice.name == name) return choice.value;
  }
  return std::nullopt;
}

// `name` must be one of them.
template <typename E, size_t n>
E ValueOf(const ChoiceName<E> (&names)[n], std::string_view name) {
  const std::optional<E> value = FindValue(names, name);
  FEWSTEP_CHECK(value.has_value(), "'{}' names no value of an enum", name);
  return *value;
}

class Options;
class OptionsList;

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void Field(std::string_view key, bool& value, const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, int64_t& value, const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, double& value, const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, std::string& value, const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo& info) = 0;
  // An array, or one value alone.
  virtual void Field(std::string_view key, std::vector<double>& value, const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, std::vector<std::string>& value,
                     const FieldInfo& info) = 0;
  virtual void Field(std::string_view key, NumberTable& value, const FieldInfo& info) = 0;
  // Options of a part, in a table of their own: [agent.encoder] for the key "encoder" of [agent].
  virtual void Table(std::string_view key, Options& options) = 0;
  // Any number of like parts, each in a table of its own: [[reward]] for the key "reward".
  virtual void List(std::string_view key, OptionsList& list) = 0;

  // An enum, which a recipe writes as one of its names; info.choices may leave some of them out.
  template <typename E, size_t n>
  void Choice(std::string_view key, E& value, const ChoiceName<std::type_identity_t<E>> (&names)[n],
              FieldInfo info) {
    if (info.choices.empty()) info.choices = NamesOf(names);
    std::string name = NameOf(names, value);
    Field(key, name, info);
    value = ValueOf(names, name);
  }
};

// Shows a visitor all fields but some: those are not for recipes to set.
class FieldFilter final : public FieldVisitor {
 public:
  // Both must outlive it.
  FieldFilter(FieldVisitor& visitor, const std::vector<std::string>& hidden)
      : visitor_(visitor), hidden_(hidden) {}
  void Field(std::string_view key, bool& value, const FieldInfo& info) override;
  void Field(std::string_view key, int64_t& value, const FieldInfo& info) override;
  void Field(std::string_view key, double& value, const FieldInfo& info) override;
  void Field(std::string_view key, std::string& value, const FieldInfo& info) override;
  void Field(std::string_view key, std::vector<int64_t>& value, const FieldInfo& info) override;
  void Field(std::string_view key, std::vector<double>& value, const FieldInfo& info) override;
  void Field(std::string_view key, std::vector<std::string>& value, const FieldInfo& info) override;
  void Field(std::string_view key, NumberTable& value, const FieldInfo& info) override;
  void Table(std::string_view key, Options& options) override;
  void List(std::string_view key, OptionsList& list) override;

 private:
  bool Shown(std::string_view key) const;
  template <typename T>
  void Pass(std::string_view key, T& value, const FieldInfo& info);

  FieldVisitor& visitor_;
  const std::vector<std::string>& hidden_;
};

// Base of every options struct: Visit lists its fields.
class Options {
 public:
  virtual ~Options() = default;
  virtual void Visit(FieldVisitor& visitor) = 0;
};

// Like parts of which a file holds any number.
class OptionsList {
 public:
  virtual ~OptionsList() = default;
  virtual size_t size() const = 0;
  virtual Options& at(size_t index) = 0;
  virtual Options& Append() = 0;
  virtual std::unique_ptr<Options> MakeOne() const = 0;  // as it is without a key, to describe
};

template <typename Part>
class ListOf final : public OptionsList {
 public:
  explicit ListOf(std::vector<Part>& parts) : parts_(parts) {}  // must outlive it
  size_t size() const override { return parts_.size(); }
  Options& at(size_t index) override { return parts_.at(index); }
  Options& Append() override { return parts_.emplace_back(); }
  std::unique_ptr<Options> MakeOne() const override { return std::make_unique<Part>(); }

 private:
  std::vector<Part>& parts_;
};

// A parsed recipe: TOML tables with the file and line of every key. Immutable but for Set and Drop.
class Config {
 public:
  Config();
  ~Config();
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;

  // Throws Error(kUsage) with file and line when the text is not TOML, or longer than a recipe can
  // sensibly be.
  static Config ParseFile(const std::string& path);
  static Config ParseText(std::string_view text, const std::string& name);

  // Removes [table] key where it holds the integer `value`.
  void Drop(std::string_view table, std::string_view key, int64_t value);

  // Applies one "table.key=value", or "table.part.key=value" where a part has a table of its own.
  // The value is TOML; a bare word is taken as a string.
  // Throws Error(kUsage) when it has no '=' or an empty key.
  void Set(std::string_view assignment);

  // Reads table `name` ([name] in the file) into `options`; fields without a key keep their value.
  // Throws Error(kUsage) for an unknown key (with the nearest known one), a wrong type or a value
  // out of range, naming file, line and key. `ignored` keys of the table belong to someone else.
  void Read(std::string_view name, Options& options,
            const std::vector<std::string>& ignored = {}) const;

  // Reads the whole document into `options`, whose Visit lists its tables. Throws as Read does.
  void ReadAll(Options& options) const;

  // The string at [table] key, which must be there and be one of `known`. Throws Error(kUsage) with
  // the nearest of `known`, or with the key that is there and was probably meant to be `key`.
  std::string Choice(std::string_view table, std::string_view key,
                     const std::vector<std::string>& known) const;

  // File, line and key of [table] key ("part.key" in the table of a part), for errors about its
  // value; the line is that of the table when it is absent, and 0 when that is, too. `table`
  // "reward[2]" is the third of [[reward]]; an empty
  // key stands for the table itself.
  ErrorContext Where(std::string_view table, std::string_view key) const;

  // What the document says, whatever its layout, its comments and the order of its keys: the same
  // text for the same tables, for hashing.
  std::string Canonical() const;

  bool Has(std::string_view table) const;

  // Throws Error(kUsage) when there is a table or a top-level key that is not in `known`.
  void CheckTables(const std::vector<std::string>& known) const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

// "[name]\nkey = value\n..." with every field, the tables of parts behind it; doubles round-trip.
std::string WriteToml(std::string_view table, Options& options);

// One field as shown by `fewstep describe`; the key of a part's field is "part.key". A number
// without a unit has the unit "1".
struct FieldDescription {
  std::string key, type, value, unit, range, help;
};
// Of a list of parts "key[].field", the fields of one of them with their defaults.
std::vector<FieldDescription> DescribeFields(Options& options);

}  // namespace fewstep
