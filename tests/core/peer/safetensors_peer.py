"""Exchanges files with the Python package safetensors, both ways, bit for bit.

usage: safetensors_peer.py HELPER WORK

HELPER is the program built from safetensors_peer.cc, WORK a directory under the
build tree, into which the package is installed once. Exit status 77: skipped, there is no network.
"""

import importlib
import pathlib
import random
import struct
import subprocess
import sys

PACKAGES = ["safetensors==0.8.0", "numpy"]
MUTANTS = 2000


def import_packages(site):
    """Installs the packages into `site` unless they are there, and imports them from it."""
    marker = site / ".complete"
    if not marker.exists():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", site, *PACKAGES]
        if subprocess.run(command, check=False).returncode != 0:
            print("skipped: pip could not install", *PACKAGES)
            sys.exit(77)
        marker.touch()
    sys.path.insert(0, str(site))
    return importlib.import_module("numpy"), importlib.import_module("safetensors.numpy")


def run(helper, *arguments):
    return subprocess.run([helper, *map(str, arguments)], capture_output=True, text=True,
                          check=False)


def same(numpy, a, b):
    """Equal names, types, shapes and bytes: NaN payloads and the sign of zero included."""
    return a.keys() == b.keys() and all(
        a[k].dtype == b[k].dtype and a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes()
        for k in a)


def cpp_to_python(numpy, safetensors, helper, work):
    path = work / "from_cpp.safetensors"
    assert run(helper, "write", path).returncode == 0
    expected = {
        "text": numpy.frombuffer("café\n".encode(), dtype=numpy.uint8),
        "policy/weights": (0.25 * numpy.arange(12) - 1).astype(numpy.float32).reshape(3, 4),
        "moments": numpy.array([1e300, -0.0]),
        "steps": numpy.array([-1, 0, 2**63 - 1], dtype=numpy.int64),
        "seeds": numpy.array([2**64 - 1], dtype=numpy.uint64),
        "empty": numpy.zeros((0, 5), dtype=numpy.int32),
        "flag": numpy.array(200, dtype=numpy.uint8),
    }
    assert same(numpy, safetensors.load_file(path), expected)
    from safetensors import safe_open
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    assert metadata["config"] == '{"name": "café \\"quoted\\""}\n', metadata
    assert set(metadata) == {"config", "checksum:header"} | {f"checksum:{k}" for k in expected}


def python_to_cpp(numpy, safetensors, helper, work):
    generator = numpy.random.default_rng(1)
    types = ["bool", "uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32",
             "uint64", "int64", "float64"]
    for case in range(20):
        tensors = {}
        for i in range(case):
            shape = tuple(generator.integers(0, 5, size=generator.integers(0, 4)))
            dtype = numpy.dtype(types[generator.integers(len(types))])
            count = int(numpy.prod(shape)) * dtype.itemsize
            data = generator.integers(0, 2 if dtype == bool else 256, count, dtype=numpy.uint8)
            tensors[f'tensor "{i}" é'] = numpy.frombuffer(data.tobytes(), dtype).reshape(shape)
        path, copy = work / "from_python.safetensors", work / "copied_by_cpp.safetensors"
        safetensors.save_file(tensors, path, metadata={"é": "\n\\\"\0", "k": "v"})
        assert run(helper, "verify", path).returncode == 3, "no checksums, and yet accepted"
        outcome = run(helper, "copy", path, copy)
        assert outcome.returncode == 0, outcome.stderr
        assert run(helper, "verify", copy).returncode == 0
        assert same(numpy, safetensors.load_file(copy), tensors)
        assert safetensors.load(copy.read_bytes()).keys() == tensors.keys()


def mutate(rng, data):
    """Damages a file where it matters: in the header's text, or in its length."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = bytearray(data[8:8 + length]), data[8 + length:]
    tokens = [b"0", b"1", b"-1", b"1.5", b"18446744073709551615", b"{", b"}", b"[", b"]", b",",
              b'"', b":", b"\0", b"null", b'"F32"', b'"U8"', b'"shape"', b"9223372036854775808"]
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(header))
        kind = rng.randrange(4)
        if kind == 0:
            header[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            token = rng.choice(tokens)
            header[at:at + len(token)] = token
        elif kind == 2:
            del header[at:at + rng.randint(1, 8)]
        else:
            header[at:at] = rng.choice(tokens)
    length = len(header) if rng.randrange(8) else rng.choice([0, len(header) + 1, 2**63, 2**24 + 1])
    return struct.pack("<Q", length) + bytes(header) + body


def same_verdicts(numpy, safetensors, helper, work):
    """What C++ accepts, Python accepts: C++ is the stricter reader, on damaged foreign files."""
    rng = random.Random(2)
    tensors = {"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3),
               "b": numpy.arange(5, dtype=numpy.uint8), "c": numpy.zeros((), dtype=numpy.int64)}
    original = safetensors.save(tensors, metadata={"m": "x"})
    folder = work / "mutants"
    folder.mkdir(exist_ok=True)
    paths = []
    for i in range(MUTANTS):
        paths.append(folder / f"{i}.safetensors")
        paths[-1].write_bytes(mutate(rng, original))
    verdicts = run(helper, "judge", *paths).stdout.split()
    assert len(verdicts) == MUTANTS
    accepted = stricter = 0
    for path, verdict in zip(paths, verdicts):
        try:
            safetensors.load(path.read_bytes())
            python_accepts = True
        except Exception:  # the package raises several types
            python_accepts = False
        if verdict == "accept":
            assert python_accepts, f"{path}: C++ accepts what Python refuses"
            accepted += 1
        elif python_accepts:
            stricter += 1
    assert 0 < accepted < MUTANTS // 2, accepted
    print(f"mutants: {MUTANTS}, accepted by both: {accepted}, refused by C++ alone: {stricter}")


def main():
    helper, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    numpy, safetensors = import_packages(work / "site")
    cpp_to_python(numpy, safetensors, helper, work)
    python_to_cpp(numpy, safetensors, helper, work)
    same_verdicts(numpy, safetensors, helper, work)
    print("exchanged")


if __name__ == "__main__":
    main()
