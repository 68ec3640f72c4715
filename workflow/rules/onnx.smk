# ONNX graphs, one for each precision (two for int8: runtimes differ in what they take), and sample
# inputs with the outputs expected.


def calibration_tensors(wildcards):
    """Shards with the images that decide a quantised graph."""
    return all_shards(TENSORS) if Graph(wildcards.graph).quantised else []


def calibration_of_graph(wildcards):
    """What decides a quantised graph beside the float32 one: images, and how they are encoded."""
    if not Graph(wildcards.graph).quantised:
        return None
    if workflow.is_main_process:
        check_calibration(SETTINGS.dataset, dataset_root())
    return {
        "settings": SETTINGS.engines.calibration,
        "images": dataset_as_listed().calibration,
        "normalisation": SETTINGS.tensors.normalisation,
        "encoding": {
            "code": code_of("encode_slices"),
            **versions_of(*ENCODING_PACKAGES),
        },
    }


rule export_onnx:
    input:
        **PLAN.uses("export_onnx", weights=WEIGHTS),
    output:
        **PLAN.makes("export_onnx", graph=SOURCE_GRAPH),
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
        plan=PLAN.decided_by(
            "export_onnx",
            packages=["torch", "onnx", "onnxscript", "onnxslim"],
            stored=True,
            opset=SETTINGS.model.opset,
            init_features=SETTINGS.model.init_features,
        ),
        init_features=SETTINGS.model.init_features,
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
        ),
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
        plan=PLAN.decided_by(
            "convert_onnx",
            packages=["numpy", "onnx", "onnxruntime", "nvidia-modelopt"],
            stored=True,
            calibration=calibration_of_graph,
        ),
        calibration=SETTINGS.engines.calibration,
    script:
        "../scripts/convert_onnx.py"


def known_samples(wildcards):
    """The slices to write, which must be slices of the data set."""
    if workflow.is_main_process:
        check_samples(SETTINGS.tensors.samples, SETTINGS.dataset, dataset_root())
    return SETTINGS.tensors.samples


rule write_samples:
    input:
        **PLAN.uses("write_samples", weights=WEIGHTS, tensors=all_shards(TENSORS)),
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
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory_of_reference,
        runtime=10,
    params:
        plan=PLAN.decided_by("write_samples", packages=["torch"], samples=known_samples),
        init_features=SETTINGS.model.init_features,
        samples=SETTINGS.tensors.samples,
    script:
        "../scripts/write_samples.py"
