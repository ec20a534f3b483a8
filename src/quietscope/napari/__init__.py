"""QuietScope in a window: a plugin of napari over the same pipeline as the command line, in four steps.

`napari.yaml` is its manifest. Look, Learn, Denoise and Doubt have a file each (``*_step.py``); what they do away from
the window, in a thread of its own, stands beside them (``*_work.py``).
"""
