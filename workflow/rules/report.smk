# Every figure in one file, and the page drawn from it.


rule summarise:
    input:
        changes_of("summarise"),
        manifest=settled("summarise", "results/dataset/manifest.json"),
        weights=settled("summarise", "results/model/weights.safetensors"),
        tensors=settled(
            "summarise",
            expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS),
        ),
        reference=settled(
            "summarise",
            expand("results/reference/shard_{shard}.safetensors", shard=SHARDS),
        ),
        reference_timings=settled(
            "summarise", expand("results/reference/timing{at}.json", at=PLACES)
        ),
        preparations=settled(
            "summarise", expand("results/reference/preparation{at}.json", at=PLACES)
        ),
        samples=settled(
            "summarise",
            expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES),
        ),
        records=settled(
            "summarise", expand("results/engines/{engine}/engine.json", engine=ENGINES)
        ),
        timings=settled(
            "summarise", expand("results/timing/{engine}.json", engine=RUNNABLE)
        ),
        scores=settled(
            "summarise", expand("results/scores/{engine}.json", engine=RUNNABLE)
        ),
        validations=settled(
            "summarise", expand("results/validation/{engine}.json", engine=RUNNABLE)
        ),
    output:
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
    log:
        "results/logs/summarise.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        plan=plan_of("summarise"),
        settings=SETTINGS,
        machines=list(MACHINES),
        left_out={cell.name: cell.reason for cell in MATRIX.left_out},
        not_run=dict(MATRIX.cannot_run),
        edges=PIPELINE.edges(),
    script:
        "../scripts/summarise.py"


rule write_report:
    input:
        changes_of("write_report"),
        summary=settled("write_report", "results/summary.json"),
        overlays=settled("write_report", "results/overlays"),
    output:
        html=report(
            "results/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"file": "the report"},
        ),
    log:
        "results/logs/write_report.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        plan=plan_of("write_report"),
    script:
        "../scripts/write_report.py"
