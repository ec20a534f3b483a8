"""What the numbers of a training are called: in files, and in words for a person; no PyTorch."""

from collections.abc import Mapping

FALL_AT_THE_END = "fall_of_the_loss_at_the_end"
"""What the numbers of a run call it, in the model file too."""

ENDED_EARLY_AT = "ended_early_at"
"""What they call the share of its budget, 0 to 1, at which somebody ended a run; absent where nobody did."""

_WORDS = {
    "rollbacks": "returns to an earlier state",
    "restarts": "fresh starts",
    "skipped_steps": "broken steps",
    FALL_AT_THE_END: "fall of the loss at the end",
    ENDED_EARLY_AT: "ended early at this share of its budget",
}
"""Those whose names do not say it."""


def training_rows(numbers: Mapping[str, object]) -> dict[str, str]:
    """Return the numbers of a training in words, name by name, for a table; of exported and other models alike.

    Args:
        numbers: The numbers by their names in files.

    Returns:
        Their words.
    """
    return {
        _WORDS.get(name, name.replace("_", " ")): f"{value:g}" if isinstance(value, int | float) else str(value)
        for name, value in numbers.items()
    }
