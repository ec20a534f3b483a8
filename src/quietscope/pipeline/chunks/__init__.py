"""Prediction of one image by chunks: in any number of processes, on any number of machines, and on from a crash."""
