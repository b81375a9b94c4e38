// The recipes that come with the program, compiled into it, and where `fewstep train` finds one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config.h"

namespace fewstep {

// What the comment at the top of a recipe says. An entry that is missing is empty.
struct RecipeNotes {
  std::string what;    // everything before the entries: "ProMP on half-cheetah direction. ..."
  std::string expect;  // "Expect:", the figures
  std::string takes;   // "Takes:", the time and the machine

  // The first sentence of `what`.
  std::string summary() const;
  // `takes` without the machine: "4 minutes".
  std::string time() const;
};

// Reads the comment at the top of a recipe: a text, then "Expect:" and "Takes:", each of one or
// more lines. Lines are joined by blanks.
RecipeNotes ReadRecipeNotes(std::string_view text);

struct BuiltinRecipe {
  std::string name;
  std::string_view text;  // TOML
  RecipeNotes notes;
};

// All of them, ordered by name. Safe to call from any thread.
const std::vector<BuiltinRecipe>& BuiltinRecipes();

// nullptr when there is none of this name.
const BuiltinRecipe* FindBuiltinRecipe(std::string_view name);

std::vector<std::string> BuiltinRecipeNames();

struct OpenedRecipe {
  Config config;
  std::string name;    // of the run, where the recipe has none
  std::string source;  // for messages: the path, or "built-in recipe NAME"
};

// Opens what a user calls a recipe: a path (it holds a '/', ends in ".toml" or is a file), or the
// name of a built-in one. Throws Error(kUsage) when there is neither, or when it is not TOML.
OpenedRecipe OpenRecipe(const std::string& name_or_path);

}  // namespace fewstep
