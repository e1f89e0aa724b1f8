"""Public functions refuse what they cannot use, in one line that names the argument."""

import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pandas
import pytest
import torch
from golden import B, D, K, R, V

import w2v
from w2v.checks import shown
from w2v.files import (
    CheckpointError,
    check_writable,
    locked,
    read_json,
    read_sealed,
    write_json,
    write_sealed,
)

CONFIG = w2v.Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=B, epochs=2)
TOKENS, OFFSETS = torch.arange(9, dtype=torch.int32), torch.tensor([0, 4, 9])
NAN = float("nan")
VOCABULARY = w2v.Vocabulary.from_strings(["a b"])
VECTORS = w2v.WordVectors(["a", "b"], np.eye(2))


def windows(tokens=TOKENS, offsets=OFFSETS, radius=1, **options):
    return w2v.WindowDataset(tokens, offsets, radius, **options)


def tokenizer():
    return w2v.Vocabulary.from_strings(["a b"]).tokenizer()


def inside_inference_mode(classifier=None):
    with torch.inference_mode():
        if classifier is None:
            return w2v.train_word2vec(w2v.Word2Vec(V, D), windows(radius=R), windows(), CONFIG)
        rows = [{"input_ids": [1], "label": 0}]
        config = w2v.ClassifierConfig(batch_size=1, epochs=1)
        return w2v.train_classifier(classifier, rows, rows, config)


def save(**changes):
    how = {"vocabulary": "words", "config": CONFIG, "model": w2v.Word2Vec(V, D)} | changes
    return w2v.save_model(how.pop("model"), "nowhere", how.pop("config"), **how)


def compare(**changes):
    rows = [{"input_ids": [1], "label": 0}]
    config = w2v.ClassifierConfig(batch_size=1, epochs=1)
    how = {"n_labels": [1], "seeds": [0], "load_table": {"random": None}} | changes
    return w2v.compare_pretraining(
        lambda generator: w2v.ClassAttentionModel(V, D, 2, generator=generator),
        train_set=rows,
        valid_set=rows,
        config=config,
        **how,
    )


def frame(text="a", label="x"):
    cells = {"text": [text, "b"], "label": [label, "y"]}
    return pandas.DataFrame(cells, dtype=object)  # other columns take no half of a character


CALLS = {
    "tokens None": (lambda: windows(tokens=None), "tokens must"),
    "tokens of int64": (lambda: windows(tokens=TOKENS.long()), "tokens must"),
    "tokens of two dimensions": (lambda: windows(tokens=TOKENS[None]), "tokens must"),
    "offsets a list": (lambda: windows(offsets=[0, 9]), "offsets must"),
    "offsets of float": (lambda: windows(offsets=OFFSETS / 1), "offsets must"),
    "no offsets": (lambda: windows(offsets=OFFSETS[:0]), "offsets must"),
    "offsets too large": (lambda: windows(offsets=OFFSETS + 1), "offsets must"),
    "offsets that fall": (lambda: windows(offsets=torch.tensor([0, 12, 9])), "offsets must"),
    "offsets below 0": (lambda: windows(offsets=torch.tensor([0, -1, 9])), "offsets must"),
    "radii too few": (lambda: windows(radii=torch.ones(3, dtype=torch.uint8)), "radii must"),
    "radius None": (lambda: windows(radius=None), "radius must"),
    "radius nan": (lambda: windows(radius=NAN), "radius must"),
    "border None": (lambda: windows(border=None), "border must"),
    "decay 'False'": (lambda: replace(CONFIG, decay="False"), "decay must be True or False"),
    "decay None": (lambda: replace(CONFIG, decay=None), "decay must be True or False"),
    "dynamic_window 1": (lambda: replace(CONFIG, dynamic_window=1), "dynamic_window must"),
    "shared_negatives ''": (lambda: replace(CONFIG, shared_negatives=""), "shared_negatives must"),
    "subsample None": (lambda: replace(CONFIG, subsample=None), "subsample must"),
    "subsample nan": (lambda: replace(CONFIG, subsample=NAN), "subsample must"),
    "max_norm False": (lambda: replace(CONFIG, max_norm=False), "max_norm must"),
    "learning_rate nan": (lambda: replace(CONFIG, learning_rate=NAN), "learning_rate must"),
    "freeze 'no'": (
        lambda: w2v.ClassifierConfig(batch_size=2, epochs=1, freeze="no"),
        "freeze must be True or False",
    ),
    "vocabulary None": (lambda: save(vocabulary=None), "vocabulary must"),
    "a model of float64": (lambda: save(model=w2v.Word2Vec(V, D).double()), "must be float32"),
    "corpus a name": (lambda: save(corpus="wikitext-2"), "corpus must"),
    "corpus without a number": (lambda: save(corpus={"digest": "x"}), "corpus must"),
    "counts a list": (lambda: save(counts=[1] * V), "counts must"),
    "words a set": (lambda: save(words={"a"}), "words must"),
    "epoch nan": (lambda: save(epoch=NAN), "epoch must"),
    "pad_id None": (lambda: windows(border="pad", pad_id=None), "pad_id must be an integer"),
    "pad_id a letter": (
        lambda: w2v.extract_words_contexts([1, 2], 1, "pad", pad_id="x"),
        "pad_id must be an integer",
    ),
    "noise of more ids": (
        lambda: w2v.collate_fn([(1, [0, 2])], 2, V, noise=w2v.NoiseDistribution(torch.ones(V + 1))),
        f"noise must be of {V} ids, got {V + 1}",
    ),
    "words with their ids": (
        lambda: w2v.WordVectors({"a": 1, "b": 0}, np.eye(2)),
        "words must be a list of strings",
    ),
    "words in no order": (lambda: w2v.WordVectors({"a", "b"}, np.eye(2)), "words must be a list"),
    "words that are numbers": (lambda: w2v.WordVectors([3, 4], np.eye(2)), "words must be strings"),
    "classes with their ids": (
        lambda: w2v.load_frame(
            pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}), {"x": 1, "y": 0}
        ),
        "classes must be a list of names",
    ),
    "words with their ids, as keys": (
        lambda: w2v.WordVectors({"a": 1, "b": 0}.keys(), np.eye(2)),
        "words must be a list",
    ),
    "words with weights in a dict": (
        lambda: w2v.WordVectors(["a", "b"], np.eye(2)).most_similar({"a": -1}),
        "keys must be words, their rows or vectors, got {'a': -1}",
    ),
    "a class None": (
        lambda: w2v.load_frame(
            pandas.DataFrame({"text": ["a", "b"], "label": ["x", "y"]}), [None, "x", "y"]
        ),
        "classes must be two different names or more",
    ),
    "labels True and 1": (
        lambda: w2v.load_frame(pandas.DataFrame({"text": list("abc"), "label": [1, True, 0]})),
        "labels must all be True or False, or none of them, got 1 in row 0 of frame",
    ),
    "ids that are a mask": (
        lambda: w2v.ClassAttentionModel(V, D, 2)(torch.ones(1, 2).bool(), torch.ones(1, 2)),
        "input_ids must be integers, got torch.bool",
    ),
    "half a character": (lambda: w2v.tokenize(["a", "\ud800"], tokenizer()), "documents must be U"),
    "half a character in a string": (
        lambda: w2v.Vocabulary.from_strings(["\ud800"]),
        "texts must be Unicode",
    ),
    "a count below 0": (lambda: w2v.Vocabulary({"a": -1}), "counts must be numbers"),
    "a count of one half": (lambda: w2v.Vocabulary({"a": 0.5}), "counts must be numbers"),
    "words that are no strings": (
        lambda: w2v.Vocabulary.from_texts([["a", 3]]),
        "texts must be lists of strings, got 3",
    ),
    "a text that is no list": (lambda: w2v.Vocabulary.from_texts([None]), "text must be a list"),
    "rows as a dict": (
        lambda: w2v.WindowDataset.from_documents({"input_ids": [[1, 2, 3]]}, 1),
        "dataset must hold documents of ids, got 'input_ids'; of a table pass one column",
    ),
    "rows as a frame": (
        lambda: w2v.flatten_dataset_to_list(pandas.DataFrame({"input_ids": [[1, 2, 3]]}), 1),
        "dataset must hold documents of ids, got 'input_ids'; of a table pass one column",
    ),
    "lists within a document": (
        lambda: w2v.WindowDataset.from_documents([[1, [2, 3], 4]], 1),
        "input_ids must be a flat list of integers",
    ),
    "training inside inference_mode": (lambda: inside_inference_mode(), "model must be made and t"),
    "a classifier trained inside it": (
        lambda: inside_inference_mode(classifier=w2v.ClassAttentionModel(V, D, 2)),
        "classifier must be made and trained outside of torch.inference_mode",
    ),
    "drawn radii above a byte": (
        lambda: replace(CONFIG, radius=256, dynamic_window=True),
        "radius must be at most 255 if it is drawn, got 256",
    ),
    "learning_rate of 400 digits": (
        lambda: replace(CONFIG, learning_rate=10**400),
        "learning_rate must be a finite number",
    ),
    "radius of 5,000 digits": (lambda: windows(radius=10**5000), r"radius must be below 2\*\*31"),
    "path with a NUL": (lambda: read_json("a\0b"), "path must be the name of a file"),
    "path with half a letter": (lambda: w2v.load_texts("a\ud800"), "path must be the name of a f"),
    "an array of one number": (
        lambda: w2v.Vocabulary.from_texts(np.array(1)),
        "texts must be an iterable, got array",
    ),
    "radii that a file would lose": (
        lambda: windows(radii=torch.ones(9, dtype=torch.uint8)).save("corpus"),
        "radii must be None to be saved",
    ),
    "keys that a file cannot hold": (
        lambda: write_sealed("file", {"a": {(1, 2): 3}}),
        r"payload\['a'\] must have strings as its keys, got \(1, 2\)",
    ),
    "no pair": (
        lambda: w2v.sgns_loss(torch.ones(2, 0), torch.ones(2, 0)),
        r"positive_logits and negative_logits must have shapes .* got \(2, 0\) and \(2, 0\)",
    ),
    "negatives that are not K for each positive": (
        lambda: w2v.sgns_loss(torch.ones(2, 2), torch.ones(2, 5), torch.ones(2, 2).bool()),
        "mask must have the shape .* with K negatives for each",
    ),
    "logits of other rows": (
        lambda: w2v.sgns_loss(torch.ones(2, 2), torch.ones(3, 2)),
        "positive_logits and negative_logits must have shapes",
    ),
    "logits of integers": (
        lambda: w2v.sgns_loss(torch.ones(2, 2).long(), torch.ones(2, 2)),
        "positive_logits must be float32, got torch.int64",
    ),
    "a mask of another type": (
        lambda: w2v.sgns_loss(torch.ones(2, 2), torch.ones(2, 2), torch.full((2, 2), 7)),
        "mask must be bool, got torch.int64",
    ),
    "a target outside the logits": (
        lambda: w2v.softmax_loss(torch.ones(2, 3), torch.tensor([[0], [3]])),
        r"target_ids must lie in \[0, 3\), got 0 ... 3",
    ),
    "targets of other rows": (
        lambda: w2v.softmax_loss(torch.ones(2, 3), torch.tensor([[0]])),
        "logits and target_ids must have shapes",
    ),
    "words in an array of one": (
        lambda: w2v.WordVectors(np.array("a"), np.eye(1)),
        "words must be a list of strings",
    ),
    "rows in an array of one": (
        lambda: w2v.train_classifier(
            w2v.ClassAttentionModel(V, D, 2),
            np.float64(1),
            [],
            w2v.ClassifierConfig(batch_size=1, epochs=1),
        ),
        "train_set must be rows",
    ),
    "vocab_size of a loader": (
        lambda: w2v.make_loader(windows(), CONFIG, "many", generator=torch.Generator()),
        "vocab_size must be a positive integer, got 'many'",
    ),
    "a part of a dataset": (
        lambda: w2v.evaluate_word2vec(
            w2v.Word2Vec(V, D), torch.utils.data.Subset(windows(), [0]), CONFIG, counts=TOKENS
        ),
        "dataset must be a WindowDataset, got <torch.utils.data.dataset.Subset object>$",
    ),
    "ids for words": (lambda: VOCABULARY.encode([3]), "words must be strings, got 3"),
    "words that are lists": (lambda: VOCABULARY.encode([["a"]]), "words must be strings, got"),
    "words in a dict": (lambda: VOCABULARY.from_texts([{"a": 3}]), "text must be a list of words"),
    "words in arrays of one": (
        lambda: VOCABULARY.from_texts(torch.ones(2)),
        "text must be a list of words",
    ),
    "an epoch after the last": (lambda: save(epoch=3), "epoch must be at most config.epochs = 2"),
    "counts below 0": (
        lambda: w2v.evaluate_word2vec(w2v.Word2Vec(V, D), windows(), CONFIG, counts=-torch.ones(V)),
        "counts must be 0 or more",
    ),
    "counts of one number": (
        lambda: w2v.NoiseDistribution.from_name("uniform", torch.tensor(1)),
        r"counts must have shape \(V,\), got \(\)",
    ),
    "weights of no column": (
        lambda: w2v.NoiseDistribution(torch.ones(2, 0)),
        r"weights must have shape \(V,\), got \(2, 0\)",
    ),
    "a function for a tokenizer": (
        lambda: w2v.predict_texts(w2v.ClassAttentionModel(V, D, 2), len, ["a"]),
        "tokenizer must be a tokenizer of transformers",
    ),
    "half a character to attend to": (
        lambda: w2v.attend(w2v.ClassAttentionModel(V, D, 2), tokenizer(), "a \ud800"),
        "text must be Unicode",
    ),
    "return_attention 'no'": (
        lambda: w2v.ClassAttentionModel(V, D, 2)(
            torch.ones(1, 2).long(), torch.ones(1, 2), return_attention="no"
        ),
        "return_attention must be True or False",
    ),
    "progress 'no'": (
        lambda: w2v.train_word2vec(
            w2v.Word2Vec(V, D), windows(radius=R), windows(radius=R), CONFIG, progress="no"
        ),
        "progress must be True or False",
    ),
    "progress of a classifier": (
        lambda: w2v.train_classifier(
            w2v.ClassAttentionModel(V, D, 2),
            [{"input_ids": [1], "label": 0}],
            [{"input_ids": [1], "label": 0}],
            w2v.ClassifierConfig(batch_size=1, epochs=1),
            progress="no",
        ),
        "progress must be True or False",
    ),
    "vectors of complex numbers": (
        lambda: w2v.WordVectors(["a"], torch.ones(1, 2, dtype=torch.complex64)),
        "vectors must be numbers",
    ),
    "weights nan": (
        lambda: VECTORS.get_mean_vector(["a", "b"], weights=[1, NAN]),
        "weights must be finite numbers",
    ),
    "two words for one": (lambda: VECTORS.similar_by_word(["a", "b"]), "key must be a word"),
    "lists of several lengths": (
        lambda: VECTORS.similarity("a", [[1], [1, 2]]),
        "key must be a word",
    ),
    "no system": (lambda: compare(load_table={}), "load_table must hold at least one system"),
    "no number of labels": (lambda: compare(n_labels=[]), "n_labels must hold at least one"),
    "a text for a path": (lambda: w2v.load_texts("a b " * 9999), "path must be the name of a file"),
    "half a character in a frame": (
        lambda: w2v.load_frame(frame(text="a \ud800")),
        "row 0 of frame must have a text of Unicode",
    ),
    "half a character in a class": (
        lambda: w2v.load_frame(frame(label="x\ud800")),
        "classes must be names in Unicode",
    ),
    "a tokenizer of another vocabulary": (
        lambda: w2v.predict_texts(w2v.ClassAttentionModel(V, D, 2), tokenizer(), ["a"]),
        f"tokenizer must have the {V} ids of the classifier, got 4",
    ),
    "a tokenizer of another vocabulary to attend with": (
        lambda: w2v.attend(w2v.ClassAttentionModel(V, D, 2), tokenizer(), "a"),
        f"tokenizer must have the {V} ids of the classifier, got 4",
    ),
    "a device that there is not": (
        lambda: windows().to("cuda:99"),
        "device must be one that PyTorch has here, got 'cuda:99'",
    ),
    "no device": (
        lambda: compare(device="gpu"),
        "device must be one that PyTorch has here, got 'gpu'",
    ),
    "path None": (lambda: write_sealed(None, {}), "path must"),
    "path a number": (lambda: read_json(3), "path must"),
}


@pytest.mark.parametrize("call, message", CALLS.values(), ids=CALLS.keys())
def test_a_bad_argument_is_named(tmp_path, monkeypatch, call, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError, IndexError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_value_is_shown_without_its_address():
    assert shown(object()) == "<object object>"
    assert shown([shown]) == "[<function shown>]"


def test_numbers_of_numpy_and_torch_are_numbers():
    one, half = np.int64(1), np.float32(0.5)
    classifier, rows = w2v.ClassAttentionModel(V, D, 2), [{"input_ids": [1], "label": 0}]
    for number in (one, torch.tensor(1), np.array(1)):
        w2v.score_texts(classifier, rows, batch_size=number)
        assert windows().counts(np.array(9)).sum() == 9
        w2v.WordVectors.from_model(
            w2v.Word2Vec(2, D), ["a", "b"], counts=torch.ones(2), min_count=number
        )
        frame = pandas.DataFrame({"text": list("abcdef"), "label": ["x", "y"] * 3})
        corpus = w2v.load_frame(frame)
        assert len(w2v.split_labelled(corpus, n_valid=number, n_test=number, seed=number)[0]) == 4
    assert len(w2v.preprocess(["a", "b"], tokenizer(), valid_fraction=half)[0]) == 1
    config = w2v.ClassifierConfig(batch_size=1, epochs=1, word_dropout=half)
    assert type(config.word_dropout) is float
    w2v.collate_texts(rows, word_dropout=half)


MODEL, CLASSIFIER = w2v.Word2Vec(V, D), w2v.ClassAttentionModel(4, D, 2)
WINDOWS, TOKENIZER, COUNTS = windows(radius=R), tokenizer(), windows().counts(V)
ROWS = [{"input_ids": [1], "label": 0}]


@pytest.mark.parametrize(
    "call",
    [
        lambda: w2v.train_word2vec(MODEL, WINDOWS, WINDOWS, CONFIG),
        lambda: w2v.evaluate_word2vec(MODEL, WINDOWS, CONFIG, counts=COUNTS),
        lambda: w2v.train_on_texts(["a b c a b"] * 9, CONFIG),
        lambda: w2v.preprocess(["a", "b"], TOKENIZER),
        lambda: w2v.NoiseDistribution(torch.ones(3)),
        lambda: w2v.score_texts(CLASSIFIER, ROWS),
        lambda: w2v.predict_texts(CLASSIFIER, TOKENIZER, ["a"]),
        lambda: w2v.attend(CLASSIFIER, TOKENIZER, "a"),
        lambda: w2v.train_classifier(
            CLASSIFIER, ROWS, ROWS, w2v.ClassifierConfig(batch_size=1, epochs=1)
        ),
    ],
)
def test_a_default_device_other_than_the_cpu_is_named(call):
    with torch.device("meta"), pytest.raises(ValueError, match="torch.set_default_device must be"):
        call()


def test_a_value_that_is_long_or_deep_is_shown_in_little_memory():
    long, deep = ["x" * 10**6] * 10**6, []
    for _ in range(10**4):
        deep = [deep, deep]
    tracemalloc.start()
    for value, start in ((long, "['xxx"), ({"a": long}, "{'a': ['xxx"), (deep, "[[[[[[")):
        assert shown(value).startswith(start) and len(shown(value)) <= 80
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()
    assert shown({"b": 1, "a": (2.0, None)}) == "{'b': 1, 'a': (2.0, None)}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a special file")
@pytest.mark.parametrize("read", [read_sealed, read_json])
def test_a_special_file_is_refused_at_once(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="path must be a complete .*pipe.*special file"):
        read(tmp_path / "pipe")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a special file")
def test_a_pipe_is_refused_wherever_a_file_is_read_or_locked(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / ".model.lock")
    vectors = w2v.WordVectors(["a", "b"], np.eye(2))
    for read in (
        lambda: w2v.WordVectors.load_word2vec_format(tmp_path / "pipe"),
        lambda: w2v.WordVectors.load_word2vec_format(tmp_path / "pipe", binary=True),
        lambda: vectors.evaluate_word_pairs(tmp_path / "pipe"),
        lambda: vectors.evaluate_word_analogies(tmp_path / "pipe"),
        lambda: locked(tmp_path / "model.ckpt.last").__enter__(),
    ):
        with pytest.raises((OSError, ValueError), match="special file|must be an ordinary file"):
            read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a special file")
def test_a_pipe_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    vectors = w2v.WordVectors(["a", "b"], np.eye(2))
    for write in (
        lambda: windows().save(pipe),
        lambda: vectors.save_word2vec_format(pipe),
        lambda: write_json(pipe, {}),
        lambda: check_writable(tmp_path, "pipe"),
    ):
        with pytest.raises((OSError, ValueError), match="must be an ordinary file, got the spec"):
            write()
    assert pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
