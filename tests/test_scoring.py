"""A classifier kept in a file, and what it reaches on labelled texts."""

import math
import os

import pandas
import pytest
import torch

from w2v.classify.attention import ClassAttentionModel
from w2v.classify.scoring import (
    NORMAL,
    classifier_words,
    format_scores,
    load_classifier,
    predict_texts,
    save_classifier,
    score_texts,
    wilson_interval,
)
from w2v.classify.texts import TextDataset, collate_texts
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.text.vocabulary import Vocabulary

V, D, N_CLASSES = 11, 7, 4
CLASSES = ["World", "Sports", "Business", "Sci/Tech"]
ROWS = [{"input_ids": [i % V, (3 * i) % V, i % 5], "label": i % N_CLASSES} for i in range(30)]


def make_model(readout="mean", seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = ClassAttentionModel(V, D, N_CLASSES, readout=readout, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return model


def save(directory, model=None, **changes):
    options = {"vocabulary": "words-1", "classes": CLASSES} | changes
    return save_classifier(model or make_model(), directory / "kept" / "news.ckpt", **options)


@pytest.mark.parametrize("readout", ["mean", "class", "hidden"])
def test_a_saved_classifier_comes_back_bit_for_bit(tmp_path, readout):
    model = make_model(readout)
    loaded, classes = load_classifier(save(tmp_path, model), vocabulary="words-1")
    assert classes == CLASSES
    batch = collate_texts(ROWS)
    inputs = batch["input_ids"], batch["attention_mask"]
    assert torch.equal(loaded(*inputs), model(*inputs))


def test_the_words_of_a_texts_own_vocabulary_come_back_with_the_classifier(tmp_path):
    words = Vocabulary.from_texts([list("abcdefghi")]).words
    path = save(tmp_path, words=words)
    assert classifier_words(path) == words and len(words) == V
    assert load_classifier(path)[1] == CLASSES
    assert classifier_words(save(tmp_path)) is None


def test_a_file_from_before_words_were_kept_still_loads(tmp_path):
    path = save(tmp_path)
    saved = read_sealed(path)
    del saved["words"]
    write_sealed(path, saved)
    assert classifier_words(path) is None and load_classifier(path)[1] == CLASSES


def test_words_that_are_not_one_for_each_id_are_refused(tmp_path):
    with pytest.raises(ValueError, match="words must be 11 different ones, one for each id, got 2"):
        save(tmp_path, words=["a", "b"])


# Strings to probabilities


@pytest.fixture
def tokenizer():
    return Vocabulary.from_texts([list("abcdefghi")]).tokenizer()


@pytest.mark.parametrize("batch_size", [1, 2, 256])
@pytest.mark.parametrize("training", [True, False])
def test_strings_become_probabilities_in_their_order(tokenizer, training, batch_size):
    model, texts = make_model("class").train(training), ["a b c d", "i", "", "b never-seen", "a b"]
    shares = predict_texts(model, tokenizer, texts, batch_size=batch_size)
    assert shares.shape == (5, N_CLASSES) and shares.dtype == torch.float32
    for text, row in zip(texts, shares, strict=True):
        ids = tokenizer(text)["input_ids"]
        batch = collate_texts([{"input_ids": ids, "label": 0}])
        expected = model(batch["input_ids"], batch["attention_mask"])[0].softmax(dim=0)
        torch.testing.assert_close(row, expected.detach())
    assert model.training == training


def test_a_long_text_is_cut_where_training_cuts_it(tokenizer):
    model, read = make_model(), []
    model.register_forward_hook(lambda _, given, logits: read.append(given[0].tolist()))
    predict_texts(model, tokenizer, ["a " * 256 + "b " * 300])
    assert read == [[tokenizer("a " * 256)["input_ids"]]]


def test_no_strings_give_no_rows_and_any_iterable_of_strings_is_taken(tokenizer):
    assert predict_texts(make_model(), tokenizer, []).shape == (0, N_CLASSES)
    expected = predict_texts(make_model(), tokenizer, ["a", "b c"])
    for texts in (pandas.Series(["a", "b c"]), ("a", "b c"), iter(["a", "b c"])):
        assert torch.equal(predict_texts(make_model(), tokenizer, texts), expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a b", "texts must be a list of strings, got 'a b'"),
        ({"text": ["a"]}, "texts must be a list of strings, got {'text'"),
        (pandas.DataFrame({"text": ["a"]}), "texts must be a list of strings, got  *text"),
        (["a", None], "texts must be strings, got None in row 1"),
        (["a", 2.5], "texts must be strings, got 2.5 in row 1"),
        ([["a"]], r"texts must be strings, got \['a'\] in row 0"),
    ],
)
def test_what_is_no_list_of_strings_is_refused(tokenizer, texts, message):
    with pytest.raises(TypeError, match=message):
        predict_texts(make_model(), tokenizer, texts)


@pytest.mark.parametrize("words", ["abcdefghijkl", "ab"])  # the ids of the second would fit
def test_a_tokenizer_of_another_vocabulary_is_refused(words):
    other = Vocabulary.from_texts([list(words)]).tokenizer()
    message = f"tokenizer must have the 11 ids of the classifier, got {len(words) + 2}"
    with pytest.raises(ValueError, match=message):
        predict_texts(make_model(), other, ["a", "b"])


class Hostile:
    def __reduce__(self):
        return (os.mkdir, ("run",))


def test_damaged_and_hostile_files_are_refused_and_run_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="path must be a complete w2v file"):
        load_classifier(path)
    torch.save({"format": Hostile()}, path)
    with pytest.raises(CheckpointError, match="path must be a complete w2v file"):
        load_classifier(path)
    assert not (tmp_path / "run").exists()


def test_another_vocabulary_and_another_kind_of_file_are_refused(tmp_path):
    path = save(tmp_path)
    with pytest.raises(CheckpointError, match="must hold vocabulary 'words-2', got 'words-1'"):
        load_classifier(path, vocabulary="words-2")
    write_sealed(path, {"format": 1})
    with pytest.raises(CheckpointError, match="must hold a classifier, got 1; pass a file"):
        load_classifier(path)
    with pytest.raises(FileNotFoundError, match="path must be an existing file"):
        load_classifier(tmp_path / "none.ckpt")


@pytest.mark.parametrize(
    "change",
    [
        {"classes": CLASSES[:3]},
        {"classes": None},
        {"readout": "max"},
        {"readout": "class"},
        {"parameters": {}},
        {"parameters": {"embeddings.weight": torch.zeros(3)}},
        {"words": 5},
        {"words": ["one", "two"]},
        {"vocabulary": None},
    ],
)
def test_files_whose_parts_disagree_are_refused(tmp_path, change):
    path = save(tmp_path)
    write_sealed(path, read_sealed(path) | change)
    with pytest.raises(CheckpointError, match="must hold a whole classifier"):
        load_classifier(path)


def test_a_small_file_that_declares_a_large_classifier_is_refused_at_once(tmp_path):
    path = save(tmp_path)
    saved = read_sealed(path)
    saved["parameters"]["embeddings.weight"] = torch.zeros(1, 200_000)  # q would take 160 GB
    write_sealed(path, saved | {"words": None})
    with pytest.raises(CheckpointError, match="whole classifier: q.weight must have shape"):
        load_classifier(path)
    with pytest.raises(TypeError, match="vocabulary must be a string, got None"):
        save(tmp_path, vocabulary=None)


def test_a_classifier_is_saved_with_one_name_for_each_class(tmp_path):
    with pytest.raises(ValueError, match=r"classes must name the 4 classes, got \['a'\]"):
        save(tmp_path, classes=["a"])
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"classes must name the 4 classes, got \['a', 'a'"):
        save(tmp_path, classes=["a", "a", "b", "c"])
    for classes in ("abcd", {*"abcd"}, dict(enumerate("abcd")), {"a": 0, "b": 1, "c": 2, "d": 3}):
        with pytest.raises(TypeError, match="classes must be a list of strings, got ['{]"):
            save(tmp_path, classes=classes)
    with pytest.raises(ValueError, match=r"classes must name the 4 classes, got \['a', 'b'\]"):
        format_scores(score_texts(make_model(), ROWS), ["a", "b"])


@pytest.mark.parametrize("as_rows", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_scores_equal_plain_loops(training, as_rows):
    rows = [*ROWS, ROWS[1]] * 9  # more than are read at once
    texts = rows if as_rows else TextDataset.from_documents(rows)
    model, modes, before = make_model("class").train(training), [], torch.get_rng_state()
    hook = model.register_forward_hook(lambda module, *_: modes.append(module.training))
    scores = score_texts(model, texts)
    hook.remove()
    assert modes == [False] * 2 and torch.equal(torch.get_rng_state(), before)
    expected, loss = [[0] * N_CLASSES for _ in range(N_CLASSES)], 0.0
    for row in rows:
        batch = collate_texts([row])
        answer = model(batch["input_ids"], batch["attention_mask"])[0].tolist()
        expected[row["label"]][answer.index(max(answer))] += 1
        loss += math.log(sum(map(math.exp, answer))) - answer[row["label"]]
    assert scores.confusion.tolist() == expected
    n_right = sum(expected[i][i] for i in range(N_CLASSES))
    assert scores.n_texts == len(rows) == 279
    assert scores.loss == pytest.approx(loss / len(rows), rel=1e-5)
    assert scores.accuracy == n_right / len(rows)
    assert scores.majority_accuracy == max(map(sum, expected)) / len(rows)
    assert (scores.low, scores.high) == wilson_interval(n_right, len(rows))
    assert model.training == training


@pytest.mark.parametrize(("n_right", "n"), [(3, 10), (450, 500), (0, 8), (8, 8)])
def test_the_ends_of_wilsons_interval_are_1_96_deviations_from_what_was_seen(n_right, n):
    for end in wilson_interval(n_right, n):
        if 0 < end < 1:
            deviation = math.sqrt(end * (1 - end) / n)
            assert abs(n_right / n - end) == pytest.approx(NORMAL * deviation)
    low, high = wilson_interval(n_right, n)
    assert 0 <= low <= n_right / n <= high <= 1


@pytest.mark.parametrize(("n_right", "n"), [(0, 0), (5, 4), (-1, 4)])
def test_impossible_counts_have_no_interval(n_right, n):
    with pytest.raises(ValueError, match=r"n_right must lie in 0 \.\.\. n"):
        wilson_interval(n_right, n)


def test_scores_are_laid_out_with_names_interval_and_counts():
    scores = score_texts(make_model(), TextDataset.from_documents(ROWS))
    lines = format_scores(scores, CLASSES).splitlines()
    interval = f"{scores.low:.4f} to {scores.high:.4f}"
    assert lines[0] == f"accuracy {scores.accuracy:.4f}, 95% interval {interval}, 30 texts"
    assert lines[2].split() == CLASSES
    for name, line, row in zip(CLASSES, lines[3:], scores.confusion.tolist(), strict=True):
        assert line.split() == [name, *map(str, row)]


def test_a_text_without_a_known_word_is_said_to_be_a_guess(capsys):
    tokenizer = Vocabulary.from_strings(["a b c d e f g h i"]).tokenizer()
    model = make_model()
    predict_texts(model, tokenizer, ["a", "", "x y", "x b"])
    assert capsys.readouterr().err == "no known word, so the class is a guess: '', 'x y'\n"
    predict_texts(model, tokenizer, ["a", "x b"])
    assert capsys.readouterr().err == ""


def test_another_kind_of_classifier_is_not_saved(tmp_path):
    model = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match="must be a ClassAttentionModel, got Linear; keep another"):
        save_classifier(model, tmp_path / "m.ckpt", vocabulary="v", classes=["a", "b"])
    assert not list(tmp_path.iterdir())
