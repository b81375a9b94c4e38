"""Compares point estimates and intervals with the packages rliable and scipy.

usage: statistics_peer.py REPORTS_PEER PACKAGES_FOLDER
"""

import math
import subprocess
import sys

import peer_packages

MATRICES = 1000  # for the points
INTERVALS = 12   # of them, also for the bounds
RESAMPLES = 4000
QUANTILES = (0.025, 0.975)


def run_ours(program, matrices, resamples):
    lines = [" ".join([str(m.shape[0]), str(m.shape[1]), *map(repr, m.ravel().tolist())])
             for m in matrices]
    result = subprocess.run([program, "statistics", str(resamples)], input="\n".join(lines) + "\n",
                            capture_output=True, text=True, check=True)
    rows = [[float(x) for x in line.split()] for line in result.stdout.splitlines()]
    assert len(rows) == len(matrices), (len(rows), len(matrices))
    return rows


def check_bounds(name, bounds, replicates, np):
    """Each bound lies between the peer's quantiles five standard errors around q.

    The share of replicates below an estimated quantile has variance q (1 - q) / n; two independent
    bootstraps double it.
    """
    for q, bound in zip(QUANTILES, bounds):
        slack = 5.0 * math.sqrt(2.0 * q * (1.0 - q) / RESAMPLES)
        low, high = np.quantile(replicates, [max(q - slack, 0.0), min(q + slack, 1.0)])
        assert low <= bound <= high, f"{name}: {bound} outside [{low}, {high}] at {q}"


def main():
    program, folder = sys.argv[1:]
    peer_packages.require(folder, ["rliable==1.2.0", "pandas==2.3.3"])
    import numpy as np
    from rliable import library, metrics
    from scipy import stats

    random = np.random.default_rng(20240917)
    matrices = []
    for _ in range(MATRICES):
        seeds, tasks = random.integers(1, 12), random.integers(1, 15)
        scores = random.standard_t(3, size=(seeds, tasks)) * 10.0 ** random.integers(-3, 4)
        matrices.append(scores + 5.0 * random.normal(size=tasks))

    # points, relative to the size of the scores
    for scores, row in zip(matrices, run_ours(program, matrices, 1)):
        scale = np.abs(scores).max()
        for ours, theirs in [(row[0], metrics.aggregate_mean(scores)),
                             (row[3], metrics.aggregate_iqm(scores))]:
            assert abs(ours - theirs) <= 1e-12 * scale, (ours, theirs, scale)
        if scores.size < 4:
            continue
        values = scores.ravel()
        assert abs(row[4] - stats.sem(values)) <= 1e-12 * scale
        low, high = stats.t.interval(0.95, values.size - 1, values.mean(), stats.sem(values))
        assert max(abs(row[5] - low), abs(row[6] - high)) <= 1e-9 * scale, (row[5:7], low, high)
        half = values.size // 2
        welch = stats.ttest_ind(values[:half + 1], values[half:], equal_var=False)
        interval = welch.confidence_interval(0.95)
        for ours, theirs in zip(row[8:10], interval):
            assert abs(ours - theirs) <= 1e-9 * scale, (row[7:10], interval)

    # bounds of the bootstrap: rliable's of one task whose runs are the values
    chosen = [m for m in matrices if m.shape[0] >= 4][:INTERVALS]
    assert len(chosen) == INTERVALS
    for i, (scores, row) in enumerate(zip(chosen, run_ours(program, chosen, RESAMPLES))):
        replicates = library.StratifiedBootstrap(
            scores.reshape(-1, 1), random_state=np.random.RandomState(i)).apply(
                lambda x: np.array([metrics.aggregate_mean(x)]), RESAMPLES)
        check_bounds("mean", row[1:3], replicates[:, 0], np)

    print(f"{MATRICES} matrices: points equal; {INTERVALS} matrices: bounds agree")


if __name__ == "__main__":
    main()
