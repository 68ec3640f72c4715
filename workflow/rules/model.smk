# The network's weights, and what PyTorch itself makes of the images.


rule fetch_weights:
    input:
        **PLAN.uses(
            "fetch_weights",
            trained=TRAINED if is_trained_here(SETTINGS.model.weights) else [],
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
            stored=is_url(SETTINGS.model.weights),
        ),
        source=weights_path,
        model=SETTINGS.model,
    script:
        "../scripts/fetch_weights.py"


rule run_reference:
    input:
        **PLAN.uses("run_reference", weights=WEIGHTS, tensors=TENSORS),
    output:
        **PLAN.makes("run_reference", probabilities=REFERENCE),
    log:
        "results/logs/run_reference/{shard}.log",
    benchmark:
        "results/benchmarks/run_reference/{shard}.tsv"
    conda:
        environment("cpu")
    threads: threads_of_reference
    resources:
        gpu=gpus_of_pytorch,
        mem_mb=memory_of_reference,
        runtime=minutes_of_reference,
    params:
        plan=PLAN.decided_by("run_reference", packages=["torch"], stored=True),
        init_features=SETTINGS.model.init_features,
    script:
        "../scripts/run_reference.py"


rule time_reference:
    input:
        **PLAN.uses(
            "time_reference", weights=WEIGHTS, tensors=verified(all_shards(TENSORS))
        ),
    output:
        **PLAN.makes("time_reference", timing="results/reference/timing{at}.json"),
    log:
        "results/logs/time_reference{at}.log",
    benchmark:
        "results/benchmarks/time_reference/all{at}.tsv"
    conda:
        environment("cpu")
    threads: threads_of_reference
    resources:
        **machine_resources(has_gpu),
        mem_mb=memory_of_reference_timing,
        runtime=minutes_of_reference_timing,
    params:
        plan=PLAN.decided_by(
            "time_reference",
            packages=["torch"],
            modules=["segtrt.engines.timing"],
            batch_sizes=sorted(SETTINGS.engines.batch_sizes),
            budget=SETTINGS.inference.budget,
            threads=SETTINGS.inference.threads,
            machine=lambda w: machine_of_job(w).facts(),
        ),
        init_features=SETTINGS.model.init_features,
        batch_sizes=sorted(SETTINGS.engines.batch_sizes),
        budget=SETTINGS.inference.budget,
    script:
        "../scripts/time_reference.py"
