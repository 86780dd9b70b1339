"""Generates the Python code of the contract beside its protos; with --check, only says whether it is current.

Messages and stubs come from grpcio-tools, their types from mypy-protobuf. The output is committed, so that
an install needs no generator; `make check` and a contract test hold it equal to the protos.
"""

import argparse
import filecmp
import os
import sys
import sysconfig
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
WELL_KNOWN = Path(grpc_tools.__file__).parent / "_proto"
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")


def generate(target: Path) -> None:
    """Writes the generated tree of every proto below ROOT into `target`; exits when protoc refuses."""
    protos = sorted(str(path) for path in ROOT.glob("penstock/**/*.proto"))
    # Its plugins stand beside this interpreter, whatever the caller's PATH is.
    os.environ["PATH"] = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)))
    outputs = ("--python_out=", "--grpc_python_out=", "--mypy_out=quiet:", "--mypy_grpc_out=quiet:")
    failed = protoc.main(["protoc", f"-I{ROOT}", f"-I{WELL_KNOWN}", *(f"{flag}{target}" for flag in outputs), *protos])
    if failed:
        sys.exit(failed)
    for path in (*target.glob("penstock/**/*_pb2_grpc.py"), *target.glob("penstock/**/*_pb2_grpc.pyi")):
        if not path.with_name(path.name.split("_pb2_grpc")[0] + ".proto").name.endswith("_service.proto"):
            path.unlink()  # protoc writes an empty stub file for a proto without a service


def generated(tree: Path) -> set[Path]:
    """The generated files below `tree`, relative to it."""
    return {path.relative_to(tree) for path in tree.glob("penstock/**/*") if path.name.endswith(SUFFIXES)}


def drift() -> list[str]:
    """The generated files that are missing, stale or left over, as sentences; empty when all is current."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        generate(fresh)
        wanted, present = generated(fresh), generated(ROOT)
        stale = {path for path in wanted & present if not filecmp.cmp(fresh / path, ROOT / path, shallow=False)}
        return [
            *(f"missing: {path}" for path in sorted(wanted - present)),
            *(f"left over: {path}" for path in sorted(present - wanted)),
            *(f"stale: {path}" for path in sorted(stale)),
        ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail when something is stale")
    if arguments.parse_args().check:
        faults = drift()
        if faults:
            sys.exit("generated code is not current; run `make generate`\n" + "\n".join(faults))
        return
    for path in generated(ROOT):
        (ROOT / path).unlink()
    generate(ROOT)


if __name__ == "__main__":
    main()
