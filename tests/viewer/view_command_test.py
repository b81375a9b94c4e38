"""`fewstep view` as a user runs it: trains for one iteration, watches, reads the screenshot.

usage: view_command_test.py PROGRAM RECIPE SCRATCH_DIR, on a display
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

program, recipe, scratch = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)


def run(*arguments, expect=0, env=None):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=env)
    assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stderr}"
    return done.stderr


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


# a small run
overrides = ["run.iterations=1", "run.evaluation_tasks=2", "run.evaluation_units=1",
             "family.horizon=30", "agent.meta_batch_size=2", "agent.episodes=2",
             f"run.directory='{scratch}'", "run.name='tiny'"]
run("train", recipe, "--quiet", *(word for item in overrides for word in ("--set", item)))
tiny = str(scratch / "tiny")
checkpoint = str(next((scratch / "tiny" / "checkpoints").glob("*.safetensors")))

# watched for a second: a run, its checkpoint, two of them, families
picture = scratch / "view.png"
run("view", tiny, "--task", "direction=-1", "--units", "2", "--seconds", "1",
    "--screenshot", str(picture))
assert png_size(picture) == (1280, 800), png_size(picture)
assert len(picture.read_bytes()) > 30_000, "a picture of next to nothing"
run("view", checkpoint, "--seconds", "0.3", "--show", "0,1")
run("view", tiny, checkpoint, "--seconds", "0.3", "--deterministic", "--full-screen")
run("view", "half-cheetah-vel@promp", "--seconds", "0.3", "--scale", "2")
run("view", "bandit-bernoulli@rl2", "--agent", "thompson", "--seconds", "0.3")

# what a user may get wrong
message = run("view", tiny, "--task", "direction=7", expect=2)
assert "direction" in message, message
message = run("view", str(scratch), expect=2)
assert "no run, no checkpoint and no family" in message, message
message = run("view", "half-cheetah-vel@prompt", expect=2)
assert "half-cheetah-vel@promp" in message, message
message = run("view", "half-cheetah-vel@promp", "--agent", "promp", expect=2)
assert "trained first" in message, message
message = run("view", tiny, "point-nav@maml", expect=2)
assert "different families" in message, message
message = run("view", recipe, expect=2)
assert "no checkpoint of a run" in message, message
other = scratch / "tiny" / "checkpoints" / "broken.safetensors"
other.write_bytes(b"not a checkpoint")
message = run("view", str(other), expect=3)
other.unlink()
message = run("view", tiny, "--show", "9", "--units", "2", expect=2)
assert "--units 9" in message, message
without = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
message = run("view", tiny, "--seconds", "1", expect=1, env=without)
assert "display" in message and "fewstep record" in message, message

# a checkpoint of another family's run
point = ["--set", "run.iterations=1", "--set", "run.evaluation_tasks=2", "--set",
         f"run.directory='{scratch}'", "--set", "run.name='point'"]
run("train", "promp-point-nav", "--quiet", *point)
message = run("view", tiny, "--checkpoint",
              str(next((scratch / "point" / "checkpoints").glob("*.safetensors"))), expect=3)
assert "checkpoint of point-nav@maml" in message, message

# runs of few-shot learning: a function and pictures
LEARNERS = {"sines": "[data]\nname = 'sinusoid@maml'\n[data.episodes]\nshots = 5\n[learner]\nname = 'maml'\n"
                     "[learner.network]\nkind = 'mlp'\nhidden = [8]\n",
            "glyphs": "[data]\nname = 'glyphs'\nalphabets = 10\ncharacters = 4\ndrawings = 8\nsize = 14\n"
                      "[data.episodes]\nways = 3\nqueries = 3\n[learner]\nname = 'prototypical'\n"
                      "[learner.network]\nfilters = 8\nstrides = [2, 2, 2]\n"}
for name, keys in LEARNERS.items():
    learner = scratch / f"{name}.toml"
    learner.write_text(f"[run]\nname = '{name}'\ndirectory = '{scratch}'\niterations = 1\nevaluation_tasks = 4\n"
                       f"evaluation_units = 2\n{keys}")
    run("train", str(learner), "--quiet")
    run("view", str(scratch / name), "--task", "episode=2", "--seconds", "1", "--screenshot", str(picture))
    assert png_size(picture) == (1280, 800), png_size(picture)
message = run("view", str(scratch / "glyphs"), "--task", "ways=99", expect=2)
assert "A whole number from 2" in message, message
message = run("view", "sinusoid@maml", expect=2)
assert "is data" in message, message

# the display goes away: a message, and the end
with tempfile.TemporaryFile() as errors:
    read_end, write_end = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write_end), "-screen", "0", "800x600x24"],
                              pass_fds=[write_end], stderr=subprocess.DEVNULL)
    number = os.read(read_end, 16).decode().strip()
    env = dict(without, DISPLAY=f":{number}")
    viewer = subprocess.Popen([program, "view", tiny], stderr=errors, env=env)
    time.sleep(3)
    assert viewer.poll() is None, "it ended by itself"
    server.send_signal(signal.SIGTERM)
    assert viewer.wait(timeout=30) == 1
    errors.seek(0)
    message = errors.read().decode()
    assert "the display went away" in message, message
