"""Snakemake's benchmark files, summed up by rule."""

from segtrt.summary.benchmark_files import read_benchmarks

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def write(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join("\t".join(row) + "\n" for row in rows))


def row(seconds, memory="100.5", cpu="1.5"):
    return (seconds, "0:00:01", memory, "0", "0", "0", "0", "0", "0", cpu)


def test_jobs_of_a_rule_are_summed_and_the_longest_rule_comes_first(tmp_path):
    write(tmp_path / "build_engine/openvino/b1_fp32.tsv", row("2.5", "300"))
    write(tmp_path / "build_engine/openvino/b4_fp32.tsv", row("4.5", "200"))
    write(tmp_path / "list_slices.d/all.tsv", row("1.0"))
    build, listing = read_benchmarks(tmp_path)
    assert build == {
        "rule": "build_engine",
        "jobs": 2,
        "seconds": 7.0,
        "longest_seconds": 4.5,
        "cpu_seconds": 3.0,
        "max_rss_mib": 300.0,
    }
    assert listing["rule"] == "list_slices.d"


def test_what_snakemake_could_not_tell_is_none(tmp_path):
    write(tmp_path / "a/x.tsv", row("0.01", "NA", "NA"))
    (entry,) = read_benchmarks(tmp_path)
    assert (entry["max_rss_mib"], entry["cpu_seconds"]) == (None, None)


def test_no_folder_and_broken_files_give_nothing(tmp_path):
    assert read_benchmarks(tmp_path / "none") == []
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x.tsv").write_bytes(b"\xff\xfe")
    (tmp_path / "a/y.tsv").write_text("")
    assert read_benchmarks(tmp_path) == []
