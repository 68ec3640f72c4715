# What is out of date, and cleaning up.


# Every job whose outputs exist but are out of date has its output as an input.
rule note_changes:
    output:
        CHANGES,
    log:
        "results/logs/note_changes.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        reasons=lambda w: summarise_changes(PLAN.states.out_of_date()),
    message:
        "out of date:\n{params.reasons}"
    script:
        "../scripts/note_changes.py"


# Says of every engine whether it is up to date, and if not, why.
rule explain:
    log:
        "results/logs/explain.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        states=state_of_engines,
    message:
        "{params.states}"
    shell:
        "true 2> {log}"


# Ends with an error if something on disk is not what its job made; names each.
rule verify:
    log:
        "results/logs/verify.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        temporary=PLAN.temporary_rules,
        prefix=PLAN.prefix,
    script:
        "../scripts/verify.py"


rule clean_engines:
    log:
        "results/logs/clean_engines.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        records=engine_records,
        folder=PLAN.prefix,
    script:
        "../scripts/clean_engines.py"


rule clean_results:
    log:
        "logs/clean_results.log",
    localrule: True
    conda:
        environment("cpu")
    params:
        folder=PLAN.prefix,
    script:
        "../scripts/clean_results.py"


rule clean_cache:
    log:
        "results/logs/clean_cache.log",
    localrule: True
    conda:
        environment("cpu")
    script:
        "../scripts/clean_cache.py"
