# Engines at work: on every slice, and under the clock.


rule run_engine:
    input:
        changes_of("run_engine"),
        engine=settled(
            "run_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.bin",
        ),
        record=settled(
            "run_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json",
        ),
        tensors=settled("run_engine", "results/tensors/shard_{shard}.safetensors"),
    output:
        probabilities=temp(
            "results/probabilities/{runtime}{at}/b{batch}_{precision}/shard_{shard}.safetensors"
        ),
    log:
        "results/logs/run_engine/{runtime}{at}/b{batch}_{precision}/{shard}.log",
    benchmark:
        "results/benchmarks/run_engine/{runtime}{at}/b{batch}_{precision}/{shard}.tsv"
    conda:
        "../../envs/{runtime}.yaml"
    threads: threads_of_engine
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_engine,
        runtime=minutes_of_engine,
    params:
        plan=plan_of("run_engine"),
        mode=SETTINGS.inference.mode,
    script:
        "../scripts/run_engine.py"


rule time_engine:
    input:
        changes_of("time_engine"),
        engine=settled(
            "time_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.bin",
        ),
        record=settled(
            "time_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json",
        ),
        tensors=settled(
            "time_engine",
            expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS),
        ),
    output:
        timing=report(
            "results/timing/{runtime}{at}/b{batch}_{precision}.json",
            caption="../report/timing.rst",
            category="Engines",
            labels={
                "engine": "{runtime}{at}, batch {batch}, {precision}",
                "file": "timing",
            },
        ),
    log:
        "results/logs/time_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/time_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        "../../envs/{runtime}.yaml"
    threads: threads_of_engine
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_engine,
        runtime=minutes_of_timing,
    params:
        plan=plan_of("time_engine"),
        inference=SETTINGS.inference,
    script:
        "../scripts/time_engine.py"
