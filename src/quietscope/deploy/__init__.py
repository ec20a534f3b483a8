"""Exported models at work; nothing here imports PyTorch before it must."""

from quietscope.deploy.card import Card, CardLatent, describe_card
from quietscope.deploy.formats import RUNTIMES, holds_model, is_exported, model_in, open_session, read_card
from quietscope.deploy.runtime import Runtime
from quietscope.deploy.session import Session

__all__ = [
    "RUNTIMES",
    "Card",
    "CardLatent",
    "Runtime",
    "Session",
    "describe_card",
    "holds_model",
    "is_exported",
    "model_in",
    "open_session",
    "read_card",
]
