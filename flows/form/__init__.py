"""Forms in Prefect besides `respond`: people without a token may make things safer, and nothing else."""
