import io

from mirante.demo.progress import Progress


def test_plain_lines_come_at_each_tenth():
    out = io.StringIO()
    progress = Progress(out, bar=False)
    for done in range(1, 335):
        progress.step(done, 334, "day")
    assert len(out.getvalue().splitlines()) == 11
    assert "334 of 334: day" in out.getvalue()
    assert "\r" not in out.getvalue()


def test_a_line_takes_the_bar_away_first():
    out = io.StringIO()
    progress = Progress(out, bar=True)
    progress.step(1, 3, "day 1")
    progress.say("alert")
    progress.step(3, 3, "day 3")
    text = out.getvalue()
    assert "1/3 day 1\r\x1b[K[" in text
    assert text.endswith("3/3 day 3\n")
