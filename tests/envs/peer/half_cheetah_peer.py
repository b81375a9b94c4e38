"""Compares the half-cheetah with gymnasium's, taken from its wheel.

Usage: half_cheetah_peer.py PROGRAM WORK_DIRECTORY
Exit status: that of the program; 77 (skipped) when the wheel cannot be had.
"""

import pathlib
import subprocess
import sys
import zipfile

PACKAGE = "gymnasium==1.4.0"
MODEL = "gymnasium/envs/mujoco/assets/half_cheetah.xml"
SKIPPED = 77


def find_wheel(directory):
    return next(iter(sorted(directory.glob("gymnasium-1.4.0-*.whl"))), None)


def main():
    program, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)

    # once; later runs find the wheel
    if find_wheel(directory) is None:
        download = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
             "--dest", str(directory), PACKAGE],
            capture_output=True, text=True, check=False)
        if download.returncode != 0:
            print(f"skipped: {PACKAGE} could not be downloaded (no network, or no pip)")
            print(download.stderr)
            return SKIPPED

    model = directory / "half_cheetah.xml"
    with zipfile.ZipFile(find_wheel(directory)) as wheel:
        model.write_bytes(wheel.read(MODEL))
    return subprocess.run([program, str(model)], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
