"""The classifiers, their batches, their training and their scores (section 4)."""
