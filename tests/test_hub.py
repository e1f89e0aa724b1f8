"""The hub, by the real calls of `datasets` and `transformers`, against a local stand-in.

Every script runs in a process of its own, since the hub's clients read their settings when they
are imported. Nothing in these calls resists a stand-in: no argument is checked in place of a call.
What the stand-in cannot show is the real hub's redirects to its file servers.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import hub_standin
import pytest

ROOT = Path(__file__).parents[1]
REPOSITORIES = {
    "models/bert-base-uncased": hub_standin.bert(hub_standin.BERT_WORDS),
    "datasets/Salesforce/wikitext": {
        **hub_standin.wikitext(
            "wikitext-2-raw-v1",
            {
                split: [
                    "",
                    " = Title = \n",
                    "",
                    *(f" hello {split} @-@ {i} . \n" for i in range(9)),
                ]
                for split in ("test", "train", "validation")
            },
        )
    },
    "datasets/fancyzhx/ag_news": hub_standin.labelled(
        {
            split: ([f"{split} hello world #39;s", "the &lt;b&gt;world&lt;/b&gt;"], [0, 3])
            for split in ("train", "test")
        }
    ),
}
REVIEWS = {
    split: (["Bad <br /><br />film", f"Good film &#345; of {split}"], [0, 1])
    for split in ("train", "test", "unsupervised")
}
SENTENCES = {
    split: (["a film -lrb- good -rrb- ", "bad ` film ' ", "bad ` film ' "], labels)
    for split, labels in {"train": [1, 0, 1], "validation": [1, 0, 1], "test": [-1] * 3}.items()
}
LABELLED_REPOSITORIES = {
    "models/bert-base-uncased": REPOSITORIES["models/bert-base-uncased"],
    "datasets/stanfordnlp/imdb": hub_standin.labelled(
        REVIEWS, configuration="plain_text", folder="plain_text"
    ),
    "datasets/stanfordnlp/sst2": hub_standin.labelled(SENTENCES, column="sentence"),
}
LOAD_LABELLED = """
import json
from w2v import load_labelled
from w2v.text.sources import _is_cached
sets = {}
for name, split in (("imdb", "train"), ("imdb", "test"), ("sst", "train"), ("sst", "validation")):
    rows = load_labelled(name, "hub", split=split)
    pairs = sorted(zip(rows["text"][:], rows["label"][:]))
    sets[f"{name} {split}"] = [rows.features["label"].names, pairs, _is_cached(name)]
print(json.dumps(sets))
load_labelled("sst", "hub", split="test")
"""
LOAD_ALL = (
    hub_standin.MADE_UP
    + """
import json
from w2v import load_documents, load_labelled, load_tokenizer, preprocess, tokenize
tokenizer = load_tokenizer()
train, valid = preprocess(load_documents(), tokenizer)
labelled = load_labelled(split="test")
print(json.dumps({
    "test documents": sorted(load_documents(split="test")["text"]),
    "sizes": [len(tokenizer), len(train), len(valid)],
    "hello": train["input_ids"][0][0],
    "labelled": [labelled["text"][:], labelled["label"][:], labelled.features["label"].names],
    "labelled ids": tokenize(labelled, tokenizer)["input_ids"][0][1:3],
}))
"""
)
LOADED = {
    "test documents": [f"hello test @-@ {i} ." for i in range(9)],
    "sizes": [30_522, 7, 2],
    "hello": 7592,
    "labelled": [
        ["test hello world's", "the world"],
        [0, 3],
        ["World", "Sports", "Business", "Sci/Tech"],
    ],
    "labelled ids": [7592, 2088],
}
TIMED = """
import time, datasets, huggingface_hub
from w2v.text.sources import resolve_source
start = time.monotonic()
source = resolve_source()
print(source, time.monotonic() - start < 5)
"""
BUILT_IN = (
    "Text comes from the built-in docstrings, since W2V_DATA is not set and no hub answers.\n"
)


def python(script: str, endpoint: str, home: Path, **variables: str):
    """Run a script with warnings as errors, an address of the hub, and a home for its cache."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name != "W2V_DATA" and not name.startswith("HF_") and not name.lower().endswith("proxy")
    }
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), **variables}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextlib.contextmanager
def black_hole():
    """Listen, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def refusing():
    """Return the address of a port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def hub():
    with hub_standin.serve(REPOSITORIES) as (endpoint, requests):
        yield endpoint, requests


@pytest.fixture(scope="module")
def first_visit(hub, tmp_path_factory):
    """Load everything from the hub, once, into an empty cache."""
    home = tmp_path_factory.mktemp("home")
    return python(LOAD_ALL, hub[0], home), home


def test_everything_is_loaded_from_the_hub(first_visit):
    run, _ = first_visit
    sentence, loaded = run.stdout.splitlines()
    assert sentence == "Text comes from the Hugging Face hub."
    assert json.loads(loaded) == LOADED


def test_loading_from_the_hub_leaves_nothing_on_stderr(first_visit):
    assert first_visit[0].stderr == ""


def test_the_hub_was_asked_for_the_raw_configuration_and_the_tokenizer(first_visit, hub):
    asked = "\n".join(hub[1])
    assert "wikitext-2-raw-v1/train-00000-of-00001.parquet" in asked
    assert "datasets/fancyzhx/ag_news/resolve" in asked and "/bert-base-uncased/resolve" in asked


def test_reviews_and_sentences_of_the_hub_have_two_classes(tmp_path):
    with hub_standin.serve(LABELLED_REPOSITORIES) as (endpoint, _):
        run = python(LOAD_LABELLED, endpoint, tmp_path)
    classes = ["negative", "positive"]
    sentences = [["a film ( good )", 1], ["bad ' film '", 0]]
    assert json.loads(run.stdout) == {
        "imdb train": [classes, [["Bad film", 0], ["Good film ř of train", 1]], True],
        "imdb test": [classes, [["Bad film", 0], ["Good film ř of test", 1]], True],
        "sst train": [classes, sentences, True],
        "sst validation": [classes, [*sentences, ["bad ' film '", 1]], True],
    }
    last = "split must be one of 'train', 'validation' for 'sst' from 'hub', got 'test'"
    assert last in run.stderr


def test_what_was_loaded_once_needs_no_hub_again(first_visit, refusing):
    run = python(LOAD_ALL, refusing, first_visit[1])
    sentence, loaded = run.stdout.splitlines()
    assert sentence == "Text comes from the hub's local cache, since the hub does not answer."
    assert json.loads(loaded) == LOADED and run.stderr == ""


def test_offline_mode_is_honoured(first_visit, hub):
    before = len(hub[1])
    run = python(LOAD_ALL, hub[0], first_visit[1], HF_HUB_OFFLINE="1")
    assert "local cache" in run.stdout and json.loads(run.stdout.splitlines()[1]) == LOADED
    assert len(hub[1]) == before


def test_the_hub_of_a_vocabulary_with_other_ids_is_refused(tmp_path):
    words = {**hub_standin.BERT_WORDS, 7592: "world", 2088: "hello"}
    with hub_standin.serve({"models/bert-base-uncased": hub_standin.bert(words)}) as (endpoint, _):
        run = python("from w2v.text.corpus import *; load_tokenizer()", endpoint, tmp_path)
    assert "ValueError: the tokenizer must be that of bert-base-uncased" in run.stderr


def test_a_corpus_that_the_hub_lacks_is_no_other_corpus(tmp_path):
    only = {"models/bert-base-uncased": REPOSITORIES["models/bert-base-uncased"]}
    with hub_standin.serve(only) as (endpoint, _):
        run = python("from w2v.text.corpus import *; load_documents()", endpoint, tmp_path)
    assert "DatasetNotFoundError" in run.stderr and "built-in" not in run.stdout


def test_a_network_that_refuses_costs_one_sentence(refusing, tmp_path):
    run = python(TIMED, refusing, tmp_path)
    assert (run.stdout, run.stderr) == (f"{BUILT_IN}builtin True\n", "")


def test_a_network_that_never_answers_costs_five_seconds_at_most(tmp_path):
    with black_hole() as endpoint:
        run = python(TIMED, endpoint, tmp_path)
    assert (run.stdout, run.stderr) == (f"{BUILT_IN}builtin True\n", "")


def test_a_name_look_up_that_hangs_costs_five_seconds_at_most(tmp_path):
    hang = "import socket, time; socket.getaddrinfo = lambda *a, **k: time.sleep(60)\n"
    run = python(hang + TIMED, "http://hub.invalid", tmp_path)
    assert (run.stdout, run.stderr) == (f"{BUILT_IN}builtin True\n", "")


def test_an_answer_that_is_no_hub_is_no_hub(tmp_path):
    with hub_standin.serve({}) as (endpoint, _):  # knows no repository, like a login page
        run = python(TIMED, endpoint, tmp_path)
    assert run.stdout == f"{BUILT_IN}builtin True\n"


def test_the_closed_network_is_asked_once_for_a_process(tmp_path):
    script = "resolve_source(); sources._settled.clear(); "
    again = "s = time.monotonic(); resolve_source(); print(time.monotonic() - s < 1)"
    imports = (
        "import time; from w2v.text import sources; from w2v.text.sources import resolve_source; "
    )
    with black_hole() as endpoint:
        run = python(imports + script + again, endpoint, tmp_path)
    assert run.stdout == f"{BUILT_IN}{BUILT_IN}True\n"


def test_a_forced_hub_fails_within_the_same_time(tmp_path):
    script = (
        "import time, datasets, transformers\n"
        "from w2v.text.corpus import load_documents, load_tokenizer\n"
        "start = time.monotonic()\n"
        "for load in (load_documents, load_tokenizer):\n"
        "    try: load(source='hub')\n"
        "    except ConnectionError as error: print(error)\n"
        "print(time.monotonic() - start < 7)\n"
    )
    with black_hole() as endpoint:
        run = python(script, endpoint, tmp_path)
    first, second, in_time = run.stdout.splitlines()
    assert "must hold Salesforce/wikitext, got neither" in first
    assert "must hold bert-base-uncased, got neither" in second
    assert in_time == "True"
