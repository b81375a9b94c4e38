"""Agents with memory as a user meets them: train, threads, kill and resume, evaluate longer trials, the ruler."""

import os
import signal

from fewstep import (agent_tensors, begin, fewstep, lines, metrics, read, sets, start, tensors,
                     wait_for)

RECIPE = """[run]
name = "memory"
iterations = 30
threads = 1
checkpoint_interval = 4
evaluation_tasks = 200

[family]
name = "bandit-bernoulli@rl2"
arms = 3
trial_episodes = 6

[agent]
name = "rl2"
meta_batch_size = 64
shards = 3
minibatches = 2
normalize_observations = true
normalize_rewards = true
anneal_iterations = 30
entropy_anneal_iterations = 20

[agent.memory]
size = 8
"""
NETWORKS = {"gru": [], "lstm": ["memory.kind=lstm"], "min_gru": ["memory.kind=min_gru"],
            "transformer": ["memory.kind=transformer", "memory.heads=2", "memory.context=16"],
            "hyper": ["head.kind=hypernetwork", "head.hidden=[4]"],
            "own": ["value.kind=own", "truncation=4"], "linear": ["value.kind=linear"],
            "trust-region": []}
# what the other outer loop has not
PPO_ONLY = ("minibatches", "anneal_iterations")


def words_of(network):
    words = ["train", "trpo.toml" if network == "trust-region" else "memory.toml"]
    for setting in NETWORKS[network]:
        words += ["--set", f"agent.{setting}"]
    return words


def check_network(network):
    words = words_of(network)
    short = sets(run_iterations=8)
    first = fewstep(*words, *short, *sets(run_name=network)).exits(0)
    assert "Trial return of 6 episodes" in first.out, first
    expected = metrics(f"runs/{network}"), agent_tensors(f"runs/{network}")
    for threads in (2, 8):
        name = f"{network}-t{threads}"
        fewstep(*words, *short, *sets(run_name=name, run_threads=threads)).exits(0)
        assert (metrics(f"runs/{name}"), agent_tensors(f"runs/{name}")) == expected, name

    # cut off and gone on with: the same bytes
    name = f"{network}-cut"
    fewstep(*words, *sets(run_name=name, run_iterations=5)).exits(0)
    fewstep("resume", f"runs/{name}", "--set", "run.iterations=8").exits(0)
    assert (metrics(f"runs/{name}"), agent_tensors(f"runs/{name}")) == expected, name


def check_kill():
    fewstep("train", "memory.toml").exits(0)
    expected = metrics("runs/memory"), agent_tensors("runs/memory")
    process = start("train", "memory.toml", *sets(run_name="killed", run_threads=2))
    wait_for(lambda: lines("runs/killed/metrics.jsonl") >= 6)
    process.send_signal(signal.SIGKILL)
    process.wait()
    fewstep("resume", "runs/killed").exits(0)
    assert (metrics("runs/killed"), agent_tensors("runs/killed")) == expected


def check_evaluation():
    # every episode of a trial, exploration first; longer trials than trained on; the mode
    report = fewstep("evaluate", "runs/memory", "--json").exits(0).json()
    assert report["unit"] == "episode" and len(report["curve"]) == 6, report["unit"]
    assert report["adapted_on"] == "the episodes judged" and not report["credit_within_episodes"]
    longer = fewstep("evaluate", "runs/memory", "--json", "--units", "19").exits(0).json()
    assert len(longer["curve"]) == 20 and longer["trial"]["episodes"] == 20
    # it acts the same trials first
    assert [p["returns"] for p in longer["curve"][:6]] == [p["returns"] for p in report["curve"]]
    mode = fewstep("evaluate", "runs/memory", "--json", "--deterministic").exits(0).json()
    assert mode["deterministic"] and mode["trial"]["returns"] != report["trial"]["returns"]
    text = fewstep("evaluate", "runs/memory").exits(0).out
    assert "0.5" in text and "95 %" in text, text
    fewstep("evaluate", "runs/memory", "--measure", "rllab").exits(2, "learns while it acts")
    gap = [value for line in read("runs/memory/metrics.csv").decode().splitlines()[1:]
           for name, value in zip(read("runs/memory/metrics.csv").decode().splitlines()[0].split(","),
                                  line.split(",")) if name == "log_prob_gap"]
    assert len(gap) == 30 and 0 < max(map(float, gap)) < 1e-5, gap


def check_ruler():
    words = ("ruler", "bandit-bernoulli@rl2", "--arms", "3", "--episodes", "6", "--trials", "300",
             "--agents", "greedy,gittins", "--runs", "runs/memory")
    report = fewstep(*words, "--against", "gittins", "--control-variate", "--json").exits(0).json()
    rows = {(row["agent"], row["constant"]): row for row in report["agents"]}
    mine = rows["memory", "rl2, iteration 30"]
    alone = fewstep("evaluate", "runs/memory", "--json", "--tasks", "300", "--seed",
                    "0").exits(0).json()
    # the same tasks and the same mean as the evaluation of the run, up to episodes of other seeds
    assert abs(alone["trial"]["mean_return"] - mine["mean_return"]) < 0.5
    gittins = next(row for row in report["agents"] if row["agent"] == "gittins")
    assert "mean_less_gittins" not in gittins
    assert abs(mine["mean_less_gittins"] - mine["mean_return"] + gittins["mean_return"]) < 1e-9
    shift = report["optimum"] - 6 * 3 / 4
    for row in report["agents"]:
        controlled = row["mean_with_control_variate"]
        assert abs(controlled - row["mean_return"] + shift) < 1e-9
        assert row["standard_error_with_control_variate"] < row["standard_error"]
    text = fewstep(*words, "--against", "memory", "--deterministic").exits(0).out
    assert "less memory" in text and "mode" in text, text

    # of decision processes the part of the discounted optimum, of runs as of rules
    fewstep("train", "memory.toml", "--quiet",
            *sets(run_name="mdp", run_iterations=1, family_name="tabular-mdp@rl2",
                  family_trial_episodes=2, family_arms=0)).exits(0)
    process = fewstep("ruler", "tabular-mdp@rl2", "--episodes", "2", "--trials", "50", "--agents",
                      "random", "--runs", "runs/mdp", "--json").exits(0).json()
    unit = process["discounted_optimum"]
    for row in process["agents"]:
        assert abs(row["of_discounted_optimum"] - row["mean_return"] / unit) < 1e-9, row
        assert row["of_discounted_optimum_standard_error"] > 0

    # what a user may get wrong
    fewstep(*words, "--against", "nobody").exits(2, "nobody", "--against")
    fewstep("ruler", "bandit-bernoulli@rl2", "--arms", "4", "--episodes", "6", "--trials", "10",
            "--agents", "greedy", "--runs", "runs/memory").exits(2, "another definition", "3 arms")
    fewstep("ruler", "tabular-mdp@rl2", "--trials", "10", "--agents", "random",
            "--control-variate").exits(2, "--control-variate")
    fewstep(*words[:-1], "runs/memory,runs/memory").exits(2, "two rows", "run.name")
    fewstep("ruler", "bandit-bernoulli@rl2", "--trials", "10", "--agents", "greedy", "--runs",
            "runs/none").exits(2, "runs/none")


def check_mistakes():
    def refused(*texts, **changes):
        fewstep("train", "memory.toml", *sets(run_name="no", **changes)).exits(2, *texts)
        assert not os.path.exists("runs/no")

    refused("agent.memory.heads", "heads do not share", **{"agent_memory.kind": "transformer",
                                                           "agent_memory.heads": 3})
    refused("memory.kind", "gru", **{"agent_memory.kind": "grue"})
    refused("bootstrap_at_horizon", **{"agent_bootstrap_at_horizon": "true",
                                       "agent_value.kind": "linear"})
    refused("agent.memory.size", "GB", **{"agent_memory.size": 16000, "agent_memory.layers": 60})
    # a trust region would be moved by a value function that shares the memory
    fewstep("train", "trpo.toml", *sets(run_name="no"), "--set",
            "agent.value.kind=shared").exits(2, "value.kind", "own")
    described = fewstep("describe", "rl2").exits(0).out
    for key in ("memory.kind", "head.kind", "value.kind", "credit", "truncation"):
        assert key in described, described
    assert "kl_penalty" not in described


def main():
    begin()
    with open("memory.toml", "w") as file:
        file.write(RECIPE)
    with open("trpo.toml", "w") as file:
        file.writelines(line.replace('"rl2"', '"rl2-trpo"') + "\n" for line in RECIPE.splitlines()
                        if not line.startswith(PPO_ONLY))
    for network in NETWORKS:
        check_network(network)
    check_kill()
    check_evaluation()
    check_ruler()
    check_mistakes()
    saved = tensors("runs/memory/checkpoints/checkpoint-000030.safetensors")
    for name in ("theta", "adam.first", "inputs.mean", "returns.squares", "iterations"):
        assert name in saved, sorted(saved)
    print("agents with memory repeat, resume, and stand beside the classical ones")


if __name__ == "__main__":
    main()
