"""The generated code is what the protos say, and the protos keep the house rules."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def test_generated_code_is_current() -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "proto" / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "command",
    [("lint",), ("format", "--diff", "--exit-code"), ("breaking", "--against", "proto/released.binpb")],
    ids=["lint", "format", "breaking"],
)
def test_protos_keep_the_house_rules(command: tuple[str, ...]) -> None:
    run = subprocess.run([BIN / "buf", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
