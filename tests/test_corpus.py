"""Documents and tokenizers (Q3.1)."""

import numpy as np
import pytest
from datasets import Dataset
from text_files import RAW_LINES, write
from tokenizers import normalizers

from w2v.text import corpus
from w2v.text.catalogue import DOCUMENTS, DocumentSet
from w2v.text.corpus import load_documents, load_tokenizer, preprocess, vocabulary_identity
from w2v.text.labelled import load_labelled
from w2v.text.vocabulary import Vocabulary

pytestmark = pytest.mark.usefixtures("fresh_process")


def texts_of(split: str, **options) -> list[str]:
    return list(load_documents(split=split, **options)["text"])


# Documents


def test_a_document_is_a_paragraph_without_blank_lines_and_headings(data):
    documents = load_documents()
    assert documents.column_names == ["text"]
    assert sorted(documents["text"]) == [
        "the world is 2.5 = two and a half .",
        "train hello the [UNK] , a role-playing world of 1,000 .",
        "train hello world .",
    ]


def test_each_split_is_read_from_its_own_file_and_of_one_kind(data):
    assert "valid hello world ." in texts_of("validation")
    assert "test hello world ." in texts_of("test")


def test_raw_text_is_left_as_it_is(data):
    write(data / "wikitext-2-raw/wiki.train.raw.txt", "".join(RAW_LINES))
    for split in ("train", "validation", "test"):
        expected = ["hello the rare @-@ world , and a tag <unk> in 1 @,@ 000 ."]
        assert texts_of(split) == expected


def test_the_order_is_that_of_the_seed_and_samples_are_its_head(data):
    texts = [f"document {i}" for i in range(50)]
    write(data / "wikitext-2-v1/wiki.train.tokens.gz", "\n".join(texts))
    everything = texts_of("train", n_samples=None)
    assert sorted(everything) == sorted(texts) and everything != texts
    assert texts_of("train", n_samples=7) == everything[:7]
    assert texts_of("train", n_samples=500) == everything
    assert texts_of("train", n_samples=None, seed=1) != everything


def test_wikitext_103_comes_from_its_own_files(data):
    write(data / "wikitext-103-head/wiki.train.head.tokens.gz", " the head . \n")
    write(data / "wikitext-103-head/wiki.test.tokens", " the test . \n")
    assert texts_of("train", corpus="wikitext-103") == ["the head ."]
    assert texts_of("test", corpus="wikitext-103") == ["the test ."]


def test_reviews_and_novels_are_read_line_by_line_without_tags(data):
    write(data / "imdb/imdb_unsup.txt.gz", "Good.<br /><br />Not <i>bad</i>: 3 < 4.\n\n Bad. \n")
    write(data / "english_novels/english_novels.txt", "CHAPTER I.\nIt was  he.\n")
    assert sorted(texts_of("train", corpus="imdb")) == ["Bad.", "Good. Not bad : 3 < 4."]
    assert sorted(texts_of("train", corpus="novels")) == ["CHAPTER I.", "It was he."]


def test_a_new_corpus_is_one_entry_of_the_table(data, monkeypatch):
    form = {"train": "songs.txt", "test": "other_songs.txt"}, sorted
    monkeypatch.setitem(DOCUMENTS, "songs", DocumentSet((form,), hub=None))
    write(data / "songs.txt", "la la")
    write(data / "other_songs.txt", "tra la la")
    assert texts_of("train", corpus="songs") == ["la la"]
    assert texts_of("test", corpus="songs") == ["tra la la"]


@pytest.mark.parametrize(
    ("corpus", "source", "message"),
    [
        ("imdb", "builtin", "source must be 'local' or 'hub' for 'imdb', got 'builtin'; set W2V"),
        ("novels", "builtin", "source must be 'local' for 'novels', got 'builtin'; set W2V_DATA"),
        ("novels", "hub", "source must be 'local' for 'novels', got 'hub'; set W2V_DATA"),
    ],
)
def test_a_source_without_the_corpus_is_refused(corpus, source, message):
    with pytest.raises(ValueError, match=message):
        load_documents(corpus, source)


def test_plain_corpora_have_no_split_but_train(data):
    with pytest.raises(ValueError, match="split must be one of 'train', got 'test'"):
        load_documents("imdb", split="test")


def test_the_unlabelled_reviews_of_the_hub_are_their_own_split(monkeypatch):
    asked = []

    def from_hub(hub, split):
        asked.append((hub.repository, hub.splits[split]))
        return {"text": ["Good.<br />"]}

    monkeypatch.setattr(corpus, "from_hub", from_hub)
    assert texts_of("train", corpus="imdb", source="hub") == ["Good."]
    assert asked == [("stanfordnlp/imdb", "unsupervised")]


def test_wikitext_2_has_its_known_number_of_paragraphs(real_data):
    assert len(load_documents(n_samples=None)) == 17_556
    assert len(load_documents()) == 5_000
    texts = texts_of("test", n_samples=None)
    assert len(texts) == 2_185
    assert not any(mark in text for text in texts for mark in ("<unk>", "@-@", "@,@", "@.@"))


# Tokenizer


def test_the_tokenizer_knows_its_words_and_its_pad(data):
    tokenizer = load_tokenizer()
    assert tokenizer.is_fast and tokenizer.pad_token_id == 0 and len(tokenizer) == 30_522
    ids = tokenizer("Hello [UNK] world", add_special_tokens=False)["input_ids"]
    assert ids == [7592, 100, 2088]


@pytest.mark.parametrize("swap", [(7592, 7593), (2088, 5), (0, 1), (100, 99), (5, 6)])
def test_a_tokenizer_with_other_ids_is_refused(data, swap):
    pieces = (data / "bert-base-uncased/vocab.txt").read_text().splitlines()
    first, second = swap
    pieces[first], pieces[second] = pieces[second], pieces[first]
    write(data / "bert-base-uncased/vocab.txt", "\n".join(pieces) + "\n")
    with pytest.raises(ValueError, match="the tokenizer must be that of bert-base-uncased"):
        load_tokenizer()


def test_a_tokenizer_that_knows_its_words_but_does_not_find_them_is_refused(data):
    tokenizer = load_tokenizer()
    tokenizer.backend_tokenizer.normalizer = None
    tokenizer.backend_tokenizer.pre_tokenizer = None
    assert tokenizer.convert_tokens_to_ids("hello") == 7592
    with pytest.raises(ValueError, match=r"'Hello WORLD' as \['\[UNK\]'\]"):
        corpus._checked_bert(tokenizer)


@pytest.mark.parametrize("setting", ["strip_accents", "handle_chinese_chars"])
def test_a_tokenizer_that_cleans_texts_otherwise_is_refused(data, setting):
    tokenizer = load_tokenizer()
    how = {"lowercase": True, setting: False}
    tokenizer.backend_tokenizer.normalizer = normalizers.BertNormalizer(**how)
    with pytest.raises(ValueError, match="the tokenizer must be that of bert-base-uncased"):
        corpus._checked_bert(tokenizer)


def test_a_piece_that_looks_like_a_line_end_in_json_is_another():
    words = [["a\nb"], ['"a\\nb"'], ["a\\nb"]]
    assert (
        len({vocabulary_identity(Vocabulary.from_texts([one]).tokenizer()) for one in words}) == 3
    )


def test_a_seed_of_numpy_gives_the_same_order(data):
    texts = [load_documents(n_samples=9, seed=seed)["text"][:] for seed in (3, np.int64(3))]
    assert texts[0] == texts[1]


def test_a_piece_that_holds_a_line_end_has_an_identity_of_its_own():
    one, two = (Vocabulary.from_texts([words]) for words in (["a\nb", "c"], ["a", "b\nc"]))
    assert vocabulary_identity(one.tokenizer()) != vocabulary_identity(two.tokenizer())


def test_a_tokenizer_without_a_pad_is_refused(data):
    tokenizer = load_tokenizer()
    tokenizer.pad_token = None
    with pytest.raises(ValueError, match="pad id None"):
        corpus._checked_bert(tokenizer)


def test_the_real_tokenizer_is_that_of_bert(real_data):
    tokenizer = load_tokenizer()
    assert tokenizer("Hello world", add_special_tokens=False)["input_ids"] == [7592, 2088]
    assert vocabulary_identity(tokenizer) == "vocabulary-30522-0f052197aac305fe"


def test_the_identity_depends_on_the_order_of_the_pieces_alone(data):
    assert vocabulary_identity(load_tokenizer()) == vocabulary_identity(load_tokenizer())
    one, other = (
        vocabulary_identity(Vocabulary.from_texts([text]).tokenizer())
        for text in (["a", "a", "b"], ["a", "b", "b"])
    )
    assert one != other and one.startswith("vocabulary-4-") and other.startswith("vocabulary-4-")


# Two sets of ids


def test_documents_become_two_sets_of_ids(data):
    documents = Dataset.from_dict({"text": [f"hello filler{i}" for i in range(500, 510)]})
    document_train_set, document_valid_set = preprocess(documents, load_tokenizer())
    assert document_train_set.column_names == document_valid_set.column_names == ["input_ids"]
    assert (len(document_train_set), len(document_valid_set)) == (8, 2)
    ids = [*document_train_set["input_ids"], *document_valid_set["input_ids"]]
    assert sorted(ids) == [[7592, i] for i in range(500, 510)]
    assert all(isinstance(i, int) for document in ids for i in document)


def test_the_split_is_that_of_its_seed(data):
    documents = Dataset.from_dict({"text": [f"filler{i}" for i in range(500, 540)]})
    first, again, other = (
        preprocess(documents, load_tokenizer(), seed=seed)[1]["input_ids"][:] for seed in (0, 0, 1)
    )
    assert first == again != other


def test_preprocess_drops_labels(data):
    train, valid = preprocess(load_labelled(), load_tokenizer(), valid_fraction=0.5)
    assert train.column_names == valid.column_names == ["input_ids"]


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_documents("wikitext"), "corpus must be one of .*, got 'wikitext'"),
        (lambda: load_documents(source="disk"), "source must be one of .*, got 'disk'"),
        (lambda: load_documents(split="dev"), "split must be one of .*, got 'dev'"),
        (lambda: load_documents(n_samples=0), "n_samples must be a positive integer, got 0"),
        (lambda: load_documents(seed=-1), "seed must lie in"),
        (lambda: load_tokenizer("disk"), "source must be one of .*, got 'disk'"),
    ],
)
def test_a_wrong_argument_is_named(data, call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_empty_corpus_is_refused(data):
    write(data / "wikitext-2-v1/wiki.train.tokens.gz", " \n = Title = \n\n")
    with pytest.raises(ValueError, match="the train split of wikitext-2 must hold a document"):
        load_documents()
    empty = Dataset.from_dict({"text": []})
    with pytest.raises(ValueError, match="must fill a training and a validation part, got 0"):
        preprocess(empty, None)


@pytest.mark.parametrize("fraction", [0, 1, -0.2, 1.5, float("nan"), True, "0.5"])
def test_a_fraction_outside_zero_to_one_is_refused(data, fraction):
    with pytest.raises(ValueError, match="valid_fraction must lie between 0 and 1"):
        preprocess(load_documents(), None, valid_fraction=fraction)
