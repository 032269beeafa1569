"""One thin Prefect flow per phase."""
