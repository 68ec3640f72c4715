# What is out of date, and cleaning up.


localrules:
    note_changes,
    explain,
    clean_engines,
    clean_results,
    clean_cache,


# Says what is out of date and why; each such job has this as an input, so that it runs again.
rule note_changes:
    output:
        temp(CHANGES),
    params:
        why=changes_told,
    message:
        "{params.why}"
    log:
        "results/logs/note_changes.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "touch {output} 2> {log}"


rule explain:
    params:
        states=states_told,
    message:
        "{params.states}"
    log:
        "results/logs/explain.log",
    conda:
        "../../envs/cpu.yaml"
    shell:
        "true 2> {log}"


rule clean_engines:
    log:
        "results/logs/clean_engines.log",
    conda:
        "../../envs/cpu.yaml"
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
