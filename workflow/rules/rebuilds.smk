# Engines built more often than once, to see how far one build strays from the next. Each build is an
# experiment: neither the store nor a timing cache may answer for it.


rule rebuild_engine:
    input:
        **PLAN.uses(
            "rebuild_engine",
            engine=ENGINE,
            record=RECORD,
            graph=graph_of_engine,
            tensors=all_shards(TENSORS),
        ),
    output:
        **PLAN.makes(
            "rebuild_engine", rebuild=REBUILD, labels=all_shards(REBUILD_LABELS)
        ),
    log:
        "results/logs/rebuild_engine/{runtime}{at}/b{batch}_{precision}/{number}.log",
    benchmark:
        "results/benchmarks/rebuild_engine/{runtime}{at}/b{batch}_{precision}/{number}.tsv"
    conda:
        environment("{runtime}")
    threads: every_core
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_rebuild,
        runtime=minutes_of_rebuild,
    params:
        plan=PLAN.decided_by(
            "rebuild_engine",
            packages=lambda w: runtime_of(w).packages,
            modules=lambda w: [
                *runtime_of(w).build_modules,
                *runtime_of(w).run_modules,
            ],
            decoding=lambda w: decoding(),
            raw_bytes=RAW_BYTES,
            inference=SETTINGS.inference,
            target=target_of_engine,
        ),
        decoding=lambda w: decoding(),
        raw_bytes=RAW_BYTES,
        inference=SETTINGS.inference,
    script:
        "../scripts/rebuild_engine.py"


rule score_rebuild:
    input:
        **PLAN.uses(
            "score_rebuild",
            rebuild=REBUILD,
            labels=all_shards(REBUILD_LABELS),
            tensors=all_shards(TENSORS),
            reference_scores=REFERENCE_SCORES,
        ),
    output:
        **PLAN.makes("score_rebuild", scores=REBUILD_SCORES),
    log:
        "results/logs/score_rebuild/{runtime}{at}/b{batch}_{precision}/{number}.log",
    benchmark:
        "results/benchmarks/score_rebuild/{runtime}{at}/b{batch}_{precision}/{number}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=minutes_of_scores,
    params:
        plan=PLAN.decided_by(
            "score_rebuild", packages=SCORING_PACKAGES, metric_code=metric_code
        ),
        metric=SETTINGS.validation.metric,
    script:
        "../scripts/score_rebuild.py"
