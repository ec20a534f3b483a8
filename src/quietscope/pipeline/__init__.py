"""A run from start to end: a frozen plan, small steps, and events that say how it stands.

Command line, plugins and schedulers make a plan (`planning`), hand it to `run.run` with a listener (`events`), and show
what the listener is told. The steps stand in files of their own and can be called one by one.
"""
