"""Answers on their way to the people who asked: composed, sent one after another, and recorded."""
