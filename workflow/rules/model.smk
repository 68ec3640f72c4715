# The network: what it takes and answers, its weights, and what it makes of the images itself; and what
# lies between image files and label files beside it.


rule inspect_network:
    input:
        **PLAN.uses("inspect_network"),
    output:
        **PLAN.makes("inspect_network", network=NETWORK),
    log:
        "results/logs/inspect_network.log",
    benchmark:
        "results/benchmarks/inspect_network/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_reference,
        runtime=30,
    params:
        plan=PLAN.decided_by(
            "inspect_network",
            packages=lambda w: (
                []
                if network().has_known_contract(OVERRIDES)
                else ["numpy", *EXPORT_PACKAGES]
            ),
            source=known_or_source,
        ),
        source=lambda w: network(),
        overrides=OVERRIDES,
        opset=SETTINGS.model.opset,
    script:
        "../scripts/inspect_network.py"


# All that an engine of this run needs to segment other images (`segtrt predict`, packages). No engine
# is made of it, so that a setting of decoding builds none again.
rule describe_segmentation:
    input:
        **PLAN.uses("describe_segmentation", manifest=MANIFEST, network=NETWORK),
    output:
        **PLAN.makes("describe_segmentation", segmentation=SEGMENTATION, **OWN_CODE),
    log:
        "results/logs/describe_segmentation.log",
    benchmark:
        "results/benchmarks/describe_segmentation/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=500,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "describe_segmentation",
            tensors=lambda w: encoding(),
            decoding=lambda w: decoding(),
            largest_component=SETTINGS.keeps_largest_component,
        ),
        form=lambda w: form(),
        tensors=SETTINGS.tensors.encoding,
        decoding=lambda w: decoding(),
        largest_component=SETTINGS.keeps_largest_component,
    script:
        "../scripts/describe_segmentation.py"


rule fetch_weights:
    input:
        **PLAN.uses(
            "fetch_weights",
            trained=TRAINED if is_trained_here(SETTINGS.model.given_weights) else [],
        ),
    output:
        **PLAN.makes("fetch_weights", weights=WEIGHTS),
    log:
        "results/logs/fetch_weights.log",
    benchmark:
        "results/benchmarks/fetch_weights/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=PLAN.decided_by(
            "fetch_weights",
            packages=["torch"],
            weights=lambda w: weights(),
            network=lambda w: network().decides,
            stored=is_url(SETTINGS.model.given_weights),
        ),
        weights=weights_path,
        sha256=SETTINGS.model.sha256,
        source=lambda w: network(),
    script:
        "../scripts/fetch_weights.py"


rule run_reference:
    input:
        **PLAN.uses(
            "run_reference",
            network=NETWORK,
            weights=GIVEN_WEIGHTS,
            graph=REFERENCE_GRAPH,
            tensors=TENSORS,
        ),
    output:
        **PLAN.makes("run_reference", answers=REFERENCE),
    log:
        "results/logs/run_reference/{shard}.log",
    benchmark:
        "results/benchmarks/run_reference/{shard}.tsv"
    conda:
        environment("cpu")
    threads: half_the_cores
    resources:
        gpu=gpus_of_pytorch,
        mem_mb=memory_of_reference,
        runtime=minutes_of_reference,
    params:
        plan=PLAN.decided_by(
            "run_reference",
            packages=REFERENCE_PACKAGES,
            stored=True,
            source=lambda w: network().decides,
            output=SETTINGS.model.output,
            decoding=lambda w: decoding(),
            raw_bytes=RAW_BYTES,
        ),
        source=lambda w: network(),
        output=SETTINGS.model.output,
        decoding=lambda w: decoding(),
        raw_bytes=RAW_BYTES,
    script:
        "../scripts/run_reference.py"


rule time_reference:
    input:
        **PLAN.uses(
            "time_reference",
            network=NETWORK,
            weights=GIVEN_WEIGHTS,
            graph=REFERENCE_GRAPH,
            tensors=all_shards(TENSORS),
        ),
    output:
        **PLAN.makes("time_reference", timing="results/reference/timing{at}.json"),
    log:
        "results/logs/time_reference{at}.log",
    benchmark:
        "results/benchmarks/time_reference/all{at}.tsv"
    conda:
        environment("cpu")
    threads: every_core
    resources:
        **machine_resources(has_gpu),
        mem_mb=memory_of_reference_timing,
        runtime=minutes_of_reference_timing,
    params:
        plan=PLAN.decided_by(
            "time_reference",
            packages=REFERENCE_PACKAGES,
            modules=["segtrt.engines.timing"],
            source=lambda w: network().decides,
            output=SETTINGS.model.output,
            batch_sizes=sorted(SETTINGS.engines.batch_sizes),
            budget=SETTINGS.inference.budget,
            threads=SETTINGS.inference.threads,
            decoding=lambda w: decoding(),
            compiled=SETTINGS.report.torch_compile,
            machine=lambda w: machine_of_job(w).facts(),
        ),
        source=lambda w: network(),
        output=SETTINGS.model.output,
        batch_sizes=sorted(SETTINGS.engines.batch_sizes),
        budget=SETTINGS.inference.budget,
        decoding=lambda w: decoding(),
        compiled=SETTINGS.report.torch_compile,
    script:
        "../scripts/time_reference.py"
