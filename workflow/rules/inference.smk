# Engines at work: on every slice, and under the clock.


rule run_engine:
    input:
        **PLAN.uses("run_engine", engine=ENGINE, record=RECORD, tensors=TENSORS),
    output:
        **PLAN.makes("run_engine", answers=temp(ANSWERS)),
    log:
        "results/logs/run_engine/{runtime}{at}/b{batch}_{precision}/{shard}.log",
    benchmark:
        "results/benchmarks/run_engine/{runtime}{at}/b{batch}_{precision}/{shard}.tsv"
    conda:
        environment("{runtime}")
    threads: half_the_cores
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_engine,
        runtime=minutes_of_engine,
    params:
        plan=PLAN.decided_by(
            "run_engine",
            modules=lambda w: runtime_of(w).run_modules,
            decoding=lambda w: decoding(),
            raw_bytes=RAW_BYTES,
        ),
        decoding=lambda w: decoding(),
        raw_bytes=RAW_BYTES,
        mode=SETTINGS.inference.mode,
    script:
        "../scripts/run_engine.py"


rule time_engine:
    input:
        **PLAN.uses(
            "time_engine",
            engine=ENGINE,
            record=RECORD,
            tensors=verified(all_shards(TENSORS)),
        ),
    output:
        **PLAN.makes(
            "time_engine",
            timing=report(
                TIMING,
                caption="../report/timing.rst",
                category="Engines",
                labels={
                    "engine": "{runtime}{at}, batch {batch}, {precision}",
                    "file": "timing",
                },
            ),
        ),
    log:
        "results/logs/time_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/time_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        environment("{runtime}")
    threads: every_core
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_engine,
        runtime=minutes_of_timing,
    params:
        plan=PLAN.decided_by(
            "time_engine",
            modules=lambda w: runtime_of(w).run_modules,
            inference=SETTINGS.inference,
            machine=target_of_engine,
        ),
        inference=SETTINGS.inference,
    script:
        "../scripts/time_engine.py"
