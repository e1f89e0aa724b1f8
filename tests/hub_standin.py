"""A stand-in for the Hugging Face hub: a local server that answers what the hub's clients ask.

It knows the four kinds of question that `datasets.load_dataset` and `from_pretrained` put (what is
in a repository; which files lie in a folder; what is known of these paths; give me this file) and
answers them from a dictionary. A client finds it through the environment variable HF_ENDPOINT.
"""

import contextlib
import hashlib
import http.server
import io
import json
import threading
from urllib.parse import unquote, urlsplit

import pyarrow
import pyarrow.parquet

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def serve(repositories: dict[str, dict[str, bytes]]):
    """Serve repositories, named "models/..." or "datasets/...", each a dict of path to content.

    Yields the server's address and the list of all requests so far, as "METHOD path".
    """
    requests: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            path = unquote(url.path)
            requests.append(f"{self.command} {path}")
            status, headers, content = answer(repositories, path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_POST = do_GET

        def log_message(self, *args):
            """Keep stderr quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(repositories: dict, path: str, body: bytes) -> tuple[int, dict, bytes]:
    """Answer one request: status, headers and content."""
    is_api = path.startswith("/api/")
    place = path.removeprefix("/api").lstrip("/")
    if not place.startswith(("models/", "datasets/")):
        place = f"models/{place}"  # files of a model have no prefix
    for name, files in repositories.items():
        if place == name or place.startswith(f"{name}/"):
            rest = place.removeprefix(name).strip("/").split("/")
            question = rest[0] if is_api else "file" if rest[0] == "resolve" else "unknown"
            return _answer_about(name, files, question, "/".join(rest[2:]), body)
    return 404, {"X-Error-Code": "RepoNotFound"}, b""


def _answer_about(name, files, question, path, body) -> tuple[int, dict, bytes]:
    """Answer a question about one repository."""
    if question == "file":
        if path not in files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 200, {"ETag": f'"{_oid(files[path])}"', "X-Repo-Commit": COMMIT}, files[path]
    if question in ("", "revision"):
        siblings = [{"rfilename": path} for path in files]
        identity = name.partition("/")[2]
        return _json({"id": identity, "sha": COMMIT, "private": False, "siblings": siblings})
    if question == "tree":
        return _tree(files, path)
    if question == "paths-info":
        return _json([_entry(f, files[f]) for f in files if f.encode() in body])
    return 404, {"X-Error-Code": "EntryNotFound"}, b""


def _tree(files: dict[str, bytes], folder: str) -> tuple[int, dict, bytes]:
    """List what lies directly in a folder: files, and folders by their name alone."""
    start = f"{folder}/" if folder else ""
    children = {}
    for path, content in files.items():
        if path.startswith(start):
            child = start + path.removeprefix(start).partition("/")[0]
            folder_entry = {"type": "directory", "path": child, "size": 0, "oid": COMMIT}
            children[child] = _entry(path, content) if child == path else folder_entry
    if not children:
        return 404, {"X-Error-Code": "EntryNotFound"}, b""
    return _json(list(children.values()))


def _entry(path: str, content: bytes) -> dict:
    return {"type": "file", "path": path, "size": len(content), "oid": _oid(content)}


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _json(value) -> tuple[int, dict, bytes]:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def parquet(columns: dict[str, list]) -> bytes:
    """Write columns as a parquet file."""
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def wikitext(configuration: str, lines: dict[str, list[str]]) -> dict[str, bytes]:
    """Lay out a WikiText repository as the hub has it: one folder of parquet a configuration."""
    files = {
        f"{configuration}/{split}-00000-of-00001.parquet": parquet({"text": rows})
        for split, rows in lines.items()
    }
    return {"README.md": _card(configuration, lines), **files}


def labelled(
    rows: dict[str, tuple[list[str], list[int]]],
    *,
    configuration: str = "default",
    column: str = "text",
    folder: str = "data",
) -> dict[str, bytes]:
    """Lay out a labelled set as the hub has it: one folder of parquet, texts and labels from 0."""
    files = {
        f"{folder}/{split}-00000-of-00001.parquet": parquet({column: texts, "label": labels})
        for split, (texts, labels) in rows.items()
    }
    return {"README.md": _card(configuration, rows, folder), **files}


def _card(configuration: str, splits, folder: str | None = None) -> bytes:
    """Write the head of a dataset card, which names the files of each split."""
    lines = ["---", "configs:", f"- config_name: {configuration}", "  data_files:"]
    for split in splits:
        lines += [f"  - split: {split}", f"    path: {folder or configuration}/{split}-*"]
    return "\n".join([*lines, "---", ""]).encode()


def bert(extra: dict[int, str]) -> dict[str, bytes]:
    """Lay out bert-base-uncased: its known words at their ids, filler words at all others."""
    pieces = _pieces(extra)
    config = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 512}
    return {
        "vocab.txt": "".join(f"{piece}\n" for piece in pieces).encode(),
        "tokenizer_config.json": json.dumps(config).encode(),
        "config.json": json.dumps({"model_type": "bert", "vocab_size": len(pieces)}).encode(),
    }


BERT_WORDS = {
    0: "[PAD]",
    100: "[UNK]",
    101: "[CLS]",
    102: "[SEP]",
    103: "[MASK]",
    1012: ".",
    1996: "the",
    2088: "world",
    7592: "hello",
}


def _pieces(extra: dict[int, str]) -> list[str]:
    """List the made-up pieces."""
    return [extra.get(i, f"filler{i}") for i in range(30_522)]


# What `vocabulary_identity` says of the made-up pieces.
DIGEST = hashlib.sha256("\n".join(_pieces(BERT_WORDS)).encode()).hexdigest()
BERT_VOCABULARY = f"vocabulary-30522-{DIGEST[:16]}"
# Lets a process of its own take them.
MADE_UP = f"from w2v.text import corpus\ncorpus.BERT_VOCABULARY = {BERT_VOCABULARY!r}\n"
