"""What a run leaves: files, several seeds, a directory that is taken, progress, evaluations."""

import csv
import glob
import json
import os
import re
import shutil
import struct

from fewstep import (agent_tensors, begin, checkpoints, fewstep, metrics, on_terminal, read, sets,
                     train, tree)


def check_files():
    result = train().exits(0)
    run = "runs/small"
    assert set(os.listdir(run)) == {"run.toml", "build.json", "metrics.jsonl", "metrics.csv",
                                    "timing.jsonl", "tensorboard", "checkpoints", "evaluations"}
    # progress in plain lines on stderr, the result alone on stdout
    assert "iteration 6/6 100%" in result.err and "\x1b" not in result.err + result.out
    assert "iteration 6/6" not in result.out and "mean return" in result.out

    build = json.loads(read(f"{run}/build.json"))
    for fact in ("fewstep", "revision", "mujoco", "libtorch", "compiler", "cpu", "memory_mb",
                 "family_hash", "command", "device", "threads"):
        assert build[fact] not in ("", None), fact

    # the two tables hold the same numbers, clock values stand apart
    rows = [json.loads(line) for line in read(f"{run}/metrics.jsonl").splitlines()]
    assert [row["iteration"] for row in rows] == list(range(1, 7))
    with open(f"{run}/metrics.csv", newline="") as file:
        table = list(csv.DictReader(file))
    for row, cells in zip(rows, table, strict=True):
        given = {name: float(cell) for name, cell in cells.items() if cell != ""}
        assert given == row
    assert "evaluation_return_1" in rows[2] and "evaluation_return_1" not in rows[1]
    assert not any("second" in name for name in rows[0])
    timing = [json.loads(line) for line in read(f"{run}/timing.jsonl").splitlines()]
    assert len(timing) == 6 and timing[0]["seconds"] > 0

    # the resolved recipe alone gives the same run
    fewstep("train", f"{run}/run.toml", "--set", "run.name=again").exits(0)
    assert metrics("runs/again") == metrics(run)
    assert agent_tensors("runs/again") == agent_tensors(run)
    assert checkpoints(run) == [f"checkpoint-{i:06}.safetensors" for i in (2, 4, 6)]
    train(*sets(run_name="two", run_keep_checkpoints=2)).exits(0)
    assert len(checkpoints("runs/two")) == 2
    train(*sets(run_keep_checkpoints=1)).exits(2, "keep_checkpoints", "2 to")
    return rows


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Field number -> values of one protocol buffer."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = {1: 8, 5: 4}[key & 7]
            value, at = data[at:at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def check_tensorboard(rows):
    shown = {}
    for path in sorted(glob.glob("runs/small/tensorboard/*")):
        data, at = read(path), 0
        while at < len(data):
            size, = struct.unpack_from("<Q", data, at)
            event = fields(data[at + 12:at + 12 + size])
            at += 12 + size + 4
            for summary in event.get(5, []):
                for value in fields(summary)[1]:
                    value = fields(value)
                    shown[event[2][0], value[1][0].decode()] = struct.unpack("<f", value[2][0])[0]
    for row in rows:
        for name, value in row.items():
            if name != "iteration":
                single, = struct.unpack("<f", struct.pack("<f", value))
                assert shown.pop((row["iteration"], name)) == single, name
    assert not shown, shown


def check_existing():
    before = tree("runs/small")
    train().exits(2, "exists already", "fewstep resume", "--restart")
    train("--resume", *sets(agent_clip=0.2)).exits(2, "agent.clip", "start a new run")
    train("--resume", "--restart").exits(2)
    assert tree("runs/small") == before

    # what is refused moves nothing away
    train("--restart", *sets(agent_episodes=100000, agent_meta_batch_size=100000)).exits(2)
    assert tree("runs/small") == before and not os.path.exists("runs/small.1")

    train("--restart", *sets(run_seed=5)).exits(0, "kept as runs/small.1")
    assert tree("runs/small.1") == before and metrics("runs/small") != metrics("runs/small.1")
    train("--restart").exits(0, "kept as runs/small.2")
    assert metrics("runs/small") == metrics("runs/small.1")
    train("--resume", *sets(run_iterations=7)).exits(0, "after iteration 6 of 7")

    # a folder without a recipe is not overwritten either
    os.makedirs("runs/mine")
    with open("runs/mine/metrics.jsonl", "w") as file:
        file.write("precious\n")
    train(*sets(run_name="mine")).exits(2, "exists already")
    train("--resume", *sets(run_name="mine")).exits(2, "run.toml")
    assert tree("runs/mine") == {"metrics.jsonl": b"precious\n"}
    with open("runs/file", "w"):
        pass
    train(*sets(run_name="file")).exits(1, "runs/file")


def train_on_terminal(answer, *words):
    return on_terminal(["train", "small.toml", *words], 100, answer)


def check_terminal():
    code, shown = train_on_terminal(None, *sets(run_name="tty"))
    assert code == 0 and "\r\x1b[K" in shown and "iteration 6/6" in shown, shown
    before = tree("runs/tty")
    for answer in (b"q\n", b"\n", b"\x04"):
        code, shown = train_on_terminal(answer, *sets(run_name="tty"))
        assert code == 2 and "[r]esume" in shown and "left as it was" in shown, (code, shown)
        assert tree("runs/tty") == before
    code, shown = train_on_terminal(b"r\n", *sets(run_name="tty", run_iterations=8))
    assert code == 0 and "after iteration 6 of 8" in shown, shown
    code, shown = train_on_terminal(b"s\n", *sets(run_name="tty"))
    assert code == 0 and "kept as runs/tty.1" in shown, shown
    assert metrics("runs/tty") == metrics("runs/small.1")


def check_seeds():
    result = train("--seeds", "1..3", "--json", *sets(run_name="s")).exits(0)
    report = result.json()
    assert report["runs"] == [f"runs/s-seed{seed}" for seed in (1, 2, 3)]
    assert json.loads(read("runs/s-seeds.json")) == report
    assert metrics("runs/s-seed1") == metrics("runs/small.1")
    evaluations = [json.loads(read(f"runs/s-seed{seed}/evaluations/iteration-000006.json"))
                   for seed in (1, 2, 3)]
    # the same tasks for all seeds, other episodes
    assert evaluations[0]["task_values"] == evaluations[1]["task_values"]
    assert evaluations[0]["seed"] != evaluations[1]["seed"]
    for unit, point in enumerate(report["curve"]):
        means = [saved["curve"][unit]["mean_return"] for saved in evaluations]
        assert max(abs(a - b) for a, b in zip(point["run_means"], means)) < 1e-9, point
        # t interval of three values: 4.3027 standard errors
        mean = sum(means) / 3
        error = (sum((x - mean) ** 2 for x in means) / 2 / 3) ** 0.5
        assert abs(point["mean"] - mean) < 1e-9
        assert abs(point["high"] - mean - 4.302652730 * error) < 1e-6, point
        assert abs(mean - point["low"] - 4.302652730 * error) < 1e-6, point
        # nine scores: a quarter is cut off at each end, as scipy.stats.trim_mean does
        scores = [x for saved in evaluations for x in saved["curve"][unit]["returns"]]
        assert abs(point["iqm"] - sum(sorted(scores)[2:7]) / 5) < 1e-9, point
        assert point["iqm_low"] < point["iqm"] < point["iqm_high"]
    # nothing starts when one of them exists
    train("--seeds", "3,4", *sets(run_name="s")).exits(2, "s-seed3", "exists already")
    assert not os.path.exists("runs/s-seed4")
    again = train("--seeds", "1..3", "--resume", "--json", *sets(run_name="s")).exits(0)
    assert again.json() == report
    for text in ("3..1", "a", "1,1", "1..", "-1", "1,,2", "1..99999", "1.5"):
        train("--seeds", text, *sets(run_name="n")).exits(2, "--seeds")
    train("--seeds", "9000000000000000", *sets(run_name="n")).exits(2, "run.seed")
    assert not glob.glob("runs/n*")
    check_comparison(report)


def check_comparison(report):
    # the same recipe with another rate, and with other tasks
    train("--seeds", "1,2", *sets(run_name="t", agent_inner_learning_rate=0.3)).exits(0)
    train("--seeds", "1,2", *sets(run_name="u", run_evaluation_seed=5)).exits(0)
    both = ["runs/s-seeds.json", "runs/t-seeds.json"]
    comparison = fewstep("compare", *both, "--json").exits(0).json()
    other = json.loads(read(both[1]))
    pair, = comparison["pairs"]
    assert (pair["first"], pair["second"]) == ("s", "t")
    difference = report["curve"][1]["mean"] - other["curve"][1]["mean"]
    assert abs(pair["difference"] - difference) < 1e-9
    assert pair["low"] < pair["difference"] < pair["high"]
    assert pair["separated"] == (pair["low"] > 0 or pair["high"] < 0)
    text = fewstep("compare", *both, "--unit", "0").exits(0).out
    assert "s - t" in text and ("cannot be told apart" in text or "is better" in text), text
    assert fewstep("compare", *both, "--markdown").exits(0).out.count("| --") >= 2
    # the same from the evaluations of single runs
    os.makedirs("runs/figures", exist_ok=True)
    files = []
    for name, seeds in (("s", (1, 2, 3)), ("t", (1, 2))):
        for seed in seeds:
            files.append(f"runs/figures/{name}-seed{seed}.json")
            shutil.copy(f"runs/{name}-seed{seed}/evaluations/iteration-000006.json", files[-1])
    assert fewstep("compare", *files, "--json").exits(0).json() == comparison
    fewstep("evaluate", "runs/s-seed1", "--deterministic").exits(0)
    shutil.copy("runs/s-seed1/evaluations/iteration-000006-deterministic.json",
                "runs/figures/s-seed9.json")
    fewstep("compare", *files, "runs/figures/s-seed9.json").exits(3, "evaluated otherwise")
    fewstep("compare", *files, files[0]).exits(3, "given twice")
    bad = json.loads(open(files[0]).read()) | {"split": "tset"}
    with open("runs/figures/bad-seed1.json", "w") as file:
        json.dump(bad, file)
    fewstep("compare", *files, "runs/figures/bad-seed1.json").exits(
        3, "runs/figures/bad-seed1.json", "'tset' is no split", "train, test, ood")
    fewstep("compare", "runs/s-seed1/evaluations/iteration-000006.json",
            "runs/s-seed2/evaluations/iteration-000006.json").exits(3, "different names")
    # of another horizon, under the same name of a family
    train("--seeds", "1,2", *sets(run_name="h", family_horizon=5)).exits(0)
    fewstep("compare", both[0], "runs/h-seeds.json").exits(2, "same tasks")
    fewstep("compare", both[0], "runs/u-seeds.json").exits(2, "same tasks", "run.evaluation_seed")
    fewstep("compare", "runs/none-seeds.json").exits(3, "runs/none-seeds.json")
    fewstep("compare", "runs/s-seed1/run.toml").exits(3, "not an evaluation")


def check_evaluate():
    run = "runs/small.1"
    saved = json.loads(read(f"{run}/evaluations/iteration-000006.json"))
    # the same numbers as at the end of training, at any number of threads
    for threads in ("1", "2"):
        assert fewstep("evaluate", run, "--threads", threads, "--json").exits(0).json() == saved
    curve = fewstep("evaluate", f"{run}/checkpoints/checkpoint-000002.safetensors", "--units", "2",
                    "--tasks", "5", "--json").exits(0).json()
    assert curve["iteration"] == 2 and len(curve["curve"]) == 3
    assert curve["bootstrap_at_horizon"] is False
    assert len(curve["curve"][0]["returns"]) == 5
    assert json.loads(
        read(f"{run}/evaluations/iteration-000002-tasks5-units2.json")) == curve
    # the mode is for judging: the agent adapts on sampled episodes as ever
    mode = fewstep("evaluate", run, "--deterministic", "--json").exits(0).json()
    assert mode["deterministic"] and mode["adapted_on"] == "sampled episodes"
    assert mode["curve"][1]["returns"] != mode["curve"][0]["returns"]
    assert json.loads(read(f"{run}/evaluations/iteration-000006-deterministic.json")) == mode
    assert json.loads(read(f"{run}/evaluations/iteration-000006.json")) == saved
    rule = fewstep("evaluate", run, "--measure", "rllab", "--json").exits(0).json()
    assert rule["measure"] == "rllab" and saved["measure"] == "episodes"
    assert os.path.exists(f"{run}/evaluations/iteration-000006-rllab.json")
    fewstep("evaluate", run, "--measure", "median").exits(2, "median")
    # what the recipe's numbers stand for is no other evaluation; another run's checkpoint is
    before = set(os.listdir(f"{run}/evaluations"))
    fewstep("evaluate", run, "--units", str(len(saved["curve"]) - 1)).exits(0)
    assert set(os.listdir(f"{run}/evaluations")) == before
    fewstep("evaluate", run, "--checkpoint",
            glob.glob("runs/s-seed2/checkpoints/*.safetensors")[0]).exits(2, "no checkpoint of")
    text = fewstep("evaluate", run).exits(0).out
    for unit, point in enumerate(saved["curve"]):
        assert re.search(rf"^ +{unit} +{point['mean_return']:.1f} ", text, re.M), text
    fewstep("evaluate", run, "--split", "train").exits(0)
    assert os.path.exists(f"{run}/evaluations/iteration-000006-train.svg")
    fewstep("evaluate", run, "--split", "tset").exits(2, "tset")
    fewstep("evaluate", run, "--tasks", "0").exits(2, "tasks")
    fewstep("evaluate", run, "--tasks", "1000000", "--episodes", "1000000").exits(2, "memory")
    fewstep("evaluate", run, "--device", "gpu").exits(2, "gpu")
    fewstep("evaluate", run, "--checkpoint", "small.toml").exits(3, "small.toml")


def check_variance():
    # the three surrogates on the same episodes; the same figures at any number of threads
    run = "runs/small"
    shown = fewstep("gradient-noise", run, "--rounds", "3", "--seed", "1", "--json").exits(0, "9/9").json()
    rows = {row["inner_surrogate"]: row for row in shown["study"]}
    assert set(rows) == {"log_likelihood", "likelihood_ratio", "dice"} and shown["rounds"] == 3
    for row in rows.values():
        assert row["iteration"] > 0 and row["mean_norm"] > 0 and row["deviation"] > 0
        # what the noise of a mean of three rounds leaves, where it is no noise itself
        left = row["mean_norm"] ** 2 - row["deviation"] ** 2 / 3
        assert (row["signal"] is None) == (row["relative_deviation"] is None), row
        if row["signal"] is not None:
            assert abs(row["signal"] - left ** 0.5) < 1e-9, row
            assert abs(row["relative_deviation"] - row["deviation"] / row["signal"]) < 1e-9, row
        assert -1 <= row["mean_cosine"] <= 1
    assert rows["dice"]["mean_norm"] != rows["log_likelihood"]["mean_norm"]
    again = fewstep("gradient-noise", run, "--rounds", "3", "--seed", "1", "--threads", "2", "--quiet",
                    "--surrogates", "dice", "--json").exits(0)
    assert again.json()["study"] == [rows["dice"]] and again.err == ""
    text = fewstep("gradient-noise", run, "--rounds", "3", "--all").exits(0).out
    kept = glob.glob(f"{run}/checkpoints/*.safetensors")
    assert len(re.findall(r"^ +\d+ +dice ", text, re.M)) == len(kept) > 1, text
    fewstep("gradient-noise", run, "--surrogates", "dise").exits(2, "dise")
    fewstep("gradient-noise", run, "--rounds", "2").exits(2, "rounds")
    train("--set", "agent.inner_steps=0", "--set", "run.name=flat").exits(0)
    fewstep("gradient-noise", "runs/flat").exits(2, "no gradient through an inner loop")


def check_algorithms():
    # every trained agent by its name alone, on the recipe's family
    agents = [agent["name"] for agent in fewstep("list", "agents", "--json").json()["agents"]]
    described = {name: fewstep("describe", name).out for name in agents}
    trained = [name for name in agents if "outer" in described[name]]
    assert {"maml-trpo", "promp", "reptile", "cavia", "rl2"} <= set(trained)
    assert "thompson" not in trained
    for name in trained:
        size = "memory.size = 4" if "memory.size" in described[name] else "hidden = [4]"
        with open(f"{name}.toml", "w") as file:
            file.write(f"[run]\niterations = 1\nevaluation_tasks = 2\n[family]\n"
                       f"name = 'point-nav@maml'\nhorizon = 5\n[agent]\nname = '{name}'\n"
                       f"meta_batch_size = 3\nepisodes = 2\n{size}\n")
        fewstep("train", f"{name}.toml", "--quiet").exits(0)
        assert fewstep("resume", f"runs/{name}", "--set", "run.iterations=2", "--quiet").code == 0
    # what makes an algorithm is no key
    fewstep("train", "fomaml.toml", "--set", "agent.inner_order=second").exits(2, "inner_order")


def main():
    begin()
    rows = check_files()
    check_tensorboard(rows)
    check_existing()
    check_terminal()
    check_seeds()
    check_evaluate()
    check_variance()
    check_algorithms()
    print("runs hold what they promise")


if __name__ == "__main__":
    main()
