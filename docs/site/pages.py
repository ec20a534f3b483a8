"""Pages of the reference that are made of the code: verbs, formats, presets, settings, names of Python."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

from pydantic import BaseModel

import quietscope
from quietscope import diagnosis, metrics, noise
from quietscope.cli import NOISE_VERBS, PSF_VERBS, VERBS, make_app
from quietscope.deploy import RUNTIMES
from quietscope.export import TARGETS
from quietscope.io import FORMATS
from quietscope.methods import METHODS
from quietscope.metrics import METRICS
from quietscope.noise import BASE_MODELS
from quietscope.presets import PRESETS

API = {
    "Denoisers and results": ("denoiser", "model"),
    "Images": ("io", "samples"),
    "Smaller and faster models": ("compression", "distillation", "export"),
    "Runs with a plan": ("pipeline", "tiling", "errors"),
}
"""Pages of public names, by the rooms that these come from."""
ROOMS = (metrics, noise, diagnosis)


def write(folder: Path) -> None:
    """Write every page into a folder, and take away what is no longer made; what would not change is left alone."""
    made = dict(every_page())
    for name, text in made.items():
        write_text(folder / f"{name}.md", text)
    for old in folder.glob("*.md"):
        if old.stem not in made:
            old.unlink()


def every_page() -> Iterator[tuple[str, str]]:
    """Yield name and text of every page."""
    yield from verbs()
    yield from api()
    yield "api-rooms", rooms()
    yield "formats", formats()
    yield "presets", presets()
    yield "settings", settings()


def write_text(path: Path, text: str) -> None:
    """Write a file, unless it says so already: Sphinx reads again what is newer than before."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def verbs() -> Iterator[tuple[str, str]]:
    """Yield a page for every verb, made of its own help."""
    words = [[verb] for verb in VERBS]
    words += [[group, verb] for group, known in (("noise", NOISE_VERBS), ("psf", PSF_VERBS)) for verb in known]
    for each in words:
        app = make_app(each)
        for word in each:
            app = app[word]
        text = app.generate_docs(output_format="markdown", include_hidden=False)
        title = f"quietscope {' '.join(each)}"
        _, _, rest = text.partition("\n")
        yield f"verb-{'-'.join(each)}", f"# {title}\n{_usage(rest, each)}"


def _usage(text: str, words: list[str]) -> str:
    """Put the program's name before the usage, whose block is no code that anybody runs."""
    return text.replace("```console\n" + words[-1], "```text\nquietscope " + " ".join(words), 1)


def api() -> Iterator[tuple[str, str]]:
    """Yield the pages of the public names."""
    homes = {name: quietscope._HOMES[name].split(".")[1] for name in quietscope.__all__ if name in quietscope._HOMES}
    assert set(homes.values()) == {room for rooms in API.values() for room in rooms}, "a room that has no page"
    for title, rooms in API.items():
        names = sorted((name for name, home in homes.items() if home in rooms), key=lambda each: (each.lower(), each))
        yield f"api-{title.split()[0].lower()}", f"# {title}\n\n" + "\n".join(_directive(name) for name in names)


def rooms() -> str:
    """Return the page of what rooms offer below the package itself."""
    parts = ["# Metrics, noise models, diagnosis\n"]
    for module in ROOMS:
        parts.append(f"## quietscope.{module.__name__.rpartition('.')[2]}\n\n{_first(module.__doc__)}\n")
        parts += [_directive(name, module) for name in sorted(module.__all__) if callable(getattr(module, name))]
    return "\n".join(parts)


def _directive(name: str, module: ModuleType = quietscope) -> str:
    kind = "autoclass" if isinstance(getattr(module, name), type) else "autofunction"
    options = "   :members:\n   :inherited-members: BaseModel, Exception, tuple, Module\n" * (kind == "autoclass")
    level = "##" if module is quietscope else "###"
    return f"{level} {name}\n\n```{{eval-rst}}\n.. {kind}:: {module.__name__}.{name}\n{options}```\n"


def formats() -> str:
    """Return the page of everything that files are read from and written to."""
    rows = [
        (each.name, " ".join(f"`{suffix}`" for suffix in each.suffixes), _written(each.written), _yes(each.names_axes))
        for each in FORMATS.values()
    ]
    text = "# Formats, from the registry\n\n" + _table(("format", "read", "written", "names its axes"), rows)
    targets = [(each.name, f"`{each.suffix}`") for each in TARGETS.values()]
    runtimes = [(each.name, f"`{each.suffix}`") for each in RUNTIMES.values()]
    text += "\n## Exported models\n\nWritten:\n\n" + _table(("file", "ends in"), targets)
    text += "\nRun by `predict`:\n\n" + _table(("runtime", "file ends in"), runtimes)
    text += "\n## Noise models\n\n" + _table(("name", "what it is"), _summaries(BASE_MODELS))
    return text + "\n## Metrics of `evaluate`\n\n" + "\n".join(f"* `{name}`" for name in METRICS) + "\n"


def _written(suffixes: Iterable[str]) -> str:
    return " ".join(f"`{suffix}`" for suffix in suffixes) or "no"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def presets() -> str:
    """Return the page of presets, with what was measured of each."""
    parts = [
        "# Presets and what was measured\n\nAs `quietscope presets` has them. A budget is the time that training takes"
        " unless you say otherwise with `--budget` or `--steps`.\n"
    ]
    for method in METHODS:
        parts.append(f"## {method}\n\n{_first(METHODS[method].__doc__)}\n")
        citation = METHODS[method].citation
        if citation is not None:
            parts.append(f"[{citation.text}]({citation.link})\n" if citation.link else f"{citation.text}\n")
        for preset in PRESETS.values():
            if preset.method == method:
                length = preset.budget or f"{preset.steps:,} steps"
                measured = "".join(f"* {line}\n" for line in preset.measured) or "* nothing measured\n"
                parts.append(f"### {preset.key}\n\n{preset.summary}. Length: {length}.\n\n{measured}")
    return "\n".join(parts)


def settings() -> str:
    """Return the page of the settings of every method and of training."""
    from quietscope.training.settings import TrainingSettings

    intro = "# Settings\n\nFor `network:` and `training:` of a `--config` file, and of `Denoiser` in Python. The values"
    intro += " are those that hold where no preset says otherwise; presets do.\n"
    parts = [intro, f"## training\n\n{_autoclass(TrainingSettings)}"]
    parts += [f"## network, of {name}\n\n{_autoclass(METHODS[name].settings_type)}" for name in METHODS]
    return "\n".join(parts)


def _autoclass(kind: type[BaseModel]) -> str:
    directive = f".. autoclass:: {kind.__module__}.{kind.__qualname__}\n   :no-index:\n   :exclude-members: __init__\n"
    return f"```{{eval-rst}}\n{directive}```\n" + _table(("setting", "value"), _fields(kind))


def _fields(kind: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in kind.model_fields.items():
        yield f"`{name}`", f"`{field.default!r}`"


def _summaries(members: Mapping[str, type]) -> list[tuple[str, str]]:
    return [(f"`{name}`", _first(member.__doc__)) for name, member in members.items()]


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
