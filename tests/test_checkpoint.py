"""Checkpoints: the right name, the right bytes, and nothing but whole files (Q3.12, Q4.1)."""

import hashlib
import os
import tempfile
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import w2v
from w2v.checkpoint import (
    checkpoint_name,
    load_model,
    load_word2vec,
    read_checkpoint,
    save_model,
)
from w2v.config import Word2VecConfig
from w2v.files import CheckpointError, read_sealed, write_sealed
from w2v.model import Word2Vec
from w2v.training import train_word2vec
from w2v.windows import WindowDataset

VOCAB_SIZE, DIM = 11, 7
CONFIG = Word2VecConfig(dim=DIM, radius=2, ratio=5, batch_size=3, epochs=4)


class Reader(nn.Module):
    """Stand for any classifier: all that `load_model` may know is `embeddings`."""

    def __init__(self, vocab_size: int = VOCAB_SIZE, dim: int = DIM) -> None:
        super().__init__()
        self.embeddings = nn.Embedding(vocab_size, dim)


class Hostile:
    """Pickle as a call."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def make_model(seed: int = 0, vocab_size: int = VOCAB_SIZE, dim: int = DIM) -> Word2Vec:
    generator = torch.Generator().manual_seed(seed)
    model = Word2Vec(vocab_size, dim, generator=generator)
    with torch.no_grad():
        model.context_embeddings.weight.normal_(generator=generator)
    return model


def save(directory: Path, model: Word2Vec | None = None) -> Path:
    return save_model(model or make_model(), directory, CONFIG, vocabulary="words-1")


def seal(body: bytes) -> bytes:
    return body + b"w2v-sha256:" + hashlib.sha256(body).hexdigest().encode()


def rewrite(path: Path, **changes) -> Path:
    """Change parts of a saved model without any of the checks of `save_model`."""
    payload = read_sealed(path) | changes
    torch.save(payload, path)
    body = path.read_bytes()[:-2] + (75).to_bytes(2, "little")  # 75 = 11 + 64
    path.write_bytes(seal(body))
    return path


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().view(torch.int32)


# names and content


def test_the_name_is_the_assignments_character_by_character():
    config = Word2VecConfig(dim=100, radius=5, ratio=12, batch_size=512, epochs=20)
    assert checkpoint_name(config) == "model_dim-100_radius-5_ratio-12-batch-512-epoch-20.ckpt"


def test_a_model_is_saved_under_its_name_in_a_directory_that_need_not_exist(tmp_path):
    path = save(tmp_path / "new" / "directory")
    assert path == tmp_path / "new" / "directory" / checkpoint_name(CONFIG)
    assert [entry.name for entry in path.parent.iterdir()] == [checkpoint_name(CONFIG)]


def test_the_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where a directory "~" would be made
    assert save("~/new") == tmp_path / "new" / checkpoint_name(CONFIG)
    assert load_word2vec(f"~/new/{checkpoint_name(CONFIG)}")[1] == CONFIG


def test_plain_torch_load_opens_a_checkpoint(tmp_path):
    model = make_model()
    saved = torch.load(save(tmp_path, model), weights_only=True)
    assert saved["config"] == asdict(CONFIG)
    assert saved["vocabulary"] == "words-1"
    assert saved["epoch"] == CONFIG.epochs
    for name in ("center_embeddings", "context_embeddings"):
        assert saved[name].dtype == torch.float32
        assert torch.equal(saved[name], getattr(model, name).weight)


def test_a_zip_reader_finds_the_digest_in_the_archive_comment(tmp_path):
    path = save(tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.comment == seal(path.read_bytes()[:-75])[-75:]


def test_the_epoch_of_the_tables_is_saved(tmp_path):
    path = save_model(make_model(), tmp_path, CONFIG, vocabulary="words-1", epoch=3)
    assert read_sealed(path)["epoch"] == 3


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=30)
@given(st.data(), st.integers(1, 4), st.integers(1, 4))
def test_save_then_load_is_bitwise_equal(data, vocab_size, dim):
    model = Word2Vec(vocab_size, dim)
    for table in (model.center_embeddings, model.context_embeddings):
        size = vocab_size * dim
        values = data.draw(st.lists(finite, min_size=size, max_size=size))
        table.weight.data = torch.tensor(values).view(vocab_size, dim)
    config = replace(CONFIG, dim=dim)
    with tempfile.TemporaryDirectory() as directory:
        path = save_model(model, directory, config, vocabulary="words-1")
        loaded, loaded_config = load_word2vec(path, vocabulary="words-1")
    assert loaded_config == config
    for name, weight in model.state_dict().items():
        assert torch.equal(bits(loaded.state_dict()[name]), bits(weight))


def test_what_was_read_is_written_again_byte_for_byte(tmp_path):
    path = save(tmp_path)
    again = write_sealed(tmp_path / "again", read_sealed(path))
    assert again.read_bytes() == path.read_bytes()


# what load_model does to a classifier


@pytest.mark.parametrize("table", ["center", "context", "sum"])
def test_the_chosen_table_is_copied_into_the_classifier(tmp_path, table):
    model, classifier = make_model(), Reader()
    center, context = model.center_embeddings.weight, model.context_embeddings.weight
    weight = classifier.embeddings.weight
    config = load_model(save(tmp_path, model), classifier, table=table, vocabulary="words-1")
    assert classifier.embeddings.weight is weight  # in place: an optimiser may hold it
    assert torch.equal(
        weight, {"center": center, "context": context, "sum": center + context}[table]
    )
    assert weight.requires_grad
    assert config == asdict(CONFIG)


def test_a_standardised_table_has_columns_of_mean_0_and_variance_1(tmp_path):
    model, classifier = make_model(), Reader()
    with torch.no_grad():
        model.center_embeddings.weight[:, 2] = 0.5  # a constant column has no variance
    load_model(save(tmp_path, model), classifier, standardise=True)
    for column, loaded in enumerate(classifier.embeddings.weight.T.tolist()):
        values = model.center_embeddings.weight[:, column].double().tolist()
        mean = sum(values) / VOCAB_SIZE
        deviation = (sum((x - mean) ** 2 for x in values) / VOCAB_SIZE) ** 0.5
        expected = [(x - mean) / deviation if deviation else 0.0 for x in values]
        assert loaded == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_a_model_without_embeddings_of_its_own_is_refused_by_name(tmp_path):
    with pytest.raises(TypeError, match="classifier must have an nn.Embedding .*load_word2vec"):
        load_model(save(tmp_path), make_model())


def check_refused(path, classifier, match, **keywords):
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    with pytest.raises(ValueError, match=match):
        load_model(path, classifier, **keywords)
    for name, tensor in classifier.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_another_table_name_is_refused(tmp_path):
    check_refused(
        save(tmp_path), Reader(), "table must be one of 'center', 'context'", table="both"
    )


@pytest.mark.parametrize("vocab_size, dim", [(VOCAB_SIZE + 1, DIM), (VOCAB_SIZE, 1), (1, DIM)])
def test_another_shape_is_refused_saying_both(tmp_path, vocab_size, dim):
    message = rf"must have shape \(11, 7\), as in '.*ckpt', got \({vocab_size}, {dim}\)"
    check_refused(save(tmp_path), Reader(vocab_size, dim), message)


def test_another_vocabulary_is_refused_saying_both(tmp_path):
    message = r"'.*ckpt' must hold vocabulary 'words-2', got 'words-1'"
    check_refused(save(tmp_path), Reader(), message, vocabulary="words-2")
    with pytest.raises(CheckpointError, match=message):
        load_word2vec(save(tmp_path), vocabulary="words-2")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="path must be an existing file, got '.*absent'"):
        load_model(tmp_path / "absent", Reader())


def test_a_directory_is_no_checkpoint(tmp_path):
    check_refused(tmp_path, Reader(), "path must be a complete w2v file, got '.*Is a directory")


NOT_FINITE = torch.full((VOCAB_SIZE, DIM), float("nan"))
PARTS = {
    "a table that is not finite": ({"center_embeddings": NOT_FINITE}, "must be finite, got nan"),
    "a table of another shape": (
        {"center_embeddings": torch.ones(VOCAB_SIZE, DIM + 1)},
        r"two tables of 7 columns, got \(\(11, 8\), \(11, 7\)\)",
    ),
    "tables of other numbers of rows": (
        {"context_embeddings": torch.ones(VOCAB_SIZE + 1, DIM)},
        r"two tables of 7 columns, got \(\(11, 7\), \(12, 7\)\)",
    ),
    "a scalar for a table": ({"center_embeddings": torch.tensor(1.0)}, "two tables of 7 columns"),
    "a string for a table": ({"center_embeddings": "table"}, "settings and two tables"),
    "settings out of range": ({"config": asdict(CONFIG) | {"radius": 0}}, "radius must be"),
    "settings of another kind": ({"config": asdict(CONFIG) | {"depth": 2}}, "depth"),
    "no settings": ({"config": None}, "settings and two tables"),
    "another format": ({"format": 2}, "must hold a Word2Vec of format 1, got 2"),
}


@pytest.mark.parametrize("changes, message", PARTS.values(), ids=PARTS.keys())
def test_a_sealed_file_with_wrong_parts_is_refused(tmp_path, changes, message):
    path = rewrite(save(tmp_path), **changes)
    check_refused(path, Reader(), message)
    with pytest.raises(CheckpointError, match=path.name):
        load_model(path, Reader())


def test_a_sealed_file_with_right_parts_is_read(tmp_path):
    config = load_model(rewrite(save(tmp_path)), Reader())  # else the test above proves nothing
    assert config["dim"] == DIM


def test_a_resume_state_is_no_model(tmp_path):
    path = write_sealed(tmp_path / "resume", {"step": 3})
    check_refused(path, Reader(), "must hold a Word2Vec of format 1, got None")


# what save_model refuses


def test_tables_that_disagree_with_the_settings_are_not_saved(tmp_path):
    model = make_model(dim=DIM + 1)
    with pytest.raises(ValueError, match=r"config.dim = 7 columns, got shape \(11, 8\)"):
        save(tmp_path, model)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_tables_that_are_not_finite_are_not_saved_and_the_last_good_stays(tmp_path, value):
    path = save(tmp_path)
    before, broken = path.read_bytes(), make_model()
    broken.context_embeddings.weight.data[-1, -1] = value
    message = rf"context_embeddings'\] must be finite.*nothing was written to '.*{path.name}'"
    with pytest.raises(CheckpointError, match=message):
        save(tmp_path, broken)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_vocabulary_that_is_no_string_is_refused(tmp_path):
    with pytest.raises(TypeError, match="vocabulary must be a string, got 7"):
        save_model(make_model(), tmp_path, CONFIG, vocabulary=7)


def test_an_epoch_that_is_no_positive_integer_is_refused(tmp_path):
    with pytest.raises(ValueError, match="epoch must be a positive integer, got 0"):
        save_model(make_model(), tmp_path, CONFIG, vocabulary="words-1", epoch=0)


# words and counts

WORDS = [f"wörd{row}" for row in range(VOCAB_SIZE)]
COUNTS = torch.arange(VOCAB_SIZE) * 3


def test_words_and_counts_are_kept_where_they_are_given(tmp_path):
    how = {"vocabulary": "words-1", "words": WORDS, "counts": COUNTS}
    path = save_model(make_model(), tmp_path, CONFIG, **how)
    saved = read_checkpoint(path, vocabulary="words-1")
    assert saved["words"] == WORDS
    assert saved["counts"].dtype == torch.int64 and saved["counts"].tolist() == COUNTS.tolist()
    assert load_word2vec(path)[1] == CONFIG
    assert load_model(path, Reader()) == asdict(CONFIG)
    assert not {"words", "counts"} & set(read_checkpoint(save(tmp_path)))


def test_a_training_keeps_the_counts_of_its_best_epoch(tmp_path, documents):
    windows = WindowDataset.from_documents(documents, CONFIG.radius)
    train_word2vec(make_model(), windows, windows, CONFIG, directory=tmp_path, vocabulary="v")
    (best,) = (tmp_path / "best").iterdir()
    assert read_checkpoint(best)["counts"].tolist() == windows.counts(VOCAB_SIZE).tolist()


WRONG = {
    "too few words": ({"words": WORDS[1:]}, ValueError, "words must be 11 different.*got 10, of"),
    "a word twice": ({"words": WORDS[:1] * 11}, ValueError, "got 11, of which 1 differ"),
    "one string": ({"words": "abcdefghijk"}, TypeError, "words must be a list of strings, got 'a"),
    "no strings": ({"words": list(range(11))}, TypeError, "words must be strings, got 0"),
    "too few counts": ({"counts": COUNTS[1:2]}, ValueError, r"11 numbers .* got tensor\(\[3\]\)"),
    "no counts": ({"counts": COUNTS[:0]}, ValueError, r"11 numbers .* got tensor\(\[\], dtype"),
    "a count below 0": ({"counts": COUNTS - 1}, ValueError, r"0 or more.* got tensor\(\[-1,  2"),
    "counts that are no integers": ({"counts": COUNTS / 1}, TypeError, "must be int64, got .*32"),
}


@pytest.mark.parametrize("changes, error, message", WRONG.values(), ids=WRONG.keys())
def test_words_and_counts_must_fit_the_tables(tmp_path, changes, error, message):
    with pytest.raises(error, match=message):
        save_model(make_model(), tmp_path, CONFIG, vocabulary="words-1", **changes)
    assert list(tmp_path.iterdir()) == []
    path = rewrite(save(tmp_path), **changes)
    check_refused(path, Reader(), f"must hold words and counts of its rows, got .*{message}")


# damaged files


def test_a_truncation_at_any_length_is_detected(tmp_path):
    path = save(tmp_path)
    for length in reversed(range(path.stat().st_size)):
        os.truncate(path, length)
        with pytest.raises(CheckpointError, match=rf"{path.name}'; it does not end in a digest"):
            read_sealed(path)


def test_a_flipped_bit_at_any_byte_is_detected(tmp_path):
    path = save_model(
        make_model(vocab_size=2, dim=1), tmp_path, replace(CONFIG, dim=1), vocabulary="v"
    )
    content = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for position, byte in enumerate(content):
            os.pwrite(file.fileno(), bytes([byte ^ 1 << position % 8]), position)
            with pytest.raises(CheckpointError, match=path.name):
                read_sealed(path)
            os.pwrite(file.fileno(), bytes([byte]), position)
    assert path.read_bytes() == content
    assert read_sealed(path)["vocabulary"] == "v"


@pytest.mark.parametrize("addition", [b"\0", b"more", seal(b"")])
def test_added_bytes_are_detected(tmp_path, addition):
    path = save(tmp_path)
    path.write_bytes(path.read_bytes() + addition)
    with pytest.raises(CheckpointError, match="digest"):
        read_sealed(path)


def test_a_damaged_file_leaves_the_classifier_unchanged(tmp_path):
    path = save(tmp_path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    check_refused(path, Reader(), "its content does not match its digest: damaged")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", os.urandom(500)])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_file_of_another_kind_is_refused(tmp_path, content, sealed):
    path = tmp_path / "foreign.ckpt"
    path.write_bytes(seal(content) if sealed else content)
    check_refused(path, Reader(), "path must be a complete w2v file, got '.*foreign.ckpt'; .")


def test_a_list_is_no_checkpoint(tmp_path):
    path = tmp_path / "list.ckpt"
    torch.save([torch.ones(2)], path)
    path.write_bytes(seal(path.read_bytes()[:-2] + (75).to_bytes(2, "little")))
    check_refused(path, Reader(), "it must hold a dict, got list")


# hostile files

CALLS = {
    "os.system": lambda marker: Hostile(os.system, f"touch '{marker}'"),
    "exec": lambda marker: Hostile(exec, f"open({str(marker)!r}, 'w').close()"),
    "Path.touch": lambda marker: Hostile(Path.touch, marker),
    "torch.save": lambda marker: Hostile(torch.save, 1, str(marker)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "bare pickle"])
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "unsealed"])
def test_a_hostile_pickle_runs_nothing(tmp_path, call, zipped, sealed):
    path, marker = tmp_path / "hostile.ckpt", tmp_path / "marker"
    payload = {"config": call(marker), "center_embeddings": torch.ones(VOCAB_SIZE, DIM)}
    torch.save(payload, path, _use_new_zipfile_serialization=zipped)
    content = path.read_bytes()
    if sealed:
        content = seal(content[:-2] + (75).to_bytes(2, "little") if zipped else content)
    path.write_bytes(content)
    check_refused(path, Reader(), "nothing was run" if sealed else "it does not end in a digest")
    assert not marker.exists()
    with pytest.raises(CheckpointError) as caught:
        read_sealed(path)
    assert "weights_only" not in str(caught.value)  # torch's advice to load it unsafely

    torch.load(path, weights_only=False)  # the trap is real: an unsafe load springs it
    assert marker.exists()


# A file that was sealed again after a change


@pytest.mark.parametrize("change", ["words", "counts", "corpus"])
def test_parts_of_a_checkpoint_that_do_not_belong_together_are_refused(tmp_path, change):
    texts = [[f"w{i}" for i in range(9)]] * 2
    vocabulary = w2v.Vocabulary.from_texts(texts)
    windows = w2v.WindowDataset.from_documents(map(vocabulary.encode, texts), 2)
    config = w2v.Word2VecConfig(dim=3, radius=2, ratio=1, batch_size=1, epochs=1)
    path = w2v.save_model(
        w2v.Word2Vec(len(vocabulary), 3),
        tmp_path,
        config,
        vocabulary=w2v.vocabulary_identity(vocabulary.tokenizer()),
        words=vocabulary.words,
        counts=windows.counts(len(vocabulary)),
        corpus=windows.identity(),
    )
    saved = read_sealed(path)
    if change == "words":  # the vectors of two words change places
        saved["words"][2:4] = saved["words"][3:1:-1]
    elif change == "counts":
        saved["counts"][2] += 1
    else:
        saved["corpus"]["tokens"] += 1
    write_sealed(path, saved)
    message = "words must be those of" if change == "words" else "counts must add up"
    with pytest.raises(CheckpointError, match=message):
        w2v.load_word2vec(path)


def test_a_classifier_with_words_of_another_vocabulary_is_refused(tmp_path):
    vocabulary = w2v.Vocabulary.from_strings(["a b c"])
    name = w2v.vocabulary_identity(vocabulary.tokenizer())
    model = w2v.ClassAttentionModel(len(vocabulary), 3, 2)
    how = {"vocabulary": name, "classes": ["x", "y"]}
    path = w2v.save_classifier(model, tmp_path / "c", words=vocabulary.words, **how)
    saved = read_sealed(path)
    saved["words"][2:4] = saved["words"][3:1:-1]
    write_sealed(path, saved)
    with pytest.raises(CheckpointError, match="words must be those of vocabulary-5-"):
        w2v.load_classifier(path)
    with pytest.raises(ValueError, match="words must be those of vocabulary-5-"):
        w2v.save_classifier(model, tmp_path / "d", words=saved["words"], **how)
