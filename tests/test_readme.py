"""The README as its reader finds it: short, its code runs, its names and numbers are true."""

import json
import re
import statistics
from pathlib import Path

import pytest

import w2v

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = " ".join(README.split())  # a sentence may go on in the next line


def test_each_block_of_the_readme_runs_and_prints_what_it_promises(capsys, tmp_path, monkeypatch):
    """The blocks run in their order, each after the ones before it, as a reader tries them."""
    monkeypatch.chdir(tmp_path)
    expected = {"# ['sea', 'land']": {"sea", "land"}}
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
        printed = capsys.readouterr().out
        for promise in [expected.pop(text) for text in list(expected) if text in block]:
            assert set(re.findall(r"'(\w+)'", printed.splitlines()[-1])) == promise
        if "train_on_texts" in block:
            assert printed.startswith("[('boat', ")
        if "sgns_loss" in block:
            assert printed.startswith("[('goat', ")
            assert set(names["vectors"].words) == {
                word for text in names["texts"] for word in text.split()
            }
            assert names["loss"].item() < 0.6931  # the loop of one's own learns: below ln 2
    assert not expected and len(blocks) == 3


def test_every_file_that_the_readme_links_is_there():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    files = [link for link in links if not link.startswith("https://")]
    assert "notebooks/word2vec.ipynb" in files and "notebooks/windows.png" in files
    assert all((ROOT / file).exists() for file in files)


def test_the_directory_tree_is_that_of_the_library():
    tree = README.split("## What is where")[1].split("```")[1]
    listed = set(re.findall(r"^  (\w+)/", tree, flags=re.MULTILINE))
    assert listed == {path.parent.name for path in (ROOT / "w2v").glob("*/__init__.py")}


def test_every_name_in_the_table_of_questions_is_there():
    rows = [line for line in README.splitlines() if re.match(r"\| [34]\.\d", line)]
    assert rows
    for row in rows:
        _, _, names, modules, _ = row.split("|")
        assert all(hasattr(w2v, name) for name in re.findall(r"`(\w+)`", names)), row
        assert all((ROOT / module).exists() for module in re.findall(r"`([\w/.]+)`", modules)), row


@pytest.mark.parametrize("command", re.findall(r"^make (\w+)", README, flags=re.MULTILINE))
def test_every_make_target_is_there(command):
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


SYSTEMS = {  # the columns of the table of results: their names in the file
    "lab's classifier, random": "lab's classifier, random embeddings",
    "lab's classifier, pretrained": "lab's classifier, WikiText-2 and AG News text",
    "paired difference": "gain",
    "tuned classifier, pretrained": "tuned classifier, WikiText-2 and AG News text",
    "TF-IDF": "TF-IDF + logistic regression",
}


def test_the_accuracies_of_the_readme_are_those_of_the_stored_study():
    stored = json.loads((ROOT / "report/results/labels.json").read_text())
    found = {(row["labels"], row["system"]): row for row in stored["rows"]}
    found |= {(row["labels"], "gain"): row for row in stored["paired_gain"]}
    rows = re.findall(r"^\| ([\d,]+) \| .+ ± .+ \|$", README, re.MULTILINE)
    expected = [["labels", *SYSTEMS]]
    for labels in rows:
        cells = [labels]
        for system in SYSTEMS.values():
            row = found[int(labels.replace(",", "")), system]
            half = (row["accuracy_high"] - row["accuracy_low"]) / 2
            sign = "+" if system == "gain" else ""
            cells.append(f"{row['accuracy_mean']:{sign}.3f} ± {half:.3f}")
        expected.append(cells)
    assert rows
    for cells in expected:
        assert f"| {' | '.join(cells)} |" in README
    assert len(stored["seeds"]) == 5 and "over five paired seeds" in README


def test_the_speed_of_the_readme_is_that_of_the_stored_benchmark():
    stored = json.loads((ROOT / "report/results/loader.json").read_text())
    (factor,) = re.findall(r"([\d.]+) times as fast as a straightforward student version", README)
    assert float(factor) == round(stored["ratio_to_student_adam"]["median"], 1)


def test_the_lead_over_gensim_is_that_of_the_stored_benchmark():
    leads = re.findall(r"epoch of ([\d.]+)M word pieces ([\d.]+) times as fast as gensim", TEXT)
    files = ("speed.json", "speed_avx512.json")  # a processor with AVX2 alone, and one with more
    found = re.findall(r"as fast as gensim \(([\d.]+) to ([\d.]+) times\)", TEXT)
    ranges = iter([tuple(map(float, ends)) for ends in found])
    for (words, factor), name in zip(leads, files, strict=True):
        stored = json.loads((ROOT / "report/results" / name).read_text())
        assert float(words) == round(stored["corpus"]["words"] / 1e6, 1)
        assert float(factor) == round(statistics.median(stored["times_gensim"]), 1)
        rows = {row["system"]: row for row in stored["rows"]}
        ours, theirs = (
            rows[name]["held_out_loss_1"] for name in ("hogwild", stored["reference"]["system"])
        )
        assert abs(ours / theirs - 1) < 0.005
        assert (min(stored["times_gensim"]), max(stored["times_gensim"])) == pytest.approx(
            next(ranges), abs=0.05
        )
        if name == "speed.json":
            assert f"held-out text is {100 * (ours / theirs - 1):.2f} % higher" in TEXT


def test_the_lead_at_gensims_usual_settings_is_that_of_the_stored_benchmark():
    _, usual = TEXT.split("On 2 million words at gensim's usual settings")
    found = re.findall(r"([\d.]+) times (?:as fast as gensim.*?)?with (100|300)\b", usual)
    (held,) = re.findall(
        r"held to AVX2, .*?these four are ([\d.]+), ([\d.]+), ([\d.]+) and ([\d.]+)\.", usual
    )
    said = {"AVX-512": [float(factor) for factor, _ in found], "AVX2": list(map(float, held))}
    assert [int(dim) for _, dim in found] == [100, 300] * 2
    for name, instructions in (("speed_avx512.json", "AVX-512"), ("speed.json", "AVX2")):
        stored = json.loads((ROOT / "report/results" / name).read_text())["usual"]
        assert stored["machine"]["instruction_set"] == instructions
        assert stored["words"] == 2_000_000
        assert said[instructions] == [
            round(statistics.median(row["times_hogwild"]), 1)
            for system in ("gensim", "gensim, corpus_file")
            for row in stored["rows"]
            if row["system"] == system
        ]


def test_the_speed_on_a_gpu_is_that_of_the_stored_benchmark():
    stored = json.loads((ROOT / "report/results/gpu.json").read_text())
    (batch_size, rate) = re.findall(
        r"batch size of ([\d,]+): on one (?:NVIDIA \w+) it trains ([\d.]+) million", TEXT
    )[0]
    rows = [row for row in stored["rows"] if row["system"] == "blocks"]
    (row,) = (r for r in rows if r["batch_size"] == int(batch_size.replace(",", "")))
    assert float(rate) == round(row["w60"] / 1e6)
    assert abs(row["loss_to_hogwild"] - 1) < 0.005
    assert stored["machine"]["device"] in README


def test_what_the_neighbours_were_measured_at_is_what_is_stored():
    stored = json.loads((ROOT / "report/results/neighbours.json").read_text())
    vectors = json.loads((ROOT / "report/results/vectors.json").read_text())
    here = {row["system"]: row["here"] for row in stored["headlines"]}
    query = {name: found["query_ms"]["median"] for name, found in vectors["systems"].items()}
    gain, best = here["Bourdrez"]

    def shared(row):
        return row["second_table"]["shared"]["sgns"]["median"]

    shares = {name: found["median"] for name, found in here["SELENE"].items()}
    theirs, one_epoch = (
        stored["selene"]["rows"][f"there, sgns{change}"] for change in ("", ", all words, 1 epoch")
    )
    expected = {
        r"analogies are ([\d.]+) times as fast": round(vectors["analogies_ratio"]["median"], 1),
        r"A query takes\s+([\d.]+) ms": round(query["w2v"], 1),
        r"\(gensim ([\d.]+)\)": round(query["gensim"], 1),
        r"([\d.]+) minutes \(`loader`": here["CS224n a2"]["loader"],
        r"and ([\d.]+) \(`hogwild`\)": here["CS224n a2"]["hogwild"],
        r"a share of ([\d.]+) for SGNS": round(shares["there, sgns"], 3),
        r"([\d.]+) for CBOW; its subsampling": round(shares["there, cbow"], 3),
        r"it is ([\d.]+) for SGNS": round(shares["sgns"], 3),
        r"([\d.]+) for CBOW, in the first": round(shares["cbow"], 3),
        r"keeps only (\d+) %": round(100 * theirs["words_kept"]),
        r"epoch, SGNS reaches ([\d.]+\d)": round(shared(one_epoch), 3),
        r"([\d.]+) minutes, scaled up": here["Breslow"],
        r"scaled up from ([\d.]+)M words": round(stored["breslow"]["run"]["words"] / 1e6, 1),
        r"held-out AUC is ([\d.]+)": round(stored["breslow"]["run"]["history"]["valid_auc"][-1], 3),
        r"three seeds on ([\d,]+) reviews": stored["selene"]["reviews"],
        **{
            rf"by ([+-][\d.]+\d) {where}": round(row["median"], 3)
            for where, row in (("after one epoch", gain), ("at the best", best))
        },
        **{
            rf"{where}\s+(?:epoch\s+)?\(([+-][\d.]+) to": round(row["min"], 3)
            for where, row in (("after one epoch", gain), ("at the best", best))
        },
        r"\(-[\d.]+ to ([+-][\d.]+)\), and by": round(gain["max"], 3),
        r"\(-[\d.]+ to ([+-][\d.]+)\). Neither": round(best["max"], 3),
    }
    found = {pattern: re.findall(pattern, README) for pattern in expected}
    numbers = {name: [float(t.replace(",", "")) for t in texts] for name, texts in found.items()}
    assert numbers == {pattern: [value] for pattern, value in expected.items()}
    assert shares["sgns"] > shares["cbow"]
    assert shared(one_epoch) > shares["there, cbow"] > shares["there, sgns"]
