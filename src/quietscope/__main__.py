"""Lets ``python -m quietscope`` stand for ``quietscope``."""

from quietscope.cli import main

if __name__ == "__main__":
    main()
