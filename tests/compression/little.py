"""Compression that judges, calibrates and times little: a few small boxes, images of 64 x 64, one run of each model."""

import pytest

from quietscope.compression import bench, calibration, gate, stopwatch


def judge_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make it so for the length of a test."""
    monkeypatch.setattr(gate, "NUM_JUDGED", 2)
    monkeypatch.setattr(gate, "SIDE", 32)
    monkeypatch.setattr(gate, "NUM_SAMPLES", 3)
    monkeypatch.setattr(calibration, "NUM_PATCHES", 2)
    monkeypatch.setattr(calibration, "SIDE", 32)
    monkeypatch.setattr(bench, "SIDE", 64)
    monkeypatch.setattr(stopwatch, "SECONDS", 0.0)
