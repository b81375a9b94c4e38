"""Help, lists, descriptions, rollouts, doctor: what they print and what they refuse."""

import csv
import math
import os
import re
import resource

from fewstep import begin, fewstep, on_terminal, read, sets, train

COMMANDS = ("train", "resume", "evaluate", "gradient-noise", "ruler", "rollout", "list", "describe",
            "doctor", "verify")


def check_help():
    top = fewstep("--help").exits(0)
    for code in ("0 success", "1 the machine refused", "2 bad usage", "3 bad data",
                 "4 bad definition"):
        assert code in " ".join(top.out.split()), code
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", top.out, re.M), command
        text = fewstep(command, "--help").exits(0).out
        options = re.findall(r"^  (?:-\w,)?(--[a-z-]+)", text, re.M)
        assert "--json" in options and "fewstep" in text and top.err == "", text
        for option in options:  # each has a sentence
            assert re.search(rf"{option}\b.*?\s{{2,}}\S|{option}\b[^\n]*\n\s+\S", text), option
        # a slip of one letter is named
        option = options[-1]
        fewstep(command, "x", option[:-1] + "#").exits(2, f"did you mean '{option}'?")
    assert re.fullmatch(r"fewstep \d+\.\d+\.\d+ \(.+\)\n", fewstep("--version").exits(0).out)
    fewstep().exits(2, "--help")
    fewstep("trian", "x").exits(2, "did you mean 'train'?")
    fewstep("train").exits(2, "recipe")


def check_lists():
    sections = fewstep("list", "--json").exits(0).json()
    assert list(sections) == ["families", "agents", "data", "learners", "recipes", "runs"] and sections["runs"] == []
    for family in sections["families"]:
        spec = fewstep("describe", family["name"], "--json").exits(0).json()
        assert re.fullmatch("[0-9a-f]{16}", spec["hash"]) and spec["reward"] and spec["parameters"]
        assert spec["hash"] in fewstep("describe", family["name"]).exits(0).out
    for agent in sections["agents"]:
        text = fewstep("describe", agent["name"]).exits(0).out
        for key in fewstep("describe", agent["name"], "--json").exits(0).json()["keys"]:
            line = rf"^{key['key']} .*{re.escape(key['help'][-30:])}(?: \[.+\])?$"
            assert re.search(line, text, re.M), key
            assert not key["range"] or f"[{key['range']}" in text, key
    # what a recipe says of itself is in its file, which is what describe prints
    for recipe in sections["recipes"]:
        assert all(recipe[key] for key in ("name", "what", "expect", "takes")), recipe
    quickstart = fewstep("describe", "quickstart", "--json").exits(0).json()
    text = quickstart.pop("toml")
    assert text == fewstep("describe", "quickstart").out and quickstart in sections["recipes"]
    words = " ".join(text.replace("#", " ").split())
    assert all(quickstart[key] in words for key in ("what", "expect", "takes")), quickstart
    fewstep("list", "--directory", "missing").exits(2, "missing")
    fewstep("list", "familes").exits(2, "families")
    fewstep("describe", "point-nav").exits(2, "did you mean 'point-nav@maml'?")
    fewstep("describe", "quickstrat").exits(2, "did you mean 'quickstart'?")

    # a run with a broken recipe and a name that is not UTF-8
    for name in (b"runs/broken", b"runs/\xff"):
        os.makedirs(name)
        with open(name + b"/run.toml", "w") as file:
            file.write("[run\n")
    runs = fewstep("list", "runs", "--json").exits(0).json()["runs"]
    assert len(runs) == 2 and all("unreadable" in run["what"] for run in runs), runs


def rollout(*words, actions="actions.csv", task=("goal_x=0.3", "goal_y=-0.2")):
    tasks = [word for assignment in task for word in ("--task", assignment)]
    return fewstep("rollout", "point-nav@maml", *tasks, "--actions", actions, *words)


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)
    return name


def check_rollout():
    write("actions.csv", "x,y\n0.5,-0.25\n1,0.1\n-3,0.7\n")
    write("state.csv", "0.1,0.2\n")
    shown = rollout("--initial-state", "state.csv", "--seed", "3").exits(0)
    said = rollout("--initial-state", "state.csv", "--seed", "3", "--out", "t.csv").exits(0)
    assert read("t.csv").decode() == shown.out and "3 steps" in said.out
    assert rollout("--initial-state", "state.csv", "--seed", "3").out == shown.out

    # the family's own formula, digit by digit: 17 of them give the same double
    rows = list(csv.DictReader(shown.out.splitlines()))
    x, y = 0.1, 0.2
    assert float(rows[0]["observation_0"]) == x and rows[0]["reward"] == ""
    total = 0.0
    for row, (a, b) in zip(rows[1:], ((0.5, -0.25), (1, 0.1), (-1, 0.7)), strict=True):
        x, y = x + 0.1 * a, y + 0.1 * b
        reward = -math.sqrt((x - 0.3) ** 2 + (y + 0.2) ** 2)
        assert [float(row["observation_0"]), float(row["observation_1"])] == [x, y], row
        assert abs(float(row["reward"]) - reward) < 1e-15
        total += float(row["reward"])
    summary = rollout("--initial-state", "state.csv", "--json").exits(0).json()
    assert summary["steps"] == 3 and summary["return"] == total
    assert summary["task"] == "goal_x=0.3 goal_y=-0.2"

    # the same numbers in other dress
    for text in ("0.5,-0.25\n1,0.1\n-3,0.7", "x, y\r\n 0.5 , -0.25\r\n\r\n1,0.1\r\n-3,7e-1\r\n",
                 "\ufeff0.5,-0.25\n1,0.1\n-3,0.7\n"):
        write("dress.csv", text)
        assert rollout("--initial-state", "state.csv", actions="dress.csv").out == shown.out, text

    # every way of being wrong, with its line
    for text, line, what in (
            ("nan,1\n", 1, "'nan' is not a finite number"), ("1,2\n3,inf\n", 2, "'inf'"),
            ("1,2\n3,1e999\n", 2, "'1e999'"), ("1,2\n3,x\n", 2, "'x'"), ("1,x\n", 1, "'x'"),
            ("1.2.3,x\n1,2\n", 1, "'1.2.3'"), ("1,2\n3,\n", 2, "''"), ("1,2\n3\n", 2, "found 1"),
            ("1,2\n3,4,5\n", 2, "found 3"), ("x,y,z\n1,2\n", 1, "found 3"), ("1;2\n", 1, "found 1"),
            ("1,2\n3\0,4\n", 2, "not a finite number"), ("1,0x10\n", 1, "'0x10'"),
            ('1,"2"\n', 1, "'\"2\"'"), ("x,y\nx,y\n", 2, "'x'"), ("1,2 3\n", 1, "'2 3'"),
            ("nan,nan\n", 1, "'nan'")):
        write("bad.csv", text)
        rollout(actions="bad.csv").exits(3, f"bad.csv:{line}: ", what)
    rollout("--initial-state", "bad.csv").exits(3, "bad.csv:1: ", "'nan'")
    for text in ("", "\n\n", "x,y\n"):
        write("bad.csv", text)
        rollout(actions="bad.csv").exits(3, "no actions")
        rollout("--initial-state", "bad.csv").exits(3, "expected one row, found 0")
    rollout("--initial-state", "actions.csv").exits(3, "expected one row, found 3")
    rollout(actions="missing.csv").exits(3, "missing.csv")
    rollout(actions=".").exits(3, "not a regular file")
    write("long.csv", "0,0\n" * 101)
    rollout(actions="long.csv").exits(2, "101 actions", "100 steps", "--horizon 101")
    rollout("--horizon", "101", actions="long.csv").exits(0)

    # tasks, seeds and files
    rollout(task=("goal_x=0.3",)).exits(2, "goal_y")
    rollout(task=("goal_x=0.3", "gaol_y=1")).exits(2, "did you mean 'goal_y'?")
    rollout(task=("goal_x=0.3", "goal_x=0.3", "goal_y=0")).exits(2, "given twice")
    for value in ("9", "nan", "inf", "x", "", "1e999"):
        rollout(task=("goal_x=0.3", f"goal_y={value}")).exits(2, "goal_y")
    rollout("--seed", "-1").exits(2, "--seed")
    rollout("--seed", "99999999999999999999").exits(2, "--seed")
    rollout("--horizon", "2").exits(2, "3 actions")
    rollout("--out", "missing/t.csv").exits(1, "missing/t.csv")
    for out in (".", "/dev/null", "/dev/stdout"):
        rollout("--out", out).exits(2, "--out")
    fewstep("rollout", "point-nav@mmal", "--actions", "actions.csv").exits(2, "point-nav@maml")


def check_doctor():
    before = os.listdir(".")
    report = fewstep("doctor", "--directory", "new/deep", "--json").exits(0).json()
    assert report["healthy"] and report["facts"]["mujoco"] == "4.0.1"
    assert {"MuJoCo", "LibTorch", "GPU", "disk", "threads"} <= {c["name"] for c in report["checks"]}
    for check in report["checks"]:  # what is not well has its remedy
        assert check["found"] and (check["passed"] or check["remedy"]), check
    assert os.listdir(".") == before
    write("file", "")
    result = fewstep("doctor", "--directory", "file/runs").exits(1)
    assert re.search(r"disk +FAILED", result.out) and "run.directory" in result.out, result
    return report


def check_machine(report):
    """A GPU, threads and memory that are not there."""
    gpu = next(check for check in report["checks"] if check["name"] == "GPU")
    if not gpu["passed"]:
        for words in (["--device", "cuda"], sets(run_device="cuda")):
            train(*words, *sets(run_name="gpu")).exits(1, "no usable GPU", "run.device", "cpu")
        assert not os.path.exists("runs/gpu")
    train("--device", "tpu", *sets(run_name="gpu")).exits(2, "tpu not in {cpu,cuda}")

    # a limit of memory that the estimate cannot see in advance
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))

    sizes = sets(run_name="large", agent_hidden="[1024,1024]", agent_meta_batch_size=330,
                 agent_episodes=1, family_horizon=1, run_iterations=1)
    fewstep("train", "small.toml", *sizes, preexec_fn=limit).exits(1, "out of memory")


def check_widths():
    """On a terminal everything fits; elsewhere a row is a line."""
    for words in (["list", "families"], ["list", "agents"], ["list", "recipes"],
                  ["describe", "run"], ["describe", "promp"],
                  ["describe", "half-cheetah-vel@promp"], ["describe", "tabular-mdp@rl2"]):
        piped = fewstep(*words).exits(0).out.splitlines()
        assert max(map(len, piped)) > 80, words
        for columns in (80, 100):
            code, shown = on_terminal(words, columns)
            assert code == 0, shown
            shown = shown.splitlines()
            too_long = [line for line in shown if len(line) > columns]
            assert not too_long, (words, columns, too_long)
            # the same words in another layout
            def letters(lines):
                return sorted("".join("".join(lines).replace("─", "").split()))
            assert letters(shown) == letters(piped), words


def main():
    begin()
    check_help()
    check_lists()
    check_widths()
    check_rollout()
    check_machine(check_doctor())
    print("every command says what it should")


if __name__ == "__main__":
    main()
