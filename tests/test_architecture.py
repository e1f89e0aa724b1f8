"""What our sources must look like, read from their text: imports, docstrings, forbidden forms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "w2v"

# The modules from bottom to top. A module imports only from modules that are named before it.
ORDER = """
checks engines config archive files threads
text text.builtin text.cleaning text.tables text.catalogue text.sources text.tokens
text.labelled text.corpus text.vocabulary
windows batches model checkpoint
engines.objectives engines.thinning evaluation
engines.lanes engines.hogwild engines.blocks engines.distributed
training
vectors vectors.formats vectors.words
pretraining
classify classify.texts classify.attention classify.convolution classify.scoring classify.training
studies studies.statistics studies.grid studies.comparison studies.systems studies.plans
show show.plots show.inspection
__main__
""".split()
PLACE = {module: place for place, module in enumerate(ORDER)}

# Libraries that open connections, or cost seconds to import, and the modules that may name them.
NETWORK = {"datasets", "huggingface_hub", "http", "requests", "socket", "ssl", "transformers"}
NETWORK |= {"aiohttp", "httpx", "urllib", "urllib3"}
HEAVY = NETWORK & {"datasets", "huggingface_hub", "transformers"} | {"numba", "tokenizers"}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


class AtRunTime(ast.NodeTransformer):
    """Leaves out what only type checkers read."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return node.orelse
        return self.generic_visit(node)


TREES = {
    name_of(path): AtRunTime().visit(ast.parse(path.read_text("utf-8")))
    for path in PACKAGE.rglob("*.py")
}
MODULES = sorted(set(TREES) - {"__init__"})


@pytest.fixture(params=MODULES)
def module(request) -> str:
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


def arguments(node: ast.AST) -> list[ast.arg]:
    """The arguments of a function, or of a class that has an __init__; not self and cls."""
    if isinstance(node, ast.ClassDef):
        made = [part for part in node.body if getattr(part, "name", "") == "__init__"]
        return arguments(made[0]) if made else []
    given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
    given += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
    return [argument for argument in given if argument.arg not in ("self", "cls")]


def public_interface(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Public functions and classes of a module, and public methods of those classes."""
    for node in public(tree.body):
        yield node.name, node
        if isinstance(node, ast.ClassDef):
            for method in public(node.body):
                yield f"{node.name}.{method.name}", method


# Imports


def test_every_module_has_its_place_in_the_order():
    assert len(PLACE) == len(ORDER), "a module is listed twice"
    assert not sorted(set(MODULES) - set(PLACE))


def test_imports_point_down_only(module):
    ours = {name.removeprefix("w2v.") for name in imported(TREES[module]) if name != "w2v"}
    for other in ours & set(PLACE):
        assert PLACE[other] < PLACE[module], f"{module} must not import {other}"


def test_modules_name_the_module_they_import_from(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}, line {node.lineno}: a relative import"
            if node.module == "w2v":  # the package's own names would hide which module is meant
                assert all(alias.name in TREES for alias in node.names), f"line {node.lineno}"
        if isinstance(node, ast.Import) and module != "__main__":  # the command is a user
            assert "w2v" not in [alias.name for alias in node.names], f"line {node.lineno}"


def test_plots_know_nothing_of_models():
    assert "torch" not in libraries(TREES["show.plots"])
    own = {name for name in imported(TREES["show.plots"]) if name.startswith("w2v")}
    assert own == {"w2v.checks"}


def test_models_know_nothing_of_datasets():
    found = set(imported(TREES["model"])) & {f"w2v.{module}" for module in MODULES}
    assert found == {"w2v.checks"}


def test_only_the_sources_may_reach_the_network(module):
    allowed = {
        "text.sources": NETWORK,
        **dict.fromkeys(("text.tokens", "text.labelled"), {"datasets"}),  # tables, made in memory
        "text.corpus": {"datasets", "transformers"},  # from_pretrained, where the hub is talked to
        "text.builtin": {"transformers"},  # its tokenizer is made in memory
        "text.vocabulary": {"transformers"},  # so is this one
        "__main__": {"datasets", "transformers"},  # HfArgumentParser; both before a command begins
    }
    assert libraries(TREES[module]) & NETWORK <= allowed.get(module, set())


def test_slow_libraries_are_imported_where_they_are_used(module):
    at_once = {
        "show.plots": {"matplotlib"},
        "engines.hogwild": {"numba"},  # both are loaded when that engine is chosen
        "engines.lanes": {"numba"},
    }
    slow = HEAVY | {"matplotlib", "IPython", "scipy", "sklearn"}
    assert imported_when_loaded(TREES[module]) & slow <= at_once.get(module, set())


# Forbidden forms


def test_assert_is_for_tests_only(module):
    lines = [node.lineno for node in ast.walk(TREES[module]) if isinstance(node, ast.Assert)]
    assert not lines, f"{module}: assert in lines {lines}"


def test_squeeze_always_names_its_axis(module):
    for name, call in calls(TREES[module]):
        if name.split(".")[-1] in ("squeeze", "squeeze_"):
            n_wanted = 2 if name in ("torch.squeeze", "np.squeeze", "numpy.squeeze") else 1
            n_given = len(call.args) + len(call.keywords)
            assert n_given >= n_wanted, f"{module}, line {call.lineno}: {ast.unparse(call)}"


def test_no_module_seeds_a_global_generator(module):
    forbidden = {"torch.manual_seed", "torch.random.manual_seed", "random.seed", "np.random.seed"}
    assert not forbidden & {name for name, _ in calls(TREES[module])}


def test_files_are_loaded_without_trust(module):
    for name, call in calls(TREES[module]):
        assert name not in ("pickle.load", "pickle.loads", "eval", "exec")
        if name == "torch.load":
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert given.get("weights_only") == "True", f"{module}, line {call.lineno}"


def test_the_loss_is_taken_from_logits(module):
    for name, call in calls(TREES[module]):
        if name.split(".")[-1] == "log":
            assert "sigmoid" not in ast.unparse(call), f"{module}, line {call.lineno}"


def test_no_module_imports_a_private_name_of_another(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("w2v"):
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            assert not private, f"{module}, line {node.lineno}: {private}"


def test_no_private_operator_of_torch(module):
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Attribute):
            private = re.fullmatch(r"(torch|nn|F)\.(.+\.)?_\w+", ast.unparse(node))
            assert not private, f"{module}, line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("module", ["model", "classify.attention"])
def test_the_models_are_plain_pytorch(module):
    assert "numpy" not in libraries(TREES[module])
    assert "autograd.Function" not in ast.unparse(TREES[module])


# Docstrings and annotations. A property reads as an attribute, and the command's options explain
# themselves by their help: one line is enough for both.


def test_every_module_says_what_it_holds(module):
    assert ast.get_docstring(TREES[module])


def test_whatever_is_public_has_a_docstring(module):
    for name, node in public_interface(TREES[module]):
        text = ast.get_docstring(node) or ""
        assert text, f"{module}.{name} must have a docstring"
        assert text.partition("\n")[0].endswith("."), f"{module}.{name}: first line, full stop"


def stated_once(text: str) -> str:
    """A docstring whose first line ends in "see `X`.", with the docstrings of X and its methods."""
    other = re.search(r"; see `(\w+)`\.$", text.partition("\n")[0])
    texts = [
        ast.get_docstring(node) or ""
        for tree in TREES.values()
        for name, node in public_interface(tree)
        if other and other[1] in name.split(".")
    ]
    assert texts or not other, f"{other[1]} must be public"
    return "\n".join([text, *texts])


def test_docstrings_name_every_argument(module):
    for name, node in public_interface(TREES[module]):
        text = ast.get_docstring(node) or ""
        known = stated_once(text)
        missing = [
            a.arg
            for a in arguments(node)
            if not re.search(rf"\n    (\w+, )*{a.arg}(, \w+)*: ", known)
        ]
        assert not missing, f"{module}.{name} must explain {missing} under Args:"
        assert not arguments(node) or "\nArgs:\n" in known, f"{module}.{name} must have Args:"


def test_a_source_is_a_source(module):
    for name, node in public_interface(TREES[module]):
        for source in re.findall(r"^Source: (.*)", ast.get_docstring(node) or "", re.MULTILINE):
            ours = re.match(r"as |our |the package|the module|specification of", source)
            assert not ours, f"{module}.{name}: no source is {source!r}"


def test_whatever_is_public_is_annotated(module):
    for name, node in public_interface(TREES[module]):
        bare = [a.arg for a in arguments(node) if a.annotation is None]
        assert not bare, f"{module}.{name} must annotate {bare}"
        returns = not isinstance(node, ast.FunctionDef) or node.returns
        assert returns, f"{module}.{name} must annotate what it returns"
