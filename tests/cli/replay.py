"""Runs of agents with a replay: interrupted, with checkpoints that hold it and such that do not."""

import random
import re
import shutil
import signal
import time

from fewstep import (agent_tensors, begin, checkpoints, damage, fewstep, lines, metrics, sets, start, tensors,
                     train, wait_for)

RECIPE = """[run]
name = "small"
iterations = 30
threads = 1
checkpoint_interval = 2
replay_interval = 7
evaluation_tasks = 3
evaluation_units = 2
evaluation_deterministic = true

[family]
name = "sparse-point-robot@pearl"

[agent]
name = "pearl"
tasks = 6
initial_episodes = 3
collect_tasks = 2
episodes = 1
posterior_episodes = 1
extra_episodes = 1
updates_per_collection = 9
updates_per_iteration = 3
meta_batch_size = 4
batch_size = 8
replay_size = 90
hidden = [8]
context = {transitions = 9, clear = false}
encoder = {hidden = [8], latent_size = 2}
"""


def with_replay(run):
    """Numbers of the checkpoints that hold the replay, and of those that do not."""
    found = {True: [], False: []}
    for name in checkpoints(run):
        found["replay.rows" in tensors(f"{run}/checkpoints/{name}")].append(int(re.findall("[0-9]+", name)[0]))
    return found[True], found[False]


def same(run, expected):
    assert metrics(run) == expected[0], run
    assert agent_tensors(run) == expected[1], run


def check_intervals(expected):
    # every seventh iteration and the last hold the replay, beside the newest of all
    assert with_replay("runs/small") == ([21, 28, 30], [26]), with_replay("runs/small")
    for threads in (2, 4):
        train("--quiet", *sets(run_name=f"t{threads}", run_threads=threads)).exits(0)
        same(f"runs/t{threads}", expected)


def check_kills(expected, rng):
    words = ["train", "small.toml", *sets(run_name="killed")]
    log, kills, without = "runs/killed/metrics.jsonl", 0, 0
    for attempt in range(10):
        process = start(*words)
        goal = lines(log) + rng.randrange(1, 4)
        wait_for(lambda: process.poll() is not None or lines(log) >= goal)
        time.sleep(rng.uniform(0, 0.01))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        words = ["resume", "runs/killed"]
        held, bare = with_replay("runs/killed")
        without += bool(bare) and (not held or bare[-1] > held[-1])
        if not held and bare:
            # nothing to go on from yet: the run says so and stays as it is
            fewstep(*words).exits(3, "holds the replay", "run.save_replay=false")
            words = ["train", "small.toml", "--restart", *sets(run_name="killed")]
    held, bare = with_replay("runs/killed")
    resumed = fewstep(*words).exits(0)
    if bare and bare[-1] > held[-1]:
        assert f"iterations {held[-1] + 1} to {bare[-1]} are repeated" in resumed.err, resumed
    assert kills >= 5, kills
    assert without >= 1, "no kill came when a newer checkpoint was without the replay"
    same("runs/killed", expected)


def check_signal(expected):
    process = start("train", "small.toml", *sets(run_name="int"))
    wait_for(lambda: lines("runs/int/metrics.jsonl") >= 4)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    done = lines("runs/int/metrics.jsonl")
    assert with_replay("runs/int")[0][-1] == done
    fewstep("resume", "runs/int", "--quiet").exits(0)
    same("runs/int", expected)


def check_damage(expected):
    shutil.copytree("runs/small", "runs/damaged")
    damage("runs/damaged/checkpoints/checkpoint-000030.safetensors", "replay.rows")
    # judged is the agent, which is whole
    fewstep("evaluate", "runs/damaged").exits(0, "replay.rows", "checkpoint-000030")
    fewstep("evaluate", "runs/damaged/checkpoints/checkpoint-000030.safetensors").exits(0, "checkpoint-000030")
    # the one before it is whole, and the run arrives at the same
    fewstep("resume", "runs/damaged").exits(0, "checkpoint-000030", "replay.rows", "after iteration 28")
    same("runs/damaged", expected)
    for number in (21, 28, 30):
        damage(f"runs/damaged/checkpoints/checkpoint-0000{number}.safetensors", "replay.context.episodes")
    fewstep("resume", "runs/damaged").exits(3, "replay.context.episodes", "holds the replay")
    # without it, it goes on from the newest agent
    fewstep("resume", "runs/damaged", "--set", "run.save_replay=false", "--set", "run.iterations=31").exits(
        0, "replay.context.episodes", "after iteration 30", "anew")


def check_without():
    """Checkpoints without the replay: a resumed run says that it fills it anew."""
    train("--quiet", *sets(run_name="without", run_save_replay="false", run_iterations=8)).exits(0)
    assert with_replay("runs/without")[0] == []
    fewstep("evaluate", "runs/without", "--quiet").exits(0)
    resumed = fewstep("resume", "runs/without", "--set", "run.iterations=10").exits(0, "holds no replay", "anew")
    assert "internal" not in resumed.err
    # and one that is to keep it from now on
    fewstep("resume", "runs/without", "--set", "run.save_replay=true", "--set", "run.iterations=14").exits(
        0, "after iteration 10 of 14", "holds no replay", "anew")
    assert with_replay("runs/without")[0] == [14]


def check_sizes():
    huge = train(*sets(agent_replay_size=10 ** 11, run_name="huge")).exits(2, "the replay", "agent.replay_size")
    assert re.search(r"[0-9.]+ (GB|TB|GiB|TiB)", huge.err), huge.err
    train(*sets(agent_replay_size=30, run_name="tiny")).exits(2, "agent.replay_size", "extra episodes", "at least 40")
    told = train("--restart", *sets(run_name="told", run_iterations=1)).exits(0, "a replay of")
    assert "MB" in told.err
    fewstep("describe", "pearl").exits(0)


def main():
    begin()
    with open("small.toml", "w") as file:
        file.write(RECIPE)
    train("--quiet").exits(0)
    expected = metrics("runs/small"), agent_tensors("runs/small")
    check_intervals(expected)
    check_kills(expected, random.Random(1))
    check_signal(expected)
    check_damage(expected)
    check_without()
    check_sizes()
    print("runs with a replay end as uninterrupted ones do")


if __name__ == "__main__":
    main()
