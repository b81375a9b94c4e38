"""Interrupted runs: signals, kill -9, threads, damaged checkpoints, changed recipes."""

import os
import random
import re
import shutil
import signal
import time

from fewstep import (agent_tensors, begin, checkpoints, damage, fewstep, lines, metrics, read, sets,
                     start, train, wait_for)

LONG = sets(run_iterations=40, run_checkpoint_interval=3, run_evaluation_interval=10)


def check_threads_and_seed(expected):
    for threads in (2, 4):
        train(*LONG, *sets(run_name=f"t{threads}", run_threads=threads)).exits(0)
        assert metrics(f"runs/t{threads}") == expected[0], threads
        assert agent_tensors(f"runs/t{threads}") == expected[1], threads
    train(*LONG, *sets(run_name="other", run_seed=2)).exits(0)
    assert metrics("runs/other") != expected[0]


def check_signals(expected, rng):
    for name, number, code in (("int", signal.SIGINT, 130), ("term", signal.SIGTERM, 143),
                               ("hup", signal.SIGHUP, 129)):
        run = f"runs/{name}"
        process = start("train", "small.toml", *LONG, *sets(run_name=name))
        wait_for(lambda: lines(f"{run}/metrics.jsonl") >= rng.randrange(2, 12))
        process.send_signal(number)
        assert process.wait(60) == code, (name, process.returncode)
        # the last iteration that was logged is the one that was saved
        done = lines(f"{run}/metrics.jsonl")
        assert done < 40, "the run was over before the signal"
        assert checkpoints(run)[-1] == f"checkpoint-{done:06}.safetensors"
        fewstep("resume", run, "--quiet").exits(0)
        assert metrics(run) == expected[0], name
        assert agent_tensors(run) == expected[1], name


def check_kills(expected, rng):
    words = ["train", "small.toml", *LONG, *sets(run_name="killed")]
    log = "runs/killed/metrics.jsonl"
    kills = 0
    for attempt in range(12):
        # half of them while it starts, half of them a few iterations further on: a fast machine must not be
        # through before the last kill
        process = start(*words)
        if attempt % 2:
            goal = lines(log) + rng.randrange(1, 4)
            wait_for(lambda: process.poll() is not None or lines(log) >= goal)
        time.sleep(rng.uniform(0, 0.01 if attempt % 2 else 0.1))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        # a run that has its recipe can be resumed, and until then the same command starts it
        if os.path.exists("runs/killed/run.toml"):
            words = ["resume", "runs/killed"]
    fewstep(*words).exits(0)
    assert kills >= 6, kills
    assert metrics("runs/killed") == expected[0]
    assert agent_tensors("runs/killed") == expected[1]
    leftovers = [name for name in os.listdir("runs/killed/checkpoints") if ".tmp." in name]
    assert not leftovers, leftovers


def check_damage(expected):
    shutil.copytree("runs/small", "runs/damaged")
    newest, before = reversed(checkpoints("runs/damaged")[-2:])
    damage(f"runs/damaged/checkpoints/{newest}", "theta")
    evaluated = fewstep("evaluate", "runs/damaged").exits(0, newest, "theta", "warning")
    iteration = int(re.findall("[0-9]+", before)[0])
    assert f"iteration {iteration}\n" in evaluated.out, evaluated
    fewstep("evaluate", f"runs/damaged/checkpoints/{newest}").exits(3, "theta")
    fewstep("resume", "runs/damaged").exits(0, newest, "theta")
    assert metrics("runs/damaged") == expected[0]
    assert agent_tensors("runs/damaged") == expected[1]

    # nothing readable is left
    for name in checkpoints("runs/damaged"):
        damage(f"runs/damaged/checkpoints/{name}", "theta")
    logs = metrics("runs/damaged")
    fewstep("resume", "runs/damaged").exits(3, "none of the", "theta")
    assert metrics("runs/damaged") == logs

    # a log that was cut after the checkpoint was saved
    shutil.copytree("runs/small", "runs/cut")
    with open("runs/cut/metrics.jsonl", "r+b") as file:
        file.truncate(100)
    fewstep("resume", "runs/cut").exits(3, "metrics.jsonl")

    # a checkpoint under another one's name
    shutil.copytree("runs/small", "runs/renamed")
    os.rename(f"runs/renamed/checkpoints/{newest}",
              "runs/renamed/checkpoints/checkpoint-000099.safetensors")
    fewstep("resume", "runs/renamed").exits(3, "different iterations")


def edit(path, old, new):
    text = read(path).decode()
    assert old in text
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def check_changes():
    train(*sets(run_name="c")).exits(0)
    run, before = "runs/c", metrics("runs/c")

    # a finished run: evaluated again, nothing else
    fewstep("resume", run).exits(0, "after iteration 6 of 6")
    assert metrics(run) == before

    # longer, and the change stays
    train(*sets(run_name="longer", run_iterations=9)).exits(0)
    fewstep("resume", run, "--set", "run.iterations=9").exits(0, "changed: run.iterations=9")
    fewstep("resume", run).exits(0, "after iteration 9 of 9")
    assert metrics(run) == metrics("runs/longer")
    assert fewstep("list", "runs", "--json").json()["runs"][0]["checkpoint"] == "9 of 9"

    # what would be another run
    fewstep("resume", run, "--set", "agent.clip=0.2").exits(2, "agent.clip", "start a new run")
    fewstep("resume", run, "--set", "run.seed=2").exits(2, "run.seed")
    fewstep("resume", run, "--set", "run.iterations=3").exits(2, "9 iterations are done")
    fewstep("resume", run, "--set", "run.iterations=x").exits(2, "run.iterations", "integer")
    toml = f"{run}/run.toml"
    edit(toml, "clip = 0.3", "clip = 0.2")
    fewstep("resume", run).exits(2, "agent.clip", "run.toml")
    edit(toml, "clip = 0.2", "clip = 0.3")
    edit(toml, "horizon = 20", "horizon = 21")
    fewstep("resume", run).exits(3, "definition")
    fewstep("evaluate", run).exits(3, "definition")
    edit(toml, "horizon = 21", "horizon = 20")
    fewstep("resume", run).exits(0)
    assert metrics(run) == metrics("runs/longer")

    # folders that are no run, or have no checkpoint yet
    fewstep("resume", "runs").exits(2, "run.toml")
    fewstep("resume", "runs/none").exits(2, "run.toml")
    shutil.copytree(run, "runs/young")
    shutil.rmtree("runs/young/checkpoints")
    fewstep("evaluate", "runs/young").exits(3, "no checkpoint")
    fewstep("resume", "runs/young").exits(0, "no checkpoint yet")
    assert metrics("runs/young") == metrics("runs/longer")


def check_lock():
    process = start("train", "small.toml", *sets(run_name="busy", run_iterations=100000))
    wait_for(lambda: lines("runs/busy/metrics.jsonl") > 0)
    fewstep("resume", "runs/busy").exits(1, "another process")
    train("--restart", *sets(run_name="busy")).exits(1, "another process")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143
    assert not os.path.exists("runs/busy.1")


def main():
    begin()
    rng = random.Random(1)
    train(*LONG, "--quiet").exits(0)
    expected = metrics("runs/small"), agent_tensors("runs/small")
    assert lines("runs/small/metrics.jsonl") == 40 and lines("runs/small/metrics.csv") == 41
    assert len(checkpoints("runs/small")) >= 2
    check_threads_and_seed(expected)
    check_signals(expected, rng)
    check_kills(expected, rng)
    check_damage(expected)
    check_changes()
    check_lock()
    print("interrupted runs end as uninterrupted ones do")


if __name__ == "__main__":
    main()
