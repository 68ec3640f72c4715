# ONNX graphs, one for each precision (two for int8: runtimes differ in what they take), and sample inputs with the outputs expected.


rule export_onnx:
    input:
        changes_of("export_onnx"),
        weights=settled("export_onnx", "results/model/weights.safetensors"),
    output:
        graph="results/onnx/fp32/model.onnx",
    log:
        "results/logs/export_onnx.log",
    benchmark:
        "results/benchmarks/export_onnx/all.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        plan=plan_of("export_onnx"),
        init_features=SETTINGS.model.init_features,
        opset=SETTINGS.model.opset,
    script:
        "../scripts/export_onnx.py"


rule convert_onnx:
    input:
        changes_of("convert_onnx"),
        graph=settled("convert_onnx", "results/onnx/fp32/model.onnx"),
        tensors=settled("convert_onnx", calibration_tensors),
    output:
        graph="results/onnx/{graph,fp16|bf16|int8|int8_signed|fp8}/model.onnx",
    log:
        "results/logs/convert_onnx/{graph}.log",
    benchmark:
        "results/benchmarks/convert_onnx/{graph}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory_of_convert,
        runtime=minutes_of_convert,
    params:
        plan=plan_of("convert_onnx"),
        calibration=SETTINGS.engines.calibration,
    script:
        "../scripts/convert_onnx.py"


rule write_samples:
    input:
        changes_of("write_samples"),
        known(check_samples, SETTINGS.tensors.samples),
        weights=settled("write_samples", "results/model/weights.safetensors"),
        tensors=settled(
            "write_samples",
            expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS),
        ),
    output:
        inputs=expand("results/onnx/fp32/{sample}/input_0.pb", sample=SAMPLES),
        outputs=expand("results/onnx/fp32/{sample}/output_0.pb", sample=SAMPLES),
    log:
        "results/logs/write_samples.log",
    benchmark:
        "results/benchmarks/write_samples/all.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory_of_reference,
        runtime=10,
    params:
        plan=plan_of("write_samples"),
        init_features=SETTINGS.model.init_features,
        samples=SETTINGS.tensors.samples,
    script:
        "../scripts/write_samples.py"
