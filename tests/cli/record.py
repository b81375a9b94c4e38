"""`fewstep record` without a display: films and pictures of every kind of agent and family."""

import glob
import json
import os
import shutil
import signal
import subprocess
import time

from fewstep import PROGRAM, begin, fewstep

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/families")

# one short way through each kind: gradients, memory, classical, told the task
RUNS = [("promp", "point-nav@maml", "hidden = [8]\nepisodes = 2\nmeta_batch_size = 2"),
        ("rl2", "half-cheetah-vel@promp", "meta_batch_size = 2"),
        ("rl2", "tabular-mdp@rl2", "meta_batch_size = 2"),
        ("maml-vpg", "bandit-gaussian@maml", "hidden = [8]\nepisodes = 4\nmeta_batch_size = 2"),
        ("multitask", "point-corner@promp", "hidden = [8]\nepisodes = 2\nmeta_batch_size = 2")]

os.environ.pop("DISPLAY", None)
begin()


def png_size(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def probe(path):
    done = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0",
                           "-show_entries", "stream=nb_read_frames,width,height", "-of",
                           "csv=p=0", path], capture_output=True, text=True)
    return done.stdout.strip()


# every kind of agent
for agent, family, more in RUNS:
    name = f"{agent}-{family.split('@')[0]}"
    with open(f"{name}.toml", "w") as file:
        horizon = "horizon = 20\n" if "half" in family else ""
        file.write(f'[run]\nname = "{name}"\niterations = 1\nevaluation_tasks = 2\n'
                   f'evaluation_units = 1\n[family]\nname = "{family}"\n{horizon}'
                   f'[agent]\nname = "{agent}"\n{more}\n')
    fewstep("train", f"{name}.toml", "--quiet").exits(0)
    fewstep("record", f"runs/{name}", "--picture", f"{name}.png", "--size", "640x360",
            "--units", "2", "--seconds", "0.5", "--quiet").exits(0)
    assert png_size(f"{name}.png") == (640, 360), name

# classical agents, families at random, families from outside
for index, words in enumerate([["bandit-bernoulli@rl2", "--agent", "gittins"],
                               ["bandit-bernoulli@rl2", "--agent", "thompson", "--units", "30"],
                               ["tabular-mdp@rl2", "--agent", "psrl"],
                               ["half-cheetah-dir@promp"],
                               [f"{EXAMPLES}/arm-reach"],
                               ["cart-changing@example", "--plugin", f"{EXAMPLES}/cart-changing"]]):
    fewstep("record", *words, "--picture", f"{index}.png", "--seconds", "0.3", "--quiet").exits(0)
    assert png_size(f"{index}.png") == (1280, 720), words

# a film has the pictures that it should have: 20 steps of 0.05 s and a second, 25 a second
result = fewstep("record", "runs/rl2-half-cheetah-vel", "--out", "film.mp4", "--out", "film.gif",
                 "--frames", "frames", "--sheet", "sheet.png", "--grid", "3x2", "--size", "480x270",
                 "--fps", "25", "--show", "0,1", "--json", "--quiet").exits(0)
summary = result.json()
assert (summary["frames"], summary["width"], summary["height"]) == (50, 480, 270), summary
if shutil.which("ffprobe"):
    assert probe("film.mp4") == "480,270,50", probe("film.mp4")
    assert probe("film.gif") == "480,270,50", probe("film.gif")
assert len(glob.glob("frames/*.png")) == 50
assert png_size("frames/000049.png") == (480, 270)
assert png_size("sheet.png") == (3 * 240 + 8, 2 * 135 + 4)

# the same seed and machine, the same pictures
fewstep("record", "runs/promp-point-nav", "--picture", "once.png", "--seconds", "1", "--quiet").exits(0)
fewstep("record", "runs/promp-point-nav", "--picture", "again.png", "--seconds", "1", "--threads", "2",
        "--quiet").exits(0)
with open("once.png", "rb") as one, open("again.png", "rb") as two:
    assert one.read() == two.read(), "two recordings differ"

# two runs on the same task
fewstep("record", "runs/promp-point-nav", "runs/promp-point-nav", "--picture", "two.png", "--seconds",
        "0.2", "--quiet").exits(0)

# few-shot learning: pictures and vectors of classes, functions of one number and of several
NETWORKS = {"conv": "filters = 8\nstrides = [2, 2, 2]\n", "mlp": 'kind = "mlp"\nhidden = [8]\n'}
GLYPHS = "alphabets = 10\ncharacters = 8\ndrawings = 8\nsize = 14\n"
with open("points.csv", "w") as file:
    file.write("split,class,a,b\n")
    for split in ("train", "validation", "test"):
        for label in range(6):
            for row in range(8):
                file.write(f"{split},{split}{label},{label + 0.1 * row},{(label * 7) % 5 - 0.1 * row}\n")
TABLE = f'path = "{os.path.abspath("points.csv")}"\nlabel = "class"\nsplit_column = "split"\n'
LEARNERS = [("maml", "glyphs", GLYPHS, "conv"), ("prototypical", "glyphs", GLYPHS, "conv"),
            ("maml", "table", TABLE, "mlp"),
            ("maml", "sinusoid@maml", "", "mlp"), ("fomaml", "random-features", "", "mlp")]
for learner, data, keys, network in LEARNERS:
    name = f"{learner}-{data.split('@')[0]}"
    episodes = "[data.episodes]\nways = 3\nqueries = 3\n" if data in ("glyphs", "table") else "[data.episodes]\nshots = 5\n"
    with open(f"{name}.toml", "w") as file:
        file.write(f'[run]\nname = "{name}"\niterations = 2\nevaluation_tasks = 12\nevaluation_units = 2\n'
                   f'[data]\nname = "{data}"\n{keys}{episodes}[learner]\nname = "{learner}"\nmeta_batch_size = 2\n'
                   f'[learner.network]\n{NETWORKS[network]}')
    fewstep("train", f"{name}.toml", "--quiet").exits(0)
    summary = fewstep("record", f"runs/{name}", "--picture", f"{name}.png", "--pictures", f"{name}-episodes", "--tasks",
                      "4", "--json", "--quiet").exits(0).json()
    assert png_size(f"{name}.png") == (1280, 720), name
    pictures = sorted(glob.glob(f"{name}-episodes/*.png"))
    assert len(pictures) == 4, pictures
    contents = {open(path, "rb").read() for path in pictures}
    assert len(contents) == 4 and open(f"{name}.png", "rb").read() in contents
    # what is shown is what is judged
    evaluation = json.load(open(f"runs/{name}/evaluations/iteration-000002.json"))
    for task in summary["tasks"]:
        index = int(task["task"]["episode"])
        judged = [point["scores"][index] for point in evaluation["curve"]]
        assert len(judged) == len(task["scores"][0]), (name, task)
        assert all(abs(a - b) < 1e-4 * (1 + b) for a, b in zip(task["scores"][0], judged)), (name, index, task, judged)
    assert [task["task"]["episode"] for task in summary["tasks"]] == [0, 1, 2, 3]

# the same episode, the same picture; another one another; ways and shots where there are such
one = ["record", "runs/prototypical-glyphs", "--quiet", "--picture"]
fewstep(*one, "once.png", "--task", "episode=2").exits(0)
fewstep(*one, "again.png", "--task", "episode=2", "--threads", "2").exits(0)
fewstep(*one, "other.png", "--task", "episode=3", "--task", "ways=5", "--task", "shots=2").exits(0)
with open("once.png", "rb") as first, open("again.png", "rb") as second, open("other.png", "rb") as third:
    picture = first.read()
    assert picture == second.read() and picture != third.read()
    assert picture == open("prototypical-glyphs-episodes/000002.png", "rb").read()
fewstep(*one, "a.png", "--task", "ways=100").exits(2, "A whole number from 2 to")
fewstep(*one, "a.png", "--task", "shots=2.5").exits(2, "A whole number from 1 to")
fewstep(*one, "a.png", "--task", "way=3").exits(2, "did you mean 'ways'")
fewstep(*one, "a.png", "--show", "1").exits(2, "one unit of adaptation")
fewstep(*one, "a.png", "--episodes", "3").exits(2, "for agents that act")
fewstep("record", "runs/maml-glyphs", "--task", "ways=4", "--picture", "a.png").exits(2, "episode, shots")
fewstep("record", "runs/maml-glyphs", "runs/promp-point-nav", "--picture", "a.png").exits(2, "no task in common")
fewstep("record", "runs/maml-glyphs", "runs/maml-sinusoid", "--picture", "a.png").exits(2, "different data")
fewstep("record", "omniglot", "--picture", "a.png").exits(2, "is data")

# films go through the units, panes stand side by side, two learners share an episode
film = fewstep("record", "runs/maml-sinusoid", "--units", "4", "--frames", "fits", "--fps", "4", "--size", "640x360",
               "--json", "--quiet").exits(0).json()
assert film["frames"] == len(glob.glob("fits/*.png")) == 4 * 4 * 1.5 + 4, film
fewstep("record", "runs/maml-glyphs", "--show", "0,1,5", "--picture", "side.png", "--quiet").exits(0)
fewstep("record", "runs/maml-glyphs", "runs/prototypical-glyphs", "--picture", "two.png", "--quiet").exits(0)

# a picture of each of some tasks, of agents as well
several = fewstep("record", "runs/promp-point-nav", "--pictures", "tasks", "--tasks", "3", "--at", "0.5", "--json",
                  "--quiet").exits(0).json()
assert len(glob.glob("tasks/*.png")) == len(several["tasks"]) == 3 and several["frames"] == 3, several
fewstep("record", "runs/promp-point-nav", "--pictures", "tasks").exits(2, "not empty")

# OSMesa where EGL is not wanted
has_osmesa = bool(glob.glob("/usr/lib/*/libOSMesa.so.8"))
result = fewstep("record", "point-nav@maml", "--picture", "osmesa.png", "--seconds", "0.2", "--json",
                 "--quiet", env=dict(os.environ, FEWSTEP_GL="osmesa"))
if has_osmesa:
    assert png_size("osmesa.png") == (1280, 720)
else:
    result.exits(1, "apt-get install")

# what a user may get wrong
fewstep("record", "runs/promp-point-nav").exits(2, "--out film.mp4")
fewstep("record", "runs/promp-point-nav", "--out", "film.avi").exits(2, ".mp4")
fewstep("record", "runs/promp-point-nav", "--out", "film.mp4", "--size", "7x7").exits(2, "7 x 7")
fewstep("record", "runs/promp-point-nav", "--out", "film.mp4", "--size", "big").exits(2, "1280x720")
fewstep("record", "runs/promp-point-nav", "--out", "film.mp4", "--size", "641x360").exits(2, "even")
fewstep("record", "runs/none", "--out", "film.mp4").exits(2, "no run, no checkpoint and no family")
fewstep("record", "runs/promp-point-nav", "--frames", "frames").exits(2, "not empty")
fewstep("record", "runs/promp-point-nav", "--picture", "/proc/none/there.png").exits(1, "/proc")
fewstep("record", "runs/promp-point-nav", "--picture", "new/folder/there.png", "--seconds", "0.1",
        "--quiet").exits(0)
fewstep("record", "runs/promp-point-nav", "--out", "a.mp4", "--out", "a.mp4").exits(2, "into one file")
fewstep("record", "runs/promp-point-nav", "--sheet", "a.png", "--grid", "99x1").exits(2, "At most 20")
fewstep("record", "runs/promp-point-nav", "--out", "a.mp4", "--seconds", "1e12").exits(2, "seconds")
fewstep("record", "runs/promp-point-nav", "--agent", "random", "--out", "a.mp4").exits(2, "--agent")
checkpoint = glob.glob("runs/promp-point-nav/checkpoints/*.safetensors")[0]
fewstep("record", "runs/rl2-half-cheetah-vel", "--checkpoint", checkpoint, "--out", "a.mp4").exits(
    3, "checkpoint of point-nav@maml")
fewstep("record", checkpoint, "--checkpoint", checkpoint, "--out", "a.mp4").exits(2, "two checkpoints")
fewstep("record", "runs/promp-point-nav", "--units", "1000", "--picture", "many.png", "--seconds", "0.1",
        "--quiet").exits(0)

# few pictures a second go through the whole episode; one picture is not the price of a film
assert fewstep("record", "runs/promp-point-nav", "--fps", "1", "--frames", "slow", "--json",
               "--quiet").exits(0).json()["frames"] == 6
assert fewstep("record", "runs/promp-point-nav", "--picture", "early.png", "--at", "0.1", "--json",
               "--quiet").exits(0).json()["frames"] == 4

# interrupted, nothing is left behind
recording = subprocess.Popen([PROGRAM, "record", "runs/promp-point-nav", "--out", "cut.mp4", "--size",
                              "1920x1080", "--seconds", "600"], stderr=subprocess.DEVNULL)
time.sleep(3)
recording.send_signal(signal.SIGINT)
assert recording.wait(timeout=20) == 130
assert not glob.glob("*cut*") and not glob.glob(".*cut*")
adapting = subprocess.Popen([PROGRAM, "record", "runs/promp-point-nav", "--units", "10000", "--show", "0",
                             "--picture", "cut.png"], stderr=subprocess.PIPE, text=True)
assert any("of 10000 units of adaptation" in line for line in adapting.stderr)
adapting.send_signal(signal.SIGINT)
assert adapting.wait(timeout=20) == 130 and not os.path.exists("cut.png")
empty = dict(os.environ, PATH="/nowhere")
fewstep("record", "runs/promp-point-nav", "--out", "new.mp4", env=empty).exits(1, "install ffmpeg")
assert not os.path.exists("new.mp4")
fewstep("record", "runs/promp-point-nav", "--picture", "x.png",
        env=dict(os.environ, FEWSTEP_GL="magic")).exits(2, "egl or osmesa")
