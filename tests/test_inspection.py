"""What notebooks print, letter for letter."""

import ast
import functools
import inspect
import re
import sys
import tokenize
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper

import numpy as np
import pytest
import torch
from golden import K, R, V
from IPython.core.formatters import DisplayFormatter

import w2v
from w2v.batches import collate_fn
from w2v.model import sgns_loss
from w2v.show.inspection import (
    _Code,
    check_gradient,
    describe_batch,
    describe_neighbours,
    pair_loss,
    show_source,
)

# Source code


def keep_name(function):
    @functools.wraps(function)
    def replacement(*args):
        return function(*args)

    return replacement


def hide_name(function):
    return lambda *args: function(*args)


class Sample:
    """A class to show."""

    # The size of a sample.
    size = 3

    @keep_name
    @keep_name
    def method(self):
        """A method to show.

        Its docstring has several lines.
        """

        # A comment stays.
        def inner():
            """The docstring of a function inside."""
            return "text"

        return inner()

    @property
    def half(self):
        """A property to show."""
        return self.size / 2  # its comment

    @functools.cached_property
    def double(self):
        return 2 * self.size

    @classmethod
    def make(cls):
        return cls()

    @hide_name
    def hidden(self):
        return 1

    def twice(self):
        return 1

    def twice(self):  # noqa: F811
        return 2


class Child(Sample):
    """Only a docstring."""


METHOD = """\
@keep_name
@keep_name
def method(self):
    # A comment stays.
    def inner():
        return "text"

    return inner()
"""
HALF = """\
@property
def half(self):
    return self.size / 2  # its comment
"""
DOUBLE = """\
@functools.cached_property
def double(self):
    return 2 * self.size
"""


@pytest.mark.parametrize(
    ("things", "text"),
    [
        ([Sample.method], METHOD),
        ([Child.method], METHOD),
        ([Sample().method], METHOD),
        ([Sample.half, vars(Sample)["double"]], HALF + DOUBLE),
        ([Sample.make], "@classmethod\ndef make(cls):\n    return cls()\n"),
        ([Child], 'class Child(Sample):\n    """Only a docstring."""\n'),
    ],
)
def test_a_definition_is_shown_whole_with_its_decorators(capsys, things, text):
    show_source(*things)
    assert capsys.readouterr().out == text


def test_a_class_is_shown_with_its_methods_and_comments(capsys):
    show_source(Sample)
    text = capsys.readouterr().out
    assert text.startswith(
        "class Sample:\n    # The size of a sample.\n    size = 3\n\n    @keep_name\n"
    )
    assert "".join(f"    {line}\n" if line else "\n" for line in METHOD.splitlines()) in text
    assert text.endswith("        return 2\n")


def tree_without_docstrings(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or node.body
    return ast.dump(tree)


def comments(text):
    tokens = tokenize.generate_tokens(StringIO(text).readline)
    return [token.string for token in tokens if token.type == tokenize.COMMENT]


def test_the_code_of_the_library_is_shown_as_it_stands(capsys):
    exported = (getattr(w2v, name) for name in w2v.__all__)
    things = [thing for thing in exported if inspect.isfunction(thing) or inspect.isclass(thing)]
    assert {w2v.Word2Vec, w2v.collate_fn} <= set(things)
    for thing in things:
        show_source(thing)
        shown, whole = capsys.readouterr().out, inspect.getsource(thing)
        assert ast.dump(ast.parse(shown)) == tree_without_docstrings(whole)
        assert comments(shown) == comments(whole)
        assert not re.search(r"\n\n\n|:\n\n|\n\n\Z", shown), shown  # no stray blank lines


@pytest.mark.parametrize("thing", [3, None, len, Sample(), functools.partial(collate_fn)])
def test_what_has_no_python_source_is_refused(thing):
    with pytest.raises(TypeError, match="things must be a function or class of a Python file, got"):
        show_source(thing)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (Sample.hidden, r"as hide_name.<locals>.<lambda> in test_inspection, got 0 definitions"),
        (Sample.twice, "defined once as Sample.twice in test_inspection, got 2 definitions"),
        (w2v.Word2VecConfig.__eq__, "as Word2VecConfig.__eq__ in w2v.config, got 0 definitions"),
    ],
)
def test_code_that_is_not_surely_the_right_one_is_refused(capsys, thing, message):
    with pytest.raises(ValueError, match=message):
        show_source(thing)
    assert capsys.readouterr().out == ""


def test_a_notebook_gets_highlighted_code_and_its_plain_text(monkeypatch):
    outputs = []
    monkeypatch.setattr("IPython.display.display", outputs.append)
    show_source(Sample.method, Sample.half)
    formats = [DisplayFormatter().format(output)[0] for output in outputs]
    assert formats == [
        {"text/plain": text.rstrip(), "text/markdown": f"```python\n{text}```"}
        for text in (METHOD, HALF)
    ]


def test_without_ipython_the_code_is_printed(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    show_source(Sample.half)
    assert capsys.readouterr().out == HALF


# Batches and neighbours


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


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_narrow_console_gets_the_codes_of_what_it_cannot_show(monkeypatch, encoding):
    console = TextIOWrapper(BytesIO(), encoding=encoding, newline="")
    monkeypatch.setattr("sys.stdout", console)
    describe_neighbours({"日本": [("é", 0.5)], "\ud83d": []}, "近い")
    describe_batch({"語": torch.ones(1)})
    print(_Code("# σ"))
    console.flush()
    text = "近い\n  日本           é 0.50\n  \ud83d\n語 (1,) float32\n# σ\n"  # as a wide one would
    assert console.buffer.getvalue() == text.encode(encoding, "backslashreplace")


def test_nothing_to_describe_is_refused():
    with pytest.raises(ValueError, match="neighbours must hold at least one word, got none"):
        describe_neighbours({})
    with pytest.raises(ValueError, match="batch must hold at least one tensor, got none"):
        describe_batch({})
    with pytest.raises(TypeError, match="batch must hold tensors, got list for 'texts'"):
        describe_batch({"ids": torch.ones(1), "texts": ["a"]})


def test_arrays_are_described_as_tensors_are(capsys):
    describe_batch({"ids": np.ones((2, 1), np.int64)})
    assert capsys.readouterr().out == "ids (2, 1) int64\n"


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


def test_the_loss_of_pairs_and_its_gradient_are_those_of_equation_one():
    x = torch.tensor([2.0, 0.1, -1.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    expected = 5 * sgns_loss(x[None, :2], x[None, 2:])  # the mean over five pairs, times five
    expected.backward()
    loss, gradient = pair_loss(x.detach().numpy(), n_positive=2)
    assert loss == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, x.grad, rtol=1e-12)
    assert check_gradient(partial(pair_loss, n_positive=2), x.detach().numpy()) < 1e-8
