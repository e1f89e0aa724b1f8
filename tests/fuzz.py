"""Damage every kind of file that the package reads, and kill its writers: `make fuzz`.

python -m tests.fuzz [--tried 10000] [--kills 100] [--seed 0]

writes report/results/trust.json. A damaged file is refused with its name, or read as what the
whole file held, or (a cache, a finished run) made again: all else is a fault. Formats with a
digest or a checksum get any damage, and sealed ones wrong parts behind the seal, too. Formats
without one get only damage that can be seen: a cut, bytes that are no text.
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"  # equal bytes, and forks

import numpy as np  # noqa: E402
import torch  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from children import exit_code, in_child  # noqa: E402
from golden import B, D, K, R, V  # noqa: E402

import w2v  # noqa: E402
from w2v.checkpoint import read_checkpoint  # noqa: E402
from w2v.classify.scoring import load_classifier, save_classifier  # noqa: E402
from w2v.engines import ENGINES  # noqa: E402
from w2v.files import MARK, SEAL_LENGTH, read_sealed, write_json  # noqa: E402
from w2v.studies.grid import run_grid, write_results  # noqa: E402
from w2v.studies.plans import read_results  # noqa: E402
from w2v.text import builtin, tokens  # noqa: E402
from w2v.vectors import formats  # noqa: E402

RESULTS = Path(__file__).parents[1] / "report/results/trust.json"
CONFIG = w2v.Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=B, epochs=3, learning_rate=0.1)
NAME = w2v.checkpoint_name(CONFIG)
SECONDS = 10  # that a reader may take
OPTIONAL = ("words", "counts", "corpus")  # a whole file may lack these
OUTCOMES = ("refused", "same", "other_error", "silently_other", "code_run", "hung")
WORDS = [f"word{i}" for i in range(V)]


class Hung(BaseException):
    """Say that a reader took longer than SECONDS."""


class Kind(NamedTuple):
    """Hold one kind of file: its path, how it is read, and what damage can be seen."""

    path: Path
    read: Callable[[], Any]
    sort: str  # "sealed", "checked" or "plain"


def windows(lengths=(9, 6, 5, 3)) -> w2v.WindowDataset:
    """Make a small text; equal lengths give equal ids."""
    draw = torch.Generator().manual_seed(sum(lengths))
    ids = [torch.randint(1, V, (n,), generator=draw) for n in lengths]
    return w2v.WindowDataset.from_documents(ids, R)


def epochs_of(directory: Path, config=CONFIG):
    """Begin a training, or go on with it."""
    model = w2v.Word2Vec(V, D, generator=torch.Generator().manual_seed(0))
    options = {"directory": directory, "vocabulary": "words", "progress": False}
    return model, w2v.train_epochs(model, windows(), windows((8, 5)), config, **options)


def plain(value: Any) -> Any:
    """Give what can be compared of a value: tensors and arrays by their type and bytes."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        array = np.asarray(value)
        return str(array.dtype), array.shape, array.tobytes()
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


def square(settings: dict[str, Any]) -> dict[str, Any]:
    """Be the run of a small grid."""
    return {"square": settings["n"] ** 2 / 7}


def make_kinds(root: Path) -> dict[str, Kind]:
    """Write a whole file of each kind."""
    os.environ["W2V_CACHE"] = str(root / "cache")
    tokens.CACHED_FROM = 10
    model = w2v.Word2Vec(V, D, generator=torch.Generator().manual_seed(0))
    how = {"words": WORDS, "counts": windows().counts(V), "corpus": windows().identity()}
    checkpoint = w2v.save_model(model, root / "saved", CONFIG, vocabulary="words", **how)
    next(epochs_of(root / "resume")[1])
    classifier = w2v.ClassAttentionModel(V, D, 2, generator=torch.Generator().manual_seed(0))
    named = {"vocabulary": "words", "classes": ["good", "bad"], "words": WORDS}
    windows().save(root / "corpus.pt", vocabulary="words")
    vectors = np.random.default_rng(0).normal(size=(V, D)).astype(np.float32)
    for name, binary in (("vectors.txt", False), ("vectors.bin", True), ("vectors.gz", False)):
        formats.write_word2vec(root / name, WORDS, vectors, binary=binary)
    lines = "".join(f"a line of words, number {i}\n" for i in range(40))
    rows = "label,text\n" + "".join(
        f"{i % 2},a text of words, number {i}\n".replace(", n", " n") for i in range(40)
    )
    pairs = "".join(
        f"{a}\t{b}\t{i}.5\n" for i, (a, b) in enumerate(zip(WORDS, WORDS[1:], strict=False))
    )
    questions = ": all\n" + "".join(" ".join(WORDS[i : i + 4]) + "\n" for i in range(V - 4))
    for name, text in {
        "text": lines,
        "table": rows,
        "pairs": pairs,
        "questions": questions,
    }.items():
        (root / f"{name}.txt").write_text(text)
        (root / f"{name}.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
    for end in ("txt", "gz"):
        (root / f"table.{end}").rename(root / f"table.csv{'.gz' if end == 'gz' else ''}")
    tokenizer = w2v.Vocabulary.from_texts([WORDS]).tokenizer()
    texts = [" ".join(WORDS[: 1 + i % V]) for i in range(20)]

    def resumed():
        trained, epochs = epochs_of(root / "resume")
        return [next(epochs).train_loss, dict(trained.state_dict())]

    def classes():
        loaded, names = load_classifier(root / "classifier.ckpt", vocabulary="words")
        return [dict(loaded.state_dict()), names]

    def corpus():
        loaded = w2v.WindowDataset.load(root / "corpus.pt", R, vocabulary="words")
        return [loaded.tokens, loaded.offsets]

    def table(name):
        loaded = w2v.load_csv(root / name)
        return [loaded["text"][:], loaded["label"][:]]

    def grid():
        return run_grid(square, [{"n": 3}], root / "runs", texts="t", workers=0, progress=False)

    save_classifier(classifier, root / "classifier.ckpt", **named)
    write_results(root / "rows.json", [], [{"mean": 0.5}])
    reads = {
        "checkpoint": (checkpoint, lambda: read_checkpoint(checkpoint), "sealed"),
        "resume file": (root / "resume" / f"{NAME}.last", resumed, "sealed"),
        "classifier": (root / "classifier.ckpt", classes, "sealed"),
        "corpus": (root / "corpus.pt", corpus, "sealed"),
        "token cache": ("tokens-*.pt", lambda: w2v.tokenize(texts, tokenizer)[:], "sealed"),
        "text cache": (
            "fuzz-*.gz",
            lambda: builtin._cached("fuzz", texts.copy, bool),
            "checked",
        ),
        "finished run": ("*.json", lambda: [row["result"] for row in grid()], "checked"),
        "text.gz": (root / "text.gz", lambda: w2v.load_texts(root / "text.gz"), "checked"),
        "csv.gz": (root / "table.csv.gz", lambda: table("table.csv.gz"), "checked"),
        "vectors.gz": (
            root / "vectors.gz",
            lambda: formats.read_word2vec(root / "vectors.gz", binary=False),
            "checked",
        ),
        "vectors, text": (
            root / "vectors.txt",
            lambda: formats.read_word2vec(root / "vectors.txt", binary=False),
            "plain",
        ),
        "vectors, binary": (
            root / "vectors.bin",
            lambda: formats.read_word2vec(root / "vectors.bin", binary=True),
            "cut",
        ),
        "results": (root / "rows.json", lambda: read_results("rows", root), "cut"),
        "text": (root / "text.txt", lambda: w2v.load_texts(root / "text.txt"), "no text"),
        "csv": (root / "table.csv", lambda: table("table.csv"), "no text"),
        "pairs": (
            root / "pairs.txt",
            lambda: formats.read_word_pairs(root / "pairs.txt", delimiter="\t", encoding="utf8"),
            "no text",
        ),
        "questions": (
            root / "questions.txt",
            lambda: formats.read_word_analogies(root / "questions.txt"),
            "no text",
        ),
    }
    kinds = {}
    for name, (path, read, sort) in reads.items():
        with contextlib.redirect_stdout(io.StringIO()):
            read()  # caches and runs are made now
        if isinstance(path, str):
            folder = root / ("runs" if path == "*.json" else "cache")
            (path,) = folder.glob(path)
        kinds[name] = Kind(path, read, sort)
    return kinds


def seal(body: bytes) -> bytes:
    """Seal an archive again, as if it had been written so."""
    body = body[:-2] + SEAL_LENGTH.to_bytes(2, "little")
    return body + MARK + hashlib.sha256(body).hexdigest().encode()


def sealed_archive(payload: Any) -> bytes:
    """Write a payload as `write_sealed` would if it checked nothing."""
    file = io.BytesIO()
    torch.save(payload, file)
    return seal(file.getvalue())


def archive_of(pickled: bytes) -> bytes:
    """Seal an archive around a pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/byteorder", sys.byteorder)
        archive.writestr("archive/data.pkl", pickled)
    return seal(file.getvalue())


def damaged_bytes(content: bytes, draw: random.Random) -> bytes:
    """Change, lose, add, double or blank some bytes."""
    at = draw.randrange(1, len(content))  # a whole .gz twice is a good .gz
    n = draw.choice([1, 1, 7, 64, 1000])
    noise = bytes(draw.randrange(256) for _ in range(min(n, 64)))
    return draw.choice(
        [
            content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :],
            content[:at],
            content[:at] + content[at + n :],
            content[:at] + noise + content[at:],
            content[:at] + content[at : at + n] + content[at:],
            content[:at] + bytes(len(content[at : at + n])) + content[at + n :],
            content + noise,
        ]
    )


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """List the ways to all parts of a payload."""
    found = [path]
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            found += places(value[key], (*path, key))
    return found


def wrong_part(part: Any, draw: random.Random) -> Any:
    """Give something of another type, shape or length in the place of a part."""
    choices = [None, [], {}, "x", torch.ones(3, 2, 1), torch.zeros(0), [part, part]]
    if isinstance(part, torch.Tensor):
        other = torch.float64 if part.dtype != torch.float64 else torch.int64
        choices += [
            part.to(other),
            part[None],
            part.reshape(-1)[:-1],
            torch.cat([part.reshape(-1)] * 2),
        ]
    return draw.choice([other for other in choices if type(other) is not type(part)] + choices[7:])


def damaged_payload(path: Path, draw: random.Random) -> bytes:
    """Replace or remove a part behind the seal."""
    payload = read_sealed(path)
    way = draw.choice([way for way in places(payload) if way])
    parent = payload
    for key in way[:-1]:
        parent = parent[key]
    if draw.random() < 0.3 and way[-1] not in OPTIONAL:
        del parent[way[-1]]
    else:
        parent[way[-1]] = wrong_part(parent[way[-1]], draw)
    return sealed_archive(payload)


def damaged(kind: Kind, content: bytes, draw: random.Random) -> bytes:
    """Damage a file in a way that its format lets a reader see."""
    if kind.sort == "sealed" and draw.random() < 0.6:
        if draw.random() < 0.7:
            return damaged_payload(kind.path, draw)
        return seal(damaged_bytes(content[:-SEAL_LENGTH], draw))
    if kind.sort in ("sealed", "checked"):
        return damaged_bytes(content, draw)
    if kind.sort == "cut":
        return content[: draw.randrange(len(content) - 1)]
    if kind.sort == "plain" and draw.random() < 0.5:
        return content[: draw.randrange(content.rindex(b" "))]  # digits of the last number may go
    at = draw.randrange(len(content))
    return content[:at] + draw.choice([b"\xff", b"\xfe\xff", b"\xc3("]) + content[at:]


class Bomb:
    """Pickle as a call."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile_files(marker: Path) -> list[bytes]:
    """Make files that would run code, or take minutes or gigabytes, if they were believed."""
    touch = f"open({str(marker)!r}, 'w').close()"
    calls = [Bomb(os.system, f"touch '{marker}'"), Bomb(exec, touch), Bomb(eval, touch)]
    calls += [Bomb(Path.touch, marker), Bomb(bytearray, 10**11), Bomb(pow, 10, 10**9)]
    nested: Any = []
    for _ in range(30):
        nested = [nested] * 10
    wide = torch.ones(1).as_strided((2**20, 2**10), (0, 0))
    payloads = [{"a": part} for part in (*calls, nested, wide)]
    payloads += [{"format": 1, "config": part} for part in (*calls, nested, wide)]
    files = [sealed_archive(payload) for payload in payloads]
    deep = b"]" * 3_000 + b"a" * 2_999
    files += [archive_of(b"\x80\x02}X\1\0\0\0a" + body + b"s.") for body in (deep, b"]" * 3_000)]
    for call in calls:
        bare = pickle.dumps({"a": call})
        files += [bare, bare + MARK + hashlib.sha256(bare).hexdigest().encode()]
    return [*files, b"", b"{" * 100_000, b"[" * 100_000, b"\x1f\x8b" * 1000, b"PK\x05\x06" * 1000]


@contextlib.contextmanager
def limited():
    """Interrupt a reader that takes too long."""

    def hung(*_):
        raise Hung

    signal.signal(signal.SIGALRM, hung)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def outcome_of(kind: Kind, right: Any, marker: Path) -> tuple[str, str]:
    """Read a damaged file, and name what came of it, with the error."""
    seen, printed = "", io.StringIO()
    try:
        with limited(), contextlib.redirect_stdout(printed):
            found = "same" if plain(kind.read()) == right else "silently_other"
    except Hung:
        found = "hung"
    except (ValueError, OSError) as error:
        seen = f"{type(error).__name__}: {error}"
        found = "refused" if kind.path.name in str(error) else "other_error"
    except Exception as error:
        found, seen = "other_error", f"{type(error).__name__}: {error}"
    return ("code_run" if marker.exists() else found), seen[:200]


def try_files(root: Path, name: str, n: int, seed: int, log: Path) -> None:
    """Damage one kind of file n times in this process; write the outcomes to a file."""
    kind, marker = make_kinds(root)[name], root / "marker"
    whole, draw = kind.path.read_bytes(), random.Random(f"{name} {seed}")
    with contextlib.redirect_stdout(io.StringIO()):
        right = plain(kind.read())
    hostile = hostile_files(marker) if kind.sort == "sealed" else []
    with log.open("w") as file:
        for i in range(n):
            kind.path.write_bytes(whole)
            content = hostile[i] if i < len(hostile) else damaged(kind, whole, draw)
            kind.path.write_bytes(content)
            found, seen = outcome_of(kind, right, marker) if content != whole else ("same", "")
            if found not in ("refused", "same"):
                seen = f"{seen} ({i}: {len(content)} of {len(whole)} bytes: {content[:40]!r} ...)"
            file.write(json.dumps([found, seen]) + "\n")
            file.flush()


def damage_files(n: int, seed: int) -> dict[str, Counter]:
    """Try n damaged files in all, a process for each kind; a crash is an error of another kind."""
    with tempfile.TemporaryDirectory() as root:
        names = list(make_kinds(Path(root) / "names"))
    counts = {}
    for place, name in enumerate(names):
        share = n * (place + 1) // len(names) - n * place // len(names)
        with tempfile.TemporaryDirectory() as folder:
            root, log = Path(folder), Path(folder) / "log"
            code = exit_code(in_child(partial(try_files, root / "files", name, share, seed, log)))
            lines = [json.loads(line) for line in log.read_text().splitlines()]
        found = Counter(outcome for outcome, _ in lines)
        if code or len(lines) < share:
            found["other_error"] += 1
            print(f"{name}: the process ended with {code} after {len(lines)} files")
        for outcome, seen in lines:
            if outcome not in ("refused", "same"):
                print(f"{name}: {outcome} {seen}")
        counts[name] = found
    return counts


def train(directory: Path, engine: str) -> None:
    """Train and save; the same files come out of it however often it was killed."""
    config = replace(CONFIG, engine=engine, shared_negatives=engine == "hogwild")
    model, epochs = epochs_of(directory, config)
    for _ in epochs:
        pass
    w2v.save_model(model, directory, config, vocabulary="words")


def study(directory: Path) -> None:
    """Run a small grid, and write its results."""
    rows = run_grid(square, [{"n": n} for n in range(9)], directory / "runs", texts="t", workers=0)
    write_results(directory / "rows.json", [{**row, "seconds": 0} for row in rows], [])


def results_of(directory: Path) -> dict[str, bytes]:
    """Give what a reader sees of a directory; the seconds of a run differ each time."""
    files = [path for path in directory.rglob("*") if path.is_file() and path.parent.name != "runs"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def kill(n: int, seed: int) -> Counter:
    """Kill trainings of each engine, and studies, at random moments, and go on with each."""
    jobs: dict[str, Callable[[Path], None]] = {"study": study}
    jobs |= {name: partial(train, engine=name) for name in ENGINES}
    found, draw = Counter(), random.Random(seed)
    for place, (name, job) in enumerate(jobs.items()):
        share = n * (place + 1) // len(jobs) - n * place // len(jobs)
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            job(root / "first")  # compiled and imported now
            started = time.perf_counter()
            assert exit_code(in_child(partial(job, root / "whole"))) == 0
            seconds, whole = time.perf_counter() - started, results_of(root / "whole")
            for i in range(share):
                directory = root / f"killed{i}"
                child = in_child(partial(job, directory))
                time.sleep(draw.uniform(0, seconds))
                os.kill(child, signal.SIGKILL)
                exit_code(child)
                if exit_code(in_child(partial(job, directory))) != 0:
                    found["other_error"] += 1
                    print(f"{name}: killed, it could not go on")
                elif results_of(directory) != whole:
                    found["silently_other"] += 1
                    print(f"{name}: killed, it ended in other files")
                else:
                    found["same"] += 1
    return found


def sweep(n_files: int, n_kills: int, seed: int) -> dict[str, Any]:
    """Try damaged files and kills, and count what came of them."""
    torch.set_num_threads(1)
    kinds = damage_files(n_files, seed)
    total = sum(kinds.values(), Counter())
    killed = kill(n_kills, seed)

    def row(counts: Counter) -> dict[str, int]:
        return {"tried": sum(counts.values()), **{name: counts[name] for name in OUTCOMES}}

    rows = [{"kind": name, **row(counts)} for name, counts in kinds.items()]
    return {"seed": seed, "files": row(total), "kills": row(killed), "rows": rows}


def main() -> int:
    """Run the sweep, write its figures, and return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tried", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = sweep(options.tried, options.kills, options.seed)
    write_json(RESULTS, found)
    for name in ("files", "kills"):
        print(name, found[name])
    faults = OUTCOMES[2:]
    return int(any(found[name][fault] for name in ("files", "kills") for fault in faults))


if __name__ == "__main__":
    sys.exit(main())
