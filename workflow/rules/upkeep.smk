# What is out of date, and cleaning up.


localrules:
    note_changes,
    explain,
    clean_engines,
    clean_results,
    clean_cache,


# Runs if something is out of date; every job that is has its output as an input.
rule note_changes:
    input:
        CAUSES,
    output:
        CHANGES,
    log:
        "results/logs/note_changes.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "cp {input} {output} 2> {log}"


# Says of every engine whether it is up to date, and if not, why.
rule explain:
    log:
        "results/logs/explain.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        states=states_told,
    message:
        "{params.states}"
    shell:
        "true 2> {log}"


rule clean_engines:
    log:
        "results/logs/clean_engines.log",
    conda:
        "../../envs/cpu.yaml"
    params:
        records=engine_records,
    script:
        "../scripts/clean_engines.py"


rule clean_results:
    log:
        "logs/clean_results.log",
    conda:
        "../../envs/cpu.yaml"
    script:
        "../scripts/clean_results.py"


rule clean_cache:
    log:
        "results/logs/clean_cache.log",
    conda:
        "../../envs/cpu.yaml"
    script:
        "../scripts/clean_cache.py"
