"""Control steps a second of fewstep's sampler beside other simulators of the half-cheetah.

Usage: compare_peers.py SAMPLER_BENCH WORK_DIRECTORY [--rounds N] [--threads N]

Installs the peers from their wheels into WORK_DIRECTORY, once, then measures everybody in turn,
round after round, each in a process of its own. Prints a Markdown table of medians and writes
WORK_DIRECTORY/peers.json. Everybody simulates frame skip 5, episodes of 100 control steps and
controls of the same size on the same number of threads; only fewstep also runs a policy.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

PACKAGES = ["mujoco-core==4.0.1", "gymnasium==1.4.0", "envpool==1.2.5", "numpy==2.4.6",
            "glfw==2.11.0", "imageio==2.38.1", "pyopengl==3.1.10"]
SECONDS = 2.0  # a measurement, at least
HORIZON = 100
FRAME_SKIP = 5


def machine_seconds():
    """Busy processor seconds of the machine since it started, all programs."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _, _, interrupt, soft = map(int, file.readline().split()[1:8])
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")


def own_seconds():
    """Processor seconds of this process and of its children that are alive."""
    total = 0
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended meanwhile
        if int(path.parent.name) == os.getpid() or int(fields[1]) == os.getpid():
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def measure(step, steps_a_call):
    """Calls step(number) for SECONDS after a warm-up of one episode."""
    for number in range(HORIZON):
        step(number)
    start, own, machine, calls = time.perf_counter(), own_seconds(), machine_seconds(), 0
    while calls % HORIZON or time.perf_counter() - start < SECONDS:
        step(calls)
        calls += 1
    wall = time.perf_counter() - start
    own, machine = own_seconds() - own, machine_seconds() - machine
    steps = calls * steps_a_call
    return {"steps_per_second": steps / wall, "steps_per_processor_second": steps / own,
            "others": max(0.0, machine - own) / wall}


def controls(count):
    """What a fresh policy gives: N(0, 1) / 10, one table for each step of an episode."""
    import numpy as np
    table = np.random.default_rng(0).standard_normal((HORIZON, count, 6)) / 10
    return table.clip(-1, 1)


def mujoco_batch(threads, simulations):
    import gymnasium.envs.mujoco
    import mujoco
    import mujoco.batch
    import numpy as np
    assets = pathlib.Path(gymnasium.envs.mujoco.__file__).parent / "assets"
    model = mujoco.MjModel.from_xml_path(str(assets / "half_cheetah.xml"))
    batch = mujoco.batch.Batch(model, simulations, threads)
    qpos, qvel, ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
    actions = controls(simulations)

    def step(number):
        if number % HORIZON == 0:
            batch.reset()
        ctrl[:] = actions[number % HORIZON]
        batch.step(nstep=FRAME_SKIP)
        return np.concatenate([qpos[:, 1:], qvel], axis=1).astype(np.float32)

    return measure(step, simulations)


def envpool(threads, simulations, batch_size):
    import envpool as package
    import numpy as np
    env = package.make_gymnasium("HalfCheetah-v4", num_envs=simulations, batch_size=batch_size,
                                 num_threads=threads, max_episode_steps=HORIZON, seed=0)
    actions = controls(batch_size)
    if batch_size == simulations:
        env.reset()
        return measure(lambda number: env.step(actions[number % HORIZON]), batch_size)
    env.async_reset()

    def step(number):
        info = env.recv()[-1]
        env.send(actions[number % HORIZON], np.asarray(info["env_id"]))

    return measure(step, batch_size)


def gymnasium_async(workers):
    import gymnasium
    env = gymnasium.make_vec("HalfCheetah-v5", num_envs=workers, vectorization_mode="async",
                             max_episode_steps=HORIZON)
    env.reset(seed=0)
    actions = controls(workers).astype("float32")
    result = measure(lambda number: env.step(actions[number % HORIZON]), workers)
    env.close()
    return result


PEERS = {
    "MuJoCo Python batch, 800 simulations": lambda threads: mujoco_batch(threads, 800),
    "MuJoCo Python batch, 64 simulations": lambda threads: mujoco_batch(threads, 64),
    "EnvPool async, 64 simulations, batch 32": lambda threads: envpool(threads, 64, 32),
    "EnvPool sync, 64 simulations": lambda threads: envpool(threads, 64, 64),
    "gymnasium AsyncVectorEnv, 16 workers": lambda threads: gymnasium_async(16),
}
BARE, OURS = "bare mj_step loop", "fewstep sampler, 40 tasks x 20 episodes, policy included"


def run_json(command, **keywords):
    result = subprocess.run(command, capture_output=True, text=True, check=False, **keywords)
    if result.returncode != 0:
        sys.exit(f"{command[0]} failed: {result.stderr[-2000:]}")
    return json.loads(result.stdout[result.stdout.index("{"):])


def measure_ours(program, threads):
    """The sampler and the bare loop, which come as a pair."""
    machine, own = machine_seconds(), os.times()
    start = time.perf_counter()
    output = run_json([program, "--benchmark_format=json", "--benchmark_filter="
                       f"half-cheetah-dir@promp/episodes/threads:{threads}/"])
    wall, machine, now = time.perf_counter() - start, machine_seconds() - machine, os.times()
    used = now.children_user + now.children_system - own.children_user - own.children_system
    others = max(0.0, machine - used) / wall
    row = output["benchmarks"][0]
    return {name: {"steps_per_second": row[f"{prefix}steps_per_second"],
                   "steps_per_processor_second": row[f"{prefix}steps_per_processor_second"],
                   "others": others}
            for name, prefix in ((BARE, "bare_"), (OURS, ""))}


def install(directory):
    """Installs the peers into `directory`/site, unless they are there."""
    site, stamp = directory / "site", directory / "installed.txt"
    wanted = "\n".join([sys.version, *PACKAGES])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print("Installing the peers (0.9 GB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--upgrade",
                        "--disable-pip-version-check", "--root-user-action", "ignore",
                        "--no-compile", "--target", str(site), *PACKAGES], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    return site


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="sampler_bench, or the name of a peer with --measure")
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(PEERS[options.program](options.threads)))
        return

    options.directory.mkdir(parents=True, exist_ok=True)
    site = install(options.directory)
    environment = {**os.environ, "PYTHONPATH": str(site.resolve()), "PYTHONDONTWRITEBYTECODE": "1",
                   "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    results = {name: [] for name in (BARE, OURS, *PEERS)}
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for name, result in measure_ours(options.program, options.threads).items():
            results[name].append(result)
        for name in PEERS:
            results[name].append(run_json(
                [sys.executable, os.path.abspath(__file__), name, ".", "--measure",
                 "--threads", str(options.threads)],
                env=environment, cwd=options.directory))  # where MuJoCo may leave its log

    # medians, and ours against each of them round by round
    rows = []
    for name, rounds in results.items():
        row = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        for key, ratio in (("steps_per_second", "fewstep_ratio"),
                           ("steps_per_processor_second", "fewstep_processor_ratio")):
            row[ratio] = statistics.median(
                ours[key] / theirs[key] for ours, theirs in zip(results[OURS], rounds))
        rows.append({"name": name, **row})
    versions = {package.split("==")[0]: package.split("==")[1] for package in PACKAGES[:3]}
    facts = {"processor": processor_name(), "processors": os.cpu_count(),
             "threads": options.threads, "rounds": options.rounds,
             "python": platform.python_version(), "packages": versions}
    (options.directory / "peers.json").write_text(
        json.dumps({**facts, "medians": rows, "measurements": results}, indent=2) + "\n",
        encoding="utf-8")

    print(f"{facts['processor']}, {facts['processors']} processors, {options.threads} threads; "
          f"medians of {options.rounds} rounds; "
          + ", ".join(f"{name} {version}" for name, version in versions.items()))
    print()
    print("| half-cheetah, frame skip 5 | control steps/s | steps/processor-s | fewstep is x times "
          "| by processor time | busy with others |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['name']} | {row['steps_per_second']:,.0f} "
              f"| {row['steps_per_processor_second']:,.0f} | {row['fewstep_ratio']:.2f} "
              f"| {row['fewstep_processor_ratio']:.2f} | {row['others']:.2f} |")


if __name__ == "__main__":
    main()
