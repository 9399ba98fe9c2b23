"""The generators' command lines: where a page goes is asked for, and ``--help`` is no file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import picture
import pytest

from shipway.reference import (
    configuration,
    delivery_schema,
    exit_codes,
    record_schema,
    release_schema,
)

Main = Callable[[list[str]], None]
GENERATORS: tuple[Main, ...] = (
    configuration.main,
    exit_codes.main,
    record_schema.main,
    delivery_schema.main,
    release_schema.main,
    picture.main,
)


@pytest.mark.parametrize("main", GENERATORS)
@pytest.mark.parametrize(("argv", "code"), [(["--help"], 0), ([], 2), (["--nosuch"], 2)])
def test_help_and_a_wrong_option_write_nothing(
    main: Main, argv: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("main", "page"),
    [
        (configuration.main, configuration.reference),
        (exit_codes.main, exit_codes.page),
        (record_schema.main, record_schema.text),
        (delivery_schema.main, delivery_schema.text),
        (release_schema.main, release_schema.text),
    ],
)
def test_the_page_is_written_where_the_argument_says(
    main: Main, page: Callable[[], str], tmp_path: Path
) -> None:
    out = tmp_path / "page.md"
    main([str(out)])
    assert out.read_text(encoding="utf-8") == page()
