"""Installs the Python packages of a peer test into a folder of its own in the build tree."""

import importlib
import os
import subprocess
import sys

SKIPPED = 77  # ctest: SKIP_RETURN_CODE


def require(folder, requirements):
    """Makes the pinned `requirements` importable from `folder`, installing them the first time.

    Ends the test as skipped when they cannot be installed, for want of a network above all.
    """
    stamp = os.path.join(folder, "installed.txt")
    wanted = "\n".join([sys.version, *requirements])
    if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != wanted:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--retries", "1",
                   "--disable-pip-version-check", "--root-user-action", "ignore",
                   "--upgrade", "--target", folder, *requirements]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            print(result.stderr[-2000:])
            print(f"skipped: cannot install {', '.join(requirements)} (is there a network?)")
            sys.exit(SKIPPED)
        with open(stamp, "w", encoding="utf-8") as file:
            file.write(wanted)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
