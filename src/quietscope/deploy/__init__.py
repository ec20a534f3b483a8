"""Exported models at work; nothing here imports PyTorch before it must."""
