"""Watching in Prefect: one page over all incidents, a sign of what is overdue, and alarms."""
