# What an engine's answers are worth, and the verdict on it.


rule score_engine:
    input:
        changes_of("score_engine"),
        record=settled(
            "score_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json",
        ),
        tensors=settled(
            "score_engine",
            expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS),
        ),
        reference=settled(
            "score_engine",
            expand("results/reference/shard_{shard}.safetensors", shard=SHARDS),
        ),
        probabilities=settled(
            "score_engine",
            expand(
                "results/probabilities/{{runtime}}{{at}}/b{{batch}}_{{precision}}/shard_{shard}.safetensors",
                shard=SHARDS,
            ),
        ),
    output:
        scores=report(
            "results/scores/{runtime}{at}/b{batch}_{precision}.json",
            caption="../report/scores.rst",
            category="Engines",
            labels={
                "engine": "{runtime}{at}, batch {batch}, {precision}",
                "file": "scores",
            },
        ),
        predictions=directory("results/predictions/{runtime}{at}/b{batch}_{precision}"),
    log:
        "results/logs/score_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/score_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=2000,
        runtime=minutes_of_scores,
    params:
        plan=plan_of("score_engine"),
        threshold=SETTINGS.validation.threshold,
        largest_component=SETTINGS.validation.largest_component,
    script:
        "../scripts/score_engine.py"


rule validate_engine:
    input:
        changes_of("validate_engine"),
        record=settled(
            "validate_engine",
            "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json",
        ),
        scores=settled(
            "validate_engine", "results/scores/{runtime}{at}/b{batch}_{precision}.json"
        ),
    output:
        validation=report(
            "results/validation/{runtime}{at}/b{batch}_{precision}.json",
            caption="../report/validation.rst",
            category="Engines",
            labels={
                "engine": "{runtime}{at}, batch {batch}, {precision}",
                "file": "validation",
            },
        ),
    log:
        "results/logs/validate_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/validate_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    params:
        plan=plan_of("validate_engine"),
        tolerance=tolerance_of_engine,
    script:
        "../scripts/validate_engine.py"


# Ends with an error if an engine failed; names each and by how much.
rule check:
    input:
        validations=expand("results/validation/{engine}.json", engine=RUNNABLE),
    log:
        "results/logs/check.log",
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=500,
        runtime=10,
    script:
        "../scripts/check.py"
