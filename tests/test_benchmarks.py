"""The benchmarks lean on the package too: each can be loaded, so that none breaks unseen."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_each_benchmark_can_be_loaded() -> None:
    names = [f"bench.{file.stem}" for file in sorted((ROOT / "bench").glob("*.py"))]
    load = [sys.executable, "-c", "\n".join(f"import {name}" for name in names)]
    done = subprocess.run(load, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert len(names) > 1
    assert done.returncode == 0, done.stderr
