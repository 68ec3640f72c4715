"""A run's story on a terminal, from Snakemake's events."""

import io
import logging
from pathlib import Path
from typing import Any

import pytest
from segtrt.terminal.story import Story


class Run:
    """Events of a made-up run and the screen that they leave."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.stream = io.StringIO()
        self.story = Story(
            self.stream,
            logging.Formatter(),
            lambda counts: [f"{counts['total']} jobs"],
            clock=lambda: self.seconds,
        )

    def tell(
        self, event: str | None = None, message: str = "", level: int = logging.INFO, **fields: Any
    ) -> None:
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update(fields, event=event)
        self.story.handle(record)

    def start(self, jobid: int, rule: str, message: str | None = None, **wildcards: str) -> None:
        fields = {"jobid": jobid, "rule_name": rule, "rule_msg": message, "wildcards": wildcards}
        self.tell("job_info", **fields)

    def lines(self) -> list[str]:
        """What is on the screen: of each line what was last written from its beginning."""
        shown = self.stream.getvalue().split("\n")
        return [line.rsplit("\r\033[K", 1)[-1] for line in shown]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")
    return Run()


def test_a_stage_is_a_line_when_it_has_ended_and_the_last_line_says_what_runs(run: Run) -> None:
    run.tell(message="Building DAG of jobs...")
    run.tell("run_info", stats={"list_slices": 1, "build_engine": 2, "total": 3})
    run.start(1, "list_slices")
    assert run.lines() == ["3 jobs", "  images 0/1 | 0 s | list_slices"]
    run.seconds = 2
    run.tell("job_finished", job_id=1)
    run.start(2, "build_engine", runtime="openvino", at="", batch="4", precision="int8")
    run.start(3, "build_engine", runtime="openvino", at="", batch="1", precision="fp32")
    run.seconds = 7
    run.tell("job_finished", job_id=2)
    run.tell("progress", done=2, total=3)
    assert run.lines() == [
        "3 jobs",
        "  images    1 job done           2 s",
        "  engines 1/2 | 7 s | build_engine openvino 1 fp32",
    ]
    run.seconds = 9
    run.tell("job_finished", job_id=3)
    run.tell("run_info", stats={"total": 3})
    run.story.close()
    assert run.lines()[2:] == ["  engines   2 jobs done          7 s", ""]


def test_the_last_line_fits_the_terminal(run: Run) -> None:
    run.tell("run_info", stats={"build_engine": 9, "total": 9})
    for jobid in range(9):
        run.start(jobid, "build_engine", runtime="onnxruntime", precision="fp32")
    assert len(run.lines()[-1]) == 79


def test_a_failed_job_is_reported_once_with_its_logs_last_line(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("INFO begun\nERROR the graph is damaged; export it again\n\n")
    run.tell("run_info", stats={"build_engine": 3, "total": 3})
    run.start(5, "build_engine", runtime="openvino", batch="1")
    run.start(6, "build_engine", runtime="openvino", batch="4")
    run.tell(
        "error",
        "RuleException:\nCalledProcessError in file x.smk, line 64:\nCommand ...",
        logging.ERROR,
    )
    for _ in range(2):
        run.tell(
            "job_error", level=logging.ERROR, jobid=5, rule_name="build_engine", log=[str(log)]
        )
    run.tell("job_error", level=logging.ERROR, jobid=6, rule_name="build_engine", log=["none.log"])
    run.story.close()
    assert run.lines() == [
        "3 jobs",
        "FAILED build_engine openvino 1: the graph is damaged; export it again",
        f"  the rest: {log}",
        "FAILED build_engine openvino 4: it left no word in its log; what it printed is above",
        "  engines   0 of 3 jobs done, 2 failed",
        "",
    ]


def test_a_stage_with_failures_says_so(run: Run) -> None:
    run.tell("run_info", stats={"build_engine": 2, "total": 2})
    for jobid in (1, 2):
        run.start(jobid, "build_engine")
    run.tell("job_finished", job_id=1)
    run.tell("job_error", level=logging.ERROR, jobid=2, rule_name="build_engine", log=[])
    assert run.lines()[-2] == "  engines   1 of 2 failed        0 s"


def test_no_warning_and_no_error_is_hidden(run: Run) -> None:
    run.tell(message="a warning", level=logging.WARNING)
    run.tell("error", "WorkflowError:\nno such file", logging.ERROR)
    run.tell("group_error", "Error in group 1", logging.ERROR)
    run.tell("an_event_to_come", "later", logging.ERROR)
    assert run.lines() == [
        *("a warning", "WorkflowError:", "no such file", "Error in group 1", "later", ""),
    ]


def test_what_the_user_wants_to_know_by_the_way_is_shown(run: Run) -> None:
    run.tell(message="Nothing to be done (all requested files are present and up to date).")
    run.tell(message="Complete log(s): .snakemake/log/a.log")
    run.tell(message="Using shell: /usr/bin/bash")
    run.tell("shellcmd", "Shell command: true")
    run.start(1, "explain", "the 2 engines asked for")
    run.start(2, "note_changes", "out of date: ...")
    shown = [line.partition(" ")[0] for line in run.lines() if not line.startswith("  ")]
    assert shown == ["Nothing", "Complete", "the", ""]
