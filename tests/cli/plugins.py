"""Plug-in libraries: sound ones in every command, bad ones refused with one clear line each.

usage: plugins.py FEWSTEP SCRATCH_FOLDER, with the libraries in PLUGINS (environment)
"""

import os
import shutil
import signal
import time

from families import recipe
from fewstep import SCRATCH, begin, checkpoints, fewstep, metrics, read, sets, start, wait_for

PLUGINS = os.environ["PLUGINS"]

# library -> what `check` says of it
BAD = {
    "abi": "built for version 99 of the plug-in interface",
    "mujoco": "built for MuJoCo 337",
    "magic": "this is no plug-in of fewstep",
    "family_bytes": "its fewstep_family has 8 bytes",
    "null_info": "gives no fewstep_plugin_info",
    "info_size": "gives no fewstep_plugin_info of the right size",
    "no_family": "it has no family",
    "family_size": "is no fewstep_family of the right size",
    "no_name": "has no name",
    "bad_name": "has a name that is no word",
    "same_name": "is there twice",
    "null_spec": "gives no fewstep_spec",
    "spec_size": "gives no fewstep_spec of the right size",
    "null_step": "has a world that lacks a function",
    "both_kinds": "has not exactly one of world and physics",
    "no_text": "says nothing of its reward",
    "no_parameter": "has no parameter",
    "drawing_size": "gives no fewstep_drawing of the right size",
    "draws_no_metric": "'moon' is drawn and no metric",
    "create_fails": "refuses its options: the moon is in the wrong phase",
    "create_crashes": "it crashes: Segmentation fault",
    "create_hangs": "it does not return within",
    "create_exits": "it ends the program with exit code 0",
    "horizon": "horizon is not positive",
    "observation_size": "observation_size is not positive",
    "nan_observation": "an observation or a reward that is not finite",
    "nan_reward": "an observation or a reward that is not finite",
    "writes_past": "writes more numbers than it may",
    "step_fails": "a function says so",
    "step_crashes": "it crashes: Segmentation fault",
    "step_aborts": "it crashes: Aborted",
    "step_hangs": "it does not return within",
    "static_state": "something outlives an episode",
    "hidden_state": "name all of them in state",
    "undeclared_end": "set terminates",
    "tasks_alike": "nothing depends on the task",
    "draws_outside": "draws train tasks that it does not have",
    "draws_unseeded": "the same seed gives other train tasks",
    "physics_bad_mjcf": "unrecognized element",
    "physics_reset_fails": "the reset or the first step of the task",
    "physics_state_size": "state names 3 numbers, and the model has 2",
    "option_range": "whose value 5 is not in [0, 2]",
    "option_name": "has the option 'horizon', which is no word or is there already",
    "state_writes_past": "writes more numbers than it may",
    "reset_fails": "it says: there is no place to begin",
}
# those that are seen only when the family plays
PLAYS = {"nan_observation", "nan_reward", "writes_past", "step_fails", "step_crashes", "step_aborts",
         "step_hangs", "static_state", "hidden_state", "undeclared_end", "tasks_alike",
         "draws_outside", "draws_unseeded", "physics_reset_fails", "state_writes_past",
         "reset_fails"}
# those that end or hold up whatever opens them
DEADLY = {"create_crashes", "create_hangs", "create_exits"}


def library(name):
    return f"{PLUGINS}/{name}.so"


def test_a_sound_one():
    begin()
    result = fewstep("check", library("nothing")).exits(0)
    assert "holds to every rule" in result.out and "FAIL" not in result.out
    verdicts = fewstep("check", library("nothing"), "--json").exits(0).json()
    assert verdicts["sound"] and len(verdicts["verdicts"]) >= 11

    # in every command
    small = recipe("point", "bad@test")
    options = ["--plugin", library("nothing")]
    assert "bad@test" in fewstep("list", "families", *options).exits(0).out
    assert "How large." in fewstep("describe", "bad@test", *options).exits(0).out
    fewstep("train", small, *options).exits(0)
    facts = read("runs/point/build.json").decode()
    assert library("nothing") in facts and "family_library_hash" in facts
    before = metrics("runs/point")
    os.remove(f"runs/point/checkpoints/{checkpoints('runs/point')[-1]}")
    fewstep("resume", "runs/point", *options).exits(0)
    assert metrics("runs/point") == before
    fewstep("train", small, "--restart", *sets(run_threads=1), *options).exits(0)
    assert metrics("runs/point") == before
    fewstep("evaluate", "runs/point", *options).exits(0)
    # without it the run says what it needs
    fewstep("evaluate", "runs/point").exits(2, "is not there", f"--plugin {library('nothing')}")
    with open("actions.csv", "w") as file:
        file.write("0.5\n" * 5)
    fewstep("rollout", "bad@test", "--task", "goal=0.5", "--actions", "actions.csv",
            *options).exits(0)
    fewstep("describe", "bad@test", *options, "--set", "size=3").exits(2, "out of range")

    # a rebuilt library is told
    shutil.copy(library("nothing"), "rebuilt.so")
    with open("rebuilt.so", "ab") as file:
        file.write(b"\0")
    result = fewstep("evaluate", "runs/point", "--plugin", "rebuilt.so").exits(0)
    assert "another build" in result.err

    # by the environment, and beside a family of the same name
    environment = dict(os.environ, FEWSTEP_PLUGINS=library("nothing"))
    fewstep("describe", "bad@test", env=environment).exits(0)
    fewstep("list", "--plugin", library("undeclared_end"), env=environment).exits(2, "--override")
    fewstep("list", "--plugin", library("undeclared_end"), "--override", env=environment).exits(0)


def test_bad_ones():
    begin()
    assert len(BAD) >= 25
    for name, message in BAD.items():
        seconds = "3" if "hangs" in name else "60"
        result = fewstep("check", library(name), "--seconds", seconds).exits(4)
        failed = [line for line in result.out.splitlines() if "FAIL" in line]
        assert any(message in line for line in failed), f"{name}: {result}"
        # one line a verdict, and no more of them than there are reasons
        assert len(failed) == 1 or name in PLAYS, f"{name}: {result}"

    # train refuses what can be seen before anything is shared or played
    for name, message in BAD.items():
        if name in PLAYS | DEADLY:
            continue
        result = fewstep("train", recipe("bad", "bad@test"), "--plugin", library(name))
        assert result.code in (2, 4) and message in result.err and name in result.err, str(result)
        assert not os.path.exists("runs/bad")


def test_files_that_are_no_plugins():
    begin()
    with open("text.so", "w") as file:
        file.write("not a library\n")
    with open("empty.so", "w"):
        pass
    with open("cut.so", "wb") as file:
        file.write(read(library("nothing"))[:3000])
    for name in ("text.so", "empty.so", "cut.so"):
        result = fewstep("check", name).exits(4)
        assert "it cannot be loaded" in result.out, str(result)
        fewstep("list", "--plugin", name).exits(4, "it cannot be loaded")
    fewstep("check", "nowhere.so").exits(2, "there is nothing here")
    # a library that is none of ours
    fewstep("check", library("no_symbol")).exits(4)
    assert "has no symbol fewstep_plugin_abi" in fewstep("check", library("no_symbol")).out
    # a broken one where plug-ins are always looked for keeps nothing else from working
    environment = dict(os.environ, FEWSTEP_PLUGINS=SCRATCH)
    listed = fewstep("list", "families", env=environment).exits(0).out
    assert "cannot be used" in listed and "point-nav@maml" in listed


def test_training_survives_what_it_can():
    begin()
    # errors, exceptions and numbers that are not finite end their episodes and are counted
    for name, family in (("step_fails", "bad@test"), ("nan_reward", "bad@test"),
                         ("writes_past", "bad@test"), ("throws", "throwing@test"),
                         ("reset_fails", "bad@test"), ("physics_reset_fails", "bad@test")):
        fewstep("train", recipe(name, family), "--plugin", library(name)).exits(0)
        last = read(f"runs/{name}/metrics.jsonl").decode().splitlines()[-1]
        assert '"diverged_episodes":32' in last, last
    fewstep("describe", "throwing@test", "--plugin", library("throws"), "--set",
            "refuse=true").exits(2, "it was told to refuse")

    # a crash may end it: the plug-in is named, and what was saved is whole
    small = recipe("later", "bad@test")
    options = ["--plugin", library("crashes_later")]
    result = fewstep("train", small, *options, *sets(run_iterations=1000,
                                                     run_checkpoint_interval=1))
    assert result.code == -signal.SIGSEGV, str(result)
    assert "crashed" in result.err and "crashes_later.so" in result.err, str(result)
    assert checkpoints("runs/later")
    fewstep("evaluate", "runs/later", "--plugin", library("nothing")).exits(0)


def test_nothing_is_left_behind():
    begin()
    # a check that is interrupted takes its child along
    process = start("check", library("step_hangs"))
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    wait_for(lambda: read(children).strip())
    time.sleep(1)
    child = int(read(children).split()[0])
    process.send_signal(signal.SIGINT)
    process.wait(10)
    wait_for(lambda: not os.path.exists(f"/proc/{child}/exe") or
             b"Z" in read(f"/proc/{child}/stat").split()[2], 10)
    # children can be waited for whatever the program was started with
    result = fewstep("check", library("nothing"),
                     preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    result.exits(0)


def test_a_run_loads_no_code():
    begin()
    fewstep("train", recipe("point", "point-nav@maml")).exits(0)
    os.makedirs("runs/point/family")
    shutil.copy(library("create_crashes"), "runs/point/family/evil.so")
    shutil.copy(library("nothing"), "runs/point/family/other.so")
    fewstep("evaluate", "runs/point").exits(0)
    listed = fewstep("list", "--json").exits(0).json()
    assert len(listed["runs"]) == 1
    # and where plug-ins are always looked for, one that hangs does not hold up what needs none
    os.makedirs("share/fewstep/plugins")
    shutil.copy(library("create_hangs"), "share/fewstep/plugins/hangs.so")
    environment = dict(os.environ, XDG_DATA_HOME=f"{SCRATCH}/share")
    fewstep("--version", env=environment).exits(0)
    fewstep("check", library("nothing"), env=environment).exits(0)


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: ok", flush=True)
