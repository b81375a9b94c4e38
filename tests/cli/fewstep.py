"""What the tests of the command line share: the program, a small recipe, a scratch folder.

usage of every test: NAME.py FEWSTEP SCRATCH_FOLDER
"""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
import time

RECIPE = """[run]
name = "small"
iterations = 6
threads = 1
checkpoint_interval = 2
evaluation_interval = 3
evaluation_tasks = 3
evaluation_units = 1
evaluation_episodes = 2

[family]
name = "point-nav@maml"
horizon = 20

[agent]
name = "maml-ppo"
meta_batch_size = 4
episodes = 4
hidden = [8]
outer_epochs = 2
"""

PROGRAM = os.path.abspath(sys.argv[1])
SCRATCH = os.path.abspath(sys.argv[2])


def begin():
    """An empty scratch folder, entered, with the small recipe in it."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    os.chdir(SCRATCH)
    with open("small.toml", "w") as file:
        file.write(RECIPE)


class Result:
    def __init__(self, words, process):
        self.words = words
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    def __str__(self):
        return f"fewstep {' '.join(self.words)}: exit {self.code}\n{self.out}\n{self.err}"

    def exits(self, code, *texts):
        """Checks the exit code and that stderr has every text."""
        assert self.code == code, f"expected exit {code}: {self}"
        for text in texts:
            assert text in self.err, f"expected '{text}' in stderr: {self}"
        assert "internal error" not in self.err and "terminate called" not in self.err, str(self)
        return self

    def json(self):
        """stdout as JSON: nothing else may be there."""
        return json.loads(self.out)


def fewstep(*words, **options):
    process = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, errors="replace", timeout=120,
                             **options)
    return Result([str(word) for word in words], process)


def start(*words, **options):
    options.setdefault("stdout", subprocess.DEVNULL)
    options.setdefault("stderr", subprocess.DEVNULL)
    return subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, **options)


def on_terminal(words, columns, answer=None):
    """Exit code and what a terminal of so many columns shows of stdout and stderr."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([PROGRAM, *words], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    if answer is not None:
        os.write(master, answer)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(60), shown.decode()


def train(*words):
    return fewstep("train", "small.toml", *words)


def sets(**values):
    """--set words for run_iterations=6 and the like."""
    words = []
    for key, value in values.items():
        words += ["--set", f"{key.replace('_', '.', 1)}={value}"]
    return words


def read(path):
    with open(path, "rb") as file:
        return file.read()


def metrics(run):
    """The two files that must repeat byte for byte."""
    return read(f"{run}/metrics.jsonl"), read(f"{run}/metrics.csv")


def checkpoints(run):
    return sorted(name for name in os.listdir(f"{run}/checkpoints") if not name.startswith("."))


def tensors(path):
    """Name -> (type, shape, bytes) of a safetensors file."""
    data = read(path)
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    body = data[8 + size:]
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items()}


def agent_tensors(run):
    """The newest checkpoint without where its logs end in bytes of clock values."""
    found = tensors(f"{run}/checkpoints/{checkpoints(run)[-1]}")
    found.pop("run.timing_bytes")
    return found


def damage(path, tensor):
    """Flips a bit in the middle of a tensor."""
    data = bytearray(read(path))
    size = int.from_bytes(data[:8], "little")
    begin, end = json.loads(data[8:8 + size])[tensor]["data_offsets"]
    data[8 + size + (begin + end) // 2] ^= 1
    with open(path, "wb") as file:
        file.write(data)


def tree(folder):
    """Every file below a folder, by its path in there, with its bytes."""
    paths = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    return {os.path.relpath(path, folder): read(path) for path in paths}


def wait_for(condition, seconds=60):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.005)


def lines(path):
    try:
        return read(path).count(b"\n")
    except FileNotFoundError:  # not yet there, or just moved out of the way
        return 0
