"""Trust in a whole training: kills, resuming, full disks, losses that leave the numbers, bad input.

What concerns a single file is in test_checkpoint.py, the closed network in test_hub.py.
"""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from children import FORKS, KilledAtLine, LineCounter, exit_code, fill_the_disk, in_child, trace
from golden import B, D, K, R, V

import w2v
import w2v.training
from w2v.checkpoint import read_checkpoint
from w2v.files import read_sealed, write_sealed

CONFIG = w2v.Word2VecConfig(dim=D, radius=R, ratio=K, batch_size=B, epochs=4, learning_rate=0.1)
NAME = w2v.checkpoint_name(CONFIG)
LAST = NAME + ".last"
PACKAGE = str(Path(w2v.__file__).parent)


def make_windows(config: w2v.Word2VecConfig = CONFIG, lengths=(9, 6, 5, 3)) -> w2v.WindowDataset:
    draw = torch.Generator().manual_seed(sum(lengths))
    documents = [{"input_ids": torch.randint(1, V, (n,), generator=draw)} for n in lengths]
    return w2v.WindowDataset.from_documents(documents, config.radius, config.border)


def make_model(config: w2v.Word2VecConfig = CONFIG, vocab_size: int = V) -> w2v.Word2Vec:
    generator = torch.Generator().manual_seed(config.seed)
    return w2v.Word2Vec(vocab_size, config.dim, generator=generator)


def train(
    directory: Path | None, config: w2v.Word2VecConfig = CONFIG, model: w2v.Word2Vec | None = None
) -> w2v.History:
    """Train as a new process would: everything made again, from the settings alone."""
    return w2v.train_word2vec(
        model or make_model(config),
        make_windows(config),
        make_windows(config, lengths=(8, 5)),
        config,
        directory=directory,
        vocabulary="words-1",
        progress=False,
    )


def train_and_save(directory: Path, config: w2v.Word2VecConfig = CONFIG) -> None:
    """Leave all that a training gives as files: the best, the last and the history."""
    model = make_model(config)
    history = train(directory, config, model)
    w2v.save_model(model, directory, config, vocabulary="words-1")
    write_sealed(directory / "history", asdict(history))


def contents(directory: Path) -> dict[str, bytes]:
    """The bytes of every file below a directory, but for what a killed save left."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".tmp"
    }


def stop_after(n_epochs: int, monkeypatch) -> None:
    """Interrupt a training while it validates the epoch after `n_epochs`."""
    evaluate, calls = w2v.training.evaluate_word2vec, []

    def interrupted(*arguments, **keywords):
        calls.append(1)
        if len(calls) > n_epochs:
            raise KeyboardInterrupt
        return evaluate(*arguments, **keywords)

    monkeypatch.setattr(w2v.training, "evaluate_word2vec", interrupted)


def train_part(directory: Path, monkeypatch, n_epochs: int = 2, config=CONFIG) -> Path:
    """Train some epochs and be interrupted; give the file that the training can go on from."""
    with monkeypatch.context() as patch:
        stop_after(n_epochs, patch)
        with pytest.raises(KeyboardInterrupt):
            train(directory, config)
    return directory / (w2v.checkpoint_name(config) + ".last")


# the same bytes


def test_the_same_seed_gives_the_same_files_byte_for_byte(tmp_path):
    train_and_save(tmp_path / "one")
    time.sleep(0.01)
    train_and_save(tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert sorted(contents(tmp_path / "one")) == sorted([f"best/{NAME}", "history", NAME])


def test_another_process_gives_the_same_file_byte_for_byte(tmp_path):
    train_and_save(tmp_path)
    script = "import sys, test_trust; test_trust.train_and_save(test_trust.Path(sys.argv[1]))"
    roots = [str(Path(__file__).parent), str(Path(PACKAGE).parent)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(roots), "PYTHONHASHSEED": "7"}
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-c", script, str(other)], env=environment, check=True)
    assert (other / NAME).read_bytes() == (tmp_path / NAME).read_bytes()


def test_another_seed_gives_another_file(tmp_path):
    train_and_save(tmp_path / "one")
    train_and_save(tmp_path / "two", replace(CONFIG, seed=1))
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert all(one[name] != two[name] for name in one)


# resuming


@pytest.mark.parametrize("border", ["drop", "shift", "pad"])
@pytest.mark.parametrize("noise", ["uniform", "unigram^0.75"])
@pytest.mark.parametrize("n_epochs", [1, 3])
def test_a_resumed_training_equals_the_uninterrupted_one_bit_for_bit(
    tmp_path, monkeypatch, border, noise, n_epochs
):
    config = replace(CONFIG, border=border, noise=noise)
    train_and_save(tmp_path / "whole", config)
    last = train_part(tmp_path / "parts", monkeypatch, n_epochs, config)
    assert len(read_sealed(last)["history"]["train_loss"]) == n_epochs
    train_and_save(tmp_path / "parts", config)
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_a_resumed_training_does_not_train_the_finished_epochs_again(tmp_path, monkeypatch):
    train_part(tmp_path, monkeypatch, 3)
    trained, train_epoch = [], w2v.training.train_epoch

    def counted(*arguments, **keywords):
        trained.append(1)
        return train_epoch(*arguments, **keywords)

    monkeypatch.setattr(w2v.training, "train_epoch", counted)
    assert train(tmp_path).n_epochs == 4
    assert len(trained) == 1


def test_the_last_epoch_is_kept_until_the_final_model_is_saved(tmp_path):
    model = make_model()
    train(tmp_path, model=model)
    assert list(contents(tmp_path)) == [f"best/{NAME}", LAST]
    w2v.save_model(make_model(), tmp_path, CONFIG, vocabulary="words-1")  # another model
    assert LAST in contents(tmp_path)
    w2v.save_model(model, tmp_path, CONFIG, vocabulary="words-1")
    assert list(contents(tmp_path)) == [f"best/{NAME}", NAME]


def test_a_training_whose_final_save_failed_trains_no_epoch_again(tmp_path, monkeypatch):
    trained = make_model()
    whole = train(tmp_path, model=trained)
    monkeypatch.setattr(w2v.training, "train_epoch", None)
    model = make_model()
    assert train(tmp_path, model=model) == whole
    assert torch.equal(model.context_embeddings.weight, trained.context_embeddings.weight)


def test_a_checkpoint_says_what_it_was_trained_on(tmp_path):
    train(tmp_path)
    saved = read_checkpoint(tmp_path / "best" / NAME)
    windows = make_windows()
    assert saved["corpus"] == windows.identity()
    assert (saved["corpus"]["documents"], saved["corpus"]["tokens"]) == (4, 23)
    assert torch.equal(saved["counts"], windows.counts(V))


def test_the_identity_of_a_text_tells_its_ids_and_its_borders():
    one = w2v.WindowDataset.from_documents([[1, 2, 3, 4, 5], [6]], 2).identity()
    for other in ([[1, 2, 3, 4, 5, 6]], [[1, 2, 3, 4, 6], [5]], [[1, 2, 3, 4, 5], [6], []]):
        assert w2v.WindowDataset.from_documents(other, 2).identity()["digest"] != one["digest"]
    again = w2v.WindowDataset.from_documents([[1, 2, 3, 4, 5], [6]], 1, "pad")
    assert again.identity() == one


class TestKills:
    pytestmark = FORKS

    @pytest.fixture
    def whole(self, tmp_path) -> dict[str, bytes]:
        """The files of a training that nobody killed, from a child like the others."""
        assert exit_code(in_child(lambda: train_and_save(tmp_path / "whole"))) == 0
        return contents(tmp_path / "whole")

    @pytest.mark.parametrize(
        "module", ["training.py", "files.py", "checkpoint.py", "batches.py", ""]
    )
    def test_a_kill_at_any_line_of_a_training_changes_nothing_of_the_result(
        self, tmp_path, whole, module
    ):
        counter = LineCounter(os.path.join(PACKAGE, module))
        trace(counter, lambda: train_and_save(tmp_path / "counted"))
        assert counter.n > 100
        for n in range(1, counter.n, counter.n // 13):
            directory = tmp_path / f"killed at line {n}"
            killer = KilledAtLine(counter.files, n)
            killed = in_child(lambda k=killer, d=directory: trace(k, lambda: train_and_save(d)))
            assert exit_code(killed) == -signal.SIGKILL
            for path in directory.rglob("*.ckpt*"):
                if path.suffix != ".tmp":
                    read_sealed(path)  # whole, whatever the moment
            assert exit_code(in_child(lambda d=directory: train_and_save(d))) == 0
            assert contents(directory) == whole, f"killed at line {n} of {module}"

    def test_a_training_killed_again_and_again_ends_in_the_same_result(self, tmp_path, whole):
        train(None)  # what a first training imports, so that the kills come later than that
        seed = random.randrange(2**31)
        chance, directory, n_kills = random.Random(seed), tmp_path / "parts", 0
        started = time.perf_counter()
        assert exit_code(in_child(lambda: train_and_save(tmp_path / "timed"))) == 0
        seconds = time.perf_counter() - started
        for _ in range(40):
            child = in_child(lambda: train_and_save(directory))
            time.sleep(chance.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
            code = exit_code(child)
            assert code in (0, -signal.SIGKILL), f"seed {seed}"
            n_kills += code != 0
        assert n_kills > 0
        assert exit_code(in_child(lambda: train_and_save(directory))) == 0
        assert contents(directory) == whole, f"seed {seed}"

    def test_a_disk_that_fills_up_leaves_the_last_good_epoch_to_go_on_from(self, tmp_path, whole):
        directory = tmp_path / "full"

        def train_until_the_disk_is_full():
            evaluate, calls = w2v.training.evaluate_word2vec, []

            def filling(*arguments, **keywords):
                calls.append(1)
                if len(calls) == 3:
                    fill_the_disk(1_000)
                return evaluate(*arguments, **keywords)

            w2v.training.evaluate_word2vec = filling
            with pytest.raises(w2v.CheckpointError, match=f"got '.*{NAME}.*'; .*File too large"):
                train(directory)

        assert exit_code(in_child(train_until_the_disk_is_full)) == 0
        assert sorted(path.name for path in directory.rglob("*.ckpt*")) == [NAME, LAST]
        assert len(read_sealed(directory / LAST)["history"]["train_loss"]) == 2
        assert exit_code(in_child(lambda: train_and_save(directory))) == 0
        assert contents(directory) == whole


# files that a training must not go on from


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def make_hostile(path: Path) -> None:
    """Put a sealed pickle in its place that would write a file beside it."""

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch '{path.parent / 'marker'}'",)

    torch.save(read_sealed(path) | {"config": Hostile()}, path)
    body = path.read_bytes()[:-2] + (75).to_bytes(2, "little")
    path.write_bytes(body + b"w2v-sha256:" + hashlib.sha256(body).hexdigest().encode())


@pytest.mark.parametrize("spoil", [damage, truncate, make_hostile])
def test_a_spoilt_resume_file_is_refused_runs_nothing_and_changes_no_model(
    tmp_path, monkeypatch, spoil
):
    last = train_part(tmp_path, monkeypatch)
    spoil(last)
    before, model = contents(tmp_path), make_model()
    with pytest.raises(w2v.CheckpointError, match=f"must be a complete w2v file.*{LAST}'; ."):
        train(tmp_path, model=model)
    assert contents(tmp_path) == before  # no marker among them
    for name, table in make_model().state_dict().items():
        assert torch.equal(model.state_dict()[name], table)


def check_not_resumed(directory: Path, message: str, **keywords) -> None:
    model = make_model(vocab_size=keywords.pop("vocab_size", V))
    before = {name: table.clone() for name, table in model.state_dict().items()}
    files = contents(directory)
    lengths = keywords.pop("lengths", ((9, 6, 5, 3), (8, 5)))
    with pytest.raises(w2v.CheckpointError, match=message):
        w2v.train_word2vec(
            model,
            *(make_windows(lengths=part) for part in lengths),
            **{"config": CONFIG, "vocabulary": "words-1", "progress": False} | keywords,
            directory=directory,
        )
    assert contents(directory) == files
    for name, table in model.state_dict().items():
        assert torch.equal(table, before[name])


def test_a_resume_file_of_other_settings_is_refused_saying_both(tmp_path, monkeypatch):
    train_part(tmp_path, monkeypatch)
    message = rf"{LAST} must hold a training with config learning_rate 0.2, got 0.1; remove it"
    check_not_resumed(tmp_path, message, config=replace(CONFIG, learning_rate=0.2))


def test_a_resume_file_of_another_vocabulary_is_refused_saying_both(tmp_path, monkeypatch):
    train_part(tmp_path, monkeypatch)
    message = f"{LAST} must hold .*vocabulary 'words-2', got 'words-1'"
    check_not_resumed(tmp_path, message, vocabulary="words-2")


def test_a_resume_file_of_another_shape_is_refused_saying_both(tmp_path, monkeypatch):
    train_part(tmp_path, monkeypatch)
    check_not_resumed(tmp_path, rf"{LAST}.*\(12, 7\).*\(11, 7\)", vocab_size=V + 1)


@pytest.mark.parametrize(
    ("part", "lengths"), [("train_set", ((30, 20), (8, 5))), ("valid_set", ((9, 6, 5, 3), (7, 7)))]
)
def test_a_training_does_not_go_on_with_other_texts(tmp_path, monkeypatch, part, lengths):
    train_part(tmp_path, monkeypatch)
    message = f"{LAST} must hold a training with {part} digest '.*', got '"
    check_not_resumed(tmp_path, message, lengths=lengths)


def of_another_shape(optimizers):
    return [optimizers[0] | {"state": {0: {"step": torch.tensor(1.0), "sum": torch.ones(1)}}}] * 2


SPOILT = {
    "no model": {"model": None},
    "no optimizers": {"optimizers": None},
    "no history": {"history": None},
    "a table too many": {"model": lambda found: found | {"extra": torch.ones(1)}},
    "tables of integers": {"model": lambda f: {name: part.long() for name, part in f.items()}},
    "one optimizer": {"optimizers": lambda found: found[:1]},
    "an optimizer of another shape": {"optimizers": of_another_shape},
    "optimizers of other parameters": {
        "optimizers": lambda f: [
            part | {"param_groups": [part["param_groups"][0] | {"params": [5]}]} for part in f
        ]
    },
    "more epochs than E": {"history": lambda f: {name: part * 3 for name, part in f.items()}},
    "lists of other lengths": {"history": lambda found: found | {"valid_loss": []}},
    "no epoch": {"history": lambda found: {name: [] for name in found}},
    "words for losses": {"history": lambda f: {name: ["x"] * 2 for name in f}},
    "tuples for lists": {"history": lambda f: {name: tuple(f[name]) for name in f}},
    "dicts for lists": {"history": lambda f: {name: {1: 0.5} for name in f}},
    "losses of nan": {"history": lambda f: {name: [float("nan")] * len(f[name]) for name in f}},
    "a tensor in the settings": {"config": lambda found: found | {"dim": torch.ones(2)}},
    "a number of another type": {"config": lambda found: found | {"decay": 0}},
}


@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT.keys())
def test_a_sealed_resume_file_with_other_parts_is_refused_and_changes_nothing(
    tmp_path, monkeypatch, changes
):
    last = train_part(tmp_path, monkeypatch)
    state = read_sealed(last)
    for name, change in changes.items():
        state[name] = change and change(state[name])
    write_sealed(last, state)
    check_not_resumed(tmp_path, f"{LAST} must hold a training")


@pytest.mark.parametrize("changes", [{"epoch": 4}, {"vocabulary": "words-2"}, {"corpus": None}])
def test_another_trainings_best_epoch_is_not_taken_for_this_ones(tmp_path, monkeypatch, changes):
    train_part(tmp_path, monkeypatch)
    best = tmp_path / "best" / NAME
    payload = read_sealed(best) | changes
    write_sealed(best, {name: part for name, part in payload.items() if part is not None})
    check_not_resumed(tmp_path, f"best must hold the model .* {LAST} goes on with, got another")


def test_what_a_training_of_its_own_replaces_is_said(tmp_path, capsys):
    train_and_save(tmp_path)
    capsys.readouterr()
    train(tmp_path)
    assert capsys.readouterr().out == ""
    (tmp_path / LAST).unlink()
    train(tmp_path, replace(CONFIG, learning_rate=0.2))
    assert capsys.readouterr().out == "".join(
        f"{place} has other settings: the new training will replace it.\n"
        for place in (NAME, f"best/{NAME}")
    )


def test_a_model_under_the_name_of_a_resume_file_is_refused(tmp_path):
    w2v.save_model(make_model(), tmp_path, CONFIG, vocabulary="words-1")
    (tmp_path / NAME).rename(tmp_path / LAST)
    check_not_resumed(tmp_path, f"{LAST} must hold a training")


@pytest.mark.parametrize("place", [NAME, LAST, f"best/{NAME}"])
def test_a_directory_where_a_file_is_to_be_written_is_found_before_the_first_step(
    tmp_path, monkeypatch, place
):
    (tmp_path / place).mkdir(parents=True)
    monkeypatch.setattr(w2v.training, "train_epoch", None)
    with pytest.raises(w2v.CheckpointError, match=f"must be a file, got the directory '.*{place}"):
        train(tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second process")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_second_process_in_the_same_directory_is_refused(tmp_path):
    epochs = w2v.train_epochs(
        make_model(), make_windows(), make_windows(lengths=(8, 5)), CONFIG, directory=tmp_path
    )
    next(epochs)

    def second():
        with pytest.raises(w2v.CheckpointError, match="one process at a time, got another"):
            train(tmp_path)

    assert exit_code(in_child(second)) == 0
    del epochs  # a training that was left
    assert exit_code(in_child(lambda: train(tmp_path / "other"))) == 0
    assert not list(tmp_path.rglob("*.lock"))


# losses that leave the numbers


def spoil_epoch(epoch: int, monkeypatch) -> None:
    """Put an infinity into the tables before the given epoch is trained."""
    train_epoch, calls = w2v.training.train_epoch, []

    def spoilt(model, *arguments, **keywords):
        calls.append(1)
        if len(calls) == epoch:
            model.context_embeddings.weight.data.fill_(float("inf"))
        return train_epoch(model, *arguments, **keywords)

    monkeypatch.setattr(w2v.training, "train_epoch", spoilt)


def test_a_loss_that_is_not_finite_stops_with_epoch_step_and_learning_rate():
    config = replace(CONFIG, learning_rate=3e38)
    message = r"loss must be finite, got \S+ at step 2 of epoch 1, learning rate 3e\+38"
    with pytest.raises(FloatingPointError, match=message):
        train(None, config)


def test_the_last_good_epoch_is_kept_when_the_loss_is_not_finite(tmp_path, monkeypatch):
    train_and_save(tmp_path / "whole")
    with monkeypatch.context() as patch:
        spoil_epoch(3, patch)
        with pytest.raises(FloatingPointError, match=f"step 1 of epoch 3, .*epoch 2 .*{LAST}"):
            train(tmp_path / "parts")
    assert len(read_sealed(tmp_path / "parts" / LAST)["history"]["train_loss"]) == 2
    best = read_sealed(tmp_path / "parts" / "best" / NAME)
    assert best["epoch"] in (1, 2)
    train_and_save(tmp_path / "parts")
    assert contents(tmp_path / "parts") == contents(tmp_path / "whole")


def test_nothing_is_said_to_be_kept_where_nothing_is(tmp_path):
    config = replace(CONFIG, learning_rate=3e38)
    for directory in (None, tmp_path):
        with pytest.raises(FloatingPointError) as caught:
            train(directory, config)
        assert "kept" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_last_step_that_diverges_is_seen_in_validation(tmp_path):
    config = replace(CONFIG, learning_rate=3e38, batch_size=1_000, epochs=1)  # one step in all
    with pytest.raises(FloatingPointError, match=r"epoch 1.*learning rate 3e\+38"):
        train(tmp_path, config)
    assert contents(tmp_path) == {}


# every bad input, one clear error


def make_classifier() -> w2v.ClassAttentionModel:
    return w2v.ClassAttentionModel(V, D, 2, generator=torch.Generator().manual_seed(0))


def train_on(ids: list[int], directory: Path, **changes) -> None:
    config = replace(CONFIG, **changes)
    windows = w2v.WindowDataset.from_documents([{"input_ids": ids}], config.radius, config.border)
    w2v.train_word2vec(make_model(), windows, windows, CONFIG, directory=directory, progress=False)


def classify(rows: list[dict], directory: Path) -> None:
    config = w2v.ClassifierConfig(batch_size=2, epochs=1)
    w2v.train_classifier(make_classifier(), rows, rows, config, progress=False)


GOOD = list(range(1, 8))
BAD_INPUTS = {
    "R = 0": (lambda d: w2v.extract_words_contexts(GOOD, 0), ValueError, "R must be a positive"),
    "R = 1.5": (lambda d: w2v.extract_words_contexts(GOOD, 1.5), TypeError, "R must be a positive"),
    "K = 0": (lambda d: w2v.collate_fn([(1, [2])], 0, V), ValueError, "K must be a positive"),
    "K = True": (lambda d: w2v.collate_fn([(1, [2])], True, V), TypeError, "K must be a positive"),
    "V = 0": (lambda d: w2v.Word2Vec(0, D), ValueError, "vocab_size must be a positive"),
    "d = 0": (lambda d: w2v.Word2Vec(V, 0), ValueError, "dim must be a positive"),
    "d = '7'": (lambda d: replace(CONFIG, dim="7"), TypeError, "dim must be a positive"),
    "B = 0": (lambda d: replace(CONFIG, batch_size=0), ValueError, "batch_size must be a positive"),
    "E = -1": (lambda d: replace(CONFIG, epochs=-1), ValueError, "epochs must be a positive"),
    "empty corpus": (lambda d: train_on([], d), ValueError, r"5 words \(2R\+1\) or more"),
    "no document of 2R+1 words": (
        lambda d: train_on([1, 2, 3, 4], d),
        ValueError,
        r"dataset must hold a document of 5 words \(2R\+1\) or more, got 1 documents of at most 4",
    ),
    "an id outside the vocabulary": (
        lambda d: train_on([*GOOD, V], d),
        ValueError,
        r"input_ids must lie in \[0, 11\), got 1 ... 11",
    ),
    "a negative id": (lambda d: train_on([*GOOD, -1], d), ValueError, r"must lie in \[0, 11\)"),
    "windows of another radius": (
        lambda d: train_on(GOOD, d, radius=3),
        ValueError,
        r"train_set must have radius and border \(2, 'drop'\).*got \(3, 'drop'\)",
    ),
    "windows of another border": (
        lambda d: train_on(GOOD, d, border="pad"),
        ValueError,
        r"train_set must have radius and border \(2, 'drop'\).*got \(2, 'pad'\)",
    ),
    "a model of another dim": (
        lambda d: train(d, CONFIG, w2v.Word2Vec(V, D + 1)),
        ValueError,
        "model must have dim 7 .*got 8",
    ),
    "no text": (lambda d: classify([], d), ValueError, "train_set must hold at least one text"),
    "a label outside the classes": (
        lambda d: classify([{"input_ids": GOOD, "label": 2}], d),
        ValueError,
        r"label of train_set must lie in \[0, 2\), got 2",
    ),
    "a text's id outside the vocabulary": (
        lambda d: classify([{"input_ids": [V], "label": 0}], d),
        ValueError,
        r"input_ids of train_set must lie in \[0, 11\), got 11",
    ),
    "a missing file": (
        lambda d: w2v.load_model(d / NAME, make_classifier()),
        FileNotFoundError,
        f"path must be an existing file, got '.*{NAME}'",
    ),
}


@pytest.mark.parametrize("call, error, message", BAD_INPUTS.values(), ids=BAD_INPUTS.keys())
def test_every_bad_input_gives_one_clear_error_and_writes_nothing(tmp_path, call, error, message):
    directory = tmp_path / "new"
    with pytest.raises(error, match=message):
        call(directory)
    assert not directory.exists()


def test_a_saved_model_fills_the_classifier_and_a_damaged_one_does_not(tmp_path):
    train_and_save(tmp_path)
    classifier = make_classifier()
    w2v.load_model(tmp_path / NAME, classifier, vocabulary="words-1")
    rows = classifier.embeddings.weight.detach().clone()
    assert torch.equal(rows, read_sealed(tmp_path / NAME)["center_embeddings"])
    damage(tmp_path / NAME)
    with pytest.raises(w2v.CheckpointError, match=NAME):
        w2v.load_model(tmp_path / NAME, classifier, table="context")
    assert torch.equal(classifier.embeddings.weight, rows)
