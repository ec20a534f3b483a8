"""How frames are cut into tiles and what is asked of each; nothing here imports PyTorch."""
