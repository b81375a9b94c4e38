"""A run of an earlier version opens, is evaluated and goes on."""

import json
import os
import shutil
import sys

from fewstep import begin, checkpoints, fewstep, read

STORED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "samples", "earlier_run")


def returns(curve):
    return [point["mean_return"] for point in curve["curve"]]


def near(ours, stored):
    # other processors round otherwise
    return all(abs(a - b) < 1e-3 * abs(b) for a, b in zip(ours, stored, strict=True))


def check_evaluation():
    stored = json.loads(read("runs/earlier/evaluations/iteration-000004.json"))
    curve = fewstep("evaluate", "runs/earlier", "--json").exits(0).json()
    for fact in ("family_hash", "agent", "iteration", "task_values", "unit", "bootstrap_at_horizon"):
        assert curve[fact] == stored[fact], fact
    assert near(returns(curve), returns(stored)), (returns(curve), returns(stored))
    fewstep("evaluate", "runs/earlier/checkpoints/checkpoint-000002.safetensors").exits(0)
    fewstep("gradient-noise", "runs/earlier", "--rounds", "3", "--quiet").exits(0)


def check_resume():
    before = read("runs/earlier/metrics.jsonl"), read("runs/earlier/metrics.csv")
    fewstep("resume", "runs/earlier", "--set", "run.iterations=6", "--quiet").exits(0)
    after = read("runs/earlier/metrics.jsonl"), read("runs/earlier/metrics.csv")
    for earlier, later in zip(before, after):
        assert later.startswith(earlier)
        assert len(later.splitlines()) == len(earlier.splitlines()) + 2
    columns = [line.count(b",") for line in after[1].splitlines()]
    assert len(set(columns)) == 1, columns
    assert checkpoints("runs/earlier")[-1] == "checkpoint-000006.safetensors"
    # and once more, with what the newer version has written
    fewstep("resume", "runs/earlier", "--set", "run.iterations=7", "--quiet").exits(0)


def main():
    begin()
    shutil.copytree(STORED, "runs/earlier")
    check_evaluation()
    check_resume()
    print("a run of an earlier version goes on")


if __name__ == "__main__":
    sys.exit(main())
