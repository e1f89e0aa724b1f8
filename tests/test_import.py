"""The public names of the package; nothing is loaded before it is used."""

import subprocess
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import pytest

import w2v

ROOT = Path(__file__).parent.parent
ASSIGNMENT = (
    "extract_words_contexts",  # Q3.2
    "flatten_dataset_to_list",  # Q3.3
    "collate_fn",  # Q3.6
    "Word2Vec",  # Q3.9
    "save_model",  # Q3.12
    "ClassAttentionModel",  # section 4
    "load_model",  # Q4.1
)
OURS = (
    "load_documents",  # Q3.1
    "load_tokenizer",
    "preprocess",
    "WindowDataset",  # Q3.5
    "train_word2vec",  # Q3.10
    "evaluate_word2vec",  # Q3.11
    "train_classifier",  # Q4.2
    "Word2VecConfig",
    "ClassifierConfig",
    "CheckpointError",
)
SLOW = {"datasets", "transformers", "matplotlib", "numba", "tokenizers", "huggingface_hub", "scipy"}


def in_a_fresh_python(*lines):
    """What a new interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("name", ASSIGNMENT + OURS)
def test_every_name_of_the_assignment_comes_with_the_package(name):
    assert name in w2v.__all__
    assert getattr(w2v, name).__name__ == name


@pytest.mark.parametrize("name", w2v.__all__)
def test_a_name_is_the_very_thing_its_module_holds(name):
    thing = getattr(w2v, name)
    assert thing is getattr(import_module(thing.__module__), name)
    assert thing.__module__.startswith("w2v.")


def test_the_package_lists_its_names():
    assert dir(w2v) == w2v.__all__ == sorted(set(w2v.__all__))


def test_plots_is_a_module_of_the_package():
    assert w2v.plots is import_module("w2v.show.plots")


def test_a_source_tree_that_is_not_installed_has_no_version():
    printed = in_a_fresh_python(
        "from importlib import metadata",
        "def version(name): raise metadata.PackageNotFoundError(name)",
        "metadata.version = version",
        "import w2v; print(w2v.__version__)",
    )
    assert printed == ["0+unknown"]


def test_an_unknown_name_is_refused_as_by_any_module():
    with pytest.raises(AttributeError, match="module 'w2v' has no attribute 'word3vec'"):
        _ = w2v.word3vec
    with pytest.raises(ImportError, match="cannot import name 'word3vec'"):
        exec("from w2v import word3vec")


def test_importing_the_package_loads_none_of_its_modules():
    loaded = in_a_fresh_python("import sys, w2v", "print(*sys.modules)")
    assert "w2v" in loaded
    assert not [name for name in loaded if name.startswith("w2v.")]
    assert not (SLOW | {"torch", "numpy"}) & set(loaded)


def test_the_package_can_be_imported_from_a_zip_file(tmp_path):
    with zipfile.ZipFile(tmp_path / "w2v.zip", "w") as archive:
        for path in (ROOT / "w2v").rglob("*.py"):
            archive.write(path, path.relative_to(ROOT))
    found = in_a_fresh_python(
        "import sys",
        f"sys.path.insert(0, {str(tmp_path / 'w2v.zip')!r})",
        "import w2v",
        "print(w2v.Word2VecConfig.__module__, w2v.__file__)",
    )
    assert found[0] == "w2v.config" and "w2v.zip" in found[1]


def test_no_slow_library_is_loaded_before_it_is_used():
    loaded = in_a_fresh_python("import sys", "from w2v import *", "print(*sys.modules)")
    assert {
        f"w2v.{module}" for module in ("model", "training", "classify.attention", "text.corpus")
    } <= set(loaded)
    assert not SLOW & set(loaded)


def test_all_names_cost_less_than_half_a_second_beyond_torch():
    # Processor time: a busy machine counts for nothing. Measured: 0.03 s.
    (seconds,) = in_a_fresh_python(
        "import time, torch, numpy, tqdm",
        "start = time.process_time()",
        "from w2v import *",
        "print(time.process_time() - start)",
    )
    assert float(seconds) < 0.5
