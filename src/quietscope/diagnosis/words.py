"""A diagnosis in sentences: for the command line, for the picture, and for the notes of a training run."""

from quietscope.diagnosis.advice import Advice, AxisDoubt
from quietscope.diagnosis.channel import Diagnosis
from quietscope.diagnosis.kind import NO_NOISE
from quietscope.diagnosis.traces import Trace

RAW = "take the raw file, if there is one, since noise models and methods expect what the camera gave"
_TRACES: dict[Trace, str] = {
    "smooth": "looks smoothed or interpolated: there is hardly any contrast from pixel to pixel, along x and y alike",
    "rounded": "looks smoothed or averaged: from pixel to pixel there is rounding and no noise",
    "blocks": "looks compressed with loss, as by JPEG: there are borders of blocks of 8 x 8 pixels",
    "doubled": "looks interpolated, to twice its size: every second pixel is a mean of its neighbours",
}


def verdict(diagnosis: Diagnosis) -> str:
    """Return the kind of noise and the reason for the advised method, in one sentence."""
    if diagnosis.is_clean:
        return f"hardly any noise, below {NO_NOISE:.0%} of the signal's deviation: there is nothing to denoise"
    return f"{diagnosis.kind}: {reason(diagnosis.advice)}"


def reason(advice: Advice) -> str:
    """Return why this method is advised, or what could not be decided."""
    if advice.kind == "none":
        return "no noise to speak of: there is nothing to denoise"
    if advice.kind == "not sure":
        return "; ".join(map(_doubt, advice.doubts))
    along_x, along_y = (round(value, 2) + 0.0 for value in (advice.neighbours_x, advice.neighbours_y))  # no minus zero
    values = f"lag-1 correlation {along_x:.2f} along x, {along_y:.2f} along y"
    if advice.direction != "none":
        return f"the noise is correlated along {advice.direction} alone ({values}){_far(advice)}"
    if advice.kind == "correlated both ways":
        return f"the noise is correlated along both axes ({values}){_far(advice)}"
    return f"the noise is independent from pixel to pixel ({values})"


def processing(diagnosis: Diagnosis) -> list[str]:
    """Return one line where the image was filtered, enlarged or compressed, and none where it was not."""
    return [] if diagnosis.trace is None else [f"{_TRACES[diagnosis.trace]}: {RAW}"]


def notes(diagnosis: Diagnosis) -> list[str]:
    """Return one line for what no denoiser can mend, so that the user has to act: processing, defective pixels."""
    defects = diagnosis.defects
    lines = processing(diagnosis)
    if defects.has_saturated:
        lines.append(
            f"{defects.saturated:.2%} of the pixels are saturated: their brightness is lost, and the result "
            "there is a guess; expose shorter next time"
        )
    if defects.has_hot:
        where = "" if defects.fixed is None else f", {defects.fixed:.0%} of them fixed in place"
        lines.append(
            f"{defects.num_hot} hot pixels were found in the sample ({defects.hot:.3%}{where}): "
            "replace them by the median of their neighbours, or subtract a dark frame, before denoising"
        )
    if diagnosis.advice.is_unending:
        lines.append(
            "Whole rows or columns are offset: a noise decoder sees 40 pixels of them at most, and levels that are "
            "closed less, so that faint stripes may be left in the result; subtracting from each row or column the "
            "median of its difference to its neighbours, before denoising, takes out what goes through all of it"
        )
    if defects.has_clipped_low:
        lines.append(f"{defects.clipped_low:.2%} of the pixels lie at the lower end of the scale")
    return lines


def _far(advice: Advice) -> str:
    """Return how far the noise is correlated, where that is further than a few pixels."""
    if advice.is_unending:
        lines = {"x": "rows", "y": "columns"}.get(advice.direction, "rows or columns")
        return f", without end: whole {lines} are offset"
    return f", over about {advice.reach} pixels" if advice.is_far else ""


def _doubt(doubt: AxisDoubt) -> str:
    if doubt.cause == "structure":
        return f"structure could feign the correlation along {doubt.axis}, {doubt.neighbours:.2f}: no place is flat"
    return f"the correlation along {doubt.axis}, {doubt.neighbours:.2f}, lies between independent and correlated"
