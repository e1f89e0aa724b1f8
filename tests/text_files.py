"""Small files as W2V_DATA has them, and what reads them in a process of its own."""

import csv
import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
WIKITEXT_LINES = [
    " \n",
    " = The Title = \n",
    " \n",
    " hello the <unk> , a role @-@ playing world of 1 @,@ 000 . \n",
    " = = A Section = = \n",
    "\n",
    " the world is 2 @.@ 5 = two and a half . \n",
    " hello world . \n",
]
RAW_LINES = [
    " = The Title = \n",
    " hello the rare @-@ world , and a tag <unk> in 1 @,@ 000 . \n",
]
NEWS = [
    ["1", "the world", "hello #39;s world"],
    ["2", "", "hello the world"],
    ["4", "hello", "\\$5 &lt;b&gt;world&lt;/b&gt;"],
]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8") as file:
        file.write(text)


def write_news(path: Path, rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)


def python(script: str, environment: dict[str, str] | None = None):
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


class Terminal(io.StringIO):
    """What a program sees in place of stderr where a person looks on."""

    def isatty(self) -> bool:
        return True
