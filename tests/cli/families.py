"""Task families from outside: folders with a family.toml, in every command."""

import os
import shutil
import time

from fewstep import SCRATCH, begin, checkpoints, fewstep, metrics, on_terminal, read, tree

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/families")

RECIPE = """[run]
name = "{name}"
iterations = 4
threads = 2
checkpoint_interval = 2
evaluation_tasks = 3
evaluation_units = 1
evaluation_episodes = 2

[family]
name = "{family}"

[agent]
name = "{agent}"
meta_batch_size = 4
{more}
"""


def recipe(name, family, agent="promp", more="episodes = 4\nhidden = [8]"):
    with open(f"{name}.toml", "w") as file:
        file.write(RECIPE.format(name=name, family=family, agent=agent, more=more))
    return f"{name}.toml"


def edit(path, old, new):
    with open(path) as file:
        text = file.read()
    assert old in text, old
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def copy_example(name):
    target = f"mine/{name}"
    os.makedirs(target)
    for file in ("family.toml", "model.xml"):
        shutil.copy(os.path.join(EXAMPLES, name, file), target)
    return target


def test_every_command_knows_them():
    begin()
    families = {f["name"]: f for f in fewstep("list", "families", "--json", "--plugin",
                                              EXAMPLES).exits(0).json()["families"]}
    assert families["arm-reach@example"]["origin"].endswith("arm-reach")
    assert families["point-nav@maml"]["origin"] == "built in"
    assert "arm-reach@example" not in fewstep("list", "families").exits(0).out
    described = fewstep("describe", "puck-push@example", "--plugin", EXAMPLES, "--json")
    assert described.exits(0).json()["parameters"][0]["name"] == "goal_x"
    assert "tolerance(" in fewstep("describe", "arm-reach@example", "--plugin",
                                   EXAMPLES).exits(0).out

    with open("actions.csv", "w") as file:
        file.write("0.5,-0.5\n" * 10)
    rollout = ["rollout", "arm-reach@example", "--task", "goal_x=0.1", "--task", "goal_y=0.2",
               "--actions", "actions.csv", "--plugin", EXAMPLES]
    first = fewstep(*rollout).exits(0).out
    assert len(first.splitlines()) == 12 and fewstep(*rollout).out == first


def test_a_run_keeps_its_family():
    begin()
    folder = copy_example("arm-reach")
    small = recipe("arm", "arm-reach@example")
    fewstep("train", small).exits(2, "there is no 'arm-reach@example'")
    whole = fewstep("train", small, "--plugin", folder).exits(0)
    before = metrics("runs/arm")
    assert tree("runs/arm/family") == tree(folder)
    assert folder in read("runs/arm/build.json").decode()

    # the definition changes, then goes: the run still has its own
    edit(f"{folder}/family.toml", "weight = -1.0", "weight = -2.0")
    changed = fewstep("describe", "arm-reach@example", "--plugin", folder, "--json").exits(0).json()
    evaluated = fewstep("evaluate", "runs/arm", "--json").exits(0).json()
    assert changed["hash"] != evaluated["family_hash"]
    again = fewstep("evaluate", "runs/arm", "--json", "--plugin", folder).exits(0).json()
    assert again["curve"] == evaluated["curve"]
    shutil.rmtree("mine")
    os.rename("runs/arm", "moved")
    assert fewstep("evaluate", "moved", "--json").exits(0).json()["curve"] == \
        evaluated["curve"]
    assert "arm-reach@example" in fewstep("list", "runs", "--directory", ".").exits(0).out

    # resumed from its copy, as if it had not been interrupted
    shutil.rmtree("moved/evaluations")
    name = checkpoints("moved")[-1]
    os.remove(f"moved/checkpoints/{name}")
    fewstep("resume", "moved").exits(0)
    assert metrics("moved") == before
    assert whole.out

    # what else lies in the folder is no part of the family
    shutil.copytree("moved/family", "again")
    edit("again/model.xml", "<worldbody>", "<!-- was file='old.obj' --><worldbody>")
    before = fewstep("describe", "arm-reach@example", "--plugin", "again", "--json").json()["hash"]
    fewstep("train", small, "--plugin", ".", "--set", "run.iterations=0", cwd="again").exits(2)
    shutil.copy(small, "again/recipe.toml")
    fewstep("train", "recipe.toml", "--plugin", ".", "--set", "run.iterations=0",
            cwd="again").exits(0)
    with open("again/notes.xml", "w") as file:
        file.write("not named by the model")
    os.symlink("loop.xml", "again/loop.xml")
    os.symlink("/etc/passwd", "again/leak.obj")
    after = fewstep("describe", "arm-reach@example", "--plugin", "again", "--json").exits(0)
    assert after.json()["hash"] == before
    assert sorted(os.listdir("again/runs/arm/family")) == ["family.toml", "model.xml"]

    # a damaged copy is told, and where
    edit("moved/family/family.toml", "horizon = 40", "horizon = sixty")
    fewstep("evaluate", "moved").exits(2, "moved/family/family.toml:8")


def test_where_they_are_found():
    begin()
    folder = copy_example("arm-reach")
    environment = dict(os.environ, FEWSTEP_PLUGINS=f"{SCRATCH}/mine:/nowhere")
    assert "arm-reach@example" in fewstep("list", "families", env=environment).exits(0).out
    home = dict(os.environ, XDG_DATA_HOME=f"{SCRATCH}/share")
    shutil.copytree(folder, "share/fewstep/plugins/arm")
    fewstep("describe", "arm-reach@example", env=home).exits(0)

    # a broken one keeps nothing else from working, and is told
    edit("share/fewstep/plugins/arm/family.toml", "[family]", "[family")
    listed = fewstep("list", "families", env=home).exits(0).out
    assert "cannot be used" in listed and "point-nav@maml" in listed
    # named, it is an error
    fewstep("list", "--plugin", "share/fewstep/plugins/arm").exits(2, "family.toml:4")
    fewstep("list", "--plugin", "nowhere").exits(2, "there is nothing here")

    # a name that is taken
    edit(f"{folder}/family.toml", "arm-reach@example", "point-nav@maml")
    fewstep("describe", "point-nav@maml", "--plugin", folder).exits(2, "--override")
    assert "tip" in fewstep("describe", "point-nav@maml", "--plugin", folder,
                            "--override").exits(0).out


def test_tasks_that_change():
    begin()
    folder = copy_example("arm-reach")
    edit(f"{folder}/family.toml", "[reset]",
         "[change]\nkind = \"drift\"\nevery = 20\ndrift = 0.1\n\n[reset]")
    edit(f"{folder}/family.toml", "horizon = 40", "horizon = 30\ntrial_episodes = 2")
    described = fewstep("describe", "arm-reach@example", "--plugin", folder, "--json").exits(0)
    assert described.json()["change"]["every"] == 20
    small = recipe("changing", "arm-reach@example", "rl2", "[agent.memory]\nsize = 8")
    fewstep("train", small, "--plugin", folder).exits(0)
    one = metrics("runs/changing")
    fewstep("train", small, "--plugin", folder, "--restart", "--set", "run.threads=1").exits(0)
    assert metrics("runs/changing") == one
    fewstep("train", small, "--plugin", folder, "--restart", "--set",
            "run.sampling_plan=lockstep").exits(0)
    curve = fewstep("evaluate", "runs/changing", "--json").exits(0).json()
    assert len(curve["curve"]) == 2


def test_a_hostile_model_harms_nobody():
    begin()
    folder = copy_example("arm-reach")
    # MuJoCo's compiler runs for ever on this
    with open(f"{folder}/model.xml", "w") as file:
        file.write("""<mujoco><worldbody><body name="b"><joint name="j"/><geom size="0.1"/>
<site name="s" pos="inf 0 0"/></body><site name="t"/></worldbody>
<tendon><spatial name="w"><site site="s"/><site site="t"/></spatial></tendon>
<actuator><muscle name="m" tendon="w"/></actuator></mujoco>""")
    began = time.monotonic()
    result = fewstep("describe", "arm-reach@example", "--plugin", folder,
                     env=dict(os.environ, FEWSTEP_MODEL_SECONDS="2"))
    result.exits(3, "model.xml", "was stopped")
    assert time.monotonic() - began < 60
    listed = fewstep("list", "families", "--plugin", folder,
                     env=dict(os.environ, FEWSTEP_MODEL_SECONDS="2")).exits(0).out
    assert "cannot be used" in listed and "point-nav@maml" in listed

    # far more memory than there is
    with open(f"{folder}/model.xml", "w") as file:
        file.write("<mujoco><size memory=\"900G\"/><worldbody><body><joint name='a'/>"
                   "<geom size='0.1'/></body></worldbody></mujoco>")
    result = fewstep("describe", "arm-reach@example", "--plugin", folder)
    assert result.code in (2, 3) and "model.xml" in result.err, str(result)
    with open(f"{folder}/model.xml", "wb") as file:
        file.write(b"\x00\xff" * 4000)
    fewstep("describe", "arm-reach@example", "--plugin", folder).exits(3, "model.xml")


def test_help_teaches():
    begin()
    text = fewstep("describe", "family.toml").exits(0).out
    for word in ("parameter[].train.uniform", "body_mass", "rate:SIGNAL", "tolerance"):
        assert word in text, word
    keys = fewstep("describe", "family.toml", "--json").exits(0).json()
    assert {"keys", "signals", "quantities"} <= keys.keys()
    assert "--plugin" in fewstep("train", "--help").exits(0).out
    for columns in (80, 200):
        code, shown = on_terminal(["describe", "family.toml"], columns)
        assert code == 0 and all(len(line) <= columns for line in shown.splitlines())


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: ok", flush=True)
