# One engine for each runtime, batch size and precision.


rule build_engine:
    input:
        changes_of("build_engine"),
        graph=settled("build_engine", graph_of_engine),
    output:
        engine="results/engines/{runtime}{at}/b{batch}_{precision}/engine.bin",
        record=report(
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json",
            caption="../report/record.rst",
            category="Engines",
            labels={
                "engine": "{runtime}{at}, batch {batch}, {precision}",
                "file": "record",
            },
        ),
    log:
        "results/logs/build_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/build_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        "../../envs/{runtime}.yaml"
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_build,
        runtime=minutes_of_build,
    params:
        plan=plan_of("build_engine"),
        settings=settings_of_engine,
        on_unsupported=SETTINGS.engines.on_unsupported,
    script:
        "../scripts/build_engine.py"
