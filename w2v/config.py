"""The settings of an experiment: one frozen dataclass each, checked when it is made."""

import re
from dataclasses import dataclass, field

from w2v.checks import (
    check_choice,
    check_positive,
    check_positive_int,
    check_seed,
    check_share,
    check_switch,
    shown,
)
from w2v.engines import ENGINES, OBJECTIVES

BORDERS = ("drop", "shift", "pad")
SUBSAMPLE_RULES = ("word2vec.c", "paper", "percentile")
LOWEST_RATE = 1e-4  # share of the learning rate that is left at the very end, as in word2vec.c


def noise_exponent(noise: str) -> float:
    """Read the exponent out of the name of a noise distribution.

    Args:
        noise: "uniform", or "unigram^a" with a number a of 0 or more.

    Returns:
        0.0 for "uniform" (the assignment's), a for "unigram^a".

    Raises:
        ValueError: any other name.

    Source: assignment Q3.6; Mikolov et al. 2013b, section 2.2.
    """
    found = re.fullmatch(r"uniform|unigram\^(\d+\.?\d*)", str(noise))
    if not found:
        raise ValueError(f'noise must be "uniform" or "unigram^0.75", got {shown(noise)}')
    return float(found[1] or 0)


@dataclass(frozen=True, kw_only=True)
class Word2VecConfig:
    """Hold every setting of one Word2Vec training.

    The five values that name a checkpoint have no default, so that no file is named by accident.

    Args:
        dim: d, the length of a word's vector.
        radius: R, the context words taken on each side of a center word.
        ratio: K, the negative contexts drawn for each positive one.
        batch_size: B, the center words of a step.
        epochs: E, the passes over the training set.
        learning_rate: the step size of the engine's optimiser.
        decay: the learning rate falls in a straight line to zero over all epochs.
        seed: of the tables, the order of the windows and the negatives.
        border: what happens where a document ends: "drop", "shift" or "pad".
        noise: where negatives come from: "uniform" or "unigram^0.75".
        engine: "loader", the assignment's own path, or another name in `engines.ENGINES`.
        shared_negatives: neighbouring words share their negatives (not for the loader).
        dynamic_window: draw the radius of each window from 1 ... R, at each epoch.
        subsample: leave out words above this share of the text at random, at each epoch; 0 keeps
            all.
        subsample_rule: how many of them stay: "word2vec.c", "paper" or "percentile" (`subsample`
            is then a percentile), as `engines.thinning.keep_probabilities` has them.
        objective: "sgns", the assignment's; or, with the loader alone, another name in
            `engines.OBJECTIVES`.
        max_norm: after each step of the loader no row is longer than this; 0 leaves them.

    Raises:
        TypeError: a value of another type.
        ValueError: a value out of range; the message names it.

    Source: assignment section 1.2, Q3.2, Q3.6, Q3.10 and Q3.12.
    """

    dim: int = field(metadata={"help": "d, the length of a word's vector"})
    radius: int = field(metadata={"help": "R, the context words on each side"})
    ratio: int = field(metadata={"help": "K, the negative contexts for each positive one"})
    batch_size: int = field(metadata={"help": "B, the center words of a step"})
    epochs: int = field(metadata={"help": "E, the passes over the training set"})
    learning_rate: float = field(default=0.05, metadata={"help": "the step size"})
    decay: bool = field(default=False, metadata={"help": "the step size falls to zero"})
    seed: int = field(default=0, metadata={"help": "random seed"})
    border: str = field(default="drop", metadata={"help": ", ".join(BORDERS)})
    noise: str = field(default="uniform", metadata={"help": "uniform or unigram^0.75"})
    engine: str = field(default="loader", metadata={"help": ", ".join(ENGINES)})
    shared_negatives: bool = field(default=False, metadata={"help": "not for the loader"})
    dynamic_window: bool = field(default=False, metadata={"help": "draw each window's radius"})
    subsample: float = field(default=0.0, metadata={"help": "share of the text; 0 keeps all"})
    subsample_rule: str = field(default="word2vec.c", metadata={"help": ", ".join(SUBSAMPLE_RULES)})
    objective: str = field(default="sgns", metadata={"help": ", ".join(OBJECTIVES)})
    max_norm: float = field(default=0.0, metadata={"help": "maximum length of a row; 0: no limit"})

    def __post_init__(self) -> None:
        for name in ("dim", "radius", "ratio", "batch_size", "epochs"):
            object.__setattr__(self, name, check_positive_int(name, getattr(self, name)))
        object.__setattr__(
            self, "learning_rate", check_positive("learning_rate", self.learning_rate)
        )
        object.__setattr__(self, "seed", check_seed(self.seed))
        check_choice("border", self.border, BORDERS)
        noise_exponent(self.noise)
        check_choice("engine", self.engine, ENGINES)
        for name in ("decay", "shared_negatives", "dynamic_window"):
            check_switch(name, getattr(self, name))
        for name in ("subsample", "max_norm"):
            if type(getattr(self, name)) not in (int, float) or getattr(self, name) != 0:
                object.__setattr__(self, name, check_positive(name, getattr(self, name)))
        if self.dynamic_window and self.radius > 255:  # drawn radii take a byte each
            raise ValueError(f"radius must be at most 255 if it is drawn, got {self.radius}")
        check_choice("subsample_rule", self.subsample_rule, SUBSAMPLE_RULES)
        if self.subsample_rule == "percentile" and self.subsample > 100:
            raise ValueError(f"subsample must be a percentile up to 100, got {self.subsample!r}")
        check_choice("objective", self.objective, OBJECTIVES)
        if self.engine == "loader" and self.shared_negatives:
            others = " or ".join(repr(name) for name in ENGINES if name != "loader")
            raise ValueError(
                f"shared_negatives must be off for engine 'loader', got True; take engine={others}"
            )
        for name, alone in (("objective", "sgns"), ("max_norm", 0)):
            if self.engine != "loader" and getattr(self, name) != alone:
                raise ValueError(
                    f"{name} must be {alone!r} for engine {self.engine!r}, "
                    f"got {getattr(self, name)!r}; take engine='loader'"
                )


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig:
    """Hold every setting of one classifier training.

    Args:
        batch_size: the texts of a step.
        epochs: the passes over the training texts.
        learning_rate: Adam's step size.
        seed: of the classifier's own layers and the order of the texts.
        decay: let the step size fall in a straight line to 0 at the last step.
        freeze: keep the embedding table fixed.
        table_rate: the embedding table's share of the learning rate.
        attention_rate: the share of q, k, v and the class embeddings.
        word_dropout: probability that a token of a training text is hidden, at each epoch.

    Raises:
        TypeError: a value of another type.
        ValueError: a value out of range; the message names it.

    Source: assignment Q4.2.
    """

    batch_size: int = field(metadata={"help": "the texts of a step"})
    epochs: int = field(metadata={"help": "the passes over the training texts"})
    learning_rate: float = field(default=3e-3, metadata={"help": "Adam's step size"})
    seed: int = field(
        default=0, metadata={"help": "random seed of the layers and the order of texts"}
    )
    decay: bool = field(default=False, metadata={"help": "let the step size fall to 0"})
    freeze: bool = field(default=False, metadata={"help": "keep the embedding table fixed"})
    table_rate: float = field(default=1.0, metadata={"help": "embeddings: share of the rate"})
    attention_rate: float = field(
        default=1.0, metadata={"help": "q, k, v and class embeddings: share of the rate"}
    )
    word_dropout: float = field(default=0.0, metadata={"help": "share of tokens hidden"})

    def __post_init__(self) -> None:
        for name in ("batch_size", "epochs"):
            object.__setattr__(self, name, check_positive_int(name, getattr(self, name)))
        for name in ("learning_rate", "table_rate", "attention_rate"):
            object.__setattr__(self, name, check_positive(name, getattr(self, name)))
        object.__setattr__(self, "seed", check_seed(self.seed))
        for name in ("decay", "freeze"):
            check_switch(name, getattr(self, name))
        share = check_share("word_dropout", self.word_dropout)
        object.__setattr__(self, "word_dropout", share)


def learning_rate_at(config: Word2VecConfig, epoch: int, done: float) -> float:
    """Give the learning rate at one point of a training.

    Args:
        config: gives the rate, whether it falls, and E.
        epoch: counted from 1.
        done: share of this epoch that lies behind, in [0, 1].

    Returns:
        The rate of the config, or what is left of it on a straight line to zero.

    Source: Mikolov et al. 2013a, section 4.2, with the same lower bound as word2vec.c.
    """
    if not config.decay:
        return config.learning_rate
    return config.learning_rate * max(LOWEST_RATE, 1 - (epoch - 1 + done) / config.epochs)
