"""Recipes that are wrong: keys misspelt, of wrong types, at the edges of numbers, and mutated.

A seeded sample of each; with FEWSTEP_THOROUGH=1 in the environment all of them.
"""

import os
import random
import re

from concurrent.futures import ThreadPoolExecutor

from fewstep import RECIPE, begin, fewstep, metrics, sets, train

FAST = sets(run_iterations=0, run_evaluation_interval=0, run_evaluation_tasks=2,
            run_evaluation_units=0, run_evaluation_episodes=1)


THOROUGH = os.environ.get("FEWSTEP_THOROUGH") == "1"


def some(rng, jobs, count):
    return jobs if THOROUGH or len(jobs) <= count else rng.sample(jobs, count)


def describe():
    """Every key of a recipe as (table, key, type, default, range)."""
    keys = []
    for table, name in (("run", "run"), ("family", "point-nav@maml"), ("agent", "maml-ppo")):
        for key in fewstep("describe", name, "--json").exits(0).json()["keys"]:
            # everything has a default, numbers have a unit, and the meaning is a sentence
            assert key["default"] != "" and key["help"][0].isupper() and key["help"][-1] == ".", key
            assert key["unit"] or key["type"] in ("string", "strings", "boolean"), key
            keys.append((table, key["key"], key["type"], key["default"], key["range"]))
    assert len(keys) > 35
    return keys


def full_recipe(keys, replaced=None, line=None):
    """A recipe that spells out every key; `replaced` (table, key) becomes `line`. With its line."""
    text, number = [], 0
    for table in ("run", "family", "agent"):
        text.append(f"[{table}]")
        for owner, key, _, default, _ in keys:
            if owner != table:
                continue
            text.append(f"{key} = {default}")
            if (owner, key) == replaced:
                text[-1] = line
                number = len(text)
    return "\n".join(text) + "\n", number


def run_recipe(text, name, *words):
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    return fewstep("train", name, *words)


def slips(rng, word):
    """One edit of each kind."""
    letters = "abcdefghijklmnopqrstuvwxyz_"
    at = rng.randrange(len(word))
    return {word[:at] + word[at + 1:],                          # left out
            word[:at] + rng.choice(letters) + word[at:],        # one more
            word[:at] + rng.choice(letters) + word[at + 1:],    # another one
            word[:at] + word[at:at + 2][::-1] + word[at + 2:]   # swapped
            } - {word, ""}


def check_misspelt(keys, rng):
    known = {key for _, key, *_ in keys}
    jobs = [(table, key, slip) for table, key, *_ in keys for slip in slips(rng, key)
            if slip not in known]
    jobs = some(rng, jobs, 30)

    def try_one(job):
        number, (table, key, slip) = job
        default = next(d for t, k, _, d, _ in keys if (t, k) == (table, key))
        text, line = full_recipe(keys, (table, key), f"{slip} = {default}")
        name = f"misspelt{number}.toml"
        result = run_recipe(text, name).exits(2, f"{name}:{line}: '{table}.{slip}': unknown key")
        return f"did you mean '{key}'?" in result.err

    with ThreadPoolExecutor(2) as pool:
        right = list(pool.map(try_one, enumerate(jobs)))
    assert sum(right) >= 0.95 * len(right), f"{sum(right)} of {len(right)} suggestions are right"
    return f"{sum(right)} of {len(right)} slips are named"


def check_types(keys, rng):
    samples = {"string": '"abc"', "integer": "3", "number": "3.5", "boolean": "true",
               "integers": "[3]", "strings": '["a"]', "date": "2020-01-01", "table": "{ a = 1 }",
               "mixed": '[1, "a"]'}
    fits = {"integer": {"integer"}, "number": {"integer", "number"}, "string": {"string"},
            "boolean": {"boolean"}, "integers": {"integers"}, "strings": {"strings", "string"}}
    jobs = [(table, key, value) for table, key, kind, *_ in keys
            for sample, value in samples.items() if sample not in fits[kind]]
    jobs = some(rng, jobs, 30)

    def try_one(job):
        number, (table, key, value) = job
        text, line = full_recipe(keys, (table, key), f"{key} = {value}")
        name = f"type{number}.toml"
        run_recipe(text, name).exits(2, f"{name}:{line}: '{table}.{key}", "expected")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(try_one, enumerate(jobs)))
    return f"{len(jobs)} wrong types"


def check_edges(keys, rng):
    """Refused with the key, or it works; what cannot fit into memory is refused at once."""
    values = ["0", "-1", "2147483648", "9223372036854775807", "9223372036854775808", "1e308",
              "5e-324", "nan", "inf", "-inf"]
    jobs = [(table, key, kind, value) for table, key, kind, *_ in keys
            if kind in ("integer", "number", "integers") for value in values
            if key != "iterations"]
    jobs = some(rng, jobs, 40)

    def try_one(job):
        number, (table, key, kind, value) = job
        given = f"[{value}]" if kind == "integers" else value
        result = train(*FAST, *sets(run_name=f"edge{number}"), "--set", f"{table}.{key}={given}")
        assert result.code in (0, 2), result
        if result.code == 2:
            result.exits(2, f"{key}")
        assert (result.code == 0) == os.path.exists(f"runs/edge{number}"), result
        if value in ("nan", "inf", "-inf", "9223372036854775808"):
            result.exits(2)
        return result.code

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(try_one, enumerate(jobs)))
    assert codes.count(0) > 2 and codes.count(2) > 10
    return f"{len(codes)} values at the edge"


def check_sizes():
    huge = "100000"
    for words in (["agent.meta_batch_size=100000", "agent.episodes=100000"],
                  ["agent.meta_batch_size=100000", "agent.episodes=100000", "agent.inner_steps=100",
                   "family.horizon=1000000"],
                  ["agent.hidden=[65536, 65536, 65536, 65536, 65536, 65536, 65536, 65536]"],
                  ["agent.hidden=[3000, 3000]", "agent.meta_batch_size=100000"],
                  ["run.evaluation_tasks=1000000", "run.evaluation_episodes=1000000"],
                  ["family.horizon=1000000", f"run.evaluation_tasks={huge}"]):
        sized = [word for text in words for word in ("--set", text)]
        key = words[0].split("=")[0]
        result = train(*sized).exits(2, "GB of memory, there are", "Lower", key)
        assert not os.path.exists("runs"), result


def check_mutations():
    base = RECIPE.encode().replace(b"iterations = 6", b"iterations = 0")
    pieces = [b"[", b"]", b"=", b'"', b"\n", b"-", b"1e309", b"[run]", b"\x00", b"\xff", b"#", b".",
              b"{", b"}", b"'''", b"9" * 30, b"name", b"nan", b"true", b"\\", b"\r"]

    def mutate(number):
        r = random.Random(number)
        data = bytearray(base)
        for _ in range(r.randrange(1, 3)):
            at = r.randrange(len(data))
            kind = r.randrange(5)
            if kind == 0:
                data[at] = r.choice(b"0123456789abcdef_=# ")
            elif kind == 1:
                del data[at:at + r.randrange(1, 20)]
            elif kind == 2:
                data[at:at] = r.choice(pieces)
            elif kind == 3:  # another number
                digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
                data[r.choice(digits)] = r.choice(b"0123456789")
            else:
                end = min(len(data), at + r.randrange(1, 40))
                data[at:at] = data[r.randrange(len(data)):][:end - at]
        name = f"mutant{number}.toml"
        with open(name, "wb") as file:
            file.write(data)
        result = fewstep("train", name, *FAST, "--set", f"run.name=mutant{number}",
                         "--set", "run.directory=runs", "--set", "run.threads=1",
                         "--set", "run.device=cpu", "--set", "agent.meta_batch_size=2",
                         "--set", "agent.episodes=2", "--set", "agent.hidden=[8]",
                         "--set", "family.horizon=20")
        assert result.code in (0, 2), (bytes(data), str(result))
        if result.code == 2:
            assert re.search(r"toml(:\d+)?: |--set ", result.err), result
        return result.code

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(mutate, range(500 if THOROUGH else 40)))
    assert codes.count(2) > 10 and codes.count(0) > 0, codes
    return f"{len(codes)} mutants, {codes.count(2)} refused"


def check_tables_and_files():
    def refused(text, *texts):
        result = run_recipe(text, "t.toml").exits(2, *texts)
        assert not os.path.exists("runs"), result

    refused("", "t.toml: 'family.name'", "needs this key")
    refused("[rnu]\nseed = 1\n" + RECIPE, "t.toml:1", "did you mean 'run'?")
    refused(RECIPE.replace("[run]", "[run]\nseed = 1\nseed = 2"), "t.toml:3")
    refused(RECIPE.replace("point-nav@maml", "point-nav@mam"), "t.toml:12: 'family.name'",
            "did you mean 'point-nav@maml'?")
    refused(RECIPE.replace("maml-ppo", "maml-pp"), "t.toml:16: 'agent.name'",
            "did you mean 'maml-ppo'?")
    refused(RECIPE.replace('name = "small"', 'nme = "small"'), "t.toml:2", "did you mean 'name'?")
    refused("run = 3\n" + RECIPE.replace("[run]", "[rest]"), "t.toml")
    for name in ("", ".", "..", "a/b", "x" * 300, "a\\u0000b", "a\\nb"):
        refused(RECIPE.replace("small", name), "t.toml:2: 'run.name'")
    refused(RECIPE.replace("[run]", '[run]\ndirectory = ""'), "t.toml:2: 'run.directory'")
    for path in ("missing.toml", "runs", ".", "/dev/null", "/dev/zero"):
        fewstep("train", path).exits(2, path)
    train("--set", "agent.clp=1").exits(2, "--set agent.clp=1: 'agent.clp'", "'clip'")
    train("--set", "clip=1").exits(2, "table.key=value")
    # a name that TOML could not hold
    os.rename("small.toml", os.fsencode("bad") + b"\xff.toml")
    with open(os.fsencode("bad") + b"\xff.toml") as file:
        text = file.read().replace('name = "small"\n', "")
    with open(os.fsencode("bad") + b"\xff.toml", "w") as file:
        file.write(text)
    fewstep("train", os.fsencode("bad") + b"\xff.toml").exits(2)
    assert not os.path.exists("runs")


def check_builtin():
    """By name, as with a file; what is not there, and what is wrong in one, is named."""
    small = sets(run_iterations=1, run_evaluation_tasks=2, run_evaluation_units=1,
                 run_evaluation_episodes=1, run_threads=1, agent_meta_batch_size=2,
                 agent_episodes=2, family_horizon=10)
    fewstep("train", "promp-point-nav", *small).exits(0)
    text = fewstep("describe", "promp-point-nav").exits(0).out
    run_recipe(text, "own.toml", *small, *sets(run_name="own")).exits(0)
    assert metrics("runs/own") == metrics("runs/promp-point-nav")
    fewstep("train", "promp-point-nav", "--seeds", "1,2", *small).exits(0)
    assert metrics("runs/promp-point-nav-seed1") == metrics("runs/own")

    fewstep("train", "promp-point-nva").exits(2, "did you mean 'promp-point-nav'?",
                                              "fewstep list recipes")
    fewstep("train", "recipes/promp-point-nav.toml").exits(
        2, "recipes/promp-point-nav.toml", "did you mean the built-in recipe 'promp-point-nav'?")
    line = text.splitlines().index('activation = "relu"') + 1
    fewstep("train", "promp-point-nav", "--set", "agent.name=thompson").exits(
        2, f"built-in recipe promp-point-nav:{line}: 'agent.activation': unknown key")
    # a file of that name, and a folder, which is none
    with open("quickstart", "w") as file:
        file.write("[rnu]\n")
    fewstep("train", "quickstart").exits(2, "quickstart:1: ", "did you mean 'run'?")
    os.mkdir("reptile-point-nav")
    fewstep("train", "reptile-point-nav", *small, "--set", "agent.inner_steps=1").exits(0)
    begin()


def main():
    begin()
    check_builtin()
    rng = random.Random(7)
    check_tables_and_files()
    begin()
    check_sizes()
    keys = describe()
    print(check_misspelt(keys, rng))
    print(check_types(keys, rng))
    print(check_edges(keys, rng))
    print(check_mutations())


if __name__ == "__main__":
    main()
