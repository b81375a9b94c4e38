"""fewstep verify: its figures, its verdict as an exit code, and what it refuses."""

import math
import os

from fewstep import begin, fewstep

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MDPS = os.path.join(SOURCE, "experiments", "mdps")


def verify(*words):
    return fewstep("verify", *words, "--quiet")


def check_published_figures():
    result = verify("--json").exits(0).json()
    assert result["verified"] and result["contradictions"] == []
    for value, published in zip(result["truth"]["gradient"], (-.6945, .6945, .7714, -.7714)):
        assert abs(value - published) < 5e-5
    rows = {row["name"]: row for row in result["estimators"]}
    figures = {"likelihood_ratio": (.113, .9997), "log_likelihood": (.433, .968),
               "first order": (.156, 1.0)}
    for name, (error, cosine) in figures.items():
        assert abs(rows[name]["relative_error"] - error) < 5e-4, name
        assert abs(rows[name]["cosine"] - cosine) < 5e-4, name
    assert rows["dice"]["relative_error"] < 1e-6
    moved = rows["log_likelihood"]["reward_offsets"]
    for row, (offset, error, cosine) in zip(moved, ((1, 1.115, .025), (5, 3.861, -.762))):
        assert row["offset"] == offset
        assert abs(row["relative_error"] - error) < 5e-4 and abs(row["cosine"] - cosine) < 5e-4
    for row in rows.values():
        sampled = row["monte_carlo"]
        assert sampled["distance"] < 4
        farthest = max(abs(mean - expected) / error for mean, expected, error in
                       zip(sampled["mean"], row["expectation"], sampled["standard_error"]))
        assert math.isclose(farthest, sampled["distance"], rel_tol=1e-9)
    # the file of the same process, and another number of threads, give the same figures
    file = os.path.join(MDPS, "two-state.toml")
    again = verify(file, "--threads", "3", "--json").exits(0).json()
    assert again.pop("mdp") == file and result.pop("mdp") == "built in"
    assert again == result


def check_words():
    text = verify("--replicas", "8", "--episodes", "500", "--reward-offset", "-2").exits(0).out
    for word in ("true meta-gradient", "-0.6945, 0.6945", "reward -2: error", "Verified: what is claimed to be exact (dice"):
        assert word in text, (word, text)
    noisy = fewstep("verify", "--replicas", "2", "--episodes", "10")
    assert "Sampling dice" in noisy.err and "Sampling" not in noisy.out
    help = fewstep("verify", "--help").exits(0).out
    for word in ("relative error", "cosine", "reward +c", "standard error", "Exit code 0"):
        assert word in help, word


def check_verdict():
    # two episodes bias every replica; enough replicas show it
    result = fewstep("verify", "--episodes", "2", "--replicas", "3000", "--json").exits(1).json()
    assert not result["verified"] and result["contradictions"]
    verify(os.path.join(MDPS, "three-state.toml")).exits(0)


def check_bad_files():
    with open(os.path.join(MDPS, "two-state.toml")) as file:
        good = file.read()

    def refused(old, new, *texts):
        assert old in good
        with open("bad.toml", "w") as file:
            file.write(good.replace(old, new))
        assert fewstep("verify", "bad.toml").exits(2, *texts).out == ""

    refused("[0.9, 0.1]", "[0.9, 0.2]", "bad.toml:6", "'mdp.transition'", "row [0][0] sum to 1.1")
    refused("[0.9, 0.1]", "[0.9]", "bad.toml:7", "one of 1")
    refused("[0.9, 0.1]", "[0.9, '0.1']", "bad.toml:7", "found a string")
    refused("[0.9, 0.1]", "[1.5, -0.5]", "no probability")
    refused("  [2, -1],\n", "", "bad.toml:10", "'mdp.reward'", "must be [2, 2]")
    refused("horizon = 3", "horizon = 30", "bad.toml:5", "trajectories")
    refused("horizon = 3\n", "", "'mdp.horizon'", "needs this key")
    refused("policy", "polciy", "did you mean 'policy'?")
    refused("[mdp]", "[mdp", "bad.toml:2")
    fewstep("verify", "missing.toml").exits(2, "missing.toml")
    fewstep("verify", "--episodes", "0").exits(2, "--episodes")


def main():
    begin()
    check_published_figures()
    check_words()
    check_verdict()
    check_bad_files()
    print("what training estimates is verified, and what is wrong is refused")


if __name__ == "__main__":
    main()
