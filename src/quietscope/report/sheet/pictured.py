"""The pictures of the report: the first image before and after, its samples, deviation, and what was removed."""

from quietscope.report.sheet.markup import figure, folded, levels_of, paragraph, section, table, text
from quietscope.report.sheet.plotted import squares
from quietscope.report.sheet.run_record import Picture, RunRecord, ShownChannel

LARGEST_PIXEL = 3.0
"""Pixels of a screen, along a side, that a pixel of a picture takes at most."""

_MIDDLE = "Of further channels the middle is shown, at most {} pixels wide."


def before_and_after(record: RunRecord) -> str:
    """Return the noisy image beside the denoised one, with what slides from one to the other, channel by channel."""
    if not record.channels:
        return ""
    words = [_of_part(record), "Noisy and denoised image have one contrast, that of the noisy one."]
    words += [_MIDDLE.format(record.channels[1].noisy.width)] if len(record.channels) > 1 else []
    each = [_pair(record, number, channel) for number, channel in enumerate(record.channels)]
    return section("before-after", "Before and after", paragraph(" ".join(words)), *each)


def samples(record: RunRecord) -> str:
    """Return the samples of the first image, which flicker where they differ."""
    shown = [channel for channel in record.channels if channel.samples]
    if not shown:
        return ""
    first = shown[0]
    about = (
        "Each sample is an image that could have given the noisy one. What stays still from one to the next is "
        "certain; what flickers is not."
    )
    if first.samples[0].width < first.noisy.width or first.samples[0].height < first.noisy.height:
        about += f" The middle of what is shown above, at most {first.samples[0].width} pixels wide."
    each = (_flicker(record, number, channel) for number, channel in enumerate(shown))
    return section("samples", "Samples", paragraph(about), f'<div class="figures whole">{"".join(each)}</div>')


def judged(record: RunRecord) -> str:
    """Return the deviation and the residual of the first image, and the autocorrelation of that."""
    if not record.channels:
        return ""
    about = (
        "The residual is the noisy image minus the denoised one. It should look like noise: where structure is seen in "
        "it, the result lacks that. Its autocorrelation is that of the noise; noise that is independent from pixel to "
        "pixel gives values about 0."
    )
    return section(
        "residual", "Deviation and residual", paragraph(about), *(_judged(record, c) for c in record.channels)
    )


def _of_part(record: RunRecord) -> str:
    file = record.images[0].name if record.images else "the first image"
    return f"{file}{f' ({record.part})' if record.part else ''}."


def _named(record: RunRecord, channel: ShownChannel) -> str:
    """Return the heading of a channel, where there are several."""
    return f"<h3>{text(channel.name)}</h3>" if len(record.channels) > 1 else ""


def _pair(record: RunRecord, number: int, channel: ShownChannel) -> str:
    name, size = f"pair-{number}", record.pixel_size_um
    file = _of_part(record)
    both = figure(channel.noisy, "noisy", f"noisy image, {channel.name}: {file}", size, levels=False)
    both += figure(channel.denoised, "denoised", f"denoised image, {channel.name}: {file}", size, levels=False)
    tool = (
        f'<p class="tool"><label for="cut-{number}">How much of the noisy image is shown, {text(channel.name)}</label>'
        f'<input type="range" id="cut-{number}" data-pair="{name}" min="0" max="100" value="50"></p>'
    )
    levels = paragraph(f"Black to white: {levels_of(channel.noisy)}.", "soft")
    found = f'<div class="pair" id="{name}">{both}</div>{tool}{levels}'
    beside = [
        figure(each, title, f"{title}, {channel.name}: {file}", size)
        for each, title in ((channel.clean, "clean reference"), (channel.deconvolved, "without the microscope's blur"))
        if each is not None
    ]
    wide = _width(channel.noisy)
    others = "".join(f'<div class="beside" style="max-width: {wide}rem">{each}</div>' for each in beside)
    return f'{_named(record, channel)}<div class="pairs"><div style="max-width: {wide}rem">{found}</div>{others}</div>'


def _width(picture: Picture) -> float:
    """Return how wide a picture is shown at most, in rem: a few pixels of the screen for each of its own."""
    return max(16.0, min(36.0, picture.width * LARGEST_PIXEL / 16.0))


def _flicker(record: RunRecord, number: int, channel: ShownChannel) -> str:
    name = f"flick-{number}"
    count = len(channel.samples)
    titles = [f"sample {n + 1} of {count}" for n in range(count)]
    each = (
        figure(one, title, f"{title}, {channel.name}", record.pixel_size_um, levels=False)
        for one, title in zip(channel.samples, titles, strict=True)
    )
    tool = f'<p class="tool"><button type="button" data-flick="{name}">Pause</button></p>' if count > 1 else ""
    return f'<div>{_named(record, channel)}<div class="flick" id="{name}">{"".join(each)}</div>{tool}</div>'


def _judged(record: RunRecord, channel: ShownChannel) -> str:
    factor = "" if record.spread == 1.0 else f", multiplied by {record.spread:.2f}"
    shown: list[tuple[Picture | None, str, str]] = [
        (channel.deviation, f"standard deviation{factor}", "bright where the result is unsure"),
        (channel.residual, "residual: noisy minus denoised", "white is zero, red above, blue below"),
    ]
    each = [
        figure(one, title, f"{title}, {channel.name}; {how}", record.pixel_size_um)
        for one, title, how in shown
        if one is not None
    ]
    drawn, folded_away = _correlation(channel)
    return f'{_named(record, channel)}<div class="figures">{"".join(each)}{drawn}</div>{folded_away}'


def _correlation(channel: ShownChannel) -> tuple[str, str]:
    """Draw how neighbours in the residual are correlated, say it, and fold away the table of all shifts."""
    if not channel.correlation:
        return "", ""
    lag = len(channel.correlation) // 2
    right, below = channel.correlation[lag][lag + 1], channel.correlation[lag + 1][lag]
    words = f"{right:+.3f} to the next pixel along x, {below:+.3f} along y"
    title = f"autocorrelation of the residual, {channel.name}: {words}"
    about = f"autocorrelation of the residual<br><small>{text(words)}; the middle is left out</small>"
    drawn = f"<figure>{squares(title, channel.correlation)}<figcaption>{about}</figcaption></figure>"
    head = ["y \\ x", *(f"{shift:+d}" for shift in range(-lag, lag + 1))]
    lines = [
        [f"{shift - lag:+d}", *(f"{value:.2f}" for value in line)] for shift, line in enumerate(channel.correlation)
    ]
    caption = f"autocorrelation of the residual at shifts in pixels, {channel.name}"
    return drawn, folded(f"{caption}: all values", f'<div class="lags">{table(head, lines, caption)}</div>')
