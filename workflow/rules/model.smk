# The network's weights, and what PyTorch itself makes of the images.


rule fetch_weights:
    input:
        changes_of("fetch_weights"),
        source=(
            settled("fetch_weights", str(locate(SETTINGS.model.weights, CHECKOUT)))
            if not is_url(SETTINGS.model.weights)
            else []
        ),
    output:
        weights="results/model/weights.safetensors",
    log:
        "results/logs/fetch_weights.log",
    benchmark:
        "results/benchmarks/fetch_weights/all.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        plan=plan_of("fetch_weights"),
        model=SETTINGS.model,
    script:
        "../scripts/fetch_weights.py"


rule run_reference:
    input:
        changes_of("run_reference"),
        weights=settled("run_reference", "results/model/weights.safetensors"),
        tensors=settled("run_reference", "results/tensors/shard_{shard}.safetensors"),
    output:
        probabilities="results/reference/shard_{shard}.safetensors",
    log:
        "results/logs/run_reference/{shard}.log",
    benchmark:
        "results/benchmarks/run_reference/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: threads_of_reference
    resources:
        gpu=gpus_of_pytorch,
        mem_mb=memory_of_reference,
        runtime=minutes_of_reference,
    params:
        plan=plan_of("run_reference"),
        init_features=SETTINGS.model.init_features,
    script:
        "../scripts/run_reference.py"


rule time_reference:
    input:
        changes_of("time_reference"),
        weights=settled("time_reference", "results/model/weights.safetensors"),
        tensors=settled(
            "time_reference",
            expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS),
        ),
    output:
        timing="results/reference/timing{at}.json",
    log:
        "results/logs/time_reference{at}.log",
    benchmark:
        "results/benchmarks/time_reference/all{at}.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: threads_of_reference
    resources:
        **machine_resources(has_gpu),
        mem_mb=memory_of_reference_timing,
        runtime=minutes_of_reference_timing,
    params:
        plan=plan_of("time_reference"),
        init_features=SETTINGS.model.init_features,
        batch_sizes=sorted(SETTINGS.engines.batch_sizes),
        budget=SETTINGS.inference.budget,
    script:
        "../scripts/time_reference.py"
