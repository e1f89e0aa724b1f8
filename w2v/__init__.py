"""Word2Vec from scratch in PyTorch, and an attention classifier that starts from its embeddings.

`import w2v` itself loads no module: a name's module is imported when the name is first used.
"""

import ast
import inspect
import sys
from importlib import import_module, metadata
from typing import TYPE_CHECKING

try:
    __version__ = metadata.version("w2v")  # the number in pyproject.toml
except metadata.PackageNotFoundError:  # run from a source tree, without pip install
    __version__ = "0+unknown"

# Every public name, once. Editors and type checkers read these imports; `as` marks a public name.
if TYPE_CHECKING:
    from w2v.batches import NoiseDistribution as NoiseDistribution
    from w2v.batches import collate_fn as collate_fn
    from w2v.batches import make_loader as make_loader
    from w2v.checkpoint import checkpoint_name as checkpoint_name
    from w2v.checkpoint import load_model as load_model
    from w2v.checkpoint import load_word2vec as load_word2vec
    from w2v.checkpoint import save_model as save_model
    from w2v.classify.attention import ClassAttentionModel as ClassAttentionModel
    from w2v.classify.attention import attend as attend
    from w2v.classify.convolution import ConvClassifier as ConvClassifier
    from w2v.classify.scoring import classifier_words as classifier_words
    from w2v.classify.scoring import format_scores as format_scores
    from w2v.classify.scoring import load_classifier as load_classifier
    from w2v.classify.scoring import predict_texts as predict_texts
    from w2v.classify.scoring import save_classifier as save_classifier
    from w2v.classify.scoring import score_texts as score_texts
    from w2v.classify.texts import collate_texts as collate_texts
    from w2v.classify.training import train_classifier as train_classifier
    from w2v.config import ClassifierConfig as ClassifierConfig
    from w2v.config import Word2VecConfig as Word2VecConfig
    from w2v.engines.objectives import softmax_loss as softmax_loss
    from w2v.evaluation import evaluate_word2vec as evaluate_word2vec
    from w2v.files import CheckpointError as CheckpointError
    from w2v.model import Word2Vec as Word2Vec
    from w2v.model import sgns_loss as sgns_loss
    from w2v.pretraining import fastest_engine as fastest_engine
    from w2v.pretraining import find_or_train as find_or_train
    from w2v.pretraining import pretrain as pretrain
    from w2v.pretraining import pretrain_on_texts as pretrain_on_texts
    from w2v.pretraining import train_on_texts as train_on_texts
    from w2v.show import plots as plots
    from w2v.show.inspection import check_gradient as check_gradient
    from w2v.show.inspection import describe_batch as describe_batch
    from w2v.show.inspection import describe_neighbours as describe_neighbours
    from w2v.show.inspection import show_source as show_source
    from w2v.studies.comparison import compare_pretraining as compare_pretraining
    from w2v.studies.comparison import learning_curves as learning_curves
    from w2v.studies.plans import read_results as read_results
    from w2v.studies.statistics import paired_differences as paired_differences
    from w2v.studies.statistics import summarise as summarise
    from w2v.text.corpus import load_documents as load_documents
    from w2v.text.corpus import load_texts as load_texts
    from w2v.text.corpus import load_tokenizer as load_tokenizer
    from w2v.text.corpus import preprocess as preprocess
    from w2v.text.corpus import vocabulary_identity as vocabulary_identity
    from w2v.text.labelled import load_csv as load_csv
    from w2v.text.labelled import load_frame as load_frame
    from w2v.text.labelled import load_labelled as load_labelled
    from w2v.text.labelled import split_labelled as split_labelled
    from w2v.text.sources import resolve_source as resolve_source
    from w2v.text.tokens import tokenize as tokenize
    from w2v.text.vocabulary import Vocabulary as Vocabulary
    from w2v.training import History as History
    from w2v.training import train_epochs as train_epochs
    from w2v.training import train_word2vec as train_word2vec
    from w2v.vectors.words import WordVectors as WordVectors
    from w2v.windows import WindowDataset as WindowDataset
    from w2v.windows import extract_words_contexts as extract_words_contexts
    from w2v.windows import flatten_dataset_to_list as flatten_dataset_to_list
else:
    # At run time none of these lines is executed: they are read, to know each name's module.
    _MODULE_OF = {
        alias.asname: node.module
        for node in ast.walk(ast.parse(inspect.getsource(sys.modules[__name__])))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    __all__ = sorted(_MODULE_OF.keys() - {"plots"})  # `import *` leaves matplotlib alone

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'w2v' has no attribute {name!r}")
        if name == "plots":
            return import_module("w2v.show.plots")
        return getattr(import_module(_MODULE_OF[name]), name)

    def __dir__() -> list[str]:
        return __all__
