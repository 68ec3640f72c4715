# The engine to deploy, with all that it takes to use it and to prove it elsewhere.


rule make_package:
    input:
        **PLAN.uses(
            "make_package",
            summary="results/summary.json",
            report="results/report.html",
            segmentation=SEGMENTATION,
            code=list(OWN_CODE.values()),
            samples=expand("results/onnx/fp32/{sample}/input_0.pb", sample=SAMPLES),
            expected=expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES),
            engines=packaged_engines(ENGINE),
            records=packaged_engines(RECORD),
            graphs=packaged_graphs,
        ),
    output:
        **PLAN.makes(
            "make_package",
            archive="results/package.zip",
            folder=directory("results/package"),
        ),
    log:
        "results/logs/make_package.log",
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=PLAN.decided_by(
            "make_package",
            packages=[*REQUIRED, "segtrt", "onnx", "pyyaml"],
            settings=settings_of_package,
            files=digest_of_licences,
            serving=serving_of_engines,
        ),
        settings=SETTINGS.package,
    script:
        "../scripts/make_package.py"
