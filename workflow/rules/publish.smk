# A finished run written to MLflow: settings, figures, report and engines.


# It runs where Snakemake does, which knows the server and its password; nodes may not.
rule publish:
    input:
        **PLAN.uses(
            "publish",
            summary="results/summary.json",
            table="results/summary.csv",
            report="results/report.html",
            engines=published_engines(ENGINE),
            records=published_engines(RECORD),
        ),
    output:
        **PLAN.makes("publish", published="results/published.json"),
    log:
        "results/logs/publish.log",
    localrule: True
    conda:
        environment("mlflow")
    params:
        plan=PLAN.decided_by("publish", settings=publishing),
        settings=shown_settings(SETTINGS).publish,
    script:
        "../scripts/publish.py"
