"""Forms in Prefect besides `respond`: they may stop and hold, and let nothing go on that a member has stopped."""
