"""`fewstep view` as a user runs it: trains for one iteration, watches, reads the screenshot.

usage: view_command_test.py PROGRAM RECIPE SCRATCH_DIR, on a display
"""

import os
import pathlib
import shutil
import subprocess
import sys

program, recipe, scratch = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
shutil.rmtree(scratch, ignore_errors=True)
scratch.mkdir(parents=True)


def run(*arguments, expect=0, env=None):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=env)
    assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stderr}"
    return done.stderr


# a small run
overrides = ["run.iterations=1", "run.evaluation_tasks=2", "run.evaluation_units=1",
             "family.horizon=30", "agent.meta_batch_size=2", "agent.episodes=2",
             f"run.directory='{scratch}'", "run.name='tiny'"]
run("train", recipe, "--quiet", *(word for item in overrides for word in ("--set", item)))

# watched for a second, the picture has a sky, a ground and an animal
picture = scratch / "view.ppm"
tiny = str(scratch / "tiny")
run("view", tiny, "--task", "direction=-1", "--units", "2", "--seconds", "1",
    "--screenshot", str(picture))
magic, size, depth, pixels = picture.read_bytes().split(b"\n", 3)
width, height = map(int, size.split())
assert (magic, depth) == (b"P6", b"255") and len(pixels) == 3 * width * height
colors = {pixels[i:i + 3] for i in range(0, len(pixels), 3)}
assert len(colors) > 100, f"{len(colors)} colors"

# what a user may get wrong
message = run("view", tiny, "--task", "direction=7", expect=2)
assert "direction" in message, message
message = run("view", str(scratch), expect=2)
assert "run.toml" in message, message
without = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
message = run("view", tiny, "--seconds", "1", expect=1, env=without)
assert "display" in message and "xvfb-run" in message, message
