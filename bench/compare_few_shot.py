"""Iterations a second of MAML in fewstep and in PyTorch: the same episodes, the same network.

Usage: compare_few_shot.py FEW_SHOT_BENCH WORK_DIRECTORY [--rounds N] [--threads N...]
                           [--only TEXT] [--python PYTHON] [--check]

First everybody computes the loss and the meta-gradient of one iteration, from the same weights and
episodes; without agreement nothing is measured. Then everybody is measured in turn, round after
round, each in a process of its own. Prints Markdown tables of medians and writes
WORK_DIRECTORY/few_shot.json.

PyTorch does it in two ways, each on 1 and on 2 threads: `eager` is a loop over tasks with
torch.autograd.grad, `vmap` is torch.func over all tasks at once. Networks are functions of lists of
tensors, which costs less than modules. PyTorch gets episodes that are drawn already.

PyTorch is installed from its wheel into WORK_DIRECTORY, once (0.2 GB where pip's index has the
build for processors, 4 GB else); --python names a Python that has it.
"""

import argparse
import functools
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import time

from compare_peers import machine_seconds, processor_name, run_json

PACKAGES = ["torch==2.15.0"]
SECONDS = 2.0  # a measurement, at least
LEARNERS = ["maml", "fomaml"]
SHAPES = ["T32_N5_K1_Q1_S1", "T32_N5_K1_Q15_S1", "T16_N20_K1_Q5_S1", "T32_N5_K5_Q1_S5", "sines"]
INNER_RATE = 0.02
# Largest differences, as parts: of the loss, of the gradient's norm, of the gradient itself. They
# are a millionth after one inner step in single precision, and grow with every further one.
LOSS_TOLERANCE, NORM_TOLERANCE, DISTANCE_TOLERANCE = 1e-5, 1e-4, 1e-3


# --- the same work in PyTorch ---

def read_tensors(path):
    """What few_shot_bench --write wrote: safetensors."""
    import torch
    types = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64}
    data = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        tensors[name] = torch.frombuffer(bytearray(data[begin + first:begin + last]),
                                         dtype=types[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def as_torch(name, array):
    """An array of fewstep's as PyTorch has it."""
    if name.startswith("block") and name.endswith(".weight"):
        return array.reshape(len(array), -1, 3, 3)
    return (array.t() if name.endswith(".weight") else array.flatten()).contiguous()


def normalized(x, gain, offset):
    """Batch normalisation. PyTorch's own has wrong second derivatives under vmap: in version 2.15
    a meta-gradient is wrong by half a percent, in double precision as well."""
    import torch
    variance, mean = torch.var_mean(x, (0, 2, 3), unbiased=False, keepdim=True)
    normal = (x - mean) * (variance + 1e-5).rsqrt()
    return normal * gain.view(1, -1, 1, 1) + offset.view(1, -1, 1, 1)


def loss_of_pictures(weights, x, y, written_out=False):
    """Blocks of a convolution of stride 2, batch normalisation and ReLU; a linear layer."""
    import torch.nn.functional as F
    for i in range(0, len(weights) - 2, 3):
        kernel, offset, gain = weights[i:i + 3]
        x = F.conv2d(x, kernel, None, stride=2, padding=1)
        x = F.relu(normalized(x, gain, offset) if written_out else
                   F.batch_norm(x, None, None, gain, offset, training=True, eps=1e-5))
    return F.cross_entropy(F.linear(x.flatten(1), weights[-2], weights[-1]), y)


def loss_of_sines(weights, x, y):
    """A perceptron."""
    import torch.nn.functional as F
    for i in range(0, len(weights), 2):
        x = F.linear(x, weights[i], weights[i + 1])
        if i + 2 < len(weights):
            x = F.relu(x)
    return F.mse_loss(x, y)


class Work:
    """Iterations of `learner` at `shape`, from the weights and on the episodes of a file."""

    def __init__(self, learner, shape, path):
        import torch
        self.second = learner == "maml"
        self.steps = 1 if shape == "sines" else int(shape.rsplit("S", 1)[1])
        self.file = read_tensors(path)
        self.episodes = [self.file[key] for key in ("support_x", "support_y", "query_x", "query_y")]
        self.arrays = {name.removeprefix("weights."): array for name, array in self.file.items()
                       if name.startswith("weights.")}
        self.weights = [as_torch(name, array).requires_grad_()
                        for name, array in self.arrays.items()]
        self.loss_of = loss_of_sines if shape == "sines" else loss_of_pictures
        self.adam = torch.optim.Adam(self.weights, lr=1e-3)

    def descend(self, weights, gradients):
        return [w - INNER_RATE * g for w, g in zip(weights, gradients)]

    def eager(self):
        """A task's graph is gone before the next one's begins."""
        import torch
        loss_of, tasks, total = self.loss_of, len(self.episodes[0]), 0.0
        for support_x, support_y, query_x, query_y in zip(*self.episodes):
            weights = self.weights
            for _ in range(self.steps):
                loss = loss_of(weights, support_x, support_y)
                weights = self.descend(weights, torch.autograd.grad(
                    loss, weights, create_graph=self.second))
            loss = loss_of(weights, query_x, query_y) / tasks
            loss.backward()
            total += loss.item()
        return total

    def vmap(self):
        from torch.func import grad, grad_and_value, vmap
        loss_of = self.loss_of
        if self.second and loss_of is loss_of_pictures:
            loss_of = functools.partial(loss_of, written_out=True)
        support_x, support_y, query_x, query_y = self.episodes

        def adapted(weights, x, y):
            for _ in range(self.steps):
                weights = self.descend(weights, grad(loss_of)(weights, x, y))
            return weights

        weights = [w.detach() for w in self.weights]
        if self.second:
            def loss_after(weights):
                each = vmap(lambda sx, sy, qx, qy: loss_of(adapted(weights, sx, sy), qx, qy))
                return each(support_x, support_y, query_x, query_y).mean()

            gradients, loss = grad_and_value(loss_after)(weights)
        else:  # the gradient at adapted weights is all there is, and nothing has to be kept for it
            after = vmap(adapted, (None, 0, 0))(weights, support_x, support_y)
            gradients, loss = vmap(grad_and_value(loss_of))(after, query_x, query_y)
            gradients, loss = [g.mean(0) for g in gradients], loss.mean()
        for weight, gradient in zip(self.weights, gradients):
            weight.grad = gradient
        return loss.item()

    def iterate(self, way):
        self.adam.zero_grad()
        loss = getattr(self, way)()
        self.adam.step()
        return loss

    def check(self, way):
        """How far the loss and the gradient are from fewstep's, as parts of them."""
        import torch
        torch.set_num_threads(1)
        self.adam.zero_grad()
        loss, row, gradient = getattr(self, way)(), self.file["adam.first"].flatten() / 0.1, []
        for name, array in self.arrays.items():
            gradient.append(as_torch(name, row[:array.numel()].reshape(array.shape)))
            row = row[array.numel():]
        ours = torch.cat([array.flatten() for array in gradient]).double()
        theirs = torch.cat([weight.grad.flatten() for weight in self.weights]).double()
        return {"loss": abs(loss / self.file["loss"].item() - 1),
                "norm": abs(theirs.norm() / ours.norm() - 1).item(),
                "distance": ((theirs - ours).norm() / ours.norm()).item()}


def status_mib(key):
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def measure(work, way, threads):
    import torch
    torch.set_num_threads(threads)
    before = status_mib("VmRSS")
    work.iterate(way)
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # forgets the largest resident set so far
    start, own, machine, count = time.perf_counter(), time.process_time(), machine_seconds(), 0
    while count == 0 or time.perf_counter() - start < SECONDS:
        work.iterate(way)
        count += 1
    wall, own = time.perf_counter() - start, time.process_time() - own
    others = max(0.0, machine_seconds() - machine - own) / wall
    peak = status_mib("VmHWM")
    return {"iterations_per_second": count / wall, "processor_seconds": own / count,
            "peak_mib": peak, "beside_mib": peak - before, "others": others}


# --- everybody in turn ---

class Runner:
    def __init__(self, options):
        self.program = os.path.abspath(options.program)
        self.directory = options.directory.resolve()
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        self.python = options.python
        if self.python is None:
            self.python = sys.executable
            self.environment["PYTHONPATH"] = str(install(self.directory))

    def path(self, learner, shape):
        return self.directory / f"{learner}_{shape}.safetensors"

    def peer(self, learner, shape, way, threads):
        return run_json([self.python, os.path.abspath(__file__), f"{learner}/{shape}/{way}",
                         str(self.path(learner, shape)), "--measure", str(threads)],
                        env=self.environment, cwd=self.directory)

    def ours(self, learner, shape, threads):
        machine, own, start = machine_seconds(), children_seconds(), time.perf_counter()
        output = run_json([self.program, "--benchmark_format=json", "--benchmark_filter="
                           f"^{learner}/{shape}/threads:{threads}/"])
        wall, own = time.perf_counter() - start, children_seconds() - own
        row = output["benchmarks"][0]
        return {"iterations_per_second": row["iterations/s"], "processor_seconds": row["processor"],
                "peak_mib": row["peak_mib"], "beside_mib": row["beside_mib"],
                "others": max(0.0, machine_seconds() - machine - own) / wall}

    def check(self, learner, shape):
        subprocess.run([self.program, "--write", f"{learner}/{shape}",
                        str(self.path(learner, shape))], check=True)
        found = {way: self.peer(learner, shape, way, 0) for way in ("eager", "vmap")}
        for way, distances in found.items():
            print(f"{learner}/{shape}/{way}: of fewstep's the loss differs by "
                  f"{distances['loss']:.1e}, the gradient's norm by {distances['norm']:.1e}, the "
                  f"gradient by {distances['distance']:.1e}", file=sys.stderr)
            if not (distances["loss"] < LOSS_TOLERANCE and distances["norm"] < NORM_TOLERANCE
                    and distances["distance"] < DISTANCE_TOLERANCE):
                sys.exit("That is not the same work.")
        return found


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def install(directory):
    """Installs PyTorch into `directory`/site, unless it is there."""
    site, stamp = directory / "site", directory / "installed.txt"
    wanted = "\n".join([sys.version, *PACKAGES])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print("Installing PyTorch (up to 4 GB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--upgrade",
                        "--disable-pip-version-check", "--root-user-action", "ignore",
                        "--no-compile", "--target", str(site), *PACKAGES], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return site


NAMES = ["fewstep", "eager", "vmap"]


def summary(rounds, threads):
    """Medians of {(name, threads): [a dict a round]}, and how many times theirs ours is, round by
    round: each at its better number of threads."""
    medians = {way: {key: statistics.median(r[key] for r in of) for key in of[0]}
               for way, of in rounds.items()}

    def best(name, number, key, better):
        return better(rounds[name, t][number][key] for t in threads)

    ratios = {}
    for peer in ("eager", "vmap"):
        numbers = range(len(rounds[peer, threads[0]]))
        ratios[peer] = statistics.median(
            best("fewstep", n, "iterations_per_second", max)
            / best(peer, n, "iterations_per_second", max) for n in numbers)
        ratios[peer + "_processor"] = statistics.median(
            best(peer, n, "processor_seconds", min) / best("fewstep", n, "processor_seconds", min)
            for n in numbers)
    return medians, ratios


def print_tables(results, ways):
    titles = [f"{name}, {n} thread{'s' * (n > 1)}" for name, n in ways]
    print("Iterations a second (largest memory of the process, what of it was not there before the "
          "first iteration, MiB), and how many times the better of PyTorch's the better of "
          "fewstep's is:\n")
    print(f"| | {' | '.join(titles)} | of eager | of vmap |")
    print("|---" * (len(ways) + 3) + "|")
    for case, (medians, ratios) in results.items():
        cells = [f"{m['iterations_per_second']:.3g} ({m['peak_mib']:.0f}, {m['beside_mib']:.0f})"
                 for m in (medians[way] for way in ways)]
        print(f"| {case} | {' | '.join(cells)} | {ratios['eager']:.2f} | {ratios['vmap']:.2f} |")
    print("\nProcessor seconds an iteration (processors that other programs kept busy), and the "
          "same ratios of them:\n")
    print(f"| | {' | '.join(titles)} | of eager | of vmap |")
    print("|---" * (len(ways) + 3) + "|")
    for case, (medians, ratios) in results.items():
        cells = [f"{m['processor_seconds']:.3g} ({m['others']:.1f})"
                 for m in (medians[way] for way in ways)]
        print(f"| {case} | {' | '.join(cells)} | {ratios['eager_processor']:.2f} "
              f"| {ratios['vmap_processor']:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="few_shot_bench")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="cases whose name has this: fomaml/T32")
    parser.add_argument("--python", help="one that has PyTorch")
    parser.add_argument("--check", action="store_true", help="only whether all do the same")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)  # threads; 0: check
    options = parser.parse_args()
    if options.measure is not None:
        learner, shape, way = options.program.split("/")
        work = Work(learner, shape, options.directory)
        print(json.dumps(measure(work, way, options.measure) if options.measure
                         else work.check(way)))
        return

    options.directory.mkdir(parents=True, exist_ok=True)
    runner = Runner(options)
    cases = [(learner, shape) for shape in SHAPES for learner in LEARNERS
             if options.only in f"{learner}/{shape}"]
    checks = {f"{learner}/{shape}": runner.check(learner, shape) for learner, shape in cases}
    if options.check:
        return
    ways = [(name, threads) for name in NAMES for threads in options.threads]
    rounds = {case: {way: [] for way in ways} for case in cases}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for case in cases:
            for name, threads in ways:
                result = (runner.ours(*case, threads) if name == "fewstep"
                          else runner.peer(*case, name, threads))
                rounds[case][name, threads].append(result)

    results = {"/".join(case): summary(of, options.threads) for case, of in rounds.items()}
    version = subprocess.run(
        [runner.python, "-c", "import torch; print(torch.__version__)"], capture_output=True,
        text=True, check=True, env=runner.environment).stdout.strip()
    facts = {"processor": processor_name(), "processors": os.cpu_count(), "rounds": options.rounds,
             "python": platform.python_version(), "torch": version}
    (options.directory / "few_shot.json").write_text(json.dumps(
        {**facts, "checks": checks,
         "cases": {case: {"ratios": ratios,
                          "medians": {f"{n}, {t}": m for (n, t), m in medians.items()}}
                   for case, (medians, ratios) in results.items()},
         "measurements": {"/".join(case): {f"{n}, {t}": of for (n, t), of in ways.items()}
                          for case, ways in rounds.items()}}, indent=2) + "\n", encoding="utf-8")

    print(f"{facts['processor']}, {facts['processors']} processors; PyTorch {version}; medians of "
          f"{options.rounds} rounds.\n")
    print_tables(results, ways)


if __name__ == "__main__":
    main()
