"""What is kept after training: words, their vectors, and the files that hold them."""
