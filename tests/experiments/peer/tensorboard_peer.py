"""Reads event files back with TensorBoard itself.

usage: tensorboard_peer.py REPORTS_PEER PACKAGES_FOLDER SCRATCH_FOLDER
"""

import math
import os
import shutil
import struct
import subprocess
import sys

import peer_packages


def single(value):
    """The nearest single-precision number."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def main():
    program, folder, scratch = sys.argv[1:]
    peer_packages.require(folder, ["tensorboard==2.21.0"])
    from tensorboard.backend.event_processing import event_accumulator, event_file_loader

    shutil.rmtree(scratch, ignore_errors=True)
    subprocess.run([program, "events", scratch], check=True)
    files = sorted(os.listdir(scratch))
    assert len(files) == 2, files

    # the first file alone: everything that was written, bit for bit
    before = {}
    for event in event_file_loader.LegacyEventFileLoader(os.path.join(scratch, files[0])).Load():
        for value in event.summary.value:
            before.setdefault(value.tag, []).append(
                (event.step, event.wall_time, value.simple_value))
    assert before["return/post"] == [(s, 1000.0 + s, 0.5 * s) for s in range(10)]
    assert before["läuft/±"] == [(s, 1000.0 + s, single(-1e-3 * s)) for s in range(10)]
    assert before["large step"] == [(1 << 40, 2000.0, 1.0)]
    assert math.isnan(before["odd"][0][2]) and before["odd"][1][2] == math.inf

    # the folder as TensorBoard shows it: what was written at step 5 or later is gone after resuming
    run = event_accumulator.EventAccumulator(scratch)
    run.Reload()
    assert run.file_version == 2.0, run.file_version
    shown = [(e.step, e.value) for e in run.Scalars("return/post")]
    assert shown == [(s, 0.5 * s) for s in range(5)] + [(s, 100.0 + s) for s in range(5, 8)], shown
    assert [e.step for e in run.Scalars("läuft/±")] == list(range(5))
    assert [e.step for e in run.Scalars("odd")] == [2, 3]
    assert not run.Scalars("large step")
    print("TensorBoard reads the files and honours the resumed step")


if __name__ == "__main__":
    main()
