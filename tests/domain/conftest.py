"""Property tests run on machines that are busy: how long one example takes says nothing."""

from hypothesis import settings

settings.register_profile("amends", deadline=None, max_examples=60)
settings.load_profile("amends")
