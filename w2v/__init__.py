"""Word2Vec from scratch in PyTorch, and an attention classifier that starts from its embeddings.

The names of the assignment, each from the room that holds it. A room is imported when one of
its names is first used, so that `import w2v` itself loads nothing.
"""

from importlib import import_module

_ROOMS = {
    "config": ["Word2VecConfig", "ClassifierConfig"],
    "text.sources": ["resolve_source"],
    "text.tokens": ["tokenize"],
    "text.labelled": ["load_csv", "load_labelled", "split_labelled"],
    "text.corpus": ["load_documents", "load_tokenizer", "preprocess", "vocabulary_identity"],
    "windows": ["extract_words_contexts", "flatten_dataset_to_list", "WindowDataset"],
    "text.vocabulary": ["NoiseDistribution", "Vocabulary"],
    "batches": ["collate_fn", "make_loader"],
    "model": ["Word2Vec", "sgns_loss"],
    "engines.objectives_of_the_model": ["softmax_loss"],
    "evaluation": ["evaluate_word2vec"],
    "files": ["CheckpointError"],
    "checkpoint": [
        "checkpoint_name",
        "load_model",
        "load_word2vec",
        "save_model",
    ],
    "training": ["History", "train_epochs", "train_word2vec"],
    "vectors.words": ["WordVectors"],
    "classify.attention": ["ClassAttentionModel", "attend"],
    "classify.convolution": ["ConvClassifier"],
    "classify.texts": ["collate_texts"],
    "classify.training": ["train_classifier"],
    "studies.comparison": [
        "compare_pretraining",
        "fastest_engine",
        "find_or_train",
        "learning_curves",
        "paired_gains",
        "pretrain",
        "summarise",
    ],
    "classify.scoring": ["format_scores", "load_classifier", "save_classifier", "score_texts"],
    "studies.plans": ["read_results"],
    "show.inspection": ["check_gradient", "describe_batch", "describe_neighbours", "show_source"],
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name == "plots":  # `from w2v import plots`: a module, loaded with matplotlib
        return import_module("w2v.show.plots")
    if name not in _HOME:
        raise AttributeError(f"module 'w2v' has no attribute {name!r}")
    return getattr(import_module(f"w2v.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
