"""The list of presets: one table that fits a terminal, and the same as JSON."""

import json

import pytest

from quietscope.cli.verbs import presets as verb
from quietscope.methods import METHODS
from quietscope.presets import PRESETS
from tests.cli.command_line import Quietscope


@pytest.fixture
def printed(quietscope: Quietscope, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("quietscope.progress.WIDTH_OF_A_LOG", 100)
    status, out, err = quietscope("presets")
    assert (status, err) == (0, "")
    return out


def test_every_preset_has_its_row_in_one_table_of_100_columns(printed: str) -> None:
    lines = printed.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum("parameters" in line for line in lines) == 1
    assert all(any(line.startswith(f" {name} ") for line in lines) for name in METHODS)
    assert sum(printed.count(f" {preset.name} ") for preset in PRESETS.values()) >= len(PRESETS)
    assert "7,301,697" in printed
    assert "200,000" in printed
    assert "not measured yet" in printed


def test_a_method_says_what_it_needs_and_gives(printed: str) -> None:
    lines = [line.split() for line in printed.splitlines()]
    methods = [words[0] for words in lines if words and words[0] in METHODS]
    needs = dict(zip(methods, [words[2] for words in lines if words[:2] == ["noise", "model:"]], strict=True))
    assert (needs["hdn"], needs["dvlae"], needs["noise2void"]) == ("needed", "learnt", "none")
    assert printed.count("mean, deconvolved") == 1


def test_json_has_everything(quietscope: Quietscope) -> None:
    status, out, err = quietscope("presets", "--json")
    assert (status, err) == (0, "")
    found = {f"{row['method']}.{row['preset']}": row for row in json.loads(out)}
    assert found.keys() == PRESETS.keys()
    paper = found["hdn.paper"]
    assert paper["parameters"] == 7_301_697
    assert paper["gives"] == ["mean", "std", "map", "quantiles", "samples", "generate", "levels"]
    assert paper["steps"] == 200_000
    assert paper["package"] is None
    assert paper["network"]["filters"]
    assert paper["training"]["learning_rate"] > 0


def test_a_budget_in_words() -> None:
    row = verb._row("hdn.fast", PRESETS["hdn.fast"])
    assert row.limit == "4m"
    assert verb._row("hdn.paper", PRESETS["hdn.paper"]).limit == "200,000 steps"
