from __future__ import annotations

import os
from pathlib import Path

import pytest

from facecrop_core.errors import SourceError
from facecrop_core.sources import Link, Source, absolute_name, find_sources


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(folder: Path, sources: list[Source]) -> list[str]:
    return [s.url if isinstance(s, Link) else os.path.relpath(s, folder) for s in sources]


def test_a_folder_stands_for_the_videos_below_it(tmp_path: Path) -> None:
    touch(tmp_path, "b.MKV", "a/z.mp4", "a/notes.txt", "a/cover.jpg", ".hidden.mp4", ".trash/x.mp4", "p.facecrop/y.mp4")
    assert found(tmp_path, find_sources([tmp_path])) == ["a/z.mp4", "b.MKV"]
    assert found(tmp_path, find_sources([tmp_path], "mp4;.avi")) == ["a/z.mp4"]
    assert found(tmp_path, find_sources([tmp_path], "*.MKV, dat")) == ["b.MKV"]
    with pytest.raises(SourceError, match="holds no video") as caught:
        find_sources([tmp_path], "webm")
    assert "webm" in caught.value.hint


def test_a_folder_of_images_is_one_video(tmp_path: Path) -> None:
    touch(tmp_path, "one/1.png", "one/2.jpg", "two/deep/1.webp", "two/readme.txt")
    assert found(tmp_path, find_sources([tmp_path / "one"])) == ["one"]
    assert found(tmp_path, find_sources([tmp_path])) == ["one", "two/deep"]
    assert found(tmp_path, find_sources([tmp_path], "mp4;jpg")) == ["one"]
    with pytest.raises(SourceError, match="single image") as caught:
        find_sources([tmp_path / "one/1.png"])
    assert "folder" in caught.value.hint


def test_nothing_is_taken_twice_and_order_is_kept(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    assert found(tmp_path, find_sources([tmp_path / "b.mp4", tmp_path, str(tmp_path / "b.mp4")])) == ["b.mp4", "a.mp4"]


def test_links_of_folders_in_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert found(tmp_path, find_sources([tmp_path])) == ["a.mp4"]


def test_what_exists_is_taken_literally_and_else_as_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].mp4", "a1.mp4", "deep/er/b.mp4", "c.dat", "c.jpg")
    assert found(tmp_path, find_sources([tmp_path / "a[1].mp4"])) == ["a[1].mp4"]
    assert found(tmp_path, find_sources([f"{tmp_path}/a[0-9].mp4"])) == ["a1.mp4"]
    assert found(tmp_path, find_sources([f"{tmp_path}/**/*.mp4"])) == ["a1.mp4", "a[1].mp4", "deep/er/b.mp4"]
    assert found(tmp_path, find_sources([f"{tmp_path}/*"])) == ["a1.mp4", "a[1].mp4", "deep/er/b.mp4"]
    assert found(tmp_path, find_sources([f"{tmp_path}/*.dat"])) == ["c.dat"]
    with pytest.raises(SourceError, match="No video matches") as caught:
        find_sources([f"{tmp_path}/*.jpg"])
    assert "frames" in caught.value.hint
    with pytest.raises(SourceError, match="There is no file"):
        find_sources([tmp_path / "none.mp4"])


def test_a_pattern_below_a_folder_with_brackets(tmp_path: Path) -> None:
    folder = tmp_path / "[2024] *"
    touch(folder, "a.mp4")
    assert found(folder, find_sources([absolute_name("*.mp4", folder)])) == ["a.mp4"]
    assert absolute_name("https://a.org/*.mp4", folder) == "https://a.org/*.mp4"


def test_lists_take_comments_quotes_patterns_links_and_odd_line_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b c.mp4", "#1.mp4", "deep/d.mp4", "deep/e.mp4", "f\u2028g.mp4")
    text = (
        "\ufeff# my films\r\n\r\na.mp4\r\n  \"b c.mp4\"  \r\n'#1.mp4'\r\ndeep/*.mp4\r\nf\u2028g.mp4\r\n"
        f"{tmp_path / 'a.mp4'}\r\nhttps://a.org/watch?v=1#t\r\n"
    )
    everything = ["a.mp4", "b c.mp4", "#1.mp4", "deep/d.mp4", "deep/e.mp4", "f\u2028g.mp4", "https://a.org/watch?v=1#t"]
    for encoding in ("utf-8", "utf-16"):
        (tmp_path / "list.txt").write_bytes(text.removeprefix("\ufeff" * (encoding == "utf-16")).encode(encoding))
        assert found(tmp_path, find_sources([tmp_path / "list.txt"])) == everything


def test_lists_name_files_whose_names_are_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.mp4")
    touch(tmp_path, name)
    (tmp_path / "list.txt").write_bytes(b"caf\xe9.mp4\n")
    assert found(tmp_path, find_sources([tmp_path / "list.txt"])) == [name]


def test_lists_do_not_hold_lists(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# me\nlist.txt\n")
    with pytest.raises(SourceError, match=r"list\.txt, line 2: .*is a list itself"):
        find_sources([tmp_path / "list.txt"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"# nothing\n", "names no video"),
        (b"a.mp4\0\n", "no list"),
        (b"ok.mp4\nnone.mp4\n", "line 2: There is no file"),
    ],
)
def test_lists_that_are_wrong_are_told_before_anything_runs(tmp_path: Path, data: bytes, words: str) -> None:
    touch(tmp_path, "ok.mp4")
    (tmp_path / "list.txt").write_bytes(data)
    with pytest.raises(SourceError, match=words):
        find_sources([tmp_path / "list.txt"])


def test_links_are_checked_when_they_are_named(tmp_path: Path) -> None:
    assert found(tmp_path, find_sources(["https://a.org/x.mp4", "HTTP://b.org/y"])) == [
        "https://a.org/x.mp4", "HTTP://b.org/y",
    ]  # fmt: skip
    with pytest.raises(SourceError, match="is not a link to the web"):
        find_sources(["file:///etc/passwd"])
