#include "core/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace fewstep {
namespace {

using ::testing::HasSubstr;

struct Sample : Options {
  bool flag = false;
  int64_t count = 3;
  double rate = 0.1;
  std::string mode = "first";
  std::vector<int64_t> sizes = {64, 64};
  NumberTable table = {{2, 1}, {0.5, -1}};
  void Visit(FieldVisitor& v) override {
    v.Field("flag", flag, {.help = "A flag."});
    v.Field("count", count, {.help = "A count.", .unit = "items", .min = 1, .max = 10});
    v.Field("learning_rate", rate, {.help = "A rate.", .min = 0});
    v.Field("mode", mode, {.help = "A mode.", .choices = {"first", "second"}});
    v.Field("sizes", sizes, {.help = "Sizes.", .min = 1});
    v.Field("table", table, {.help = "A table.", .max = 9});
  }
};

std::string MessageOf(std::string_view text, std::initializer_list<const char*> sets = {}) {
  try {
    Config config = Config::ParseText(text, "r.toml");
    for (const char* set : sets) config.Set(set);
    Sample sample;
    config.Read("sample", sample);
    config.CheckTables({"sample"});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    return error.what();
  }
  return "";
}

TEST(Config, ReadsEveryTypeAndKeepsDefaults) {
  const Config config =
      Config::ParseText("[sample]\nflag = true\nlearning_rate = 1\nsizes = [8, 4, 2]\n", "r.toml");
  Sample sample;
  config.Read("sample", sample);
  EXPECT_TRUE(sample.flag);
  EXPECT_EQ(sample.rate, 1.0);
  EXPECT_EQ(sample.sizes, (std::vector<int64_t>{8, 4, 2}));
  EXPECT_EQ(sample.count, 3);
  EXPECT_EQ(sample.mode, "first");
}

TEST(Config, ErrorsNameFileLineKeyAndTheNearestKnownKey) {
  EXPECT_THAT(MessageOf("[sample]\nflag = true\nlerning_rate = 1\n"),
              AllOf(HasSubstr("r.toml:3"), HasSubstr("'sample.lerning_rate'"),
                    HasSubstr("did you mean 'learning_rate'?")));
  EXPECT_THAT(MessageOf("[sample]\n\n\ncount = 'x'\n"),
              AllOf(HasSubstr("r.toml:4"), HasSubstr("expected an integer, found a string")));
  EXPECT_THAT(MessageOf("[sample]\ncount = 2.5\n"), HasSubstr("found a number"));
  EXPECT_THAT(MessageOf("[sample]\ncount = 11\n"),
              AllOf(HasSubstr("11 is out of range"), HasSubstr("1 to 10")));
  EXPECT_THAT(MessageOf("[sample]\nlearning_rate = nan\n"),
              HasSubstr("nan is not a finite number"));
  EXPECT_THAT(MessageOf("[sample]\nlearning_rate = inf\n"), HasSubstr("is not a finite number"));
  EXPECT_THAT(MessageOf("[sample]\nflag = 1\n"), HasSubstr("expected true or false"));
  EXPECT_THAT(MessageOf("[sample]\nmode = 'secnd'\n"), HasSubstr("did you mean 'second'?"));
  EXPECT_THAT(MessageOf("[sample]\nsizes = [8, 0]\n"), HasSubstr("0 is out of range"));
  EXPECT_THAT(MessageOf("[sampel]\n"),
              AllOf(HasSubstr("unknown table [sampel]"), HasSubstr("did you mean 'sample'?")));
  EXPECT_THAT(MessageOf("sample = 3\n"), HasSubstr("expected a table"));
  EXPECT_THAT(MessageOf("[sample]\ncount = 1\ncount = 2\n"), HasSubstr("r.toml:3"));
  EXPECT_THAT(MessageOf("[sample\n"), HasSubstr("r.toml:1"));
}

TEST(Config, TablesOfNumbersKnowTheirShape) {
  const auto table = [](const std::string& text) {
    Sample sample;
    Config::ParseText("[sample]\ntable = " + text, "r.toml").Read("sample", sample);
    return sample.table;
  };
  EXPECT_EQ(table("[1, -2.5]"), (NumberTable{{2}, {1, -2.5}}));
  EXPECT_EQ(table("[[1, 2, 3], [4, 5, 6]]"), (NumberTable{{2, 3}, {1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(table("[[[1], [2]], [[3], [4]], [[5], [6]]]"),
            (NumberTable{{3, 2, 1}, {1, 2, 3, 4, 5, 6}}));
  EXPECT_EQ(table("[[], []]"), (NumberTable{{2, 0}, {}}));
  EXPECT_EQ(table("[]"), NumberTable{});

  // with the line of the entry that is wrong
  const auto message = [](const char* text) {
    return MessageOf(std::string("[sample]\ntable = ") + text);
  };
  EXPECT_THAT(message("3"), HasSubstr("expected an array of numbers, found an integer"));
  EXPECT_THAT(message("[[1, 2],\n[3]]"),
              AllOf(HasSubstr("r.toml:3: 'sample.table'"), HasSubstr("an array of 1 beside")));
  EXPECT_THAT(message("[[1],\n[2, 3]]"),
              AllOf(HasSubstr("r.toml:3"), HasSubstr("of 2 beside one of 1")));
  EXPECT_THAT(message("[[1],\n\n2]"),
              AllOf(HasSubstr("r.toml:4"), HasSubstr("expected an array of numbers")));
  EXPECT_THAT(message("[1,\n[2]]"),
              AllOf(HasSubstr("r.toml:3"), HasSubstr("expected a number, found an array")));
  EXPECT_THAT(message("[[1, 2], [3,\n'x']]"),
              AllOf(HasSubstr("r.toml:3"), HasSubstr("expected a number, found a string")));
  EXPECT_THAT(message("[1,\nnan]"), AllOf(HasSubstr("r.toml:3"), HasSubstr("not a finite")));
  EXPECT_THAT(message("[[1], [\n10]]"), AllOf(HasSubstr("r.toml:3"), HasSubstr("out of range")));
}

TEST(Config, SetOverridesAndReportsItself) {
  Config config = Config::ParseText("[sample]\ncount = 2\n", "r.toml");
  config.Set("sample.count=5");
  config.Set("sample.mode=second");
  config.Set("sample.sizes=[1, 2]");
  Sample sample;
  config.Read("sample", sample);
  EXPECT_EQ(sample.count, 5);
  EXPECT_EQ(sample.mode, "second");
  EXPECT_EQ(sample.sizes, (std::vector<int64_t>{1, 2}));
  EXPECT_THAT(MessageOf("", {"sample.count=99"}),
              AllOf(HasSubstr("--set sample.count=99: 'sample.count'"), HasSubstr("out of range")));
  EXPECT_THAT(MessageOf("", {"sample.cuont=1"}), HasSubstr("did you mean 'count'?"));
  for (const char* bad :
       {"count=1", "sample.count", ".count=1", "sample.=1", "a.b.c.d=1", "a..c=1", ""}) {
    EXPECT_THAT(MessageOf("", {bad}), HasSubstr("table.key=value")) << bad;
  }
  EXPECT_THAT(MessageOf("", {"sample.count=1\nflag = true"}), HasSubstr("more than one value"));
}

TEST(Config, ChoiceNamesWhatIsNear) {
  const std::vector<std::string> known = {"point-nav@maml", "half-cheetah-dir@promp"};
  const auto message = [&](std::string_view text) -> std::string {
    try {
      return Config::ParseText(text, "r.toml").Choice("family", "name", known);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
      return error.what();
    }
  };
  EXPECT_EQ(message("[family]\nname = 'point-nav@maml'"), "point-nav@maml");
  EXPECT_THAT(message("[family]\nname = 'point-nav@mml'"),
              AllOf(HasSubstr("r.toml:2: 'family.name'"), HasSubstr("mean 'point-nav@maml'?")));
  EXPECT_THAT(message("[family]\nnmae = 'point-nav@maml'"),
              AllOf(HasSubstr("r.toml:2: 'family.nmae'"), HasSubstr("did you mean 'name'?")));
  EXPECT_THAT(message("[family]\nname = 3"), HasSubstr("r.toml:2: 'family.name': expected a str"));
  EXPECT_THAT(message("[family]\n"), HasSubstr("r.toml:1: 'family.name': a recipe needs this key"));
  EXPECT_THAT(message("family = 2"), HasSubstr("a recipe needs this key"));
}

// A part with a table of its own.
struct Whole : Options {
  int64_t steps = 1;
  Sample part;
  bool last = false;
  void Visit(FieldVisitor& v) override {
    v.Field("steps", steps, {.help = "Steps."});
    v.Table("part", part);
    v.Field("last", last, {.help = "Behind the part."});
  }
};

TEST(Config, APartHasATableOfItsOwn) {
  const auto read = [](std::string_view text, std::initializer_list<const char*> sets = {}) {
    Config config = Config::ParseText(text, "r.toml");
    for (const char* set : sets) config.Set(set);
    Whole whole;
    config.Read("whole", whole);
    return whole;
  };
  const Whole whole = read("[whole]\nlast = true\n[whole.part]\ncount = 5\n",
                           {"whole.part.mode=second", "whole.steps=4"});
  EXPECT_EQ(whole.steps, 4);
  EXPECT_EQ(whole.part.count, 5);
  EXPECT_EQ(whole.part.mode, "second");
  EXPECT_TRUE(whole.last);
  EXPECT_EQ(read("", {"whole.part.count=7"}).part.count, 7);

  // written and read again, it is the same
  Whole written = whole;
  const std::string text = WriteToml("whole", written);
  EXPECT_THAT(text, HasSubstr("steps = 4\nlast = true\n\n[whole.part]\n"));
  Whole again = read(text);
  EXPECT_EQ(WriteToml("whole", again), text);
  const auto fields = DescribeFields(again);
  EXPECT_EQ(fields.size(), 8u);
  EXPECT_EQ(fields[2].key, "part.count");

  const auto message = [&](std::string_view bad,
                           std::initializer_list<const char*> sets = {}) -> std::string {
    try {
      read(bad, sets);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("[whole.part]\n\ncuont = 5\n"),
              AllOf(HasSubstr("r.toml:3: 'whole.part.cuont'"), HasSubstr("mean 'count'?")));
  EXPECT_THAT(message("[whole.part]\ncount = 50\n"), HasSubstr("r.toml:2: 'whole.part.count'"));
  EXPECT_THAT(message("[whole.prat]\n"), HasSubstr("did you mean 'part'?"));
  EXPECT_THAT(message("[whole]\npart = 3\n"), HasSubstr("expected a table, found an integer"));
  EXPECT_THAT(message("[whole]\nsteps = 3\n", {"whole.steps.x=1"}),
              HasSubstr("'steps' is not a table"));
  EXPECT_EQ(
      Config::ParseText("[whole.part]\ncount = 1", "r.toml").Where("whole", "part.count").line, 2);
}

// An enum with names.
// Parts of which there may be any number.
struct Layer : Options {
  std::vector<std::string> names;
  std::vector<double> numbers = {1.5};
  Sample sample;
  void Visit(FieldVisitor& v) override {
    v.Field("names", names, {.help = "Names.", .choices = {"a", "b", "c"}});
    v.Field("numbers", numbers, {.help = "Numbers.", .min = 0});
    v.Table("sample", sample);
  }
};
struct Network : Options {
  bool flag = false;
  std::vector<Layer> layers;
  void Visit(FieldVisitor& v) override {
    v.Field("flag", flag, {.help = "A flag."});
    ListOf<Layer> list(layers);
    v.List("layer", list);
  }
};
struct Document : Options {
  Network network;
  void Visit(FieldVisitor& v) override { v.Table("network", network); }
};

TEST(Config, LikePartsAreAListOfTables) {
  constexpr const char* kText =
      "[network]\nflag = true\n"
      "[[network.layer]]\nnames = [\"a\", \"b\"]\nnumbers = 2\n"
      "[[network.layer]]\nnames = \"c\"\nsample = { count = 7 }\n";
  const auto read = [](std::string_view text) {
    Document document;
    Config::ParseText(text, "r.toml").ReadAll(document);
    return document;
  };
  Document document = read(kText);
  EXPECT_TRUE(document.network.flag);
  ASSERT_EQ(document.network.layers.size(), 2u);
  EXPECT_EQ(document.network.layers[0].names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(document.network.layers[0].numbers, std::vector<double>{2});
  EXPECT_EQ(document.network.layers[1].names, std::vector<std::string>{"c"});
  EXPECT_EQ(document.network.layers[1].sample.count, 7);

  // written and read again, it is the same
  const std::string text = WriteToml("network", document.network);
  EXPECT_THAT(text, HasSubstr("\n[[network.layer]]\n"));
  Document again = read(text);
  EXPECT_EQ(WriteToml("network", again.network), text);
  EXPECT_EQ(DescribeFields(again.network)[1].key, "layer[].names");
  EXPECT_EQ(DescribeFields(again.network)[1].type, "strings");

  const auto message = [&](std::string_view bad) -> std::string {
    try {
      read(bad);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("[network]\n[[network.layer]]\n[[network.layer]]\nnames = \"d\"\n"),
              HasSubstr("r.toml:4: 'network.layer[1].names': 'd' is not one of"));
  EXPECT_THAT(message("[[network.layer]]\nnames = [1]\n"), HasSubstr("expected a string"));
  EXPECT_THAT(message("[[network.layer]]\nnumbers = [1, -1]\n"), HasSubstr("out of range"));
  EXPECT_THAT(message("[network]\nlayer = 3\n"), HasSubstr("expected tables [[network.layer]]"));
  EXPECT_THAT(message("[network]\nlayer = [3]\n"), HasSubstr("expected tables [[network.layer]]"));
  EXPECT_THAT(message("[nework]\n"), HasSubstr("'nework': unknown key; did you mean 'network'?"));
  const Config config = Config::ParseText(kText, "r.toml");
  EXPECT_EQ(config.Where("network.layer[1]", "names").line, 7);
  EXPECT_EQ(config.Where("network.layer[1]", "missing").line, 6) << "the table that lacks it";
  EXPECT_EQ(config.Where("network.layer[5]", "names").line, 0);
}

TEST(Config, TheCanonicalTextIsTheMeaning) {
  const auto canonical = [](std::string_view text) {
    return Config::ParseText(text, "r.toml").Canonical();
  };
  const std::string plain = canonical("[a]\nx = 1\ny = \"t\"\n[[b]]\nz = [1, 2.5]\n[[b]]\n");
  EXPECT_EQ(canonical("# c\n[[b]]\nz = [ 1.0 , 2.50 ]\n[[b]]\n[a]\ny = 't'  # d\nx = 1.0"), plain);
  EXPECT_EQ(canonical("a = {y = \"t\", x = 1}\nb = [{z = [1, 2.5]}, {}]"), plain);
  for (const char* other : {"[a]\nx = 2\ny = \"t\"\n[[b]]\nz = [1, 2.5]\n[[b]]\n",
                            "[a]\nx = \"1\"\ny = \"t\"\n[[b]]\nz = [1, 2.5]\n[[b]]\n",
                            "[a]\nx = true\ny = \"t\"\n[[b]]\nz = [1, 2.5]\n[[b]]\n",
                            "[a]\nx = 1\ny = \"t\"\n[[b]]\n[[b]]\nz = [1, 2.5]\n",
                            "[a]\nx = 1\ny = \"t\"\n[[b]]\nz = [12.5]\n[[b]]\n"}) {
    EXPECT_NE(canonical(other), plain) << other;
  }
}

enum class Size { kSmall, kLarge, kHuge };
constexpr ChoiceName<Size> kSizeNames[] = {
    {"small", Size::kSmall}, {"large", Size::kLarge}, {"huge", Size::kHuge}};
struct Sized : Options {
  Size size = Size::kLarge, small = Size::kSmall;
  void Visit(FieldVisitor& v) override {
    v.Choice("size", size, kSizeNames, {.help = "A size."});
    v.Choice("small", small, kSizeNames,
             {.help = "Not every size.", .choices = {"small", "large"}});
  }
};

TEST(Config, AnEnumIsReadByTheNamesOfItsValues) {
  Sized sized;
  EXPECT_EQ(WriteToml("sized", sized), "[sized]\nsize = \"large\"\nsmall = \"small\"\n");
  Config::ParseText("[sized]\nsize = 'huge'", "r.toml").Read("sized", sized);
  EXPECT_EQ(sized.size, Size::kHuge);
  EXPECT_EQ(sized.small, Size::kSmall);
  EXPECT_EQ(DescribeFields(sized)[0].range, "small | large | huge");
  EXPECT_EQ(DescribeFields(sized)[1].range, "small | large");
  const auto message = [&](std::string_view text) -> std::string {
    try {
      Config::ParseText(text, "r.toml").Read("sized", sized);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message("[sized]\nsize = 'hueg'"),
              AllOf(HasSubstr("r.toml:2: 'sized.size'"), HasSubstr("did you mean 'huge'?")));
  EXPECT_THAT(message("[sized]\nsmall = 'huge'"), HasSubstr("'huge' is not one of small, large"));
  EXPECT_EQ(sized.size, Size::kHuge);  // as it was
}

TEST(Config, WrittenTomlReadsBackTheSame) {
  Sample sample;
  sample.rate = 0.1 + 0.2;
  sample.flag = true;
  sample.mode = "second";
  sample.table = {{1, 2, 3}, {0, -1e-300, 1.0 / 3, 4, 5, -6e20}};
  const std::string text = WriteToml("sample", sample);
  Sample read;
  Config::ParseText(text, "w.toml").Read("sample", read);
  EXPECT_EQ(read.rate, sample.rate);
  EXPECT_EQ(read.table, sample.table);
  EXPECT_EQ(WriteToml("sample", read), text);
}

TEST(Config, FilteredFieldsAreNotForRecipes) {
  struct Fixed : Sample {
    std::vector<std::string> hidden = {"flag", "count", "mode", "table"};
    void Visit(FieldVisitor& v) override {
      FieldFilter filter(v, hidden);
      Sample::Visit(filter);
    }
  } fixed;
  fixed.count = 7;
  EXPECT_EQ(WriteToml("sample", fixed), "[sample]\nlearning_rate = 0.1\nsizes = [64, 64]\n");
  Config::ParseText("[sample]\nlearning_rate = 0.5", "f.toml").Read("sample", fixed);
  EXPECT_EQ(fixed.rate, 0.5);
  EXPECT_EQ(fixed.count, 7);
  EXPECT_THROW(Config::ParseText("[sample]\ncount = 2", "f.toml").Read("sample", fixed), Error);
}

TEST(Config, DescriptionsHaveEverything) {
  Sample sample;
  const auto fields = DescribeFields(sample);
  ASSERT_EQ(fields.size(), 6u);
  EXPECT_EQ(fields[1].unit, "items");
  EXPECT_EQ(fields[0].unit, "");   // a boolean
  EXPECT_EQ(fields[2].unit, "1");  // a number
  EXPECT_EQ(fields[1].range, "1 to 10");
  EXPECT_EQ(fields[3].range, "first | second");
  EXPECT_EQ(fields[5].value, "[[0.5], [-1.0]]");
}

}  // namespace
}  // namespace fewstep
