"""Clean texts: undo what the files of a corpus changed in them.

A text is cleaned once, when it is loaded, by the function of its corpus.
"""

import html
import re

# AG News has a space where the "&" of an HTML code was: " #39;s" was "&#39;s". Only the codes that
# occur there are listed: " part;" and " real;" are nearly always words and not codes.
_LOST_AMPERSAND = re.compile(
    r"(?:^| )(?=(?:#x?[0-9a-fA-F]+|quot|amp|lt|gt|nbsp|hellip|[mn]dash|[lr][sd]quo"
    r"|[a-zA-Z](?:acute|grave|circ|uml|tilde|cedil));)"
)
_TREEBANK = {"-LRB-": "(", "-RRB-": ")", "-lrb-": "(", "-rrb-": ")"}
_TREEBANK |= {"``": '"', "''": '"', "`": "'", "\\/": "/", "\\*": "*"}
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def undo_word_tokens(line: str) -> str:
    """Join the numbers and compounds that WikiText's `.tokens` files split; mark unknown words.

    Args:
        line: a line of a `.tokens` file.

    Returns:
        The line with whole numbers and compounds, and "[UNK]" for "<unk>".

    Source: Merity et al. 2016 (WikiText).
    """
    for mark, text in ((" @-@ ", "-"), (" @,@ ", ","), (" @.@ ", "."), ("<unk>", "[UNK]")):
        line = line.replace(mark, text)
    return line


def clean_ag_news(text: str) -> str:
    """Replace the HTML codes of a news text by characters; remove tags and backslashes.

    Some codes have a space instead of their "&". In these files a backslash stands for a line
    break, or before a "$"; it becomes a space. Several spaces become one.

    Args:
        text: title and description as the file has them.

    Returns:
        The text as a reader of the news saw it.

    Source: assignment section 4 (AG News).
    """
    text = html.unescape(html.unescape(_LOST_AMPERSAND.sub("&", text)))
    return " ".join(_TAG.sub(" ", text).replace("\\", " ").split())


def clean_review(text: str) -> str:
    """Remove the tags of a film review (most are `<br />`), its HTML codes and repeated spaces.

    Args:
        text: the review as the file has it.

    Returns:
        The text as a reader of the review saw it.

    Source: Maas et al. 2011 (IMDB).
    """
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def clean_treebank(text: str) -> str:
    """Restore the brackets, quotes, slashes and stars of a sentence of the treebank.

    Args:
        text: the words of a tree, or a sentence of the hub, with a space between two words.

    Returns:
        The sentence: "-LRB-" becomes "(", "``" becomes '"'. The spaces between the words stay.

    Source: Socher et al. 2013 (the Stanford Sentiment Treebank).
    """
    for mark, written in _TREEBANK.items():
        text = text.replace(mark, written)
    return " ".join(text.split())
