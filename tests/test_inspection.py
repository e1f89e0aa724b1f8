"""What notebooks print, letter for letter."""

import pytest
import torch
from golden import K, R, V

from w2v.batches import collate_fn
from w2v.inspection import describe_batch, describe_neighbours, show_source
from w2v.windows import WindowDataset


class Sample:
    """A class to show."""

    def method(self):
        """A method to show."""
        return 1


def test_the_text_of_a_class_is_printed_as_it_stands(capsys):
    show_source(Sample)
    assert capsys.readouterr().out == (
        "class Sample:\n"
        '    """A class to show."""\n'
        "\n"
        "    def method(self):\n"
        '        """A method to show."""\n'
        "        return 1\n"
    )


def test_the_text_of_a_library_function_is_that_of_its_file(capsys):
    for thing in (collate_fn, WindowDataset, WindowDataset.__getitems__):
        show_source(thing)
        printed = capsys.readouterr().out
        with open(collate_fn.__code__.co_filename.replace("batches", "windows")) as windows:
            with open(collate_fn.__code__.co_filename) as batches:
                assert printed in windows.read() + batches.read()
        assert "Source: assignment" in printed
        assert not printed.endswith("\n\n")


def test_what_has_no_source_is_refused():
    with pytest.raises(TypeError):
        show_source(3)


def test_a_batch_is_described_on_one_line(capsys):
    batch = collate_fn([(1, [0] * 2 * R)] * 3, K, V)
    describe_batch(batch)
    assert capsys.readouterr().out == (
        "word_id (3,) int64 | positive_context_ids (3, 4) int64 | "
        "negative_context_ids (3, 20) int64\n"
    )


def test_any_tensor_of_any_type_is_described(capsys):
    describe_batch({"mask": torch.ones(2, 1, dtype=torch.bool), "loss": torch.tensor(0.5)})
    assert capsys.readouterr().out == "mask (2, 1) bool | loss () float32\n"


def test_nearest_words_are_printed_a_line_each_below_their_title(capsys):
    neighbours = {"king": [("queen", 0.756), ("prince", 0.7)], "snow": [("ice", 0.5)]}
    describe_neighbours(neighbours, "after training")
    assert capsys.readouterr().out == (
        "after training\n  king         queen 0.76, prince 0.70\n  snow         ice 0.50\n"
    )


def test_without_a_title_there_is_no_empty_line(capsys):
    describe_neighbours({"snow": [("ice", 0.5)]})
    assert capsys.readouterr().out == "  snow         ice 0.50\n"
