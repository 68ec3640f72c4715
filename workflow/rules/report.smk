# Every figure in one file, and the page drawn from it.


rule summarise:
    input:
        **PLAN.uses(
            "summarise",
            manifest=MANIFEST,
            network=NETWORK,
            segmentation=verified(SEGMENTATION),
            weights=GIVEN_WEIGHTS,
            tensors=all_shards(TENSORS),
            reference_scores=REFERENCE_SCORES,
            reference=all_shards(REFERENCE),
            reference_timings=expand("results/reference/timing{at}.json", at=PLACES),
            preparations=expand("results/reference/preparation{at}.json", at=PLACES),
            samples=expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES),
            records=all_engines(RECORD),
            timings=runnable_engines(TIMING),
            scores=runnable_engines(SCORES),
            validations=runnable_engines(VALIDATION),
            rebuilds=all_rebuilds(REBUILD),
            rebuild_scores=all_rebuilds(REBUILD_SCORES),
            regions=reported_regions,
            sensitivities=reported_sensitivities,
            mixes=reported_mixes,
        ),
    output:
        **PLAN.makes(
            "summarise",
            summary=report(
                "results/summary.json",
                caption="../report/summary.rst",
                category="Report",
                labels={"file": "every figure (JSON)"},
            ),
            table=report(
                "results/summary.csv",
                caption="../report/table.rst",
                category="Report",
                labels={"file": "engines (table)"},
            ),
            overlays=directory("results/overlays"),
        ),
    log:
        "results/logs/summarise.log",
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        plan=PLAN.decided_by(
            "summarise",
            packages=["numpy", "pillow", "scipy", "scikit-image"],
            settings=reported_settings(SETTINGS),
            compared=summary_to_compare,
            engines=lambda w: [spec.name for spec in matrix().engines],
            left_out=left_out_engines,
            not_run=lambda w: matrix().cannot_run,
            edges=edges_of_report,
        ),
        settings=shown_settings(SETTINGS),
        machines=lambda w: list(machines()),
        left_out=left_out_engines,
        not_run=lambda w: dict(matrix().cannot_run),
        edges=edges_of_report,
        benchmarks=f"{PLAN.prefix}results/benchmarks",
    script:
        "../scripts/summarise.py"


rule write_report:
    input:
        **PLAN.uses(
            "write_report", summary="results/summary.json", overlays="results/overlays"
        ),
    output:
        **PLAN.makes(
            "write_report",
            html=report(
                "results/report.html",
                caption="../report/report.rst",
                category="Report",
                labels={"file": "the report"},
            ),
        ),
    log:
        "results/logs/write_report.log",
    conda:
        environment("cpu")
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "write_report",
            packages=["jinja2", "plotly"],
            page=lambda w: digest_templates(),
            runtimes=lambda w: looks_of_runtimes(),
        ),
    script:
        "../scripts/write_report.py"
