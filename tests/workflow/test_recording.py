"""The recording of the first run: it shows what a run shows today, but for times and figures."""

import io
import logging
import re
import sys
from pathlib import Path

import pytest
from example_cases import CASES
from example_summaries import make_example
from record_first_run import DOCUMENT, Recording, on_terminal
from segtrt.errors import SegtrtError
from segtrt.summary.closing import closing_lines
from segtrt.terminal.stages import STAGES
from segtrt.terminal.story import Story
from snakemake_runs import job_counts, run_snakemake
from tiny_run import copy_slices

ANEW = "run: python tools/record_first_run.py"


def recorded() -> list[list[str]]:
    """The lines of each moment, the command aside."""
    found = re.findall(r"```console\n\$ [^\n]*\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    return [block.splitlines() for block in found]


def without_figures(line: str) -> str:
    """A line's words; names of engines and ways of PyTorch are figures too."""
    line = re.sub(r"\b\w+/b\d+_\w+", "ENGINE", line)
    line = re.sub(r"PyTorch (?:eager|compiled) [\w, ]+?(?=,)", "WAY", line)
    return re.sub(r"-?\d[\d.e+-]*", "N", line)


def opening(lines: list[str]) -> list[str]:
    """From the number of jobs to the reason."""
    first = next(place for place, line in enumerate(lines) if line.endswith("to run"))
    last = next(place for place, line in enumerate(lines) if line.startswith("  why "))
    return lines[first : last + 1]


def stage_lines(counts: dict[str, int]) -> set[str]:
    """What a run of so many jobs by rule leaves of its stages, without times."""
    screen = io.StringIO()
    story = Story(screen, logging.Formatter(), lambda _: [], clock=lambda: 0.0)

    def tell(event: str, **fields: object) -> None:
        record = logging.LogRecord("snakemake", logging.INFO, "", 0, "", None, None)
        record.__dict__.update(fields, event=event)
        story.handle(record)

    tell("run_info", stats=counts)
    jobs = [rule for rule, count in counts.items() for _ in range(count)]
    for number, rule in enumerate(jobs):
        tell("job_info", jobid=number, rule_name=rule, rule_msg=None, wildcards={})
        tell("job_finished", job_id=number)
    lines = Recording([screen.getvalue()], 0).screen()
    return {re.sub(r" +\d+ s$", "", line) for line in lines if line.endswith(" s")}


def test_it_shows_todays_words_and_stages(tmp_path: Path, project_root: Path) -> None:
    """How many engines there are is the machine's affair; all else is as in a dry run here."""
    snakefile = project_root / "Snakefile"
    done = run_snakemake(tmp_path, "results/report.html", "-n", snakefile=snakefile)
    assert done.returncode == 0, done.stderr
    first, midway, end = recorded()
    begun = opening(first)
    assert opening(midway) == opening(end) == begun
    expected = opening(done.stderr.splitlines())
    assert [*map(without_figures, begun)] == [*map(without_figures, expected)], ANEW
    ended = {re.sub(r" +\d+ s$", "", line) for line in end if re.search(r" \d+ s$", line)}
    assert {*map(without_figures, ended)} == {
        without_figures(line) for line in stage_lines(job_counts(done.stdout))
    }, ANEW
    for stage, rules in (("engines", 1), ("runs", 2), ("verdicts", 2)):
        (engines,) = {
            int(n) for line in begun if stage in line for n in re.findall(r"x (\d+)", line)
        }
        assert f"  {stage:<9} {rules * engines} jobs done" in ended
    (status,) = first[first.index(begun[-1]) + 1 :]
    # What else has begun by then is the machine's affair.
    assert re.fullmatch(r"  images 0/\d+.* \| \d+ s \| (\w+, )*list_slices(, \w+)*", status), ANEW
    assert re.fullmatch(r"  .*\bruns 0/\d+.* \| \d+ s \| .*run_engine .*", midway[-1]), ANEW


def test_it_ends_with_todays_words(tmp_path: Path) -> None:
    make_example(CASES["demo"](), tmp_path)
    expected = closing_lines(tmp_path / "summary.json", Path("results/report.html"))
    end = recorded()[-1]
    start = next(place for place, line in enumerate(end) if line.startswith("engines: "))
    shown = [without_figures(line) for line in end[start:-1]]
    words = [without_figures(line) for line in expected if not line.startswith("  ")]
    assert shown[1:] == words[1:], ANEW
    assert re.fullmatch(r"engines: \d+ passed(?:, \d+ [a-z ]+)*", end[start])
    assert re.fullmatch(r"Complete log\(s\): \.snakemake/log/\S+\.log", end[-1])


def test_it_tells_no_folder_of_the_machine_that_recorded_it() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert not re.search(r"/tmp/|/home/|/root/", text)
    assert re.search(r"^Recorded on .+, \d+ threads\.$", text, re.MULTILINE)


def test_a_run_is_recorded_as_a_terminal_shows_it(tmp_path: Path, project_root: Path) -> None:
    copy_slices(tmp_path / "data")
    command = [sys.executable, "-m", "snakemake", "results/dataset/manifest.json"]
    command += ["--snakefile", str(project_root / "Snakefile")]
    command += ["--config", "dataset={path: data, calibration_fraction: 0}"]
    command += ["engines={precisions: [fp32]}"]
    recording = on_terminal(command, tmp_path, {"SEGTRT_CACHE": "off"})
    lines = recording.screen()
    assert recording.code == 0, lines
    assert "1 job to run" in lines
    assert any(re.fullmatch(r"  images    1 job done  +\d+ s", line) for line in lines)
    first = recording.first(next(iter(STAGES)))
    assert re.fullmatch(r"  images 0/1 \| \d+ s \| list_slices", first[-1])
    assert not any("\033" in line or "\r" in line for line in [*first, *lines])
    with pytest.raises(SegtrtError, match="never showed the stage verdicts"):
        recording.first("verdicts")


def test_a_program_that_fails_says_so() -> None:
    recording = on_terminal([sys.executable, "-c", "print('no'); raise SystemExit(3)"], Path())
    assert recording.code == 3
    assert recording.screen()[0] == "no"
