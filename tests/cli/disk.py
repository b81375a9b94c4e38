"""A disk that is full, a directory that cannot be written, a file size limit, closed outputs."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys

from fewstep import (PROGRAM, begin, checkpoints, fewstep, metrics, read, sets, start, tensors, train,
                     tree)


@contextlib.contextmanager
def mounted(folder, size, *options):
    """A real small file system at `folder`, or None where mounting is not allowed."""
    os.makedirs(folder, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]),
                           "tmpfs", folder], capture_output=True) if shutil.which("mount") else None
    if done is None or done.returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def readable(run):
    """Every checkpoint that has its name is whole."""
    for name in checkpoints(run):
        fewstep("evaluate", f"{run}/checkpoints/{name}", "--tasks", "2", "--units", "0").exits(0)


def check_full_disk(expected):
    full = 0
    with mounted("disk", "4M") as disk:
        if disk is None:
            return "not allowed to mount: no full disk"
        place = sets(run_directory="disk", run_iterations=40, run_keep_checkpoints=20)
        for free in (0, 4096, 8192, 20000, 40000, 60000, 100000):
            shutil.rmtree("disk/small", ignore_errors=True)
            ballast = os.statvfs("disk").f_bavail * os.statvfs("disk").f_frsize - free
            with open("disk/ballast", "wb") as file:
                file.write(b"x" * ballast)
            result = train(*place)
            full += result.code == 1
            result.exits(1, "No space left", "disk/", "bytes", "Free space" if free else "")
            kept = []
            if os.path.exists("disk/small/run.toml"):
                kept = checkpoints("disk/small")
                again = fewstep("resume", "disk/small").exits(1, "No space left", "disk/")
                assert set(kept) <= set(checkpoints("disk/small")), again
            os.remove("disk/ballast")
            # with room again everything that was complete counts
            if kept:
                readable("disk/small")
                fewstep("resume", "disk/small").exits(0, "continuing after")
            elif os.path.exists("disk/small/run.toml"):
                fewstep("resume", "disk/small").exits(0)
            else:
                train(*place).exits(0)
            assert metrics("disk/small") == expected
    return f"{full} full disks"


def check_read_only(expected):
    with mounted("locked", "4M") as disk:
        if disk is None:
            if os.geteuid() == 0:
                return "not allowed to mount: no read-only disk"
            os.makedirs("locked", exist_ok=True)
        train(*sets(run_directory="locked", run_iterations=40)).exits(0)
        if disk:
            subprocess.run(["mount", "-o", "remount,ro", "locked"], check=True)
        else:
            for place, _, _ in os.walk("locked"):
                os.chmod(place, 0o555)
        before = tree("locked")
        train(*sets(run_directory="locked", run_name="new")).exits(1, "locked/new")
        train("--restart", *sets(run_directory="locked")).exits(1, "locked/small")
        # the curve is shown even where it cannot be saved
        shown = fewstep("evaluate", "locked/small", "--json").exits(1, "locked/small/evaluations")
        assert shown.json()["iteration"] == 40
        doctor = fewstep("doctor", "--directory", "locked", "--json").exits(1)
        disk_check = next(c for c in doctor.json()["checks"] if c["name"] == "disk")
        assert not disk_check["passed"] and "run.directory" in disk_check["remedy"]
        assert tree("locked") == before
        if not disk:
            for place, _, _ in os.walk("locked"):
                os.chmod(place, 0o755)
    return "a read-only disk"


def check_file_size_limit(expected):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (9000, resource.RLIM_INFINITY))

    result = fewstep("train", "small.toml", *sets(run_iterations=40, run_name="limit"),
                     preexec_fn=limit)
    result.exits(1, "File too large", "runs/limit/", "bytes", "ulimit -f")
    fewstep("resume", "runs/limit").exits(0)
    assert metrics("runs/limit") == expected


def check_closed_outputs(expected):
    # a reader that leaves, a full device, nothing at all
    head = subprocess.run(["bash", "-c", f"'{PROGRAM}' list | head -1; echo ${{PIPESTATUS[0]}}"],
                          capture_output=True, text=True)
    assert head.stdout == "families\n0\n" and head.stderr == "", head
    for words in (["list"], ["list", "--json"], ["describe", "run"], ["doctor"], ["--help"]):
        gone = subprocess.Popen([PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        gone.stdout.close()
        assert gone.wait(60) == 0 and gone.stderr.read() == b"", words
    with open("/dev/full", "w") as full:
        result = subprocess.run([PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, text=True)
        assert result.returncode == 1 and "stdout" in result.stderr, result
        result = subprocess.run([PROGRAM, "lst"], stderr=full)
        assert result.returncode == 2, result
    # progress into a pipe that nobody reads does not end a run
    run = start("train", "small.toml", *sets(run_iterations=40, run_name="piped"),
                stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    run.stderr.close()
    run.stdout.close()
    assert run.wait(60) == 0
    assert metrics("runs/piped") == expected
    # without stdin, stdout and stderr no file gets their numbers
    closed = subprocess.run(["bash", "-c", f"'{PROGRAM}' train small.toml --set run.name=closed "
                             "--set run.iterations=40 <&- >&- 2>&-"])
    assert closed.returncode == 0
    assert metrics("runs/closed") == expected


def main():
    begin()
    train(*sets(run_iterations=40), "--quiet").exits(0)
    expected = metrics("runs/small")
    check_closed_outputs(expected)
    check_file_size_limit(expected)
    print(check_read_only(expected))
    print(check_full_disk(expected))


if __name__ == "__main__":
    main()
