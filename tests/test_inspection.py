"""What notebooks print, letter for letter."""

import numpy as np
import pytest
import torch
from golden import K, R, V

from w2v.batches import collate_fn
from w2v.show.inspection import check_gradient, describe_batch, describe_neighbours, show_source
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


# Gradients


def cube(x):
    return np.sum(x**3), 3 * x**2


@pytest.mark.parametrize("x", [np.array(1.5), np.array([1.0, -2.0]), np.ones((2, 3))])
def test_a_right_gradient_passes_and_leaves_x_as_it_was(x):
    before = x.copy()
    assert check_gradient(cube, x) < 1e-8
    assert np.array_equal(x, before)


def test_a_wrong_gradient_is_refused_and_the_place_named():
    def wrong(x):
        gradient = 3 * x**2
        gradient[1, 2] += 1e-4
        return np.sum(x**3), gradient

    with pytest.raises(ValueError, match=r"gradient must be 3.* at \(1, 2\), got 3.0001"):
        check_gradient(wrong, np.ones((2, 3)))
    assert check_gradient(wrong, np.ones((2, 3)), tolerance=1e-3) == pytest.approx(
        1e-4 / 3, rel=1e-3
    )


def test_a_gradient_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="gradient must be .* got nan"):
        check_gradient(lambda x: (0.0, np.full_like(x, np.nan)), np.ones(2))


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"gradient must have the shape of x, \(2,\), got \(3,\)"):
        check_gradient(lambda x: (0.0, np.zeros(3)), np.ones(2))


@pytest.mark.parametrize("x", [[1.0], np.ones(2, np.float32)])
def test_a_check_at_less_precision_is_refused(x):
    with pytest.raises(TypeError, match="x must be an array of float64, got"):
        check_gradient(cube, x)
