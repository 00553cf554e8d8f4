"""Everything that answers questions: the thing under test, the real layer, the reference, mutants."""
