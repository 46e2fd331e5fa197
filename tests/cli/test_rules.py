import subprocess
import sys

import pytest
from click.testing import CliRunner

from mirante.cli import main
from mirante.readings import Reading
from mirante.store import Store
from tests.tools import require_tool

RULES = "rules:\n- {name: busy, when: system_cpu_percent > 90, severity: critical, on_missing: resolve}\n"
TESTS = """\
rule_files: [rules.yaml]
tests:
- input_series: [{{series: 'system_cpu_percent{{host="a"}}', values: 95 95}}]
  alert_rule_test:
  - {{eval_time: 1m, alertname: busy, exp_alerts: [{{exp_labels: {{host: {host}, severity: critical}}}}]}}
"""


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


@pytest.fixture
def config(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    file = tmp_path / "mirante.yaml"
    file.write_text("alerts: {rules: rules.yaml, channels: {chat: {type: console}}}\n")
    return file


def test_check_counts_and_warns(config, tmp_path):
    done = run("rules", "check", "-c", config)
    assert (done.exit_code, done.stderr) == (0, "")
    assert int(done.stdout.split()[0]) > 10
    odd = tmp_path / "odd.yaml"
    odd.write_text("rules: [{name: r, when: system_cpu_percnt > 1}]")
    done = run("rules", "check", odd)
    assert (done.exit_code, done.stdout) == (0, "1 rule can be used\n")
    assert "did you mean 'system_cpu_percent'?" in done.stderr


def test_check_says_all_errors_with_their_lines(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("rules:\n- name: a\n  when: x >\n- name: b\n  when: x > 1\n  for: 1:30\n")
    done = run("rules", "check", file)
    assert done.exit_code == 2
    assert "bad.yaml, line 3: rules[0].when" in done.stderr
    assert "bad.yaml, line 6: rules[1].for" in done.stderr


def test_explain_without_and_with_a_store(config, tmp_path):
    done = run("rules", "explain", "busy", "-c", config)
    assert done.exit_code == 0
    assert "true when: system_cpu_percent is above 90" in done.output
    assert "goes to: chat" in done.output
    assert "in the last" not in done.output
    from datetime import UTC, datetime

    with Store(f"sqlite:///{tmp_path}/mirante.db") as store:
        store.readings.write(
            [Reading("system_cpu_percent", 95.0, datetime(2013, 2, 8, tzinfo=UTC), {"host": "a"})]
        )
    done = run("rules", "explain", "busy", "-c", config, "--since", "1d", "--until", "2013-02-08 12:00:00")
    assert (
        "it would have fired once\n    2013-02-08 00:00:00 UTC: busy: system_cpu_percent > 90" in done.output
    )


def test_explain_all_and_nobody(config):
    done = run("rules", "explain", "all", "-c", config)
    assert "busy (critical)\n" in done.output
    assert "high_cpu (critical)\n" in done.output
    done = run("rules", "explain", "nobody", "-c", config)
    assert done.exit_code == 2
    assert "there is no rule 'nobody'; there are: high_cpu" in done.stderr
    done = run("rules", "explain", "hihg_cpu", "-c", config)
    assert "there is no rule 'hihg_cpu'; did you mean 'high_cpu'" in done.stderr


def test_export_to_a_file_and_what_is_left_out(config, tmp_path):
    (tmp_path / "rules.yaml").write_text(
        RULES + "- {name: odd, when: system_cpu_percent > 1, where: {host: '~(?=a)'}}\n"
    )
    out = tmp_path / "prometheus.yml"
    done = run("rules", "export", "-c", config, "-o", out)
    assert done.exit_code == 0
    assert "left out: odd: the pattern" in done.stderr
    assert f"wrote {out}: " in done.stdout
    assert "  interval: 15s\n" in out.read_text()
    checked = subprocess.run([require_tool("promtool"), "check", "rules", str(out)], capture_output=True)
    assert checked.returncode == 0
    assert run("rules", "export", tmp_path / "rules.yaml").stdout.startswith("# Made by")
    assert run("rules", "export", "-o", tmp_path / "no" / "file").exit_code == 2


def test_test_ends_with_promtools_codes(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES)
    for host in "ab":
        (tmp_path / f"{host}.yaml").write_text(TESTS.format(host=host))
    right = run("rules", "test", tmp_path / "a.yaml")
    assert (right.exit_code, right.stdout) == (0, f"Unit Testing:  {tmp_path}/a.yaml\n  SUCCESS\n\n")
    wrong = run("rules", "test", tmp_path / "a.yaml", tmp_path / "b.yaml")
    assert wrong.exit_code == 1
    assert "  SUCCESS\n" in wrong.stdout
    assert "  FAILED:\n" in wrong.stdout
    assert run("rules", "test", tmp_path / "none.yaml").exit_code == 2
    assert run("rules", "test").exit_code == 2


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from mirante.cli import main\n"
        "try: main(['rules', 'export', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'mlflow', 'sqlalchemy', 'pydantic', 'yaml'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
