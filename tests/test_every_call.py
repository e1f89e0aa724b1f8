"""Every public function takes what it is given, or names the argument that it refuses.

A new public function needs an entry in `CALLS`: the arguments of a call that it takes.
"""

import inspect
import io
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from golden import B, D, K, R, V

import w2v
from w2v.files import CheckpointError

TEXTS = ["a b c a b", "c b a c b"] * 6
CONFIG = w2v.Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=B, epochs=1)
TRAINING = w2v.ClassifierConfig(batch_size=2, epochs=1)
DOCUMENTS = [{"input_ids": [i % V for i in range(9)]}] * 3
LABELLED = [{"input_ids": [1, 2, 3], "label": i % 2} for i in range(6)]
REFUSALS = (TypeError, ValueError, CheckpointError, OSError, LookupError, ZeroDivisionError)
ALSO = {  # what a message may name in place of the argument: a part of it, or where it goes
    "after": "before",
    "batch": "rows",
    "chance": "scores",
    "class_names": "n_classes",
    "classes": "must have a label",
    "corpus": "needs",
    "counts": "weights",
    "directory": "path",
    "dataset": "ids",
    "intervals": "interval of",
    "delimiter": "pairs",
    "device": "Invalid device string",
    "path": "output",
    "words": "T =",
    "seeds": "seed",
    "step": "gradient",
    "no_header": "path",
    "texts": ("rows", "documents", "text must"),
    "train_set": "rows",
    "valid_set": "rows",
}
KEYS = "key key1 key2 keys keys_list word word_or_vector other_words w1 w2 wa wb ws1 ws2 vector"
ALSO |= dict.fromkeys(
    [*KEYS.split(), "positive", "negative"], ("word must", "key must", "keys must")
)
SLOW = ("compare_pretraining", "load_labelled", "load_documents")  # these get only some bad values
BAD = {
    "None": None,
    "a string": "no such thing",
    "an empty string": "",
    "-1": -1,
    "0": 0,
    "1.5": 1.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "2**40": 2**40,
    "2**63": 2**63,
    "True": True,
    "'False'": "False",
    "an empty list": [],
    "a list of None": [None, None],
    "a dict": {"a": 1},
    "an object": object(),
    "an empty tensor": torch.zeros(0),
    "a tensor of three dimensions": torch.ones(2, 3, 1),
    "float ids": torch.tensor([0.5, 1.0]),
    "a folder": Path("."),
    "a file in no folder": Path("/dev/null/at/all"),
}


def windows():
    return w2v.WindowDataset.from_documents(DOCUMENTS, R)


def counts():
    return windows().counts(V)


def word2vec():
    return w2v.Word2Vec(V, D)


def classifier(vocab_size=V):
    return w2v.ClassAttentionModel(vocab_size, D, 2)


def tokenizer():
    return w2v.Vocabulary.from_strings(TEXTS).tokenizer()


def csv(folder):
    pandas.DataFrame({"text": TEXTS, "label": ["x", "y"] * 6}).to_csv(
        folder / "rows.csv", index=False
    )
    return folder / "rows.csv"


def text_file(folder):
    (folder / "text.txt").write_text("\n".join(TEXTS))
    return folder / "text.txt"


def checkpoint(folder):
    return w2v.save_model(word2vec(), folder, CONFIG, vocabulary="words", counts=counts())


def trained(folder):
    model = classifier()
    return w2v.save_classifier(model, folder / "c.ckpt", vocabulary="words", classes=["x", "y"])


def vectors():
    return w2v.WordVectors(["a", "b", "c", "d"], np.eye(4, 3, dtype=np.float32) + 0.1)


def written(folder, text):
    (folder / "file.txt").write_text(text)
    return folder / "file.txt"


def compared():
    rows = [
        {"labels": 2, "system": t, "seed": s, "accuracy": 0.5, "valid_accuracy": [0.5],
         "train_accuracy": [0.5], "train_loss": [0.5], "valid_loss": [0.5]}
        for s in (0, 1) for t in ("random", "pretrained")
    ]  # fmt: skip
    return rows


# For each public function, the arguments of a call that it takes; `f` is an empty folder.
CALLS = {
    "ClassAttentionModel": lambda f: dict(
        vocab_size=V, d=D, n_classes=2, readout="mean", start="random", generator=None
    ),
    "ClassifierConfig": lambda f: dict(
        batch_size=2,
        epochs=1,
        learning_rate=0.1,
        seed=0,
        decay=False,
        freeze=False,
        table_rate=1.0,
        attention_rate=1.0,
        word_dropout=0.0,
    ),
    "ConvClassifier": lambda f: dict(
        vocab_size=V, dim=D, n_classes=2, n_filters=2, kernel_size=3, dropout=0.5, generator=None
    ),
    "NoiseDistribution": lambda f: dict(weights=torch.ones(V)),
    "Vocabulary": lambda f: dict(counts={"a": 2, "b": 1}, min_count=1, size=None),
    "WindowDataset": lambda f: dict(
        tokens=torch.arange(9, dtype=torch.int32),
        offsets=torch.tensor([0, 4, 9]),
        radius=1,
        border="drop",
        pad_id=0,
        radii=None,
    ),
    "Word2Vec": lambda f: dict(vocab_size=V, dim=D, generator=None),
    "Word2VecConfig": lambda f: dict(
        dim=D,
        radius=R,
        ratio=K,
        batch_size=B,
        epochs=1,
        learning_rate=0.1,
        decay=False,
        seed=0,
        border="drop",
        noise="uniform",
        engine="loader",
        shared_negatives=False,
        dynamic_window=False,
        subsample=0.0,
        subsample_rule="word2vec.c",
        objective="sgns",
        max_norm=0.0,
    ),
    "WordVectors": lambda f: dict(words=["a", "b"], vectors=np.ones((2, 3), np.float32)),
    "attend": lambda f: dict(
        classifier=classifier(len(tokenizer())), tokenizer=tokenizer(), text="a b"
    ),
    "check_gradient": lambda f: dict(
        function=lambda x: (float((x**2).sum()), 2 * x), x=np.ones(3), step=1e-5, tolerance=1e-6
    ),
    "checkpoint_name": lambda f: dict(config=CONFIG),
    "classifier_words": lambda f: dict(path=trained(f)),
    "collate_fn": lambda f: dict(
        batch=[(1, [2, 3])], K=2, vocab_size=V, pad_id=None, noise=None, generator=None
    ),
    "collate_texts": lambda f: dict(batch=LABELLED[:2], word_dropout=0.0, generator=None),
    "compare_pretraining": lambda f: dict(
        make_classifier=partial(w2v.ClassAttentionModel, V, D, 2),
        load_table=partial(w2v.load_model, checkpoint(f)),
        train_set=LABELLED,
        valid_set=LABELLED,
        config=TRAINING,
        n_labels=(2,),
        seeds=(0,),
        prepare=None,
        device="cpu",
        progress=None,
    ),
    "describe_batch": lambda f: dict(batch={"word_id": torch.tensor([1])}),
    "describe_neighbours": lambda f: dict(neighbours={"a": [("b", 0.5)]}, title="t"),
    "evaluate_word2vec": lambda f: dict(
        model=word2vec(), dataset=windows(), config=CONFIG, counts=counts(), n_words=9, seed=0
    ),
    "extract_words_contexts": lambda f: dict(ids=[1, 2, 3, 4], R=1, border="drop", pad_id=0),
    "flatten_dataset_to_list": lambda f: dict(dataset=DOCUMENTS, R=1, border="drop", pad_id=0),
    "format_scores": lambda f: dict(
        scores=w2v.score_texts(classifier(), LABELLED), classes=["x", "y"]
    ),
    "learning_curves": lambda f: dict(rows=compared(), n_labels=2),
    "load_classifier": lambda f: dict(path=trained(f), vocabulary=None),
    "load_csv": lambda f: dict(path=csv(f), classes=None, text=None, label=None),
    "load_documents": lambda f: dict(
        corpus="wikitext-2", source="builtin", n_samples=3, seed=0, split="train"
    ),
    "load_frame": lambda f: dict(
        frame=pandas.read_csv(csv(f)), classes=None, text=None, label=None
    ),
    "load_labelled": lambda f: dict(corpus="ag_news", source="builtin", split="train", seed=0),
    "load_model": lambda f: dict(
        path=checkpoint(f),
        classifier=classifier(),
        table="center",
        standardise=False,
        vocabulary=None,
    ),
    "load_texts": lambda f: dict(path=text_file(f)),
    "load_tokenizer": lambda f: dict(source="builtin"),
    "load_word2vec": lambda f: dict(path=checkpoint(f), vocabulary=None),
    "make_loader": lambda f: dict(
        dataset=windows(),
        config=CONFIG,
        vocab_size=V,
        generator=torch.Generator(),
        noise=None,
        shuffle=True,
    ),
    "paired_differences": lambda f: dict(
        rows=compared(), first="pretrained", second="random", interval=False
    ),
    "predict_texts": lambda f: dict(
        classifier=classifier(len(tokenizer())), tokenizer=tokenizer(), texts=["a b"], batch_size=2
    ),
    "preprocess": lambda f: dict(
        documents=TEXTS, tokenizer=tokenizer(), max_length=9, valid_fraction=0.5, seed=0
    ),
    "pretrain_on_texts": lambda f: dict(
        texts=TEXTS, config=CONFIG, directory=f / "d", tokenizer=None, min_count=1, progress=None
    ),
    "read_results": lambda f: dict(name="rows", results=f),
    "resolve_source": lambda f: dict(source="builtin", needs=("wikitext-2",)),
    "save_classifier": lambda f: dict(
        classifier=classifier(),
        path=f / "c.ckpt",
        vocabulary="words",
        classes=["x", "y"],
        words=None,
    ),
    "save_model": lambda f: dict(
        model=word2vec(),
        directory=f / "d",
        config=CONFIG,
        vocabulary="words",
        epoch=None,
        words=None,
        counts=None,
        corpus=None,
    ),
    "score_texts": lambda f: dict(classifier=classifier(), texts=LABELLED, batch_size=2),
    "sgns_loss": lambda f: dict(
        positive_logits=torch.ones(2, 3), negative_logits=torch.ones(2, 6), mask=None
    ),
    "show_source": lambda f: dict(things=w2v.sgns_loss),
    "softmax_loss": lambda f: dict(
        logits=torch.ones(2, V), target_ids=torch.tensor([[1], [2]]), mask=None
    ),
    "split_labelled": lambda f: dict(
        corpus=w2v.load_frame(
            pandas.DataFrame({"text": [f"a {i}" for i in range(9)], "label": ["x", "y", "x"] * 3})
        ),
        source="builtin",
        n_valid=2,
        n_test=2,
        seed=0,
    ),
    "summarise": lambda f: dict(rows=compared(), interval=False),
    "tokenize": lambda f: dict(documents=TEXTS, tokenizer=tokenizer(), max_length=9),
    "train_classifier": lambda f: dict(
        classifier=classifier(),
        train_set=LABELLED,
        valid_set=LABELLED,
        config=TRAINING,
        progress=None,
    ),
    "train_on_texts": lambda f: dict(texts=TEXTS, config=CONFIG, min_count=1, progress=None),
    "train_word2vec": lambda f: dict(
        model=word2vec(),
        train_set=windows(),
        valid_set=windows(),
        config=CONFIG,
        directory=None,
        vocabulary="",
        words=None,
        progress=None,
    ),
    "vocabulary_identity": lambda f: dict(tokenizer=tokenizer()),
    # Methods of the public classes, and the figures
    "ClassAttentionModel.align_values": lambda f: dict(),
    "ClassAttentionModel.attention": lambda f: dict(
        input_ids=torch.ones(1, 3, dtype=torch.int64),
        attention_mask=torch.ones(1, 3, dtype=torch.bool),
    ),
    "ClassAttentionModel.contributions": lambda f: dict(
        input_ids=torch.ones(1, 3, dtype=torch.int64),
        attention_mask=torch.ones(1, 3, dtype=torch.bool),
    ),
    "ClassAttentionModel.forward": lambda f: dict(
        input_ids=torch.ones(1, 3, dtype=torch.int64),
        attention_mask=torch.ones(1, 3, dtype=torch.bool),
        return_attention=False,
    ),
    "ConvClassifier.forward": lambda f: dict(
        input_ids=torch.ones(1, 3, dtype=torch.int64),
        attention_mask=torch.ones(1, 3, dtype=torch.bool),
    ),
    "NoiseDistribution.from_name": lambda f: dict(noise="unigram^0.75", counts=counts()),
    "NoiseDistribution.sample": lambda f: dict(shape=(2, 3), generator=None),
    "NoiseDistribution.to": lambda f: dict(device="cpu"),
    "Vocabulary.count": lambda f: dict(word="a"),
    "Vocabulary.decode": lambda f: dict(ids=[0, 1]),
    "Vocabulary.encode": lambda f: dict(words=["a", "b"]),
    "Vocabulary.from_strings": lambda f: dict(texts=TEXTS, min_count=1, size=None),
    "Vocabulary.from_texts": lambda f: dict(texts=[["a", "b"]], min_count=1, size=None),
    "Vocabulary.tokenizer": lambda f: dict(),
    "WindowDataset.center_counts": lambda f: dict(vocab_size=V),
    "WindowDataset.counts": lambda f: dict(vocab_size=V),
    "WindowDataset.from_documents": lambda f: dict(
        dataset=DOCUMENTS, radius=1, border="drop", pad_id=0
    ),
    "WindowDataset.gather": lambda f: dict(indices=[0, 1]),
    "WindowDataset.identity": lambda f: dict(),
    "WindowDataset.load": lambda f: dict(
        path=windows().save(f / "w.corpus"), radius=1, border="drop", pad_id=0, vocabulary=""
    ),
    "WindowDataset.over": lambda f: dict(
        tokens=torch.arange(9, dtype=torch.int32), offsets=torch.tensor([0, 9]), radii=None
    ),
    "WindowDataset.save": lambda f: dict(path=f / "w.corpus", vocabulary=""),
    "WindowDataset.spans": lambda f: dict(places=torch.tensor([1, 2])),
    "WindowDataset.to": lambda f: dict(device="cpu"),
    "Word2Vec.forward": lambda f: dict(
        word_id=torch.tensor([1]), context_ids=torch.tensor([[2, 3]])
    ),
    "Word2Vec.probabilities": lambda f: dict(
        word_id=torch.tensor([1]), context_ids=torch.tensor([[2, 3]])
    ),
    "WordVectors.closer_than": lambda f: dict(key1="a", key2="b"),
    "WordVectors.cosine_similarities": lambda f: dict(
        vector_1=np.ones(3), vectors_all=np.ones((2, 3))
    ),
    "WordVectors.distance": lambda f: dict(w1="a", w2="b"),
    "WordVectors.distances": lambda f: dict(word_or_vector="a", other_words=["b"]),
    "WordVectors.doesnt_match": lambda f: dict(words=["a", "b"]),
    "WordVectors.evaluate_word_analogies": lambda f: dict(
        analogies=written(f, ": s\na b c d\n"),
        restrict_vocab=9,
        case_insensitive=True,
        dummy4unknown=False,
    ),
    "WordVectors.evaluate_word_pairs": lambda f: dict(
        pairs=written(f, "a\tb\t1\na\td\t2\nb\tc\t3\n"),
        delimiter="\t",
        encoding="utf8",
        restrict_vocab=9,
        case_insensitive=True,
        dummy4unknown=False,
    ),
    "WordVectors.fill_norms": lambda f: dict(force=False),
    "WordVectors.from_checkpoint": lambda f: dict(
        path=checkpoint(f), words=[str(i) for i in range(V)], vocabulary=None, min_count=1
    ),
    "WordVectors.from_model": lambda f: dict(
        model=word2vec(), words=[str(i) for i in range(V)], counts=counts(), min_count=1
    ),
    "WordVectors.get_index": lambda f: dict(key="a", default=None),
    "WordVectors.get_mean_vector": lambda f: dict(
        keys=["a", "b"],
        weights=None,
        pre_normalize=True,
        post_normalize=False,
        ignore_missing=True,
    ),
    "WordVectors.get_normed_vectors": lambda f: dict(),
    "WordVectors.get_vector": lambda f: dict(key="a", norm=False),
    "WordVectors.has_index_for": lambda f: dict(key="a"),
    "WordVectors.load_word2vec_format": lambda f: dict(
        path=written(f, "1 2\na 0.5 1\n"),
        binary=False,
        encoding="utf8",
        unicode_errors="strict",
        limit=None,
        no_header=False,
    ),
    "WordVectors.most_similar": lambda f: dict(
        positive=["a"], negative=None, topn=2, clip_start=0, clip_end=None, restrict_vocab=None
    ),
    "WordVectors.most_similar_cosmul": lambda f: dict(
        positive=["a"], negative=None, topn=2, restrict_vocab=None
    ),
    "WordVectors.most_similar_to_given": lambda f: dict(key1="a", keys_list=["b", "c"]),
    "WordVectors.n_similarity": lambda f: dict(ws1=["a"], ws2=["b"]),
    "WordVectors.rank": lambda f: dict(key1="a", key2="b"),
    "WordVectors.rank_by_centrality": lambda f: dict(words=["a", "b"], use_norm=True),
    "WordVectors.relative_cosine_similarity": lambda f: dict(wa="a", wb="b", topn=2),
    "WordVectors.save_projector": lambda f: dict(directory=f / "d"),
    "WordVectors.save_word2vec_format": lambda f: dict(
        path=f / "v.txt", binary=False, write_header=True
    ),
    "WordVectors.similar_by_key": lambda f: dict(key="a", topn=2, restrict_vocab=None),
    "WordVectors.similar_by_vector": lambda f: dict(vector=np.ones(3), topn=2, restrict_vocab=None),
    "WordVectors.similar_by_word": lambda f: dict(word="a", topn=2, restrict_vocab=None),
    "WordVectors.similarity": lambda f: dict(w1="a", w2="b"),
    "WordVectors.to_embedding": lambda f: dict(freeze=True),
    "WordVectors.to_frame": lambda f: dict(),
    "WordVectors.unit_normalize_all": lambda f: dict(),
    "WordVectors.vectors_for_all": lambda f: dict(keys=["a"]),
    "WordVectors.word_vec": lambda f: dict(key="a", norm=False),
    "WordVectors.words_closer_than": lambda f: dict(key1="a", key2="b"),
    "plots.plot_attention": lambda f: dict(
        words=["a", "b"], weights=[[0.5, 0.5]], class_names=["x"], title="t", contributions=None
    ),
    "plots.plot_comparison": lambda f: dict(
        curves=w2v.learning_curves(compared(), 2), chance=0.5, title="t"
    ),
    "plots.plot_intervals": lambda f: dict(intervals={"s": (0.5, 0.4, 0.6)}, label="l"),
    "plots.plot_learning_curves": lambda f: dict(train_loss=[0.5, 0.4], valid_loss=[0.5, 0.4]),
    "plots.plot_neighbours": lambda f: dict(before={"a": [("b", 0.5)]}, after={"a": [("c", 0.5)]}),
    "plots.plot_scores": lambda f: dict(scores={"m": {"auc": 0.5}}, chance={"auc": 0.5}),
    "plots.plot_windows": lambda f: dict(
        words=["a", "b", "c"], radius=1, centers=[1], negatives=[["d"]]
    ),
    "plots.plot_words": lambda f: dict(vectors=vectors(), words=["a", "b", "c"], method="pca"),
}
OBJECTS = {
    "ClassAttentionModel": classifier,
    "ConvClassifier": lambda: w2v.ConvClassifier(V, D, 2),
    "NoiseDistribution": lambda: w2v.NoiseDistribution(torch.ones(V)),
    "Vocabulary": lambda: w2v.Vocabulary.from_strings(TEXTS),
    "WindowDataset": windows,
    "Word2Vec": word2vec,
    "WordVectors": vectors,
    "plots": lambda: w2v.plots,
}
ELSEWHERE = {  # no arguments, an error, or the arguments of another function
    "CheckpointError",
    "History",
    "fastest_engine",
    "find_or_train",
    "pretrain",
    "train_epochs",
}
# These hold something wrong deep inside.
KNOWN = {
    *(("ClassAttentionModel.forward", f"return_attention={b}")
      for b in ("an empty tensor", "a tensor of three dimensions", "float ids")),
    ("Vocabulary.from_texts", "texts=float ids"),
    ("plots.plot_windows", "negatives=float ids"),
    *(("collate_fn", f"batch={b}") for b in BAD),
    ("collate_fn", "pad_id=an empty tensor"),
    *((f, f"progress={b}") for f in ("train_classifier", "train_word2vec")
      for b in ("an empty tensor", "a tensor of three dimensions", "float ids")),
    ("compare_pretraining", "load_table=a dict"),
    ("describe_neighbours", "neighbours=a dict"),
}  # fmt: skip


def outcome(call, name):
    """Say what became of a call: "taken", "refused", or what is wrong with its error."""
    names = (name, *np.atleast_1d(ALSO.get(name, name)))
    try:
        with redirect_stdout(io.StringIO()):
            call()
    except REFUSALS as error:
        text = str(error)
        if not any(one in text for one in names):
            return f"{type(error).__name__} that does not name {name}: {text[:150]!r}"
        return "refused" if "\n" not in text else f"more than a line: {text[:150]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:150]!r}"
    return "taken"


def run(name, arguments):
    things = arguments.get("things")
    if name == "show_source":
        return w2v.show_source(things)
    return find(name)(**arguments)


def find(name):
    owner, _, method = name.partition(".")
    return getattr(OBJECTS[owner]() if method else w2v, method or name)


def methods(thing):
    """List the methods that the package itself defines, each under its own name; or figures."""
    if inspect.ismodule(thing):
        return [name for name in vars(thing) if name.startswith("plot_")]
    own = [kind for kind in type(thing).__mro__ if kind.__module__.startswith("w2v")]
    return {
        name
        for kind in own
        for name, value in vars(kind).items()
        if not name.startswith("_")
        and (callable(value) or isinstance(value, (classmethod, staticmethod)))
    }


def test_every_public_function_is_tried(tmp_path):
    public = {name for name in w2v.__all__ if callable(getattr(w2v, name))}
    classes = {name for name in public if inspect.isclass(getattr(w2v, name))}
    assert {name for name in classes - OBJECTS.keys() if name.endswith("Config")} | {
        "CheckpointError",
        "History",
    } == classes - OBJECTS.keys()
    for owner, make in OBJECTS.items():
        public |= {f"{owner}.{name}" for name in methods(make())}
    assert public == set(CALLS) | ELSEWHERE
    for name in set(CALLS) - {"show_source"}:
        assert set(CALLS[name](tmp_path)) == set(inspect.signature(find(name)).parameters)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_a_bad_argument_is_taken_rightly_or_named(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = CALLS[name]
    assert outcome(lambda: run(name, make(tmp_path)), "nothing") == "taken"
    bad_values = list(BAD.items())[:: 4 if name in SLOW else 1]
    found = {
        f"{argument}={label}": outcome(
            partial(run, name, make(tmp_path) | {argument: bad}), argument
        )
        for argument in make(tmp_path)
        for label, bad in bad_values
    }
    wrong = {
        case: seen
        for case, seen in found.items()
        if seen not in ("taken", "refused") and (name, case) not in KNOWN
    }
    assert wrong == {}
    assert "refused" in found.values() or not found or "has_index" in name  # it only answers
