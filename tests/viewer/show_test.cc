// Shows of scripted agents, without a picture: what runs under the thread sanitizer as well.
#include "viewer/show.h"

#include <thread>

#include <gtest/gtest.h>

#include "core/error.h"
#include "envs/outside_families.h"
#include "tests/viewer/show_testing.h"

namespace fewstep {
namespace {

constexpr int kHorizon = 40;

// Waits for what another thread does; a test that waits longer has failed.
template <typename Condition>
bool Eventually(const Condition& condition) {
  for (int i = 0; i < 10'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

std::vector<double> State(const Show& show, size_t pane, const std::string& curve, int step) {
  for (const Curve& c : show.rows()[0][pane]->Curves()) {
    if (c.name == curve) return {c.values[static_cast<size_t>(step)]};
  }
  return {};
}

// A canvas is drawn on in every frame, so that panes read what they keep.
void DrawAll(Show& show) {
  BlankCanvas canvas;
  for (const auto& row : show.rows()) {
    for (const auto& pane : row) {
      pane->Draw(canvas, {0, 0, 320, 200}, show.StepOf(*pane), show.look());
      pane->Caption(show.StepOf(*pane));
      pane->Curves();
    }
  }
}

TEST(Show, HasAPaneForEachUnitThatIsAskedFor) {
  const auto family = ShortFamily("half-cheetah-dir@promp", kHorizon);
  const auto show = ReadyShow(*family, {.units = 3});
  ASSERT_EQ(show->rows().size(), 1u);
  ASSERT_EQ(show->rows()[0].size(), 4u);
  EXPECT_EQ(show->rows()[0][0]->title, "before adapting");
  EXPECT_EQ(show->rows()[0][1]->title, "after 1 swing");
  EXPECT_EQ(show->rows()[0][3]->title, "after 3 swings");
  EXPECT_EQ(show->progress(0).units.size(), 4u);
  ASSERT_EQ(show->progress(0).scores.size(), 4u);
  EXPECT_EQ(show->progress(0).scores[2], (std::vector<double>{29, 31}));

  show->ToggleShown(1);
  show->ToggleShown(2);
  ASSERT_EQ(show->rows()[0].size(), 2u);
  EXPECT_EQ(show->rows()[0][1]->title, "after 3 swings");
  const auto doubled = ReadyShow(*family, {.units = 1, .shown = {0, 1, 0}});
  EXPECT_EQ(doubled->rows()[0].size(), 2u);
  show->ToggleShown(0);
  show->ToggleShown(3);  // the last one stays
  EXPECT_EQ(show->rows()[0].size(), 1u);
}

TEST(Show, PanesStartAlikeAndGoOnTogether) {
  const auto family = ShortFamily("half-cheetah-dir@promp", kHorizon);
  const auto show = ReadyShow(*family, {.units = 2});
  const auto height = [&](size_t pane, int step) {
    return State(*show, pane, "forward_velocity", step);
  };
  for (int i = 0; i < 10; ++i) {
    show->StepBy(1);
    DrawAll(*show);
  }
  EXPECT_EQ(show->step(), 10);
  for (const auto& pane : show->rows()[0]) EXPECT_EQ(pane->length(), 10);
  EXPECT_NE(height(0, 10), height(2, 10));

  // the same episode of another show is the same
  const auto again = ReadyShow(*family, {.units = 2});
  for (int i = 0; i < 10; ++i) again->StepBy(1);
  for (size_t pane = 0; pane < 3; ++pane) {
    EXPECT_EQ(height(pane, 10), State(*again, pane, "forward_velocity", 10)) << pane;
  }
  // the next one is another
  again->Restart();
  EXPECT_EQ(again->step(), 0);
  for (int i = 0; i < 10; ++i) again->StepBy(1);
  EXPECT_NE(height(2, 10), State(*again, 2, "forward_velocity", 10));
}

TEST(Show, PlaysInRealTimeHoweverOftenItIsDrawn) {
  const auto family = ShortFamily("half-cheetah-dir@promp", kHorizon);
  const double dt = family->spec().control_dt;
  for (const int fps : {10, 30, 144}) {
    const auto show = ReadyShow(*family, {.units = 0});
    for (int frame = 0; frame < fps; ++frame) show->Advance(1.0 / fps);
    EXPECT_NEAR(show->step() * dt, 1, 1.01 * dt) << fps;
  }
  // at half the speed
  const auto slow = ReadyShow(*family, {.units = 0, .speed = 0.5});
  for (int frame = 0; frame < 60; ++frame) slow->Advance(1.0 / 60);
  EXPECT_NEAR(slow->step() * dt, 0.5, 1.01 * dt);
  slow->ScaleSpeed(1e9);
  EXPECT_EQ(slow->speed(), 32);
  slow->ScaleSpeed(1e-9);
  EXPECT_EQ(slow->speed(), 1.0 / 32);
}

// A film of few pictures a second goes through the whole episode.
TEST(Show, TakesLongStepsOfTheClock) {
  const auto family = ShortFamily("half-cheetah-dir@promp", kHorizon);
  const auto show = ReadyShow(*family, {.units = 0});
  show->Advance(1);
  EXPECT_EQ(show->step(), 20);
  show->Advance(100);
  EXPECT_EQ(show->step(), kHorizon);
}

TEST(Show, ATaskThatIsChangedByHandKeepsThePause) {
  FamilyCatalog catalog;
  AddFamilies(std::string(FEWSTEP_SOURCE_DIR) + "/examples/families/cart-changing", {},
              Clash::kRefuse, catalog);
  const auto family = catalog.Make("cart-changing@example");
  auto script = std::make_shared<Script>();
  const auto show = ReadyShow(*family, {.units = 1}, script);
  ASSERT_TRUE(show->task_changes());
  const int begun = script->begun;
  for (int i = 0; i < 10; ++i) show->StepBy(1);
  show->GoTo(2);
  show->ChangeTask({1.75});
  EXPECT_TRUE(show->paused());
  EXPECT_EQ(show->step(), 10) << "it is the present that changes";
  EXPECT_EQ(show->present_task(), std::vector<double>{1.75});
  show->StepBy(1);
  EXPECT_NE(show->rows()[0][1]->TaskText(11).find("1.75"), std::string::npos);
  EXPECT_EQ(show->rows()[0][1]->TaskText(9).find("1.75"), std::string::npos);
  EXPECT_EQ(script->begun, begun) << "nothing is adapted anew";
  // the target over time follows
  EXPECT_EQ(show->rows()[0][0]->Curves()[2].target[11], 1.75);

  // while another task is adapted to, this one takes its place
  script->milliseconds = 50;
  show->SetTask({0.5});
  show->ChangeTask({-1.25});
  script->milliseconds = 0;
  show->WaitUntilAdapted();
  EXPECT_EQ(show->task(), std::vector<double>{-1.25});
  EXPECT_EQ(show->progress(0).task, std::vector<double>{-1.25});
  // what cannot be is a message
  show->ChangeTask({99});
  EXPECT_NE(show->error().find("out of range"), std::string::npos);
}

TEST(Show, PlaysNoMoreThanTheTrialWhenAsked) {
  const auto family = BuiltinFamilies().Make("bandit-bernoulli@rl2");
  auto script = std::make_shared<Script>();
  const auto show = ReadyShow(*family, {.units = 4, .last_score = false}, script);
  EXPECT_EQ(script->units, 4);
  EXPECT_EQ(show->progress(0).scores.size(), 4u);
}

TEST(Show, ScrubsThroughWhatWasPlayed) {
  const auto family = ShortFamily("half-cheetah-dir@promp", kHorizon);
  const auto show = ReadyShow(*family, {.units = 1});
  for (int frame = 0; frame < 40; ++frame) show->Advance(1.0 / 30);
  const int live = show->length();
  ASSERT_GT(live, 12);
  show->GoTo(3);
  EXPECT_TRUE(show->paused());
  EXPECT_EQ(show->step(), 3);
  show->Advance(1);
  EXPECT_EQ(show->step(), 3);
  show->StepBy(-100);
  EXPECT_EQ(show->step(), 0);
  show->GoTo(1000);
  EXPECT_EQ(show->step(), live);
  EXPECT_EQ(show->length(), live);

  // played again from the middle, nothing is simulated anew before the present
  const std::vector<double> before = State(*show, 1, "forward_velocity", live);
  show->GoTo(live - 2);
  show->TogglePause();
  for (int frame = 0; frame < 6; ++frame) show->Advance(1.0 / 30);
  EXPECT_GT(show->length(), live);
  EXPECT_EQ(State(*show, 1, "forward_velocity", live), before);
}

TEST(Show, BeginsTheNextEpisodeASecondAfterTheEnd) {
  const auto family = ShortFamily("half-cheetah-dir@promp", 5);
  const auto show = ReadyShow(*family, {.units = 1});
  const int episode = show->episode();
  for (int frame = 0; frame < 20; ++frame) show->Advance(1.0 / 30);
  EXPECT_TRUE(show->ended());
  EXPECT_EQ(show->step(), 5);
  EXPECT_EQ(show->episode(), episode);
  for (int frame = 0; frame < 20; ++frame) show->Advance(1.0 / 30);
  EXPECT_EQ(show->episode(), episode + 1);
  EXPECT_LT(show->step(), 5);
  show->HoldAtEnd(true);
  for (int frame = 0; frame < 300; ++frame) show->Advance(1.0 / 30);
  EXPECT_EQ(show->episode(), episode + 1);
  EXPECT_EQ(show->step(), 5);
}

TEST(Show, GoesOnWhileItAdaptsAndTakesTheLatestTask) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  auto script = std::make_shared<Script>();
  const auto show = ReadyShow(*family, {.units = 2}, script);
  const double first = show->task()[0];
  Pane* const pane = show->rows()[0][0].get();
  show->StepBy(3);

  // three positions of a slider, one after the other, while units take long
  script->milliseconds = 200;
  show->SetTask({0.5});
  ASSERT_TRUE(Eventually([&] { return script->begun == 2; }));
  EXPECT_TRUE(show->adapting());
  show->SetTask({1.0});
  show->SetTask({1.5});
  EXPECT_EQ(show->task()[0], 1.5);
  // the panes go on with the task before
  EXPECT_EQ(show->rows()[0][0].get(), pane);
  show->StepBy(1);
  EXPECT_EQ(pane->length(), 4);
  DrawAll(*show);
  EXPECT_NE(pane->TaskText(4).find(fmt::format("{:.3g}", first)), std::string::npos);

  script->milliseconds = 0;
  ASSERT_TRUE(Eventually([&] {
    show->Update();
    DrawAll(*show);
    return !show->adapting();
  }));
  EXPECT_GE(script->stopped, 1);
  EXPECT_NE(show->rows()[0][0]->TaskText(0).find("1.5"), std::string::npos);
  EXPECT_EQ(show->step(), 0);
  EXPECT_EQ(show->progress(0).task, std::vector<double>{1.5});
  EXPECT_TRUE(show->error().empty());
}

TEST(Show, TellsOfAnAdaptationThatFailedAndGoesOn) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  auto script = std::make_shared<Script>();
  const auto show = ReadyShow(*family, {.units = 2}, script);
  Pane* const pane = show->rows()[0][0].get();
  script->fails_at = 2;
  show->SetTask({0.5});
  ASSERT_TRUE(Eventually([&] {
    show->Update();
    return !show->adapting();
  }));
  EXPECT_NE(show->error().find("the script fails here"), std::string::npos);
  EXPECT_EQ(show->rows()[0][0].get(), pane);
  EXPECT_THROW(show->WaitUntilAdapted(), Error);

  // another task is tried as if nothing had been
  script->fails_at = -1;
  show->SetTask({0.7});
  show->WaitUntilAdapted();
  EXPECT_TRUE(show->error().empty());
  EXPECT_NE(show->rows()[0][0].get(), pane);
}

TEST(Show, AnImpossibleTaskIsAnErrorInThePicture) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  const auto show = ReadyShow(*family, {.units = 1});
  Pane* const pane = show->rows()[0][0].get();
  show->SetTask({1e6});
  ASSERT_TRUE(Eventually([&] {
    show->Update();
    return !show->adapting();
  }));
  EXPECT_NE(show->error().find("out of range"), std::string::npos) << show->error();
  EXPECT_EQ(show->rows()[0][0].get(), pane);
  show->SetTask({1});
  show->WaitUntilAdapted();
  EXPECT_TRUE(show->error().empty());
}

TEST(Show, EndsWhileItAdapts) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  auto script = std::make_shared<Script>();
  script->milliseconds = 100'000;
  const auto show = ScriptedShow(*family, {.units = 3}, script);
  show->NextTask();
  ASSERT_TRUE(Eventually([&] { return script->begun == 1; }));
  EXPECT_TRUE(show->rows()[0].empty());
  show->Advance(0.1);  // there is nothing yet, and no trouble
  show->StepBy(1);
  EXPECT_EQ(show->step(), 0);
}

TEST(Show, WatchesTwoAgentsAtOneTask) {
  const auto family = ShortFamily("point-nav@maml", kHorizon);
  std::vector<std::unique_ptr<Subject>> subjects;
  for (const char* name : {"one: script", "two: script"}) {
    auto script = std::make_shared<Script>();
    script->widest = name[0] == 'o' ? 1 : 2;
    subjects.push_back(ScriptedSubject(*family, script, name));
  }
  Show show(std::move(subjects), {.units = 1}, Rng(1));
  show.NextTask();
  show.WaitUntilAdapted();
  ASSERT_EQ(show.rows().size(), 2u);
  EXPECT_EQ(show.rows()[1][1]->label, "two");
  EXPECT_EQ(show.rows()[0][0]->TaskText(0), show.rows()[1][0]->TaskText(0));
  show.StepBy(5);
  EXPECT_EQ(show.rows()[0][0]->Curves()[0].values[5], show.rows()[1][0]->Curves()[0].values[5]);
  EXPECT_NE(show.rows()[0][1]->Curves()[0].values[5], show.rows()[1][1]->Curves()[0].values[5]);
}

TEST(Show, HeldOutTasksAreThoseOfEvaluations) {
  const auto family = ShortFamily("half-cheetah-vel@promp", kHorizon);
  const auto show = ScriptedShow(*family, {.units = 0});
  const std::vector<Task> tasks = family->Sample(Split::kTest, 3, Rng(7).Fork("tasks"));
  for (const Task& task : tasks) {
    show->NextTask();
    EXPECT_EQ(show->task(), task.values);
  }
  EXPECT_TRUE(show->Trained(0, 1.0));
  EXPECT_FALSE(show->Trained(0, 3.5));
}

TEST(Show, ATrialOfPullsIsOnePane) {
  const auto family = BuiltinFamilies().Make("bandit-bernoulli@rl2");
  const auto show = ReadyShow(*family, {.units = 4});
  ASSERT_EQ(show->rows()[0].size(), 1u);
  while (!show->ended()) show->StepBy(1);
  EXPECT_EQ(show->length(), 4 * family->spec().action_size);
}

}  // namespace
}  // namespace fewstep
