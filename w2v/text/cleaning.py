"""What the files did to a text, undone: it reads again as it was written.

Every text is cleaned once, where it enters, by the function of its corpus.
"""

import html
import re

# AG News lost the "&" of its HTML codes to a space: " #39;s" was "&#39;s". Only the codes that do
# occur are named, since " part;" or " real;" are words far more often than codes.
_LOST_AMPERSAND = re.compile(
    r"(?:^| )(?=(?:#x?[0-9a-fA-F]+|quot|amp|lt|gt|nbsp|hellip|[mn]dash|[lr][sd]quo"
    r"|[a-zA-Z](?:acute|grave|circ|uml|tilde|cedil));)"
)
_TREEBANK = {"-LRB-": "(", "-RRB-": ")", "-lrb-": "(", "-rrb-": ")"}
_TREEBANK |= {"``": '"', "''": '"', "`": "'", "\\/": "/", "\\*": "*"}
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def undo_word_tokens(line: str) -> str:
    """Undo what WikiText's word-tokenised files did to a line: unknown words, split numbers.

    Args:
        line: a line of a `.tokens` file.

    Returns:
        The line, with "[UNK]" for "<unk>" and whole numbers and compounds.

    Source: Merity et al. 2016 (WikiText).
    """
    for mark, text in ((" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), ("<unk>", "[UNK]")):
        line = line.replace(mark, text)
    return line


def clean_ag_news(text: str) -> str:
    """Give a news text back its characters: codes, tags and line breaks are undone.

    HTML codes become characters (also those that lost their "&" to a space), tags go, a backslash
    (which stands for a line break, or before a "$") becomes a space, and runs of spaces become one.

    Args:
        text: title and description as the file has them.

    Returns:
        The text as a reader would have seen it.

    Source: assignment section 4 (AG News).
    """
    text = html.unescape(html.unescape(_LOST_AMPERSAND.sub("&", text)))
    return " ".join(_TAG.sub(" ", text).replace("\\", " ").split())


def clean_review(text: str) -> str:
    """Take tags (`<br />` for the most part), codes and runs of spaces out of a film review.

    Args:
        text: the review as the file has it.

    Returns:
        The text as a reader would have seen it.

    Source: assignment section 4; Maas et al. 2011 (IMDB).
    """
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def clean_treebank(text: str) -> str:
    """Give a sentence of the treebank its brackets, quotes, slashes and stars back.

    Args:
        text: the words of a tree, or a sentence of the hub's, with a space between any two.

    Returns:
        The sentence: "-LRB-" is "(", "``" is '"'. Its words stay apart, as WikiText's do.

    Source: assignment section 4; Socher et al. 2013 (the Stanford Sentiment Treebank).
    """
    for mark, written in _TREEBANK.items():
        text = text.replace(mark, written)
    return " ".join(text.split())
