# ONNX graphs, one for each precision (two for int8: runtimes differ in what they take), and sample
# inputs with the outputs expected.


rule export_onnx:
    input:
        **PLAN.uses("export_onnx", weights=GIVEN_WEIGHTS),
    output:
        **PLAN.makes(
            "export_onnx", graph=SOURCE_GRAPH, proof=PROOF.format(graph=SOURCE)
        ),
    log:
        "results/logs/export_onnx.log",
    benchmark:
        "results/benchmarks/export_onnx/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "export_onnx",
            packages=EXPORT_PACKAGES,
            stored=True,
            source=lambda w: network().decides,
            overrides=OVERRIDES,
            opset=SETTINGS.model.opset,
        ),
        source=lambda w: network(),
        overrides=OVERRIDES,
        opset=SETTINGS.model.opset,
    script:
        "../scripts/export_onnx.py"


rule convert_onnx:
    input:
        **PLAN.uses(
            "convert_onnx", graph=SOURCE_GRAPH, tensors=verified(calibration_tensors)
        ),
    output:
        **PLAN.makes(
            "convert_onnx",
            graph=f"results/onnx/{{graph,{'|'.join(CONVERTED)}}}/model.onnx",
            proof=f"results/onnx/{{graph,{'|'.join(CONVERTED)}}}/proof.json",
        ),
    log:
        "results/logs/convert_onnx/{graph}.log",
    benchmark:
        "results/benchmarks/convert_onnx/{graph}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_convert,
        runtime=minutes_of_convert,
    params:
        plan=PLAN.decided_by(
            "convert_onnx",
            packages=CONVERSION_PACKAGES,
            stored=True,
            accepts_placeholder=SETTINGS.engines.on_unsupported == "skip",
            calibration=calibration_of_graph,
        ),
        calibration=SETTINGS.engines.calibration,
        on_unsupported=SETTINGS.engines.on_unsupported,
    script:
        "../scripts/convert_onnx.py"


rule write_samples:
    input:
        **PLAN.uses(
            "write_samples",
            network=NETWORK,
            weights=GIVEN_WEIGHTS,
            graph=REFERENCE_GRAPH,
            tensors=all_shards(TENSORS),
        ),
    output:
        **PLAN.makes(
            "write_samples",
            inputs=expand("results/onnx/fp32/{sample}/input_0.pb", sample=SAMPLES),
            outputs=expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES),
        ),
    log:
        "results/logs/write_samples.log",
    benchmark:
        "results/benchmarks/write_samples/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_reference,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "write_samples",
            packages=REFERENCE_PACKAGES,
            source=lambda w: network().decides,
            output=SETTINGS.model.output,
            samples=known_samples,
        ),
        source=lambda w: network(),
        output=SETTINGS.model.output,
        samples=SETTINGS.tensors.samples,
    script:
        "../scripts/write_samples.py"
