"""The notebooks as pages: what a grader finds in them without running anything."""

import ast
import json
import re
from base64 import b64decode
from contextlib import redirect_stdout
from functools import reduce
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from w2v import History, checkpoint_name, show_source

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
QUESTIONS = {
    "word2vec.ipynb": [f"Q3.{number}" for number in range(1, 14)],
    "classification.ipynb": [f"Q4.{number}" for number in range(1, 5)],
}


def cells(name):
    return json.loads((NOTEBOOKS / name).read_text(encoding="utf-8"))["cells"]


def code_cells(name):
    return [cell for cell in cells(name) if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return cell["metadata"].get("tags", [])


@pytest.fixture(params=sorted(QUESTIONS))
def name(request):
    return request.param


def test_every_question_has_a_tagged_cell(name):
    tagged = {tag for cell in code_cells(name) for tag in tags(cell)}
    assert set(QUESTIONS[name]) <= tagged


def test_every_code_cell_starts_with_its_question_and_carries_its_tag(name):
    for cell in code_cells(name):
        question = source(cell).splitlines()[0].removeprefix("# ")
        assert question in QUESTIONS[name]
        assert question in tags(cell)


def test_prose_stands_directly_before_each_code_cell(name):
    page = cells(name)
    for before, cell in zip([None, *page], page, strict=False):
        if cell["cell_type"] == "code":
            assert before is not None and before["cell_type"] == "markdown", source(cell)


def test_every_cell_was_executed_in_order_from_a_fresh_kernel(name):
    counts = [cell["execution_count"] for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


def test_cells_hold_calls_and_no_definitions(name):
    for cell in code_cells(name):
        lines = source(cell).splitlines()
        assert not any(re.match(r"\s*(def|class|while)\b", line) for line in lines)
        assert "lambda" not in source(cell)


def test_cells_are_short_enough_for_one_idea(name):
    for cell in code_cells(name):
        assert len(source(cell).splitlines()) <= 12, source(cell)


def test_no_output_holds_an_error_a_warning_or_a_progress_bar(name):
    for cell in code_cells(name):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr", output


def test_no_cell_is_skipped(name):
    assert not any("nbval-skip" in tags(cell) for cell in code_cells(name))


def test_an_output_that_is_not_compared_is_followed_by_a_check_that_is(name):
    code = code_cells(name)
    for place, cell in enumerate(code):
        if "nbval-ignore-output" in tags(cell):
            later = [cell for cell in code[place + 1 :] if "nbval-ignore-output" not in tags(cell)]
            assert any("assert " in source(check) for check in later), source(cell)


def test_every_figure_that_a_cell_makes_is_shown(name):
    for cell in code_cells(name):
        if "plots.plot_" in source(cell):
            assert any("image/png" in output.get("data", {}) for output in cell["outputs"])


def test_the_opening_picture_is_the_first_figure_of_the_page(name):
    (picture,) = re.findall(r"!\[.+\]\((\w+\.png)\)", source(cells(name)[0]))
    shown = [
        output["data"]["image/png"]
        for cell in code_cells(name)
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]
    # after a change: python notebooks/pictures.py
    assert (NOTEBOOKS / picture).read_bytes() == b64decode(shown[0])


def test_a_page_teaches(name):
    prose = "\n".join(source(cell) for cell in cells(name) if cell["cell_type"] == "markdown")
    assert "**Why?**" in source(cells(name)[0])
    for heading in ("## Exercises", "## What we saw", "## Further reading"):
        assert f"\n{heading}\n" in f"\n{prose}\n", heading
    exercises = re.findall(r"^\*\*(\d)\. ", prose.split("## Exercises")[1], flags=re.MULTILINE)
    assert exercises == ["1", "2", "3", "4", "5"]


def test_figures_are_png_of_a_printed_size(name):
    figures = [
        output["data"]
        for cell in code_cells(name)
        for output in cell["outputs"]
        if "image/png" in output.get("data", {})
    ]
    assert figures
    for data in figures:
        assert re.match(r"<Figure size \d+x\d+ with", "".join(data["text/plain"]))
        assert "image/svg+xml" not in data


def test_no_output_holds_a_path_of_one_machine(name):
    for cell in code_cells(name):
        for output in cell["outputs"]:
            text = "".join(output.get("text", [])) + "".join(
                output.get("data", {}).get("text/plain", [])
            )
            assert not re.search(r"(?<![\w.])/(home|root|Users|work|tmp|mnt)/", text)


def test_the_printed_shapes_show_the_assignments_counts():
    printed = "".join(
        "".join(output.get("text", []))
        for cell in code_cells("word2vec.ipynb")
        if "Q3.8" in tags(cell)
        for output in cell["outputs"]
    )
    radius, ratio = (int(re.search(rf"{name} = (\d+)", printed)[1]) for name in "RK")
    batches = re.findall(
        r"word_id \((\d+),\).*positive_context_ids \((\d+), (\d+)\)"
        r".*negative_context_ids \((\d+), (\d+)\)",
        printed,
    )
    assert len(batches) == 3
    for batch in batches:
        size, rows, n_positives, same_rows, n_negatives = map(int, batch)
        assert size == rows == same_rows
        assert n_positives == 2 * radius
        assert n_negatives == 2 * ratio * radius


# Source code on the page


def code_of(thing):
    """The code that the library shows of a thing today."""
    with redirect_stdout(StringIO()) as printed:
        show_source(thing)
    return printed.getvalue().removesuffix("\n")


def output_of(code):
    return {"data": {"text/plain": code, "text/markdown": f"```python\n{code}\n```"}}


def check_shown_sources(cells):
    """Fail where the output of `show_source(x)` is not the code of x in the library today.

    Gives the number of definitions that the code cells show. No cell is run: a name is looked
    up in the module that a cell imports it from.
    """
    trees = [ast.parse(source(cell)) for cell in cells]
    imports = [node for tree in trees for node in tree.body if isinstance(node, ast.ImportFrom)]
    modules = {alias.name: node.module for node in imports for alias in node.names}
    n_shown = 0
    for cell, tree in zip(cells, trees, strict=True):
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        calls = [call for call in calls if ast.unparse(call.func).endswith("show_source")]
        things = [ast.unparse(argument) for call in calls for argument in call.args]
        data = [output.get("data", {}) for output in cell["outputs"]]
        shown = [
            {form: "".join(each[form]) for form in each} for each in data if "text/markdown" in each
        ]
        assert len(shown) == len(things), f"{things}: {len(shown)} sources are shown"
        for thing, forms in zip(things, shown, strict=True):
            path = thing.split(".")
            assert path[0] in modules, f"no cell imports {path[0]}"
            defined = re.compile(rf"^(def|class) {path[-1]}\b", re.MULTILINE)
            assert all(map(defined.search, forms.values())), f"no {thing} in {forms}"
            found = reduce(getattr, path, import_module(modules[path[0]]))
            assert {"data": forms} == output_of(code_of(found)), f"{thing} is another today"
        n_shown += len(things)
    return n_shown


def test_every_shown_source_is_the_code_of_the_library(name):
    assert check_shown_sources(code_cells(name)) > 0


# What the assignment asks to write, and what belongs to it.
WRITTEN = {
    "word2vec.ipynb": {
        "preprocess",  # Q3.1
        "tokenize",
        "encode_texts",
        "extract_words_contexts",
        "flatten_dataset_to_list",
        "WindowDataset.__init__",  # Q3.5
        "WindowDataset.__len__",
        "WindowDataset.__getitem__",
        "WindowDataset.from_documents",
        "WindowDataset.gather",
        "collate_fn",
        "make_loader",
        "Word2Vec",  # Q3.9, with its forward pass
        "sgns_loss",
        "batch_loss",  # Q3.10
        "train_epoch",
        "make_optimizers",
        "train_word2vec",
        "train_epochs",
        "LoaderEngine.train_epoch",
        "evaluate_word2vec",
        "pair_loss",  # the gradient by hand
        "pair_logits",
        "score_pairs",
        "checkpoint_name",
        "save_model",
        "check_gradient",
        "pretrain",  # Q3.13
        "train_and_save",
    },
    "classification.ipynb": {
        "load_model",
        "ClassAttentionModel",  # with its attention
        "collate_texts",
        "train_epoch",  # Q4.2
        "make_text_loader",
        "make_optimizer",
        "train_classifier",
        "score_texts",
        "text_logits",
        "compare_pretraining",
    },
}


def test_everything_that_is_asked_for_is_shown(name):
    calls = re.findall(r"show_source\(([^)]*)\)", "\n".join(map(source, code_cells(name))))
    shown = {thing.strip() for call in calls for thing in call.split(",")}
    assert WRITTEN[name] <= shown


FIRST, SECOND = code_of(History.best_epoch), code_of(checkpoint_name)
IMPORT = {"source": "from w2v import History, checkpoint_name, show_source", "outputs": []}


def cell_of(*codes):
    """A cell that shows two definitions, with the code given as outputs."""
    outputs = [output_of(code) for code in codes]
    return {"source": "show_source(History.best_epoch, checkpoint_name)", "outputs": outputs}


def test_a_page_that_shows_the_code_of_the_library_passes():
    assert check_shown_sources([IMPORT, cell_of(FIRST, SECOND)]) == 2


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ([IMPORT, cell_of(SECOND, FIRST)], "no History.best_epoch in"),
        ([IMPORT, cell_of(FIRST, "def test_mth(*args, **kwargs):")], "no checkpoint_name in"),
        ([IMPORT, cell_of(FIRST, SECOND + "  # old")], "checkpoint_name is another today"),
        ([IMPORT, cell_of(FIRST)], "1 sources are shown"),
        ([cell_of(FIRST, SECOND)], "no cell imports History"),
    ],
)
def test_a_page_that_shows_other_code_fails(page, message):
    with pytest.raises(AssertionError, match=message):
        check_shown_sources(page)
