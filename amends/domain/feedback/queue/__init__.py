"""The queue of questions: topics, urgency, groups of those who ask the same, and answers for everybody."""
