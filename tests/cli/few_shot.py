"""Runs of few-shot learning: trained, interrupted, evaluated, refused."""

import json
import os
import random
import signal
import time
import xml.etree.ElementTree

from fewstep import (agent_tensors, begin, checkpoints, fewstep, lines, metrics, read, sets, start, tensors,
                     train, wait_for)

RECIPE = """[run]
name = "small"
iterations = 20
threads = 1
checkpoint_interval = 3
evaluation_interval = 10
evaluation_tasks = 30
validation_interval = 4
validation_tasks = 20

[data]
name = "glyphs"
alphabets = 10
characters = 5
drawings = 6
size = 14

[data.episodes]
ways = 3
queries = 3

[learner]
name = "{learner}"
meta_batch_size = 4
shards = 2

[learner.network]
filters = 8
strides = [2, 2, 2]
"""

FUNCTIONS = """[run]
name = "sines"
iterations = 5
evaluation_tasks = 20
evaluation_units = 2

[data]
name = "sinusoid@maml"

[learner]
name = "maml"
meta_batch_size = 4

[learner.network]
kind = "mlp"
hidden = [8]
"""


def write(text, path="small.toml"):
    with open(path, "w") as file:
        file.write(text)


def state(run):
    """Metrics, the newest checkpoint, the best one, and what was judged at the end."""
    judged = sorted(name for name in os.listdir(f"{run}/evaluations") if name.startswith("iteration"))
    return (metrics(run), agent_tensors(run), tensors(f"{run}/checkpoints/best.safetensors"),
            [read(f"{run}/evaluations/{name}") for name in judged if name.endswith(".json")])


def same(run, expected):
    for found, part in zip(state(run), expected):
        assert found == part, run


def check_best(run):
    """The first of the iterations with the best validation is the one that was kept and judged."""
    found = [json.loads(line) for line in read(f"{run}/metrics.jsonl").splitlines()]
    validated = {line["iteration"]: line["validation_accuracy"] for line in found if "validation_accuracy" in line}
    assert sorted(validated) == [4, 8, 12, 16, 20], validated
    best = max(validated, key=lambda iteration: (validated[iteration], -iteration))
    again = fewstep("evaluate", run, "--best", "--json").exits(0).json()
    assert again["iteration"] == best, (again["iteration"], validated)
    assert os.path.exists(f"{run}/evaluations/iteration-{best:06}.json"), os.listdir(f"{run}/evaluations")
    fewstep("evaluate", run, "--best", "--checkpoint", "x.safetensors").exits(2, "two checkpoints")
    # what is damaged or gone is passed over, in words
    path = f"{run}/checkpoints/best.safetensors"
    whole = read(path)
    for broken in (whole[:-9], None):
        os.remove(path)
        if broken is not None:
            with open(path, "wb") as file:
                file.write(broken)
        again = fewstep("resume", run).exits(0)
        assert "the last iteration is judged instead" in again.err, again
    with open(path, "wb") as file:
        file.write(whole)
    # other episodes of the same split: three and a half standard errors
    validation = fewstep("evaluate", run, "--best", "--split", "validation", "--json").exits(0).json()
    assert abs(validation["curve"][-1]["mean"] - validated[best]) < 0.15, (validation, validated)


def check_runs(learner, rng):
    write(RECIPE.format(learner=learner))
    train("--quiet", "--restart").exits(0)
    expected = state("runs/small")
    train("--quiet", *sets(run_name=f"{learner}-t2", run_threads=2)).exits(0)
    same(f"runs/{learner}-t2", expected)
    check_best(f"runs/{learner}-t2")

    # killed again and again, and interrupted
    run, words, kills = f"runs/{learner}-killed", ["train", "small.toml", *sets(run_name=f"{learner}-killed")], 0
    for attempt in range(6):
        process = start(*words)
        goal = lines(f"{run}/metrics.jsonl") + rng.randrange(1, 5)
        wait_for(lambda: process.poll() is not None or lines(f"{run}/metrics.jsonl") >= goal)
        time.sleep(rng.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL if attempt % 3 else signal.SIGINT)
        kills += process.wait() == -signal.SIGKILL
        words = ["resume", run]
        if not checkpoints(run):
            words = ["train", "small.toml", "--restart", *sets(run_name=f"{learner}-killed")]
    assert kills >= 2, kills
    fewstep(*words, "--quiet").exits(0)
    same(run, expected)


def check_evaluate():
    """Another split, other episodes; what is for agents that act is refused."""
    found = fewstep("evaluate", "runs/small", "--split", "validation", "--tasks", "25", "--json").exits(0).json()
    assert found["split"] == "validation" and found["episodes"] == 25, found
    assert len(found["curve"][0]["scores"]) == 25
    assert found["score"] == "accuracy" and found["norm_mode"] == "running", found
    assert set(found["other_norm_modes"]) == {"batch"}, found
    shown = fewstep("evaluate", "runs/small").exits(0)
    assert "3 ways, 1 shots and 3 queries" in shown.out and "transductive" in shown.out, shown
    fewstep("evaluate", "runs/small", "--split", "ood").exits(2, "data have no split 'ood'")
    fewstep("evaluate", "runs/small", "--deterministic").exits(2, "for agents that act")
    other = fewstep("evaluate", "runs/small", "--ways", "5", "--shots", "2", "--json").exits(0).json()
    assert other["ways"] == 5 and other["shots"] == 2, other
    fewstep("evaluate", "runs/maml-t2", "--ways", "5").exits(2, "outputs for 3 ways alone")
    fewstep("evaluate", "runs/small", "--ways", "50").exits(2, "50 ways")
    fewstep("evaluate", "runs/small", "--data", "sinusoid@maml").exits(2, "was trained on 1 x 14 x 14")
    fewstep("evaluate", "runs/small", "--data", "nothing").exits(2, "there are no data called 'nothing'")
    # the run's own data and episodes by their names are no others
    own = fewstep("evaluate", "runs/small", "--data", "glyphs", "--ways", "3").exits(0)
    assert own.out == shown.out, own
    # other keys of the same data are other data, under a name of their own
    other = fewstep("evaluate", "runs/small", "--set", "data.seed=1", "--set", "data.wobble=0.1", "--json").exits(0).json()
    assert other["data_hash"] != found["data_hash"], other
    assert any("seed=1-wobble=0.1" in name for name in os.listdir("runs/small/evaluations"))
    fewstep("evaluate", "runs/small", "--set", "data.size=20").exits(2, "was trained on 1 x 14 x 14")
    fewstep("evaluate", "runs/small", "--set", "data.sed=1").exits(2, "unknown key", "did you mean 'seed'")
    fewstep("evaluate", "runs/small", "--set", "learner.shards=1").exits(2, "no key of the data")
    fewstep("evaluate", "runs/small", "--data", "folder").exits(2, "Set data.path")
    refused = fewstep("gradient-noise", "runs/small")
    assert refused.code != 0 and "internal" not in refused.err, refused
    assert "glyphs" in fewstep("list", "runs").exits(0).out


def check_data():
    """Other data are noticed, missing and impossible ones refused before anything is written."""
    fewstep("resume", "runs/small", "--set", "data.seed=1").exits(2, "cannot change this")
    text = read("runs/small/run.toml").decode()
    write(text.replace("alphabets = 10", "alphabets = 11"), "runs/small/run.toml")
    fewstep("evaluate", "runs/small").exits(3, "data with the hash")
    write(text, "runs/small/run.toml")
    none = ["--restart", "--set", "run.name=none"]
    fewstep("train", "quickstart", "--set", "run.validation_interval=2").exits(2, "validation_interval")
    train(*none, "--set", "data.episodes.ways=11").exits(2, "11 ways, but test has 10 classes")
    train(*none, "--set", "data.episodes.shots=4").exits(2, "4 shots and 3 queries are 7 examples")
    train(*none, "--set", "learner.network.kind=mlp", "--set", "learner.network.hidden=[]").exits(2, "without layers")
    train(*none, "--set", "run.save_replay=false").exits(2, "save_replay")
    train(*none, "--set", "learner.meta_batch_size=1000000", "--set", "learner.network.filters=512").exits(
        2, "an iteration", "learner.meta_batch_size")
    write("[run]\n[data]\nname = \"omniglot\"\n[learner]\nname = \"maml\"\n", "omniglot.toml")
    fewstep("train", "omniglot.toml").exits(2, "--data-dir")
    fewstep("train", "omniglot.toml", "--data-dir", "runs").exits(2, "no Omniglot in it")
    write("[run]\n[data]\nname = \"glyphs\"\n[agent]\nname = \"maml\"\n", "mixed.toml")
    fewstep("train", "mixed.toml").exits(2, "unknown table [agent]")
    write("[run]\n[data]\nname = \"sinusoid@maml\"\n[learner]\nname = \"matching\"\n", "mixed.toml")
    fewstep("train", "mixed.toml").exits(2, "compares classes, and these data are regressed")


def check_functions():
    write(FUNCTIONS, "sines.toml")
    fewstep("train", "sines.toml", "--quiet", "--seeds", "1..2").exits(0)
    fewstep("evaluate", "runs/sines-seed1", "--ways", "3").exits(2, "what is regressed has no ways")
    found = fewstep("evaluate", "runs/sines-seed1", "--units", "3", "--json").exits(0).json()
    assert found["score"] == "error" and len(found["curve"]) == 4 and "ways" not in found, found
    # a plot a function: the truth, and fits before, after one unit and after the last
    for name, paths in (("iteration-000005", 4), ("iteration-000005-units3", 4)):
        svg = read(f"runs/sines-seed1/evaluations/{name}-fits.svg").decode()
        root = xml.etree.ElementTree.fromstring(svg)
        assert root.tag.endswith("svg") and svg.count("amplitude") == 12 and svg.count("<path") == 6 * paths, svg
    shown = fewstep("evaluate", "runs/sines-seed1").exits(0)
    assert "iteration-000005-fits.svg" in shown.out, shown
    assert fewstep("evaluate", "runs/sines-seed1", "--threads", "2", "--units", "3").exits(0)
    assert read("runs/sines-seed1/evaluations/iteration-000005-units3-fits.svg").decode() == svg


TABLE = """[run]
name = "rows"
iterations = 300
evaluation_tasks = 20

[data]
name = "table"
path = "rows.csv"
label = "user"
targets = "y"
test_classes = 10

[data.episodes]
shots = 6
queries = 8

[learner]
name = "maml"
meta_batch_size = 8
inner_learning_rate = 0.05
inner_steps = 3

[learner.network]
kind = "mlp"
hidden = [24]
"""


def check_rows():
    """Rows of a table to regress: every user has a line of their own."""
    rng = random.Random(1)
    rows = ["x,user,y"]
    for user in range(40):
        slope = rng.choice((-1, 1)) * rng.uniform(1, 2)
        rows += [f"{x:.4f},u{user},{slope * x:.4f}" for x in (rng.uniform(-2, 2) for _ in range(16))]
    write("\n".join(rows) + "\n", "rows.csv")
    write(TABLE, "rows.toml")
    fewstep("train", "rows.toml", "--quiet", "--data-dir", ".").exits(0)
    shown = fewstep("evaluate", "runs/rows", "--data-dir", ".", "--json").exits(0).json()
    before, after = shown["curve"][0]["mean"], shown["curve"][-1]["mean"]
    assert shown["score"] == "error" and "ways" not in shown and after < 0.3 * before, (before, after)
    # pictures of it: points and fits, no truth between them
    svg = read("runs/rows/evaluations/iteration-000300-fits.svg").decode()
    assert "8 queries" in svg and "6 points" in svg and "truth" not in svg and ": u" in svg, svg
    fewstep("train", "rows.toml", "--restart", "--data-dir", ".", "--set", "data.episodes.shots=9").exits(
        2, "9 shots and 8 queries are 17 examples of a class", "has 16")
    fewstep("train", "rows.toml", "--restart", "--data-dir", ".", "--set", "data.targets=z").exits(2, "no column 'z'")
    fewstep("train", "rows.toml", "--restart", "--data-dir", ".", "--set", "learner.name=prototypical").exits(2)


def check_compare():
    """Learners side by side: more accuracy is better, and less error."""
    write(FUNCTIONS.replace("meta_batch_size = 4", "meta_batch_size = 4\ninner_learning_rate = 0.5"), "wilder.toml")
    fewstep("train", "wilder.toml", "--quiet", "--seeds", "1..2", *sets(run_name="wilder")).exits(0)
    for name in ("maml", "small"):
        judged = fewstep("evaluate", f"runs/{name}-t2" if name == "maml" else "runs/small", "--json", "--units", "1")
        write(judged.exits(0).out, f"runs/{name}.json")
    found = fewstep("compare", "runs/sines-seeds.json", "runs/wilder-seeds.json", "--json").exits(0).json()
    assert found["compared"] == "error" and found["unit"] == 2, found
    pair = found["pairs"][0]
    assert pair["difference"] == found["recipes"][0]["curve"][2]["mean"] - found["recipes"][1]["curve"][2]["mean"]
    shown = fewstep("compare", "runs/sines-seeds.json", "runs/wilder-seeds.json").exits(0).out
    assert "mean error on the same 20 test episodes" in shown and "10 shots, 10 queries" not in shown, shown
    better = "sines" if pair["difference"] < 0 else "wilder"
    assert f"{better} is better" in shown or "cannot be told apart" in shown, shown
    # one run each: nothing can be told, but the scores and how they were normalised are shown
    one = fewstep("compare", "runs/maml.json", "runs/small.json").exits(0).out
    assert "accuracy" in one and "statistics" in one and "running" in one and "batch" in one, one
    # several runs have every mode, too
    write(RECIPE.format(learner="maml"))
    train("--quiet", "--seeds", "1..2", *sets(run_name="several", run_iterations=2, run_validation_interval=0)).exits(0)
    several = json.loads(read("runs/several-seeds.json"))
    assert set(several["other_norm_modes"]) == {"support", "running", "per-step"}, several["other_norm_modes"].keys()
    alone = [json.loads(read(f"runs/several-seed{seed}/evaluations/iteration-000002.json")) for seed in (1, 2)]
    for mode, points in several["other_norm_modes"].items():
        mean = sum(run["other_norm_modes"][mode][-1]["mean"] for run in alone) / 2
        assert abs(points[-1]["mean"] - mean) < 1e-9 and points[-1]["low"] < mean < points[-1]["high"], (mode, points)
    assert "With support statistics (inductive)" in read("runs/several-seeds.md").decode()
    fewstep("compare", "runs/sines-seeds.json", "runs/small.json").exits(2, "not judged on the same tasks")
    write("{}", "empty.json")
    fewstep("compare", "empty.json").exits(3, "not an evaluation")


def check_pretrained():
    """The weights of another run are read when a run begins, and never again."""
    pretrained = "runs/maml-t2/checkpoints/best.safetensors"
    train("--quiet", "--restart", *sets(run_name="taken"), "--set", f"learner.network.weights={pretrained}").exits(0)
    os.rename(pretrained, pretrained + ".away")
    fewstep("evaluate", "runs/taken").exits(0)
    fewstep("resume", "runs/taken", "--quiet", *sets(run_iterations=21)).exits(0)
    train("--quiet", "--restart", *sets(run_name="taken"), "--set", f"learner.network.weights={pretrained}").exits(
        3, "best.safetensors")
    os.rename(pretrained + ".away", pretrained)


def check_untrained():
    """A baseline that is not trained is saved and judged as it is."""
    for learner in ("nearest", "scratch"):
        write(RECIPE.format(learner=learner).replace("meta_batch_size = 4\nshards = 2\n", "")
              .replace("validation_interval = 4\nvalidation_tasks = 20\n", "").split("[learner.network]")[0], "base.toml")
        run = ["train", "base.toml", "--quiet", "--restart", *sets(run_name=learner)]
        fewstep(*run).exits(2, "iterations")
        fewstep(*run, *sets(run_iterations=0)).exits(0)
        found = fewstep("evaluate", f"runs/{learner}", "--json").exits(0).json()
        assert found["curve"][-1]["mean"] > 0.3, found


def check_pretexts():
    """What is learned before anything adapts is called by its name."""
    text = RECIPE.format(learner="autoencoder").replace("meta_batch_size = 4\nshards = 2\n", "batch_size = 10\n")
    write(text, "pretext.toml")
    for learner, column in (("autoencoder", "loss"), ("transfer", "base_accuracy")):
        run = f"runs/{learner}"
        shown = fewstep("train", "pretext.toml", "--restart", *sets(run_name=learner, learner_name=learner)).exits(0)
        assert column.split("_")[-1] in shown.err and "examples/s" in shown.err, shown
        first = json.loads(read(f"{run}/metrics.jsonl").splitlines()[0])
        assert first["examples"] == 20 and column in first, first
        assert "examples_per_second" in json.loads(read(f"{run}/timing.jsonl").splitlines()[0])
        svg = read(f"{run}/evaluations/learning.svg").decode()
        assert "training examples" in svg and "after adaptation" not in svg, svg


def check_texts():
    for name in ("omniglot", "glyphs", "sinusoid@maml", "maml", "prototypical"):
        assert "name" in fewstep("describe", name).exits(0).out
    # an agent and a learner
    assert "[learner]" in fewstep("describe", "anil").exits(0).out
    both = fewstep("describe", "anil", "--json").exits(0).json()
    assert both["table"] == "agent" and [other["table"] for other in both["also"]] == ["learner"], both
    assert "omniglot" in fewstep("list", "data").exits(0).out
    assert "matching" in fewstep("list", "learners").exits(0).out


def main():
    begin()
    rng = random.Random(1)
    for learner in ("maml", "prototypical"):
        check_runs(learner, rng)
    check_evaluate()
    check_data()
    check_functions()
    check_rows()
    check_compare()
    check_pretrained()
    check_untrained()
    check_pretexts()
    check_texts()
    print("runs of few-shot learning end as uninterrupted ones do")


if __name__ == "__main__":
    main()
