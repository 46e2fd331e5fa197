import pytest

from mirante.app.agent.files import DamagedError, read_checked, write_checked


def test_every_flipped_bit_is_seen(tmp_path):
    path = tmp_path / "a"
    write_checked(path, b"some bytes", 3)
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for place in range(start, len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[place] ^= 1 << bit
            path.write_bytes(broken)
            with pytest.raises(DamagedError):
                read_checked(path)


@pytest.mark.parametrize("text", [b"", b"mirante", b"mirante 1\nx", b"mirante x 1\n", b"other 1 0\n"])
def test_what_is_no_file_of_the_agent_is_refused(tmp_path, text):
    (tmp_path / "a").write_bytes(text)
    with pytest.raises(DamagedError, match="does not begin"):
        read_checked(tmp_path / "a")


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    write_checked(tmp_path / "a", b"first", 1)
    write_checked(tmp_path / "a", b"second", 2)
    form, _, body = read_checked(tmp_path / "a")
    assert (form, body) == (2, b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
