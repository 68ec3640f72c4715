# What the reference's and an engine's answers are worth, and the verdict on the engine.

# Packages that decide figures and masks.
SCORING_PACKAGES = [
    "numpy",
    "scipy",
    "scikit-image",
    "medpy",
    "simpleitk",
    "tifffile",
    "pillow",
]


rule score_reference:
    input:
        **PLAN.uses(
            "score_reference",
            tensors=all_shards(TENSORS),
            reference=all_shards(REFERENCE),
        ),
    output:
        **PLAN.makes("score_reference", scores=REFERENCE_SCORES),
    log:
        "results/logs/score_reference.log",
    benchmark:
        "results/benchmarks/score_reference/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=minutes_of_scores,
    params:
        plan=PLAN.decided_by(
            "score_reference",
            packages=SCORING_PACKAGES,
            metric=shown_place(SETTINGS.validation.metric),
            metric_code=metric_code,
            largest_component=SETTINGS.keeps_largest_component,
        ),
        metric=SETTINGS.validation.metric,
        largest_component=SETTINGS.keeps_largest_component,
    script:
        "../scripts/score_reference.py"


rule score_engine:
    input:
        **PLAN.uses(
            "score_engine",
            record=verified(RECORD),
            tensors=all_shards(TENSORS),
            reference=all_shards(REFERENCE),
            reference_scores=REFERENCE_SCORES,
            answers=all_shards(ANSWERS),
        ),
    output:
        **PLAN.makes(
            "score_engine",
            scores=report(
                SCORES,
                caption="../report/scores.rst",
                category="Engines",
                labels={
                    "engine": "{runtime}{at}, batch {batch}, {precision}",
                    "file": "scores",
                },
            ),
            predictions=directory(
                "results/predictions/{runtime}{at}/b{batch}_{precision}"
            ),
        ),
    log:
        "results/logs/score_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/score_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=minutes_of_scores,
    params:
        plan=PLAN.decided_by(
            "score_engine", packages=SCORING_PACKAGES, metric_code=metric_code
        ),
        root=image_folder,
        metric=SETTINGS.validation.metric,
    script:
        "../scripts/score_engine.py"


rule validate_engine:
    input:
        **PLAN.uses("validate_engine", record=RECORD, scores=SCORES),
    output:
        **PLAN.makes(
            "validate_engine",
            validation=report(
                VALIDATION,
                caption="../report/validation.rst",
                category="Engines",
                labels={
                    "engine": "{runtime}{at}, batch {batch}, {precision}",
                    "file": "validation",
                },
            ),
        ),
    log:
        "results/logs/validate_engine/{runtime}{at}/b{batch}_{precision}.log",
    benchmark:
        "results/benchmarks/validate_engine/{runtime}{at}/b{batch}_{precision}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=500,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "validate_engine",
            tolerance=tolerance_of_engine,
            confident=SETTINGS.report.confident,
        ),
        tolerance=tolerance_of_engine,
        confident=SETTINGS.report.confident,
    script:
        "../scripts/validate_engine.py"


# Ends with an error if an engine failed, and names each and by how much, or if the reference itself
# finds nothing.
rule check:
    input:
        reference_scores=one_line_errors(lambda w: REFERENCE_SCORES),
        validations=one_line_errors(runnable_engines(VALIDATION)),
    log:
        "results/logs/check.log",
    conda:
        environment("cpu")
    resources:
        mem_mb=500,
        runtime=10,
    params:
        prefix=PLAN.prefix,
        min_reference=SETTINGS.validation.min_reference,
    script:
        "../scripts/check.py"
