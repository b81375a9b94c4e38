"""The classical agents as a user meets them: `ruler`, and runs of agents that are not trained."""

import os
import re

from fewstep import begin, fewstep, read, sets

RECIPE = """[run]
name = "bandit"
iterations = 0
evaluation_tasks = 50

[family]
name = "bandit-bernoulli@rl2"
arms = 4
trial_episodes = 30

[agent]
name = "thompson"
"""


def ruler(*words):
    return fewstep("ruler", *words)


def check_ruler():
    words = ("bandit-bernoulli@rl2", "--trials", "200", "--seed", "3")
    text = ruler(*words).exits(0)
    for agent in ("random", "greedy", "epsilon-greedy", "ucb1", "thompson", "optimistic-thompson",
                  "gittins", "value-iteration"):
        assert re.search(rf"^{agent} ", text.out, re.M), text
    assert "6.660" in text.out and "SNAIL" in text.out, text
    assert "thompson" in text.err and ruler(*words, "--quiet").err == ""

    # the same numbers at any number of threads; the agent alone as among others
    report = ruler(*words, "--json", "--threads", "1").exits(0).json()
    again = ruler(*words, "--json", "--threads", "3", "--agents", "thompson,random").json()
    rows = {(row["agent"], row["constant"]): row for row in report["agents"]}
    assert len(rows) == len(report["agents"]) == 13
    for row in again["agents"]:
        same = rows[row["agent"], row["constant"]]
        assert {**same, "seconds": 0} == {**row, "seconds": 0}, row
    assert report["random_exact"] == 5 and abs(report["bayes_adaptive_optimum"] - 6.660) < 5e-4
    random = rows["random", ""]
    assert abs(random["mean_return"] - 5) < 4 * random["standard_error"] and random["published"] == 5

    # what is published is compared with the rule that it is made by, and with the noise of its own
    # trials
    lowest, best = rows["greedy", "ties=lowest"], rows["greedy", ""]
    assert "published" not in best and "difference_in_standard_errors" not in best
    noise = (200 / report["published_trials"]) ** 0.5 * lowest["standard_error"]
    assert abs(lowest["published_standard_error"] - noise) < 1e-9
    apart = lowest["mean_return"] - lowest["published"]
    apart = max(0, abs(apart) - 0.05) * (1 if apart > 0 else -1)
    errors = apart / (noise ** 2 + lowest["standard_error"] ** 2) ** 0.5
    assert abs(lowest["difference_in_standard_errors"] - errors) < 1e-6

    # tuned on other tasks: the constant is one of the grid and said
    tuned = ruler(*words, "--tune", "--json", "--agents", "ucb1").exits(0, "training tasks")
    row = tuned.json()["agents"][0]
    assert re.fullmatch(r"constant=\d\.\d+", row["constant"])
    assert row["at_edge_of_grid"] == (row["constant"] == "constant=2.0"), row
    process = ruler("tabular-mdp@rl2", "--trials", "20", "--json").exits(0).json()
    assert 20 < process["optimum"] / 10 < 24 and len(process["agents"]) == 11
    gaussian = ruler("bandit-gaussian@maml", "--arms", "3", "--trials", "20").exits(0)
    assert "gittins" not in gaussian.out and "3 arms" in gaussian.out
    # nothing is published of normal arms
    gaussian = ruler("bandit-gaussian@maml", "--arms", "5", "--episodes", "10", "--trials", "20",
                     "--json").exits(0).json()
    assert not any("published" in row for row in gaussian["agents"]), gaussian

    # what a user may get wrong
    ruler("point-nav@maml").exits(2, "point-nav@maml", "bandit-bernoulli@rl2")
    ruler("bandit-bernuolli@rl2").exits(2, "did you mean 'bandit-bernoulli@rl2'?")
    ruler("tabular-mdp@rl2", "--arms", "3").exits(2, "'arms'", "bandits")
    ruler("bandit-bernoulli@rl2", "--arms", "1").exits(2, "'arms'")
    ruler("bandit-bernoulli@rl2", "--agents", "thomson").exits(2, "did you mean 'thompson'?")
    ruler("bandit-bernoulli@rl2", "--trials", "1").exits(2, "--trials")


def check_runs():
    with open("bandit.toml", "w") as file:
        file.write(RECIPE)
    train = fewstep("train", "bandit.toml").exits(0)
    assert "Trial return of 30 episodes" in train.out, train
    report = fewstep("evaluate", "runs/bandit", "--json").exits(0).json()
    assert len(report["curve"]) == 30 and report["trial"]["episodes"] == 30
    returns = [sum(point["returns"][i] for point in report["curve"]) for i in range(50)]
    assert returns == report["trial"]["returns"]
    assert abs(sum(returns) / 50 - report["trial"]["mean_return"]) < 1e-9
    assert b"Trial return of 30 episodes" in read("runs/bandit/evaluations/iteration-000000.md")
    units = fewstep("evaluate", "runs/bandit", "--json", "--units", "2").json()
    assert len(units["curve"]) == 3 and units["trial"]["episodes"] == 3
    fewstep("resume", "runs/bandit").exits(0)

    # more pulls than points that are bootstrapped; the table is short
    long = fewstep("train", "bandit.toml", *sets(run_name="long", family_trial_episodes=120))
    assert long.exits(0).out.count("\n") < 30, long

    def refused(*texts, **changes):
        fewstep("train", "bandit.toml", *sets(run_name="no", **changes)).exits(2, *texts)
        assert not os.path.exists("runs/no")

    refused("run.iterations", "not trained", run_iterations=5)
    refused("horizon", "trial_episodes", family_horizon=10)
    refused("arms", family_arms=1)
    refused("agent.name", "psrl", agent_name="psrl")
    refused("agent.name", "does not play", family_name="point-nav@maml", family_arms=0)
    # a table that changes with the step acts in lockstep, too
    trials = [fewstep("train", "bandit.toml", "--json",
                      *sets(run_name=plan, family_name="tabular-mdp@rl2", family_arms=0,
                            agent_name="psrl", run_sampling_plan=plan)).exits(0).json()["trial"]
              for plan in ("episodes", "lockstep")]
    assert trials[0] == trials[1]
    refused("'family.arms'", "unknown key", family_name="tabular-mdp@rl2", agent_name="psrl")
    described = fewstep("describe", "tabular-mdp@rl2").exits(0).out
    assert "arms" not in described
    bandit = fewstep("describe", "bandit-bernoulli@rl2", "--set", "arms=9").exits(0).out
    assert "arm_0 ... arm_8 (9)" in bandit and "From" not in bandit
    fewstep("describe", "bandit-bernoulli@rl2", "--set", "arm=9").exits(2, "did you mean 'arms'?")
    assert "weight_0_0_0 ... weight_9_4_9 (500)" in described and described.count("\n") < 40


def main():
    begin()
    check_ruler()
    check_runs()
    print("the ruler measures, and baselines run")


if __name__ == "__main__":
    main()
