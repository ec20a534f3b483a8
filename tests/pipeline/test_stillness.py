"""When a file that somebody is writing counts as whole."""

from pathlib import Path

from quietscope.pipeline.stillness import Stillness


def test_a_file_is_whole_once_it_has_not_changed_for_so_long(tmp_path: Path) -> None:
    now = [0.0]
    still, path = Stillness(5.0, lambda: now[0]), tmp_path / "a.tif"

    def look(seconds: float, text: str | None = None) -> list[str]:
        now[0] = seconds
        if text is not None:
            path.write_text(text)
        return still.look([str(path)])

    assert (look(0.0, "one"), still.growing, still.changed) == ([], 1, 0.0)
    assert (look(4.0), look(5.0, "more"), still.changed) == ([], [], 5.0)
    assert (look(9.9), still.growing) == ([], 1)
    assert (look(10.0), still.growing) == ([str(path)], 0)
    assert look(20.0) == []
    assert still.is_still(str(path))
    assert look(21.0, "again") == []
    (tmp_path / "a.tif.files").mkdir()
    assert look(30.0) == []
    (tmp_path / "a.tif.files" / "plane1").write_text("pixels")
    assert look(34.0) == []
    assert look(39.0) == [str(path)]


def test_what_is_passed_over_is_not_whole_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("one")
    still = Stillness(0.0)
    still.pass_over([str(path)])
    assert still.look([str(path)]) == []
    path.write_text("more")
    assert still.look([str(path)]) == [str(path)]


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("one")
    still = Stillness(0.0)
    assert still.look([str(path)]) == [str(path)]
    assert still.look([]) == []
    assert still.look([str(path)]) == [str(path)]
