"""Constants that tests compare with, each with its source; none was taken from our own code."""

import math

# Sizes that cannot be confused: a batch holds 3 words with 4 positives and 20 negatives.
B, R, K, D, V = 3, 2, 5, 7, 11

# Windows of the document 0 ... 6 at R = 2, written out by hand from assignment section 1.2.
PAD = 99
WINDOWS_OF_SEVEN = {
    "drop": (
        [2, 3, 4],
        [[0, 1, 3, 4], [1, 2, 4, 5], [2, 3, 5, 6]],
    ),
    "shift": (
        [0, 1, 2, 3, 4, 5, 6],
        [
            [1, 2, 3, 4],
            [0, 2, 3, 4],
            [0, 1, 3, 4],
            [1, 2, 4, 5],
            [2, 3, 5, 6],
            [2, 3, 4, 6],
            [2, 3, 4, 5],
        ],
    ),
    "pad": (
        [0, 1, 2, 3, 4, 5, 6],
        [
            [PAD, PAD, 1, 2],
            [PAD, 0, 2, 3],
            [0, 1, 3, 4],
            [1, 2, 4, 5],
            [2, 3, 5, 6],
            [3, 4, 6, PAD],
            [4, 5, PAD, PAD],
        ],
    ),
}

# -log(1/2): what eq. (1) gives for every pair as long as c . w = 0.
LN2 = 0.6931471805599453

# -log(1 - sigma(1/2)) = log(1 + sqrt(e)). A common slip, -log sigma(1 - x), gives LN2 - 0.2191...
LOSS_OF_NEGATIVE_AT_HALF = math.log(1 + math.sqrt(math.e))  # 0.9740769841801067
SLIP_OF_NEGATIVE_AT_HALF = math.log(1 + 1 / math.sqrt(math.e))  # 0.4740769841801067

# Calling every pair negative is right K times in K + 1.
ALL_NEGATIVE_ACCURACY = {1: 1 / 2, 4: 0.8, 5: 0.8333333333333334}

# Counts that are fourth powers have whole numbers as their powers of 3/4 (Mikolov et al. 2013b).
FOURTH_POWERS = [1, 16, 0, 81]
FOURTH_POWERS_TO_THREE_QUARTERS = [1, 8, 0, 27]

# The 99.9 % quantile of the chi-square distribution with 10 degrees of freedom (any table of it):
# a right sampler over 11 ids stays below it for 999 of 1000 seeds.
CHI_SQUARE_10 = 29.588
