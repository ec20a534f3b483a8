"""What a paper says of the run: a paragraph with its numbers, and what to cite."""

from quietscope.report.sheet.markup import listed, paragraph, section, text
from quietscope.report.sheet.run_record import NOT_KNOWN, Publication, RunRecord
from quietscope.report.table import duration


def methods(record: RunRecord) -> str:
    """Return the paragraph for the methods of a paper, with citations as text and as BibTeX."""
    cited = "".join(f"<li>{_cited(each)}</li>" for each in record.publications)
    entries = "\n\n".join(each.bibtex for each in record.publications)
    return section(
        "methods",
        "For the methods of a paper",
        paragraph("To be copied, and read before it is sent; what this run does not know stands in square brackets."),
        f"<blockquote>{paragraph(words_of(record))}</blockquote>",
        "<h3>References</h3>",
        f"<ol>{cited}</ol>",
        "<h3>BibTeX</h3>",
        f'<pre tabindex="0" aria-label="BibTeX entries">{text(entries)}</pre>',
        listed([] if record.images else ["This run trained a model; say with which images it was used."]),
    )


def words_of(record: RunRecord) -> str:
    """Return the paragraph as plain text."""
    return " ".join(filter(None, (_trained(record), _noise(record), _predicted(record), _judged(record))))


def _cited(publication: Publication) -> str:
    """Return a publication with its address as text and link, which only a click follows."""
    if not publication.link:
        return text(publication.text)
    return f'{text(publication.text)}. <a href="{text(publication.link)}" rel="noreferrer">{text(publication.link)}</a>'


def _trained(record: RunRecord) -> str:
    version = dict(record.versions).get("quietscope", "[version]")
    count = len(record.learnt_from)
    images = f"{count} noisy image{'s' * (count != 1)}" if count else "[number] noisy images"
    own = (
        f"({'that which was' if count == 1 else 'those that were'} denoised), "
        if record.verb == "denoise" and count
        else ""
    )
    learnt = "The model was trained on"
    if record.comes_trained:
        learnt = "Its network comes trained on other images; it was adapted to the noise of"
    if record.comes_trained and not record.steps:
        learnt = "Its network comes trained on other images, and learnt nothing more; it was told the noise of"
    method = f"{record.method}{' [2]' if len(record.publications) > 1 else ''}, preset {record.preset}"
    return (
        f"Images were denoised with QuietScope {version} [1] by the method {method}. {learnt} {images} "
        f"{own}without clean references{_effort(record)}."
    )


def _effort(record: RunRecord) -> str:
    """Return how long was learnt, and where; nothing where nothing was."""
    if not record.steps and record.comes_trained:
        return ""
    where = dict(record.hardware).get("device", "[device]")
    took = f"{duration(record.training_seconds)} on {where}"
    return f", for {record.steps:,} steps ({took}; random seed {record.seed})"


def _noise(record: RunRecord) -> str:
    if not record.noise:
        return "No noise model was needed."
    if len(record.noise) == 1:
        return f"The noise model was {record.noise[0].words}."
    return f"The noise models were {'; '.join(f'{each.words} ({each.channel})' for each in record.noise)}."


def _predicted(record: RunRecord) -> str:
    if not record.images:
        return ""
    made = f"The denoised images are the {record.estimate} that the method gives"
    if record.num_samples:
        count = f"{record.num_samples} posterior sample{'s' * (record.num_samples != 1)}"
        made = f"The denoised images are the {record.estimate} of {count}"
    deviation = ", and deviations were kept with them" if record.deviates else ""
    factor = f" (multiplied by {record.spread:.2f} to be honest)" if record.spread != 1.0 and deviation else ""
    return f"{made}{deviation}{factor}."


def _judged(record: RunRecord) -> str:
    first = next(iter(record.images), None)
    if first is None:
        return ""
    found = [f"QuietScope's own judgement of the result was: {record.level}."] if first.verdict != NOT_KNOWN else []
    known = [pair for pair in first.neighbours if None not in pair]
    if known:
        words = "; ".join(f"{along_x:.2f} along x and {along_y:.2f} along y" for along_x, along_y in known)
        found.append(f"Neighbouring pixels of the residual (noisy minus denoised) were correlated by {words}.")
    if first.unexplained:
        found.append(f"Regions not explained by noise: {first.unexplained}.")
    if first.psnr is not None and first.ssim is not None:
        (before, after), (ssim_before, ssim_after) = first.psnr, first.ssim
        found.append(
            f"Against a clean reference, the PSNR rose from {before:.2f} to {after:.2f} dB and the SSIM from "
            f"{ssim_before:.3f} to {ssim_after:.3f}."
            if after >= before
            else f"Against a clean reference, the PSNR went from {before:.2f} to {after:.2f} dB."
        )
    if first.honesty:
        found.append(f"Of its uncertainty, {first.honesty}.")
    return " ".join(found)
