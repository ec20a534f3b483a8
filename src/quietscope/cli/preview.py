"""What a plan will do, as a table or as JSON."""

from typing import TYPE_CHECKING

from quietscope.cli.options import PreviewOptions
from quietscope.cli.screen import Screen, rows_table

if TYPE_CHECKING:
    from quietscope.pipeline.plan import Plan


def show_plan(plan: "Plan", options: PreviewOptions, screen: Screen) -> None:
    """Say what a plan will do.

    Args:
        plan: The plan.
        options: Whether it is said as JSON.
        screen: Where it is said.

    Raises:
        QuietScopeError: If the plan could not be carried out.
    """
    from quietscope.pipeline.chunks.chunk_plan import ChunkPlan
    from quietscope.pipeline.plan import PredictPlan
    from quietscope.pipeline.plan_words import Description, describe
    from quietscope.pipeline.predict_words import PredictionDescription, describe_prediction

    found: Description | PredictionDescription
    with screen.listening() as events:
        if isinstance(plan, PredictPlan | ChunkPlan):
            found = describe_prediction(plan, events)
        else:
            found = describe(plan, events)
    if options.json:
        screen.show_json(found.values())
    else:
        screen.show(rows_table(found.rows(), "what would be done"))
