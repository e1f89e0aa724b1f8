"""The word2vec formats: bit for bit, whole or not at all, and understood by gensim both ways."""

import codecs
import gzip
import os
import signal
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from children import FORKS, KilledAtLine, exit_code, fill_the_disk, in_child, trace
from golden import D
from hypothesis import given, settings
from hypothesis import strategies as st

import w2v
from w2v.vectors.words import WordVectors

FORMATS = pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
WORDS = ["cat", "naïve", "日本", "##ing", "no\u00a0break", "line\u2028end", "next\u0085", "😀", "7"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), D)).astype(np.float32)
TEXT = b"2 3\ncat 1 -2.5 0\ndog 0.100000001 3.00000006e+20 -0\n"  # float32 in 9 digits
TINY = [[1.0, -2.5, 0.0], [0.1, 3e20, -0.0]]
BINARY = b"2 3\n" + b"".join(
    word + b" " + struct.pack("<3f", *row) for word, row in zip([b"cat", b"dog"], TINY, strict=True)
)

any_float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
any_word = st.text(st.characters(codec="utf-8", exclude_characters=" \t\n\r\x0b\x0c"), min_size=1)


def bits(table):
    return np.asarray(table, dtype=np.float32).view(np.int32).tolist()


def load(path, content, *, binary):
    path.write_bytes(content)
    return WordVectors.load_word2vec_format(path, binary=binary)


def saved(path, *, binary, words=WORDS, table=TABLE):
    WordVectors(words, table).save_word2vec_format(path, binary=binary)
    return path.read_bytes()


# Content


@FORMATS
def test_a_file_is_what_the_format_says_byte_by_byte(tmp_path, binary):
    content = saved(tmp_path / "tiny", binary=binary, words=["cat", "dog"], table=TINY)
    assert content == (BINARY if binary else TEXT)


def test_text_is_the_default_on_both_sides(tmp_path):
    path = tmp_path / "tiny"
    WordVectors(["cat", "dog"], TINY).save_word2vec_format(path)
    assert path.read_bytes() == TEXT
    assert WordVectors.load_word2vec_format(path).words == ["cat", "dog"]


@FORMATS
@settings(max_examples=30)  # each is flushed to the disk
@given(
    words=st.lists(any_word, min_size=1, max_size=5, unique=True),
    dim=st.integers(1, 4),
    data=st.data(),
)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path_factory, binary, words, dim, data):
    row = st.lists(any_float32, min_size=dim, max_size=dim)
    table = data.draw(st.lists(row, min_size=len(words), max_size=len(words)))
    path = tmp_path_factory.mktemp("vectors") / "any"
    saved(path, binary=binary, words=words, table=table)
    found = WordVectors.load_word2vec_format(path, binary=binary)
    assert found.words == words
    assert bits(found.vectors) == bits(table)


@FORMATS
def test_gensim_loads_ours_and_we_load_theirs(tmp_path, binary):
    keyed_vectors = pytest.importorskip("gensim.models").KeyedVectors
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    saved(ours, binary=binary)
    loaded = keyed_vectors.load_word2vec_format(str(ours), binary=binary)
    assert loaded.index_to_key == WORDS
    assert bits(loaded.vectors) == bits(TABLE)
    loaded.save_word2vec_format(str(theirs), binary=binary)
    back = WordVectors.load_word2vec_format(theirs, binary=binary)
    assert back.words == WORDS
    assert bits(back.vectors) == bits(TABLE)


def test_the_word2vec_programs_own_spaces_and_line_ends_are_read(tmp_path):
    text = b"2 3\ncat 1.000000 -2.500000 0.000000 \ndog 0.1 3e20 -0.0 \n\n"
    binary = BINARY.replace(b"dog ", b"\ndog ") + b"\n"
    for content in (text, binary):
        found = load(tmp_path / "c", content, binary=content is binary)
        assert found.words == ["cat", "dog"]
        assert bits(found.vectors) == bits(TINY)


@FORMATS
def test_counts_of_many_digits_are_read(tmp_path, binary):
    content = b"%020d %020d\n" % (2, 3) + (BINARY if binary else TEXT)[4:]
    found = load(tmp_path / "long", content, binary=binary)
    assert found.words == ["cat", "dog"]
    assert bits(found.vectors) == bits(TINY)


def test_a_last_line_needs_no_end(tmp_path):
    for content in (TEXT.rstrip(b"\n"), TEXT + b"\n \n"):
        assert bits(load(tmp_path / "tiny", content, binary=False).vectors) == bits(TINY)
    assert load(tmp_path / "least", b"1 2\na 1 2", binary=False)["a"].tolist() == [1.0, 2.0]


@FORMATS
def test_a_name_that_ends_in_gz_is_gzipped_the_same_each_time(tmp_path, binary):
    content = saved(tmp_path / "plain", binary=binary)
    packed = saved(tmp_path / "one.gz", binary=binary)
    assert packed[:2] == b"\x1f\x8b" and gzip.decompress(packed) == content
    assert saved(tmp_path / "other.gz", binary=binary) == packed
    found = WordVectors.load_word2vec_format(tmp_path / "one.gz", binary=binary)
    assert found.words == WORDS and bits(found.vectors) == bits(TABLE)


@FORMATS
def test_a_gzipped_file_under_any_name_is_read(tmp_path, binary):
    content = gzip.compress(BINARY if binary else TEXT)
    assert load(tmp_path / "vectors", content, binary=binary).words == ["cat", "dog"]


def test_a_binary_file_is_read_in_parts(tmp_path, monkeypatch):
    content = saved(tmp_path / "whole", binary=True)
    whole = len(content) - len(b"9 7\n") - 4 * D  # then the first part ends with the last word
    for size in (11, 12, 40, 100, whole):  # the longest word has ten bytes
        monkeypatch.setattr(w2v.vectors.formats, "READ_AT_ONCE", size)
        found = load(tmp_path / "parts", content, binary=True)
        assert found.words == WORDS and bits(found.vectors) == bits(TABLE)
        with pytest.raises(ValueError, match="it must hold 9 words, got more"):
            load(tmp_path / "more", content + b"more", binary=True)


def test_the_home_directory_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.chdir(tmp_path)  # where a directory "~" would be made
    vectors = WordVectors(["cat", "dog"], TINY)
    vectors.save_word2vec_format("~/vectors.txt")
    assert vectors.save_projector("~/projector")[0] == tmp_path / "projector" / "vectors.tsv"
    assert {path.name for path in tmp_path.iterdir()} == {"vectors.txt", "projector"}
    assert WordVectors.load_word2vec_format("~/vectors.txt").words == ["cat", "dog"]


def test_files_without_a_header_are_written_and_read(tmp_path):
    path = tmp_path / "glove.txt"
    WordVectors(["cat", "dog"], TINY).save_word2vec_format(path, write_header=False)
    assert path.read_bytes() == TEXT[4:]
    for content in (TEXT[4:], TEXT[4:-1], TEXT[4:] + b"\n\n", codecs.BOM_UTF8 + TEXT[4:]):
        path.write_bytes(content)
        found = WordVectors.load_word2vec_format(path, no_header=True)
        assert found.words == ["cat", "dog"] and bits(found.vectors) == bits(TINY)
    assert WordVectors.load_word2vec_format(path, no_header=True, limit=1).words == ["cat"]


NO_HEADER = {
    "a header": (TEXT, "line 2 must be a word and 1 numbers, got 4 parts"),
    "a short line": (b"cat 1 2\ndog 3\n", "line 2 must be a word and 2 numbers, got 2 parts"),
    "a blank line": (b"cat 1 2\n\ndog 3 4\n", "line 2 must be a word and 2 numbers, got 0 parts"),
    "a word alone": (b"cat\n", "line 1 must be a word and its numbers, got 1 parts"),
    "nothing": (b"\n", "vectors must have a row for each of 0 words"),
}


@pytest.mark.parametrize("content, reason", NO_HEADER.values(), ids=NO_HEADER.keys())
def test_a_damaged_file_without_a_header_is_refused(tmp_path, content, reason):
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(ValueError, match=f"complete word2vec text file, got .*v'; {reason}"):
        WordVectors.load_word2vec_format(tmp_path / "v", no_header=True)


def test_a_binary_file_has_a_header(tmp_path):
    with pytest.raises(ValueError, match="no_header must be False for a binary file, got True"):
        WordVectors.load_word2vec_format(tmp_path / "v", no_header=True, binary=True)


def test_a_file_without_a_header_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(ValueError, match="got b'cat 1 -2.5 0.n'; .* take no_header=True"):
        load(tmp_path / "glove", TEXT[4:], binary=False)


@FORMATS
def test_the_first_words_of_a_file_are_enough(tmp_path, binary):
    path = tmp_path / "whole"
    content = saved(path, binary=binary)
    for limit in (1, 4, len(WORDS), 100):
        found = WordVectors.load_word2vec_format(path, binary=binary, limit=limit)
        assert found.words == WORDS[:limit] and bits(found.vectors) == bits(TABLE[:limit])
    path.write_bytes(content.replace(b"9 7", b"9000 7", 1))  # what is not read is not counted
    found = WordVectors.load_word2vec_format(path, binary=binary, limit=9)
    assert found.words == WORDS
    with pytest.raises(ValueError, match="limit must be a positive integer, got 0"):
        WordVectors.load_word2vec_format(path, binary=binary, limit=0)


@FORMATS
def test_words_in_another_encoding_are_read_as_asked(tmp_path, binary):
    path = tmp_path / "latin"
    path.write_bytes((BINARY if binary else TEXT).replace(b"dog", b"d\xe9g"))
    for how, word in [
        ({"unicode_errors": "ignore"}, "dg"),
        ({"unicode_errors": "replace"}, "d\ufffdg"),
        ({"encoding": "latin-1"}, "d\xe9g"),
    ]:
        found = WordVectors.load_word2vec_format(path, binary=binary, **how)
        assert found.words == ["cat", word] and bits(found.vectors) == bits(TINY)
    for how in ({"encoding": "none"}, {"unicode_errors": "none"}):
        with pytest.raises(ValueError, match="unknown e[a-z ]*.*'?none"):
            WordVectors.load_word2vec_format(path, binary=binary, **how)


@FORMATS
def test_gensim_reads_the_same_files_the_same_way(tmp_path, binary):
    keyed_vectors = pytest.importorskip("gensim.models").KeyedVectors
    path = tmp_path / "v.gz"
    whole = BINARY if binary else TEXT
    for name, content, how in [
        ("limit", whole, {"limit": 1}),
        ("replaced", whole.replace(b"dog", b"d\xe9g"), {"unicode_errors": "replace"}),
        ("encoding", whole.replace(b"dog", b"d\xe9g"), {"encoding": "latin-1"}),
        ("no end", whole[:-1], {}),
    ]:
        if binary and name == "no end":
            continue
        path.write_bytes(gzip.compress(content))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = WordVectors.load_word2vec_format(path, binary=binary, **how)
        theirs = keyed_vectors.load_word2vec_format(str(path), binary=binary, **how)
        assert found.words == theirs.index_to_key, name
        assert bits(found.vectors) == bits(theirs.vectors), name


def test_the_projector_gets_two_files(tmp_path):
    vectors = WordVectors(["hot dog", "日本"], TINY)
    paths = vectors.save_projector(tmp_path / "new")
    assert paths == (tmp_path / "new" / "vectors.tsv", tmp_path / "new" / "metadata.tsv")
    assert paths[0].read_text() == "1\t-2.5\t0\n0.100000001\t3.00000006e+20\t-0\n"
    assert paths[1].read_text("utf-8") == "hot dog\n日本\n"


@pytest.mark.parametrize("word", ["a\tb", "a\nb", "a\rb", "", " "])
def test_a_word_that_the_projector_cannot_hold_is_refused(tmp_path, word):
    with pytest.raises(ValueError, match="words must be text without tabs or line ends, got"):
        WordVectors(["cat", word], TINY).save_projector(tmp_path)
    assert list(tmp_path.iterdir()) == []


# Damage


@FORMATS
def test_a_gzipped_file_cut_anywhere_is_refused(tmp_path, binary):
    content = gzip.compress(BINARY if binary else TEXT)
    for length in range(len(content)):
        with pytest.raises(ValueError, match="path must be a complete word2vec .* file, got"):
            load(tmp_path / "cut.gz", content[:length], binary=binary)


@FORMATS
def test_a_plain_file_under_the_name_of_a_gzipped_one_is_refused(tmp_path, binary):
    with pytest.raises(ValueError, match="'; Not a gzipped file"):
        load(tmp_path / "plain.gz", BINARY if binary else TEXT, binary=binary)


@FORMATS
@pytest.mark.parametrize("counts", [b"99999999999999 3", b"2 99999999999999999999"])
def test_wrong_counts_of_a_gzipped_file_take_no_memory(tmp_path, binary, counts):
    content = gzip.compress(counts + (BINARY if binary else TEXT)[3:])
    with pytest.raises(ValueError, match="path must be a complete word2vec"):
        load(tmp_path / "counts.gz", content, binary=binary)


@FORMATS
def test_a_file_cut_anywhere_is_refused(tmp_path, binary):
    content = saved(tmp_path / "whole", binary=binary, words=WORDS[:2], table=TABLE[:2])
    path = tmp_path / "cut"
    form = "binary" if binary else "text"
    whole = len(content) if binary else content.rindex(b" ") + 1  # then its last number begins
    for length in range(whole):
        with pytest.raises(ValueError, match=f"path must be a complete word2vec {form} file"):
            load(path, content[:length], binary=binary)


@FORMATS
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (b"", "two positive integers, got b'"),
        (b"2", "two positive integers, got b'2"),
        (b"2 3 4", "two positive integers, got b'2 3 4"),
        (b"2 3 float", "two positive integers, got b'2 3 float"),
        (b"0 3", "two positive integers, got b'0 3"),
        (b"2 0", "two positive integers, got b'2 0"),
        (b"-2 3", "two positive integers, got b'-2 3"),
        (b"2.0 3", "two positive integers, got b'2.0 3"),
        (b"cat dog", "two positive integers, got b'cat dog"),
        (b"9" * 5000 + b" 3", "two positive integers, got b'9999"),
        (b"999999999999 3", r"hold 999999999999 words, got . whole"),
    ],
)
def test_a_wrong_first_line_is_refused(tmp_path, binary, header, reason):
    content = header + (BINARY if binary else TEXT)[3:]
    with pytest.raises(ValueError, match=f"path must be a complete .*'; it.* must .*{reason}"):
        load(tmp_path / "counts", content, binary=binary)


@FORMATS
@pytest.mark.parametrize(
    ("n_words", "dim", "in_text", "in_binary"),
    [
        (10, 7, "it must hold 10 words, got 9 whole lines", "it must hold 10 words, got 9 whole"),
        (8, 7, "it must hold 8 words, got more", "it must hold 8 words, got more"),
        (9, 6, "line 2 must be a word and 6 numbers, got 8 parts", ""),  # binary: whatever comes
        (9, 8, "line 2 must be a word and 8 numbers, got 8 parts", ""),  # of reading elsewhere
    ],
)
def test_wrong_counts_are_refused(tmp_path, binary, n_words, dim, in_text, in_binary):
    content = saved(tmp_path / "whole", binary=binary).replace(
        b"9 7\n", b"%d %d\n" % (n_words, dim)
    )
    reason = in_binary if binary else in_text
    with pytest.raises(ValueError, match=f"path must be a complete .*'; {reason}"):
        load(tmp_path / "counts", content, binary=binary)


@FORMATS
@pytest.mark.parametrize("line_end", [b"", b"\n"])
def test_more_words_than_promised_are_refused(tmp_path, binary, line_end):
    more = b"cow " + (bytes(12) if binary else b"1 2 3\n")
    content = (BINARY if binary else TEXT) + line_end + more
    with pytest.raises(ValueError, match="'; it must hold 2 words, got more"):
        load(tmp_path / "more", content, binary=binary)


@FORMATS
def test_of_equal_words_the_first_is_kept_and_the_file_named(tmp_path, binary):
    words = ["cat", "dog", "cat", "cow", "cat", "dog"]
    path = tmp_path / "twice"
    content = b"6 3\n"
    for row, word in enumerate(words):
        numbers = struct.pack("<3f", row, row, row) if binary else b"%d %d %d\n" % (row, row, row)
        content += word.encode() + b" " + numbers
    with pytest.warns(UserWarning, match="twice' repeats 3 words, such as 'cat'; the first"):
        found = load(path, content, binary=binary)
    assert found.words == ["cat", "dog", "cow"]
    assert found.vectors[:, 0].tolist() == [0.0, 1.0, 3.0]


@FORMATS
def test_words_that_are_not_unicode_are_refused(tmp_path, binary):
    content = (BINARY if binary else TEXT).replace(b"dog", b"d\xffg")
    with pytest.raises(ValueError, match="in utf8, got .*'utf-8' codec can't .*; take another e"):
        load(tmp_path / "latin", content, binary=binary)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e39"])
def test_text_numbers_that_are_not_finite_are_refused(tmp_path, number):
    with pytest.raises(ValueError, match="'; vectors must be finite, got nan or inf for 'cat'"):
        load(tmp_path / "nan", TEXT.replace(b"-2.5", number.encode()), binary=False)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_binary_numbers_that_are_not_finite_are_refused(tmp_path, number):
    content = BINARY.replace(struct.pack("<f", -2.5), struct.pack("<f", number))
    with pytest.raises(ValueError, match="'; vectors must be finite, got nan or inf for 'cat'"):
        load(tmp_path / "nan", content, binary=True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"dog 1 2", "line 3 must be a word and 3 numbers, got 3 parts"),
        (b"dog 1 2 3 4", "line 3 must be a word and 3 numbers, got 5 parts"),
        (b"hot dog 1 2 3", "line 3 must be a word and 3 numbers, got 5 parts"),
        (b" 1 2 3           ", "line 3 must be a word and 3 numbers, got 3 parts"),
        (b"", "it must hold 2 words, got 1 whole lines of them"),
        (b"\nmore", "line 3 must be a word and 3 numbers, got 0 parts"),
        (b"dog 1 2 three", "could not convert string to float: b'three'"),
    ],
)
def test_a_damaged_line_is_refused(tmp_path, line, reason):
    content = b"2 3\ncat 1.000 2.000 3.000\n" + line + b"\n"
    with pytest.raises(ValueError, match=f"complete word2vec text file, got .*damaged'; {reason}"):
        load(tmp_path / "damaged", content, binary=False)


@pytest.mark.parametrize("word", [b"", b"\n", b"do\ng", b"dog\n", b"d\tg"])
def test_a_binary_word_that_none_could_have_saved_is_refused(tmp_path, word):
    content = BINARY.replace(b"dog", word) + b"\n" * (word == b"")
    with pytest.raises(ValueError, match="words must be text without spaces or line ends, got"):
        load(tmp_path / "damaged", content, binary=True)


def test_one_format_is_not_taken_for_the_other(tmp_path):
    for binary in (False, True):
        content = saved(tmp_path / "one", binary=not binary)
        with pytest.raises(ValueError, match="path must be a complete word2vec"):
            load(tmp_path / "other", content, binary=binary)


@FORMATS
def test_a_missing_file_and_a_directory_are_refused(tmp_path, binary):
    with pytest.raises(FileNotFoundError, match="path must be an existing file, got .*none'"):
        WordVectors.load_word2vec_format(tmp_path / "none", binary=binary)
    with pytest.raises(ValueError, match="path must be a complete word2vec .* directory"):
        WordVectors.load_word2vec_format(tmp_path, binary=binary)


# Saving


@FORMATS
@pytest.mark.parametrize("word", ["hot dog", "dog\n", "\tdog", "do\rg", "", " ", "\udc80"])
def test_a_word_that_the_formats_cannot_hold_is_refused(tmp_path, binary, word):
    path = tmp_path / "vectors"
    before = saved(path, binary=binary)
    vectors = WordVectors(["cat", word], TINY)
    with pytest.raises(ValueError, match="words must be text without spaces or line ends, got"):
        vectors.save_word2vec_format(path, binary=binary)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@FORMATS
def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path, binary):
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "vectors"
    with pytest.raises(OSError, match="path must be a file that can be written, got .*vectors'; "):
        saved(path, binary=binary)


def test_a_missing_directory_is_made(tmp_path):
    saved(tmp_path / "new" / "vectors", binary=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["vectors"]


class TestKills:
    pytestmark = FORKS

    def test_a_kill_at_any_line_of_a_save_leaves_the_old_or_the_new_file_whole(self, tmp_path):
        path = tmp_path / "killed"
        old, new = WordVectors(["old"], [[1.0]]), WordVectors(["new", "x"], [[2.0], [3.0]])
        module = str(Path(w2v.__file__).parent) + os.sep
        seen, line, code = [], 0, -signal.SIGKILL

        def killed_save():
            trace(KilledAtLine(module, line), lambda: new.save_word2vec_format(path))

        while code != 0:
            old.save_word2vec_format(path)
            line += 1
            code = exit_code(in_child(killed_save))
            assert code in (0, -signal.SIGKILL)
            seen.append(len(WordVectors.load_word2vec_format(path)))
            for left_behind in tmp_path.glob(".*.tmp"):  # each would lengthen the next save
                left_behind.unlink()
        assert line > 30
        assert set(seen) == {1, 2}
        assert seen == sorted(seen)  # the old one at every line up to the step, then the new one

    @FORMATS
    def test_a_full_disk_leaves_the_old_file_whole_and_no_temporary(self, tmp_path, binary):
        path = tmp_path / "full"
        before = saved(path, binary=binary)
        other = WordVectors([str(row) for row in range(9000)], np.ones((9000, 2)))

        def save_on_a_full_disk(limit):
            fill_the_disk(limit)
            with pytest.raises(OSError, match="path must be .*full'; .*File too large"):
                other.save_word2vec_format(path, binary=binary)
            assert list(tmp_path.iterdir()) == [path]

        for limit in (0, 1, 1_000, 9_999, 50_000):
            assert exit_code(in_child(lambda limit=limit: save_on_a_full_disk(limit))) == 0
            assert path.read_bytes() == before
