"""What a benchmark writes: which machine it ran on, tables, and a region of a page that it alone fills."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path


def machine() -> str:
    """One sentence; how busy it was belongs to it, and which commit was measured."""
    told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    model, load = next(names, platform.machine()), os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{_node()}; load {load:.1f} before; {datetime.now(UTC):%Y-%m-%d}{_commit()}."
    )


def _commit() -> str:
    """The commit that was measured, where the checkout is one of git."""
    git = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short=8", "HEAD"]
    asked = subprocess.run(git, capture_output=True, text=True, check=False) if shutil.which("git") else None
    return f", commit {asked.stdout.strip()}" if asked and not asked.returncode else ""


def _node() -> str:
    if not shutil.which("node"):
        return "no Node.js"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=10, check=True)
    return f"Node.js {version.stdout.strip().removeprefix('v')}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown, the numbers to the right of what they belong to."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def fill(page: Path, name: str, text: str) -> None:
    """Puts the text between the page's two comments of that name; raises SystemExit where they are not."""
    region = re.compile(rf"(<!-- {name}: begin[^\n]*-->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    old = page.read_text(encoding="utf-8")
    new, count = region.subn(lambda found: f"{found[1]}{text}\n{found[2]}", old)
    if count != 1:
        raise SystemExit(f"{page}: there must be one region between <!-- {name}: begin --> and <!-- {name}: end -->")
    page.write_text(new, encoding="utf-8")
