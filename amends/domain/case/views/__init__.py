"""Views of a case: the case with what its closing, its timeline or the drafting of a notice needs besides."""
