# Every figure in one file, and the page drawn from it.


rule summarise:
    input:
        changes_of("summarise"),
        manifest=ancient("results/dataset/manifest.json"),
        weights=ancient("results/model/weights.safetensors"),
        tensors=ancient(expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS)),
        reference=ancient(expand("results/reference/shard_{shard}.safetensors", shard=SHARDS)),
        reference_timing=ancient("results/reference/timing.json"),
        samples=ancient(expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES)),
        records=ancient(expand("results/engines/{engine}/engine.json", engine=ENGINES)),
        timings=ancient(expand("results/timing/{engine}.json", engine=RUNNABLE)),
        scores=ancient(expand("results/scores/{engine}.json", engine=RUNNABLE)),
        validations=ancient(expand("results/validation/{engine}.json", engine=RUNNABLE)),
    output:
        summary="results/summary.json",
        table="results/summary.csv",
        overlays=directory("results/overlays"),
    log:
        "results/logs/summarise.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        plan=plan_of("summarise"),
        config=config,
        left_out={cell.name: cell.reason for cell in MATRIX.left_out},
        not_run=dict(MATRIX.cannot_run),
        edges=PIPELINE.edges(),
    script:
        "../scripts/summarise.py"


rule write_report:
    input:
        changes_of("write_report"),
        summary=ancient("results/summary.json"),
        overlays=ancient("results/overlays"),
    output:
        html="results/report.html",
    log:
        "results/logs/write_report.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        plan=plan_of("write_report"),
    script:
        "../scripts/write_report.py"
