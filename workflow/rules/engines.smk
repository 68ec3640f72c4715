# One engine for each runtime, batch size and precision.


rule build_engine:
    input:
        **PLAN.uses(
            "build_engine",
            graph=graph_of_engine,
            proof=verified(proof_of_engine),
            network=NETWORK,
            tensors=verified([] if PATCH_SIZE else all_shards(TENSORS)[:1]),
        ),
    output:
        **PLAN.makes(
            "build_engine",
            engine=ENGINE,
            record=report(
                RECORD,
                caption="../report/record.rst",
                category="Engines",
                labels={
                    "engine": "{runtime}{at}, batch {batch}, {precision}",
                    "file": "record",
                },
            ),
        ),
    log:
        "results/logs/build_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/build_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        environment("{runtime}")
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_build,
        runtime=minutes_of_build,
    params:
        plan=PLAN.decided_by(
            "build_engine",
            packages=lambda w: runtime_of(w).packages,
            modules=lambda w: runtime_of(w).build_modules,
            stored=True,
            accepts_placeholder=SETTINGS.engines.on_unsupported == "skip",
            settings=lambda w: runtime_of(w).key_settings(engine_of(w).settings),
            size=size_or_source,
            target=target_of_engine,
        ),
        size=PATCH_SIZE,
        settings=lambda w: engine_of(w).settings,
        on_unsupported=SETTINGS.engines.on_unsupported,
    script:
        "../scripts/build_engine.py"
