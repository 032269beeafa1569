"""The queue of questions: pages, search, groups of those who ask the same, and answers for everybody."""
