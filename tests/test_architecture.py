"""What our sources must look like, read from their text: imports, docstrings, forbidden forms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "w2v"

# Floors from the ground up. A room imports from the floors below its own, and on its own floor
# from the rooms named before it: no import points up, none goes round in a circle.
FLOORS = (
    (
        "config",
        "files",
        "text",
        "vectors",
        "classify",
        "studies",
        "show",
    ),
    ("text.builtin", "text.cleaning", "text.catalogue", "text.sources"),
    ("text.tokens", "text.labelled"),
    ("text.corpus", "text.vocabulary"),
    ("model", "checkpoint", "windows", "batches", "engines.objectives_of_the_model"),
    ("vectors.formats", "vectors.words", "evaluation"),
    (
        "engines",
        "engines.loader",
        "engines.lanes",
        "engines.objectives",
        "engines.hogwild",
        "engines.blocks",
    ),
    ("engines.distributed",),
    ("training", "classify.attention", "classify.convolution"),
    ("show.plots", "show.inspection", "studies.comparison", "classify.scoring"),
    ("studies.grid", "studies.systems", "studies.statistics", "studies.plans"),
    ("__main__",),
)
PLACE = {room: place for place, room in enumerate(room for floor in FLOORS for room in floor)}

# Libraries that open connections, or cost seconds to import, and the rooms that may name them.
NETWORK = {"datasets", "huggingface_hub", "http", "requests", "socket", "ssl", "transformers"}
NETWORK |= {"aiohttp", "httpx", "urllib", "urllib3"}
HEAVY = NETWORK & {"datasets", "huggingface_hub", "transformers"} | {"numba", "tokenizers"}


def room_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


TREES = {room_of(path): ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
FACADE = "__init__"
ROOMS = sorted(set(TREES) - {FACADE})


@pytest.fixture(params=ROOMS)
def room(request) -> str:
    return request.param


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that a tree imports, at the top or inside a function; a.b for from a import b
    where b is a module of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if name.removeprefix("w2v.") in TREES)


def imported_when_loaded(tree: ast.Module) -> set[str]:
    """The libraries that are imported as soon as the module is."""
    inside = {
        node
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    statements = [node for node in ast.walk(tree) if node not in inside]
    found = set()
    for node in statements:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= libraries(node)
    return found


def libraries(tree: ast.AST) -> set[str]:
    return {name.partition(".")[0] for name in imported(tree)}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the name of what is called: `torch.load`, `.squeeze`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def public(nodes: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            yield node


def is_property(node: ast.stmt) -> bool:
    names = {ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])}
    return bool(names & {"property", "cached_property"})


def public_interface(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public functions and classes of a module, and public methods of those classes."""
    for node in public(tree.body):
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            for method in public(node.body):
                yield f"{node.name}.{method.name}", method


# Rooms and floors


def test_every_room_has_its_place_on_a_floor():
    assert not set(ROOMS) - set(PLACE)


def test_imports_point_down_only(room):
    ours = {name.removeprefix("w2v.") for name in imported(TREES[room]) if name != "w2v"}
    for other in ours & set(PLACE):
        assert PLACE[other] < PLACE[room], f"{room} must not import {other}"


def test_rooms_name_the_room_they_import_from(room):
    for node in ast.walk(TREES[room]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{room}, line {node.lineno}: a relative import"
            if node.module == "w2v":  # the package's own names would hide which room is meant
                assert all(alias.name in TREES for alias in node.names), f"line {node.lineno}"
        if isinstance(node, ast.Import) and room != "__main__":  # the command is a user
            assert "w2v" not in [alias.name for alias in node.names], f"line {node.lineno}"


def test_plots_know_nothing_of_models():
    assert not {name for name in libraries(TREES["show.plots"])} & {"w2v", "torch"}


def test_models_know_nothing_of_datasets():
    assert set(imported(TREES["model"])) & {f"w2v.{room}" for room in ROOMS} == {"w2v.config"}


def test_only_the_sources_may_reach_the_network(room):
    allowed = {
        "text.sources": NETWORK,
        **dict.fromkeys(("text.tokens", "text.labelled"), {"datasets"}),  # tables, made in memory
        "text.corpus": {"datasets", "transformers"},  # from_pretrained, where the hub is talked to
        "text.builtin": {"transformers"},  # its tokenizer is made in memory
        "text.vocabulary": {"transformers"},  # so is this one
        "__main__": {"transformers"},  # HfArgumentParser
    }
    assert libraries(TREES[room]) & NETWORK <= allowed.get(room, set())


def test_slow_libraries_are_imported_where_they_are_used(room):
    at_once = {
        "show.plots": {"matplotlib"},
        "engines.hogwild": {"numba"},  # both are loaded when that engine is chosen
        "engines.lanes": {"numba"},
    }
    slow = HEAVY | {"matplotlib", "IPython", "sklearn"}
    assert imported_when_loaded(TREES[room]) & slow <= at_once.get(room, set())


# Forbidden forms


def test_assert_is_for_tests_only(room):
    lines = [node.lineno for node in ast.walk(TREES[room]) if isinstance(node, ast.Assert)]
    assert not lines, f"{room}: assert in lines {lines}"


def test_squeeze_always_names_its_axis(room):
    for name, call in calls(TREES[room]):
        if name.split(".")[-1] in ("squeeze", "squeeze_"):
            n_wanted = 2 if name in ("torch.squeeze", "np.squeeze", "numpy.squeeze") else 1
            n_given = len(call.args) + len(call.keywords)
            assert n_given >= n_wanted, f"{room}, line {call.lineno}: {ast.unparse(call)}"


def test_no_room_seeds_a_global_generator(room):
    forbidden = {"torch.manual_seed", "torch.random.manual_seed", "random.seed", "np.random.seed"}
    assert not forbidden & {name for name, _ in calls(TREES[room])}


def test_files_are_loaded_without_trust(room):
    for name, call in calls(TREES[room]):
        assert name not in ("pickle.load", "pickle.loads", "eval", "exec")
        if name == "torch.load":
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert given.get("weights_only") == "True", f"{room}, line {call.lineno}"


def test_the_loss_is_taken_from_logits(room):
    for name, call in calls(TREES[room]):
        if name.split(".")[-1] == "log":
            assert "sigmoid" not in ast.unparse(call), f"{room}, line {call.lineno}"


# Docstrings. A property reads as an attribute, and the command's options explain themselves by
# their help: one line is enough for both.


def test_every_room_says_what_it_holds(room):
    if room != "engines":  # an empty file
        assert ast.get_docstring(TREES[room])


def test_whatever_is_public_has_a_docstring_with_its_source(room):
    for name, node in public_interface(TREES[room]):
        text = ast.get_docstring(node) or ""
        assert text, f"{room}.{name} must have a docstring"
        assert text.partition("\n")[0].endswith("."), f"{room}.{name}: first line, full stop"
        one_line = is_property(node) or (room == "__main__" and isinstance(node, ast.ClassDef))
        assert one_line or "\nSource: " in text, f"{room}.{name} must name its source"


def test_docstrings_name_every_argument(room):
    for name, node in public_interface(TREES[room]):
        if isinstance(node, ast.FunctionDef) and "Args:" in (text := ast.get_docstring(node)):
            arguments = node.args.args + node.args.kwonlyargs
            names = [a.arg for a in arguments if a.arg not in ("self", "cls")]
            missing = [given for given in names if f"\n    {given}: " not in text]
            assert not missing, f"{room}.{name} must explain {missing}"
