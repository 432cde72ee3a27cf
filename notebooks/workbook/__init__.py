"""What the notebooks of this folder compute and draw: a folder an experiment."""
