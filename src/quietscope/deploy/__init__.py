"""Exported models at work; nothing here imports PyTorch before it must."""

from quietscope.deploy.card import Card, CardLatent, describe_card
from quietscope.deploy.formats import holds_model, is_exported, model_in, read_card
from quietscope.deploy.session import Session, open_session

__all__ = [
    "Card",
    "CardLatent",
    "Session",
    "describe_card",
    "holds_model",
    "is_exported",
    "model_in",
    "open_session",
    "read_card",
]
