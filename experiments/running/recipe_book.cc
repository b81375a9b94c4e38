#include "experiments/running/recipe_book.h"

#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "embedded/recipes.h"

namespace fewstep {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

void Append(std::string& entry, std::string_view line) {
  if (!entry.empty() && !line.empty()) entry += ' ';
  entry += line;
}

bool IsPath(const std::string& word) {
  std::error_code ignored;
  return word.find('/') != std::string::npos || word.ends_with(".toml") ||
         (std::filesystem::exists(word, ignored) && !std::filesystem::is_directory(word, ignored));
}

}  // namespace

std::string RecipeNotes::summary() const {
  // a sentence ends before a capital letter, outside of parentheses: not in "(Finn et al. 2017)"
  int depth = 0;
  for (size_t i = 0; i < what.size(); ++i) {
    if (what[i] == '(') ++depth;
    if (what[i] == ')') --depth;
    if (what[i] == '.' && depth == 0 && i + 2 < what.size() && what[i + 1] == ' ' &&
        what[i + 2] >= 'A' && what[i + 2] <= 'Z') {
      return what.substr(0, i + 1);
    }
  }
  return what;
}

std::string RecipeNotes::time() const {
  return takes.substr(0, std::min(takes.find(" on "), takes.find(" a seed")));
}

RecipeNotes ReadRecipeNotes(std::string_view text) {
  RecipeNotes notes;
  std::string* entry = &notes.what;
  while (text.starts_with('#')) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = Trim(text.substr(1, end - 1));
    text.remove_prefix(std::min(end + 1, text.size()));
    for (const auto& [word, target] :
         {std::pair<std::string_view, std::string*>{"Expect:", &notes.expect},
          std::pair<std::string_view, std::string*>{"Takes:", &notes.takes}}) {
      if (!line.starts_with(word)) continue;
      entry = target;
      line = Trim(line.substr(word.size()));
    }
    Append(*entry, line);
  }
  return notes;
}

const std::vector<BuiltinRecipe>& BuiltinRecipes() {
  static const auto* const kRecipes = [] {
    auto* recipes = new std::vector<BuiltinRecipe>;
    for (const auto& [name, text] : embedded::recipes) {
      recipes->push_back({std::string(name), text, ReadRecipeNotes(text)});
    }
    std::ranges::sort(*recipes, {}, &BuiltinRecipe::name);
    return recipes;
  }();
  return *kRecipes;
}

const BuiltinRecipe* FindBuiltinRecipe(std::string_view name) {
  const auto& recipes = BuiltinRecipes();
  const auto found = std::ranges::find(recipes, name, &BuiltinRecipe::name);
  return found == recipes.end() ? nullptr : &*found;
}

std::vector<std::string> BuiltinRecipeNames() {
  std::vector<std::string> names;
  for (const BuiltinRecipe& recipe : BuiltinRecipes()) names.push_back(recipe.name);
  return names;
}

OpenedRecipe OpenRecipe(const std::string& name_or_path) {
  if (IsPath(name_or_path)) {
    // the file's name is that of a built-in recipe, which needs no file
    const std::string stem = std::filesystem::path(name_or_path).stem().string();
    std::error_code ignored;
    if (!std::filesystem::exists(name_or_path, ignored) && FindBuiltinRecipe(stem) != nullptr) {
      throw Error(
          ErrorKind::kUsage,
          fmt::format("there is no such file; did you mean the built-in recipe '{}'?", stem),
          {.file = name_or_path});
    }
    return {Config::ParseFile(name_or_path), stem, name_or_path};
  }
  const BuiltinRecipe* recipe = FindBuiltinRecipe(name_or_path);
  if (recipe == nullptr) {
    throw Error(ErrorKind::kUsage,
                fmt::format("no recipe is called '{}'{}", name_or_path,
                            DidYouMean(name_or_path, BuiltinRecipeNames())),
                {.remedy = "fewstep list recipes shows them; a file of your own is given by its "
                           "path, such as ./recipe.toml"});
  }
  const std::string source = fmt::format("built-in recipe {}", recipe->name);
  return {Config::ParseText(recipe->text, source), recipe->name, source};
}

}  // namespace fewstep
