"""The slow, obvious version of each computation: loops and Python floats.

Written from the text of the assignment, and closed forms of gradients in NumPy from that of CS224n.
Nothing here knows how w2v computes; nothing is fast.
"""

import math
from collections import Counter

import numpy as np


def windows(ids, radius, border, pad_id):
    """Every center word of one document with its 2R context words, place by place."""
    words, contexts = [], []
    for i in range(len(ids)):
        places = window_places(i, len(ids), radius, border)
        if places is not None:
            words.append(ids[i])
            contexts.append([ids[j] if 0 <= j < len(ids) else pad_id for j in places])
    return words, contexts


def window_places(i, n, radius, border):
    """The 2R places around place i of n; None where i is no center under this rule."""
    around = [i + step for step in range(-radius, radius + 1) if step != 0]
    if border == "pad":
        return around
    if border == "drop":
        return around if all(0 <= j < n for j in around) else None
    for push in range(n):  # the shortest push, to either side, that brings the window inside
        for first in (i - radius + push, i - radius - push):
            if first >= 0 and first + 2 * radius < n:
                return [j for j in range(first, first + 2 * radius + 1) if j != i]
    return None


def flatten(documents, radius, border, pad_id):
    """The windows of all documents, one document after the other."""
    words, contexts = [], []
    for ids in documents:
        more_words, more_contexts = windows(ids, radius, border, pad_id)
        words += more_words
        contexts += more_contexts
    return words, contexts


def dot(left, right):
    """The dot product of two lists of numbers."""
    return sum(a * b for a, b in zip(left, right, strict=True))


def sigmoid(x):
    """1 / (1 + e^-x), as section 1.2 has it."""
    return 1 / (1 + math.exp(-x))


def pair_loss(logit, positive):
    """Equation (1) for one pair."""
    return -math.log(sigmoid(logit)) if positive else -math.log(1 - sigmoid(logit))


def mean_loss(pairs):
    """Equation (1), averaged over pairs (logit, positive)."""
    return sum(pair_loss(logit, positive) for logit, positive in pairs) / len(pairs)


def labelled_pairs(word_ids, positive_ids, negative_ids):
    """All pairs (w, c, positive) of a batch, each once."""
    pairs = []
    for w, positives, negatives in zip(word_ids, positive_ids, negative_ids, strict=True):
        pairs += [(w, c, True) for c in positives] + [(w, c, False) for c in negatives]
    return pairs


def real_pairs(word_ids, positive_ids, negative_ids, ratio, pad_id):
    """The same without pads: a padded place goes, and so do the K negatives drawn for it."""
    pairs = []
    for w, positives, negatives in zip(word_ids, positive_ids, negative_ids, strict=True):
        for j, c in enumerate(positives):
            if c != pad_id:
                own_negatives = negatives[j * ratio : (j + 1) * ratio]
                pairs += [(w, c, True)] + [(w, n, False) for n in own_negatives]
    return pairs


def logits(center_table, context_table, pairs):
    """(c . w, positive) for each pair (w, c, positive)."""
    return [(dot(center_table[w], context_table[c]), positive) for w, c, positive in pairs]


def table_gradients(center_table, context_table, pairs):
    """Derivative of the mean loss by every number of both tables, one pair after the other."""
    n_words, dim = len(center_table), len(center_table[0])
    of_center = [[0.0] * dim for _ in range(n_words)]
    of_context = [[0.0] * dim for _ in range(n_words)]
    for w, c, positive in pairs:
        probability = sigmoid(dot(center_table[w], context_table[c]))
        slope = (probability - 1 if positive else probability) / len(pairs)
        for k in range(dim):
            of_center[w][k] += slope * context_table[c][k]
            of_context[c][k] += slope * center_table[w][k]
    return of_center, of_context


def naive_softmax_loss_and_gradient(center, outside, outside_vectors):
    """CS224n, eq. (2): -log P(outside | center), its gradients by v_c, (d,), and U, (V, d)."""
    scores = outside_vectors @ center
    expected = np.exp(scores - scores.max())
    expected /= expected.sum()
    loss = -np.log(expected[outside])
    expected[outside] -= 1  # now y-hat - y
    return loss, outside_vectors.T @ expected, np.outer(expected, center)


def negative_sampling_loss_and_gradient(center, outside, negatives, outside_vectors):
    """CS224n, eq. (11): the same of one positive and K negatives, of which some may be equal."""
    of_center, of_outside = np.zeros_like(center), np.zeros_like(outside_vectors)
    loss = 0.0
    for word, sign in [(outside, 1), *((word, -1) for word in negatives)]:
        probability = 1 / (1 + np.exp(-sign * (outside_vectors[word] @ center)))
        loss -= np.log(probability)
        of_center += sign * (probability - 1) * outside_vectors[word]
        of_outside[word] += sign * (probability - 1) * center  # as often as the word was drawn
    return loss, of_center, of_outside


def skipgram(center_id, outside_ids, center_vectors, outside_vectors, pair_loss_and_gradient):
    """CS224n, eq. (12): a window's sum of one of the two above, its gradients by V and by U."""
    loss, of_center, of_outside = 0.0, np.zeros_like(center_vectors), np.zeros_like(outside_vectors)
    for outside_id in outside_ids:
        part = pair_loss_and_gradient(center_vectors[center_id], outside_id, outside_vectors)
        loss += part[0]
        of_center[center_id] += part[1]
        of_outside += part[2]
    return loss, of_center, of_outside


def cbow(center_id, outside_ids, input_vectors, output_vectors, pair_loss_and_gradient):
    """The mean of the outside words' input vectors predicts the center word."""
    of_input = np.zeros_like(input_vectors)
    mean = sum(input_vectors[outside_id] for outside_id in outside_ids) / len(outside_ids)
    loss, of_mean, of_output = pair_loss_and_gradient(mean, center_id, output_vectors)
    for outside_id in outside_ids:
        of_input[outside_id] += of_mean / len(outside_ids)
    return loss, of_input, of_output


def sgd(loss_and_gradient, x, learning_rate, n_steps):
    """CS224n: x after so many steps down the gradient."""
    for _ in range(n_steps):
        x = x - learning_rate * loss_and_gradient(x)[1]
    return x


def adagrad_step(table, squares, gradient, learning_rate, epsilon=1e-10):
    """Duchi et al. 2011, in place: each number moves by its gradient over its own history."""
    for row, row_squares, row_gradient in zip(table, squares, gradient, strict=True):
        for k, slope in enumerate(row_gradient):
            row_squares[k] += slope**2
            row[k] -= learning_rate * slope / (math.sqrt(row_squares[k]) + epsilon)


def accuracy(pairs):
    """Share of pairs (logit, positive) whose logit lies on the right side of 0."""
    return sum((logit > 0) == positive for logit, positive in pairs) / len(pairs)


def balanced_accuracy(pairs):
    """Mean of the accuracy among the positives and that among the negatives."""
    positives = [pair for pair in pairs if pair[1]]
    negatives = [pair for pair in pairs if not pair[1]]
    return (accuracy(positives) + accuracy(negatives)) / 2


def auc(pairs):
    """Share of all (positive, negative) couples in the right order; a tie is half right."""
    right, n_couples = 0.0, 0
    for positive_logit, positive in pairs:
        for negative_logit, other in pairs:
            if positive and not other:
                n_couples += 1
                right += 1.0 if positive_logit > negative_logit else 0.0
                right += 0.5 if positive_logit == negative_logit else 0.0
    return right / n_couples


def noise_probabilities(counts, exponent):
    """count ** exponent over its sum; an id never seen has none."""
    weights = [count**exponent if count else 0.0 for count in counts]
    return [weight / sum(weights) for weight in weights]


def percentile(values, percent):
    """The number below which so many percent lie, on a straight line between two neighbours."""
    ordered = sorted(values)
    place = percent / 100 * (len(ordered) - 1)
    low, share = int(place), place % 1
    high = ordered[min(low + 1, len(ordered) - 1)]
    return ordered[low] + share * (high - ordered[low])


def keep_probability(count, counts, threshold, rule):
    """How likely an occurrence stays, by the text of each source; 1 for a word never seen."""
    if count == 0:
        return 1.0
    share = count / sum(counts)
    if rule == "paper":  # Mikolov et al. 2013b, eq. (5): it goes with 1 - sqrt(t / f)
        return 1 - max(0.0, 1 - math.sqrt(threshold / share))
    if rule == "percentile":  # Breslow: it goes with 1 - sqrt(t / (f + t))
        t = percentile([other / sum(counts) for other in counts if other], threshold)
        return 1 - (1 - math.sqrt(t / (share + t)))
    expected = threshold * sum(counts)  # word2vec.c, in counts
    return min(1.0, (math.sqrt(count / expected) + 1) * expected / count)


def frequency_logit(word, counts, ratio, noise_probability):
    """log odds that a pair with context c is positive, knowing c alone, by Bayes' rule."""
    likelihood = counts[word] / sum(counts)
    prior_odds = 1 / ratio
    if likelihood == 0:
        return -math.inf
    if noise_probability == 0:
        return math.inf
    return math.log(prior_odds * likelihood / noise_probability)


def chi_square(draws, probabilities):
    """Pearson's statistic of some draws; infinite once an impossible id was drawn."""
    found, n_draws, total = Counter(draws), len(draws), 0.0
    for word, probability in enumerate(probabilities):
        if probability > 0:
            total += (found.pop(word, 0) - n_draws * probability) ** 2 / (n_draws * probability)
    return math.inf if found else total


def cosine(left, right):
    """The cosine between two vectors; 0 where one of them has no direction."""
    lengths = math.sqrt(dot(left, left)) * math.sqrt(dot(right, right))
    return dot(left, right) / lengths if lengths else 0.0


def unit(vector):
    """The vector at length 1; a zero vector stays as it is."""
    length = math.sqrt(dot(vector, vector))
    return [x / length for x in vector] if length else list(vector)


def nearest(vectors, positive, negative, topn):
    """(word, cosine) of the words nearest to a signed sum of unit vectors, given words left out."""
    query = [0.0] * len(next(iter(vectors.values())))
    for sign, words in ((1, positive), (-1, negative)):
        for word in words:
            query = [q + sign * x for q, x in zip(query, unit(vectors[word]), strict=True)]
    others = [word for word in vectors if word not in {*positive, *negative}]
    ranked = sorted(others, key=lambda word: -cosine(query, vectors[word]))
    return [(word, cosine(query, vectors[word])) for word in ranked[:topn]]


def least_alike(vectors, words):
    """The word with the lowest cosine to the mean of the unit vectors; ties by the alphabet."""
    units = [unit(vectors[word]) for word in words]
    mean = [sum(column) / len(words) for column in zip(*units, strict=True)]
    return min((cosine(mean, vectors[word]), word) for word in words)[1]


def correlation(left, right):
    """Pearson's r from its definition."""
    left_mean, right_mean = sum(left) / len(left), sum(right) / len(right)
    left, right = [x - left_mean for x in left], [y - right_mean for y in right]
    return dot(left, right) / math.sqrt(dot(left, left) * dot(right, right))


def ranks(values):
    """1 for the smallest; equal values share the mean of the ranks that they take up."""
    return [
        1 + sum(other < value for other in values) + (values.count(value) - 1) / 2
        for value in values
    ]


def folded(vectors, restrict_vocab, case_insensitive):
    """The first words in upper case, the first of equal ones; or the words as they are."""
    found = {}
    for word in list(vectors)[:restrict_vocab]:
        found.setdefault(word.upper() if case_insensitive else word, vectors[word])
    return found


def word_pairs(vectors, pairs, restrict_vocab, case_insensitive, dummy4unknown):
    """Pearson, Spearman and the percentage of pairs (word, other, number) not known."""
    known = folded(vectors, restrict_vocab, case_insensitive)
    judged, cosines, n_unknown = [], [], 0
    for *words, number in pairs:
        left, right = [word.upper() if case_insensitive else word for word in words]
        if left in known and right in known:
            judged.append(number)
            cosines.append(cosine(known[left], known[right]))
        else:
            n_unknown += 1
            judged += [number] if dummy4unknown else []
            cosines += [0.0] if dummy4unknown else []
    spearman = correlation(ranks(judged), ranks(cosines))
    return correlation(judged, cosines), spearman, 100 * n_unknown / len(pairs)


def word_analogies(vectors, questions, restrict_vocab, case_insensitive, dummy4unknown):
    """The questions answered right and wrong: a is to b as c is to the word nearest b - a + c."""
    known = folded(vectors, restrict_vocab, case_insensitive)
    right, wrong = [], []
    for question in questions:
        words = tuple(word.upper() if case_insensitive else word for word in question)
        if all(word in known for word in words):
            *given, wanted = words
            a, b, c = (unit(known[word]) for word in given)
            query = [y - x + z for x, y, z in zip(a, b, c, strict=True)]
            others = {}  # the answer is any row of a name that is not given
            for word in list(vectors)[:restrict_vocab]:
                name = word.upper() if case_insensitive else word
                if name not in given:
                    others.setdefault(cosine(query, vectors[word]), name)
            (right if others[max(others)] == wanted else wrong).append(words)
        elif dummy4unknown:
            wrong.append(words)
    return right, wrong
