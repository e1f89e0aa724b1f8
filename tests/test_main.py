"""The command line: settings as options, one line for an error."""

import io
import os
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from golden import V

import w2v
from w2v import __main__ as command
from w2v import pretraining
from w2v.classify.training import ClassifierHistory
from w2v.files import write_json
from w2v.model import Word2Vec
from w2v.studies import plans
from w2v.text import corpus
from w2v.training import History


def test_train_takes_the_configs_fields_as_options(monkeypatch, capsys):
    asked = {}

    def pretrain(config, directory, **options):
        asked.update(options, config=config, directory=directory)
        return "the path", History(valid_loss=[0.5], valid_auc=[0.75], train_loss=[1])

    monkeypatch.setattr(pretraining, "pretrain", pretrain)
    status = command.main(
        "train --dim 7 --radius 2 --ratio 5 --batch_size 3 --epochs 1 --noise unigram^0.75 "
        "--source builtin --corpus wikitext-103 --n_samples 0 --directory there".split()
    )
    assert status == 0
    config = asked["config"]
    assert (config.dim, config.radius, config.ratio) == (7, 2, 5)
    assert (config.batch_size, config.epochs, config.noise) == (3, 1, "unigram^0.75")
    assert asked["n_samples"] is None and asked["directory"] == "there"
    assert (asked["source"], asked["corpus"]) == ("builtin", "wikitext-103")
    assert capsys.readouterr().out.splitlines() == [
        "epoch 1: validation loss 0.5000 nats per pair, AUC 0.7500",
        "the path",
    ]


@pytest.mark.parametrize("arguments", [[], ["fly"]])
def test_an_unknown_command_prints_the_commands_there_are(arguments, capsys):
    assert command.main(arguments) == 2
    assert "python -m w2v train" in capsys.readouterr().err


def test_help_is_no_error(capsys):
    assert command.main(["--help"]) == 0
    assert "python -m w2v classify" in capsys.readouterr().out


def test_a_setting_out_of_range_is_one_line_and_no_trace(capsys):
    options = "--dim 0 --radius 2 --ratio 5 --batch_size 3 --epochs 1".split()
    assert command.main(["train", *options]) == 2
    assert capsys.readouterr().err == "w2v: dim must be a positive integer, got 0\n"


def test_neighbours_needs_a_checkpoint_and_words(capsys):
    with pytest.raises(SystemExit) as left:
        command.main(["neighbours", "some.ckpt"])
    assert left.value.code == 2
    assert "the following arguments are required: words" in capsys.readouterr().err


@pytest.fixture
def checkpoint(tmp_path, monkeypatch, config, model):
    """A saved model whose rows are the words of a stand-in for the tokenizer."""

    class Tokenizer(SimpleNamespace):
        def __len__(self):
            return V

    names = [f"word{row}" for row in range(V)]
    tokenizer = Tokenizer(convert_ids_to_tokens=lambda ids: [names[row] for row in ids])
    monkeypatch.setattr(corpus, "load_tokenizer", lambda source: tokenizer)
    monkeypatch.setattr("w2v.text.sources.resolve_source", lambda source: source)
    monkeypatch.setattr(corpus, "vocabulary_identity", lambda tokenizer: "words-1")
    return w2v.save_model(model.float(), tmp_path, config, vocabulary="words-1")


@pytest.mark.parametrize("suffix", [".txt", ".bin"])
def test_export_writes_the_center_table_for_other_tools(checkpoint, capsys, model, suffix):
    output = checkpoint.with_name(f"vectors{suffix}")
    assert command.main(["export", str(checkpoint), "--output", str(output)]) == 0
    assert capsys.readouterr().out == f"11 vectors in {output}\n"
    vectors = w2v.WordVectors.load_word2vec_format(output, binary=suffix == ".bin")
    assert vectors.words == [f"word{row}" for row in range(V)]
    assert np.array_equal(vectors.vectors, model.center_embeddings.weight.detach().numpy())


def test_export_takes_its_option_before_its_file_and_never_writes_over_it(checkpoint, capsys):
    output = checkpoint.with_name("vectors.txt")
    assert command.main(["export", "--output", str(output), str(checkpoint)]) == 0
    renamed = checkpoint.rename(checkpoint.with_name("model.bin"))
    before = renamed.read_bytes()
    capsys.readouterr()
    assert command.main(["export", str(renamed), "--output", str(renamed)]) == 2
    assert "output must be another file than checkpoint" in capsys.readouterr().err
    assert renamed.read_bytes() == before


def test_export_refuses_a_format_it_does_not_know(checkpoint, capsys):
    output = str(checkpoint.with_name("vectors.csv"))
    assert command.main(["export", str(checkpoint), "--output", output]) == 2
    assert (
        capsys.readouterr().err
        == f"w2v: output must end in .txt, .bin or .gz after it, got {output!r}\n"
    )
    assert not checkpoint.with_name("vectors.csv").exists()


def test_export_refuses_a_checkpoint_of_other_words(checkpoint, capsys, monkeypatch):
    monkeypatch.setattr(corpus, "vocabulary_identity", lambda tokenizer: "words-2")
    output = checkpoint.with_name("vectors.txt")
    assert command.main(["export", str(checkpoint), "--output", str(output)]) == 2
    assert "must hold vocabulary 'words-2', got 'words-1'" in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), ([], 2), (["a.ckpt"], 2)])
def test_export_says_what_it_wants(capsys, arguments, status):
    with pytest.raises(SystemExit) as left:
        command.main(["export", *arguments])
    assert left.value.code == status
    printed = capsys.readouterr()
    assert "--output" in printed.out + printed.err


def test_neighbours_prints_the_words_nearest_to_each(checkpoint, capsys):
    assert command.main(["neighbours", str(checkpoint), "word3", "word5"]) == 0
    printed = capsys.readouterr().out
    assert "word3" in printed and "word5" in printed and "word7" in printed


class Tokenizer:
    """Stand in for a tokenizer of ids 0 ... 9: the text is the ids."""

    def __len__(self):
        return 10


@pytest.fixture
def planted_news(monkeypatch):
    """Texts whose class is their first id; no file is read."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=["sea", "land"])})

    def news(n_rows, first=0):
        texts = [f"{i % 2} {2 + i % 8} {2 + i % 5}" for i in range(first, first + n_rows)]
        rows = {"text": texts, "label": [i % 2 for i in range(first, first + n_rows)]}
        return Dataset.from_dict(rows, features=features)

    def tokenize(texts, tokenizer):
        return [
            {"input_ids": [int(word) for word in row["text"].split()], "label": row["label"]}
            for row in texts
        ]

    parts = (news(60), news(20, 60), news(30, 80), "planted rows")
    for name, value in {
        "resolve_source": lambda *_, **__: "local",
        "load_tokenizer": lambda source: Tokenizer(),
        "vocabulary_identity": lambda tokenizer: "ten ids",
        "split_labelled": lambda *_: parts,
        "tokenize": tokenize,
    }.items():
        monkeypatch.setattr(f"{getattr(w2v, name).__module__}.{name}", value)


SHARED = "--batch_size 4 --epochs 6 --learning_rate 0.05 --readout class --n_labels 50"
OPTIONS = f"{SHARED} --dim 8"


def test_classify_trains_keeps_and_tests_and_score_reads_the_same(planted_news, tmp_path, capsys):
    kept = str(tmp_path / "news.ckpt")
    assert command.main(["classify", *OPTIONS.split(), "--output", kept]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("epoch 1: validation loss ")
    assert printed[6:8] == [kept, "on planted rows:"]
    accuracy, low, high = (float(printed[8].split()[i].rstrip(",")) for i in (1, 4, 6))
    assert 0.9 < accuracy <= 1 and low < accuracy <= high
    assert printed[10].split() == ["sea", "land"]
    assert sum(int(n) for line in printed[11:] for n in line.split()[1:]) == 30
    assert command.main(["score", "--classifier", kept]) == 0
    assert capsys.readouterr().out.splitlines() == printed[7:]


@pytest.fixture
def trained(monkeypatch):
    """Note what a classifier would be trained with, and leave it as it starts."""
    asked = []

    def train_classifier(classifier, train_set, valid_set, config):
        asked.append((classifier, train_set, valid_set, config))
        return ClassifierHistory(train_loss=[1.5], valid_loss=[0.5], valid_accuracy=[0.25])

    monkeypatch.setattr("w2v.classify.training.train_classifier", train_classifier)
    return asked


def test_classify_starts_from_the_table_of_a_checkpoint_as_the_options_say(
    planted_news, trained, tmp_path, config, capsys
):
    model = Word2Vec(10, config.dim, generator=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(model.context_embeddings.weight)
    path = str(w2v.save_model(model, tmp_path, config, vocabulary="ten ids"))
    options = f"--checkpoint {path} --table context --standardise true --start uniform --seed 3"
    assert command.main(["classify", *SHARED.split(), *options.split()]) == 0
    ((classifier, train_set, valid_set, asked),) = trained
    table = model.context_embeddings.weight.detach()
    expected = (table - table.mean(0)) / table.std(0, correction=0)
    torch.testing.assert_close(classifier.embeddings.weight.detach(), expected)
    assert not classifier.k.weight.any() and classifier.readout == "class"
    assert (asked.seed, asked.batch_size, asked.learning_rate) == (3, 4, 0.05)
    first = [row["input_ids"][0] for row in train_set]  # the label of a text
    assert len(train_set) == 50 and first == [row["label"] for row in train_set]
    assert len(valid_set) == 20  # the 30 others are for the test
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "epoch 1: validation loss 0.5000 nats, accuracy 0.2500"
    assert printed[2].endswith(", 30 texts")


def test_classify_draws_its_layers_from_the_seed_and_takes_the_center_table(
    planted_news, trained, tmp_path, config
):
    model = Word2Vec(10, config.dim, generator=torch.Generator().manual_seed(1))
    path = str(w2v.save_model(model, tmp_path, config, vocabulary="ten ids"))
    for seed in "001":
        command.main(["classify", *SHARED.split(), "--checkpoint", path, "--seed", seed])
    first, again, other = (classifier.q.weight for classifier, *_ in trained)
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(trained[0][0].embeddings.weight, model.center_embeddings.weight)


def test_classify_refuses_a_table_of_other_words_in_one_line(
    planted_news, trained, tmp_path, config, capsys
):
    path = str(w2v.save_model(Word2Vec(10, config.dim), tmp_path, config, vocabulary="others"))
    assert command.main(["classify", *OPTIONS.split(), "--checkpoint", path]) == 2
    assert "dim must be given without checkpoint, got 8" in capsys.readouterr().err
    assert command.main(["classify", *SHARED.split(), "--checkpoint", path]) == 2
    assert "must hold vocabulary 'ten ids', got 'others'" in capsys.readouterr().err
    assert trained == []


def test_score_refuses_a_classifier_of_other_words_in_one_line(planted_news, tmp_path, capsys):
    model = w2v.ClassAttentionModel(10, 8, 2)
    path = tmp_path / "others.ckpt"
    w2v.save_classifier(model, path, vocabulary="others", classes=["sea", "land"])
    assert command.main(["score", "--classifier", str(path)]) == 2
    assert "must hold vocabulary 'ten ids', got 'others'" in capsys.readouterr().err


def test_score_reads_any_labelled_csv(planted_news, tmp_path, capsys):
    kept = str(tmp_path / "news.ckpt")
    command.main(["classify", *OPTIONS.split(), "--output", kept])
    capsys.readouterr()
    (tmp_path / "own.csv").write_text("class,text\n1,0 3 4\n2,1 5 6\nsea,1 2 3\n", "utf-8")
    assert command.main(["score", "--classifier", kept, "--csv", str(tmp_path / "own.csv")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "accuracy 0.6667, 95% interval 0.2077 to 0.9385, 3 texts"
    assert [line.split() for line in printed[3:]] == [["sea", "1", "1"], ["land", "0", "1"]]


def test_what_needs_a_checkpoint_is_refused_without_one(planted_news, trained, capsys):
    assert command.main(["classify", *OPTIONS.split(), "--standardise"]) == 2
    assert "standardise must go with checkpoint, got no checkpoint" in capsys.readouterr().err
    assert trained == []


def test_help_of_classify_shows_how_to_score_a_csv(capsys):
    with pytest.raises(SystemExit):
        command.main(["classify", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "python -m w2v score --classifier FILE --csv FILE" in shown


def test_score_without_a_csv_wants_the_classes_of_the_news(planted_news, tmp_path, capsys):
    model = w2v.ClassAttentionModel(10, 4, 2)
    path = w2v.save_classifier(
        model, tmp_path / "own.ckpt", vocabulary="ten ids", classes=["bad", "good"]
    )
    assert command.main(["score", "--classifier", str(path)]) == 2
    said = capsys.readouterr().err
    assert "csv must be given for a classifier of bad, good, got none" in said
    assert "the test rows have the classes sea, land" in said


def test_more_labels_than_rows_are_one_line_and_no_trace(planted_news, capsys):
    assert command.main(["classify", *SHARED.split()[:-1], "61"]) == 2
    assert capsys.readouterr().err == (
        "w2v: n_labels must lie in 1 ... 60, the training rows, got 61\n"
    )


@pytest.mark.parametrize(
    ("name", "names"), [("controls", ["controls"]), ("all", list(plans.STUDIES))]
)
@pytest.mark.parametrize("workers", [0, 3])
def test_study_runs_what_is_named_and_prints_its_rows(
    name, names, workers, monkeypatch, tmp_path, capsys
):
    asked = []

    def write_study(name, directory, results, *, source, seeds, **options):
        asked.append((name, directory, source, list(seeds), options["workers"]))
        row = {"labels": 500, "system": "some", "accuracy_mean": 0.5, "accuracy_low": 0.25}
        return write_json(f"{results}/{name}.json", {"rows": [row | {"accuracy_high": 0.75}]})

    monkeypatch.setattr(plans, "write_study", write_study)
    options = f"--name {name} --n_seeds 3 --workers {workers} --results {tmp_path}"
    monkeypatch.setattr("w2v.text.sources.resolve_source", lambda *_, **__: "local")
    assert command.main(["study", *options.split(), "--directory", "work"]) == 0
    assert asked == [(name, "work", "local", [0, 1, 2], workers or None) for name in names]
    assert capsys.readouterr().out.splitlines() == [
        line
        for name in names
        for line in (
            str(tmp_path / f"{name}.json"),
            "   500 labels  0.500 [0.250, 0.750]  some",
        )
    ]


def test_an_unknown_study_is_one_line_and_no_trace(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("w2v.text.sources.resolve_source", lambda *_, **__: "builtin")
    assert command.main(["study", "--name", "some", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "w2v: name must be one of labels, controls, options, ablation, lab_ablation, got 'some'\n"
    )


def test_a_study_without_its_packages_is_one_line_and_no_trace(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("w2v.text.sources.resolve_source", lambda *_, **__: "builtin")
    monkeypatch.setitem(sys.modules, "scipy", None)  # as if it were not installed
    assert command.main(["study", "--name", "labels", "--results", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "w2v: the studies need scipy, which is not installed; pip install 'w2v[studies]'\n"
    )


def test_an_output_that_is_a_directory_is_refused_before_any_training(tmp_path, capsys):
    path = tmp_path / "texts.csv"
    path.write_text("text,label\n" + "a b,x\nc d,y\n" * 9)
    options = ["--batch_size", "2", "--epochs", "1", "--output", str(tmp_path)]
    assert command.main(["classify", "--csv", str(path), *options]) == 2
    captured = capsys.readouterr()
    assert "output must be a file, got the directory" in captured.err
    assert "epoch" not in captured.out


CSV = "--batch_size 2 --epochs 1 --dim 4"


@pytest.fixture
def own_rows(tmp_path, monkeypatch, fresh_process):
    """A folder to work in, with labelled texts of two classes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("W2V_DATA", raising=False)
    rows = "".join(f"a b {i},x\nc d {i},y\n" for i in range(9))
    (tmp_path / "own.csv").write_text("text,label\n" + rows, "utf-8")
    return tmp_path


def error_of(arguments, capsys):
    assert command.main(arguments) == 2
    captured = capsys.readouterr()
    assert "epoch" not in captured.out
    (line,) = captured.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 300, "output must be a file that can be written, got .*too long"),
        ("a" * 250, "output must be a file that can be written, got .*too long"),  # with ".tmp"
        ("queue", "output must be a file that can be written, got 'queue'; it is no regular file"),
        (".", "output must be a file, got the directory '.'"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_training(
    own_rows, capsys, name, message
):
    os.mkfifo("queue")
    line = error_of(f"classify --csv own.csv {CSV} --output {name}".split(), capsys)
    assert re.match(f"w2v: {message}", line)
    assert sorted(path.name for path in own_rows.iterdir()) == ["own.csv", "queue"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--table foo", "table must be one of 'center', 'context', 'sum', got 'foo'"),
        ("--dim 0", "dim must be a positive integer, got 0"),
    ],
)
def test_an_option_is_checked_even_where_it_is_not_used(own_rows, capsys, options, message):
    assert error_of(f"classify --csv own.csv {CSV} {options}".split(), capsys) == f"w2v: {message}"


def test_a_class_that_no_training_row_has_is_refused(own_rows, capsys):
    line = error_of(f"classify --csv own.csv {CSV} --n_labels 1".split(), capsys)
    assert re.match("w2v: the 1 training rows must hold each class, got none of [xy]; add", line)


@pytest.mark.parametrize("name", command.COMMANDS)
def test_an_unknown_source_is_refused_by_every_command(name, own_rows, capsys):
    needed = {
        "train": "--text own.txt --dim 1 --radius 1 --ratio 1 --batch_size 1 --epochs 1",
        "classify": f"--csv own.csv {CSV}",
        "neighbours": "a.ckpt word",
        "export": "a.ckpt --output a.txt",
        "score": "--classifier a.ckpt --csv own.csv",
        "predict": "--classifier a.ckpt text",
        "study": "--name labels",
    }
    line = error_of([name, *needed[name].split(), "--source", "foo"], capsys)
    assert line.startswith(
        "w2v: source must be one of 'auto', 'local', 'hub', 'builtin', got 'foo'"
    )


@pytest.mark.parametrize("name", ["classify", "train"])
def test_an_interrupt_promises_to_go_on_only_where_something_is_kept(name, monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setitem(command.COMMANDS, name, interrupted)
    assert command.main([name]) == 130
    assert ("go on" in capsys.readouterr().err) == (name == "train")


def test_a_byte_order_mark_on_standard_input_is_skipped(monkeypatch):
    given = "caf\u00e9\n".encode("utf-8-sig")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "latin-1"))
    assert command._read_stdin() == ["caf\u00e9"]


def test_predict_refuses_a_file_of_word2vec_by_name(checkpoint, capsys):
    line = error_of(["predict", "--classifier", str(checkpoint), "text"], capsys)
    assert "must hold a classifier, got Word2Vec; pass a file that save_classifier" in line


def test_too_little_memory_is_one_line(own_rows, capsys):
    (own_rows / "own.txt").write_text("a b c d\n" * 9, "utf-8")
    options = "--dim 2000000000 --radius 1 --ratio 1 --batch_size 1 --epochs 1"
    line = error_of(f"train --text own.txt {options}".split(), capsys)
    assert line == "w2v: memory must be enough, got too little; lower dim or batch_size"


def test_a_fault_of_the_program_keeps_its_trace(monkeypatch):
    def broken(arguments):
        raise RuntimeError("shapes differ")

    monkeypatch.setitem(command.COMMANDS, "train", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        command.main(["train"])
