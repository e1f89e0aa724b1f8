"""The notebooks as pages: what a grader finds in them without running anything."""

import json
import re
from pathlib import Path

import pytest

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
