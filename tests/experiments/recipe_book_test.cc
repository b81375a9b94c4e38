#include "experiments/running/recipe_book.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "experiments/running/run_config.h"

namespace fewstep {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RecipeNotes, ReadsTheCommentAtTheTop) {
  const RecipeNotes notes = ReadRecipeNotes(
      "# ProMP on a family (Rothfuss et al. 2019, as in J. Doe.\n"
      "# And others; 1e7 steps).  Held-out tasks.\n"
      "#\n"
      "# Expect: return 0 before,\r\n"
      "#         171 to 190 after.\n"
      "# Takes:  4 minutes a seed on 2 processors.\n"
      "\n"
      "# Expect: this is not at the top\n"
      "[run]\n");
  EXPECT_EQ(notes.what,
            "ProMP on a family (Rothfuss et al. 2019, as in J. Doe. And others; 1e7 steps).  "
            "Held-out tasks.");
  EXPECT_EQ(notes.expect, "return 0 before, 171 to 190 after.");
  EXPECT_EQ(notes.takes, "4 minutes a seed on 2 processors.");
  EXPECT_EQ(notes.time(), "4 minutes");
}

TEST(RecipeNotes, SummaryIsTheFirstSentence) {
  const auto summary = [](std::string what) { return RecipeNotes{.what = what}.summary(); };
  EXPECT_EQ(summary("One. Two."), "One.");
  EXPECT_EQ(summary("Size 1.5 of x. y (A. B) as in file.toml. Next"),
            "Size 1.5 of x. y (A. B) as in file.toml.");
  EXPECT_EQ(summary("No end"), "No end");
  EXPECT_EQ(summary(""), "");
}

TEST(RecipeNotes, TimeIsWithoutTheMachine) {
  const auto time = [](std::string takes) { return RecipeNotes{.takes = takes}.time(); };
  EXPECT_EQ(time("35 seconds a seed on 2 processors (AMD EPYC)."), "35 seconds");
  EXPECT_EQ(time("7 minutes on 2 processors beside a seed"), "7 minutes");
  EXPECT_EQ(time("an hour"), "an hour");
}

TEST(RecipeNotes, OfAFileWithoutThemAreEmpty) {
  for (const char* text : {"", "#", "[run]\n", "\n# Expect: late\n"}) {
    const RecipeNotes notes = ReadRecipeNotes(text);
    EXPECT_EQ(notes.what + notes.expect + notes.takes, "") << text;
  }
  EXPECT_EQ(ReadRecipeNotes("# Takes: 1 s").takes, "1 s");
}

TEST(RecipeBook, HoldsEveryFileOfTheFolderByteForByte) {
  std::set<std::string> stems;
  for (const auto& entry :
       std::filesystem::directory_iterator(FEWSTEP_SOURCE_DIR "/experiments/recipes")) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string stem = entry.path().stem().string();
    ASSERT_NE(FindBuiltinRecipe(stem), nullptr) << entry.path();
    EXPECT_EQ(FindBuiltinRecipe(stem)->text, text) << stem;
    stems.insert(stem);
  }
  EXPECT_GT(stems.size(), 20U);
  EXPECT_THAT(BuiltinRecipeNames(), ::testing::ElementsAreArray(stems));  // a set is ordered
  EXPECT_EQ(FindBuiltinRecipe("quickstar"), nullptr);
}

TEST(RecipeBook, EveryRecipeSaysWhatItIsAndReadsAsARun) {
  const Catalog catalog = BuiltinCatalog();
  const FamilyCatalog& families = catalog.families;
  const AgentRegistry& agents = catalog.agents;
  for (const BuiltinRecipe& recipe : BuiltinRecipes()) {
    SCOPED_TRACE(recipe.name);
    const RecipeNotes& notes = recipe.notes;
    EXPECT_TRUE(notes.what.ends_with('.')) << notes.what;
    EXPECT_TRUE(notes.expect.ends_with('.')) << notes.expect;
    EXPECT_TRUE(notes.takes.ends_with('.')) << notes.takes;
    // words that end in a hyphen were broken between two lines, and cannot be joined
    EXPECT_THAT(notes.what + notes.expect + notes.takes, Not(ContainsRegex("[a-z]- ")));
    // the table of `fewstep list` has room for a few words
    EXPECT_LE(notes.time().size(), 20U) << notes.time();
    EXPECT_THAT(notes.time(), ContainsRegex("second|minute|hour"));

    OpenedRecipe opened = OpenRecipe(recipe.name);
    const RunConfig config = ReadRunConfig(std::move(opened.config), catalog, opened.name);
    EXPECT_EQ(config.run.name, recipe.name);
    EXPECT_EQ(config.run.directory, "runs");

    // `fewstep describe` takes all these names
    EXPECT_FALSE(families.Contains(recipe.name) || agents.Contains(recipe.name));
  }
}

std::string Refusal(const std::string& word) {
  try {
    OpenRecipe(word);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(RecipeBook, NamesWhatIsNear) {
  EXPECT_EQ(Refusal("promp-half-cheeta-vel"),
            "no recipe is called 'promp-half-cheeta-vel'; did you mean 'promp-half-cheetah-vel'? "
            "fewstep list recipes shows them; a file of your own is given by its path, such as "
            "./recipe.toml");
  EXPECT_THAT(Refusal("nothing-like-it"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(Refusal("experiments/quickstart.toml"),
              HasSubstr("experiments/quickstart.toml: there is no such file; did you mean the "
                        "built-in recipe 'quickstart'?"));
  EXPECT_THAT(Refusal("quickstar.toml"), HasSubstr("quickstar.toml: cannot read this file"));
  EXPECT_THAT(Refusal("./quick"), HasSubstr("./quick: cannot read this file"));
}

TEST(RecipeBook, ErrorsOfABuiltinRecipeNameItsLine) {
  OpenedRecipe opened = OpenRecipe("quickstart");
  EXPECT_EQ(opened.name, "quickstart");
  const ErrorContext where = opened.config.Where("family", "name");
  EXPECT_EQ(where.file, "built-in recipe quickstart");
  EXPECT_GT(where.line, 7);
}

}  // namespace
}  // namespace fewstep
